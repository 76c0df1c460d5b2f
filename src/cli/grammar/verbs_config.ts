/** Verbs about the config: what it says, and how far the node is. */
import { CONNECT_OPTIONS, OUTPUT_OPTION, timeoutOption } from "./options.ts";
import type { VerbSpec } from "./spec.ts";

/** See the head of this file. */
export const CONFIG_VERBS: readonly VerbSpec[] = [
  {
    name: "check",
    summary: "check a config file, also together with the running node",
    doc: "Prints every error as FILE:line:column: key: what is wrong, and what would be right. " +
      "With --live also what apply would do, with the exit codes of plan.",
    positionals: [],
    options: [
      {
        name: "config",
        value: "FILE",
        isRequired: true,
        completes: "file",
        doc: "the config file",
      },
      { name: "live", doc: "then ask the appliance of this config what it would change" },
      { ...OUTPUT_OPTION, doc: "how to print the plan (default table); only with --live" },
    ],
    examples: ["check --config rnbd.toml", "check --live --config /etc/rnbd-appliance/rnbd.toml"],
  },
  {
    name: "plan",
    summary: "what apply would do",
    doc: "Exit code 0: nothing, 2: the steps that are shown, 78: the files have errors.",
    positionals: [],
    options: [OUTPUT_OPTION, ...CONNECT_OPTIONS],
    examples: ["plan", "plan -o json"],
  },
  {
    name: "apply",
    summary: "read the config files again and become what they say",
    doc: "Waits until it is done. Exit code 0: done, 75: something is still pending, 78: the " +
      "files have errors and nothing has changed. SIGHUP does the same without the waiting.",
    positionals: [],
    options: [
      timeoutOption("how long to wait: seconds, or 500ms, 2m (default 60; 0: not at all)"),
      OUTPUT_OPTION,
      ...CONNECT_OPTIONS,
    ],
    examples: ["apply", "apply --timeout 5m"],
  },
  {
    name: "export-config",
    summary: "print mappings that were made by hand as config",
    positionals: [{
      name: "NAME",
      isRequired: false,
      isRepeated: true,
      completes: "manual",
      doc: "names of mappings (default: all that were made by hand)",
    }],
    options: [...CONNECT_OPTIONS],
    examples: ["export-config", "export-config scratch"],
  },
  {
    name: "adopt",
    summary: "write mappings that were made by hand into the config",
    doc: "Into a new file of conf.d beside the config; say apply then.",
    positionals: [{
      name: "NAME",
      isRequired: true,
      isRepeated: true,
      completes: "manual",
      doc: "names of mappings that map made",
    }],
    options: [
      {
        name: "to",
        value: "FILE",
        isRequired: true,
        doc: "name of the new file in conf.d, with or without .toml",
      },
      OUTPUT_OPTION,
      ...CONNECT_OPTIONS,
    ],
    examples: ["adopt scratch --to scratch"],
  },
];
