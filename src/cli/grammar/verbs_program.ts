/** Verbs about the program itself and about measuring. */
import type { BenchRequest } from "../../appliance/appliance_api.ts";
import { LOG_LEVELS } from "../../appliance/log_entry.ts";
import { LOG_FORMATS } from "../../appliance/log_format.ts";
import { CONNECT_OPTIONS, DESTROY_OPTION, MAPPING_NAME, OUTPUT_OPTION } from "./options.ts";
import type { VerbSpec } from "./spec.ts";

/** Kinds of load that `bench` knows. */
export const BENCH_KINDS: readonly BenchRequest["rw"][] = [
  "read",
  "write",
  "randread",
  "randwrite",
  "randrw",
];

const BLOCK_DOC = "bytes of one request, for example 4k or 128KiB";

/** The verb that stands first in help. */
export const RUN_VERB: VerbSpec = {
  name: "run",
  summary: "run the appliance in the foreground",
  doc: "Prints one line, ready, when every listener is up and every mapping has been tried " +
    "once. SIGHUP reads the config again, as apply does. SIGTERM and SIGINT stop it in order; a " +
    "second one stops it at once. The word run may be left out.",
  positionals: [],
  options: [
    { name: "config", value: "FILE", isRequired: true, completes: "file", doc: "the config file" },
    {
      name: "log-level",
      value: "LEVEL",
      completes: LOG_LEVELS,
      doc: "error, warn, info or debug (default: node.log_level of the config, which is info)",
    },
    {
      name: "log-format",
      value: "FORMAT",
      completes: LOG_FORMATS,
      doc: "auto, text, journald or json (default: node.log_format of the config, which is auto: " +
        "journald where the journal of systemd reads standard error, else text)",
    },
  ],
  examples: ["--config /etc/rnbd-appliance/rnbd.toml"],
};

/** See the head of this file. */
export const PROGRAM_VERBS: readonly VerbSpec[] = [
  {
    name: "verify",
    summary: "write patterns through a mapping and read them back",
    doc: "Overwrites the device. Without --destroy-data it only says what it would overwrite.",
    positionals: [MAPPING_NAME],
    options: [
      DESTROY_OPTION,
      { name: "bytes", value: "SIZE", doc: "how much, from the start (default 0: all)" },
      { name: "bs", value: "SIZE", doc: `${BLOCK_DOC} (default 64KiB)` },
      { name: "iodepth", value: "N", doc: "requests in flight (default 32)" },
      { name: "seed", value: "N", doc: "of the pattern (default 1)" },
      OUTPUT_OPTION,
      ...CONNECT_OPTIONS,
    ],
    examples: ["verify scratch --destroy-data --bytes 1GiB"],
  },
  {
    name: "bench",
    summary: "measure a mapping from inside the appliance",
    doc: "Load that writes overwrites the device and needs --destroy-data.",
    positionals: [MAPPING_NAME],
    options: [
      {
        name: "rw",
        value: "KIND",
        completes: BENCH_KINDS,
        doc: "read, write, randread (default), randwrite or randrw",
      },
      { name: "bs", value: "SIZE", doc: `${BLOCK_DOC} (default 4KiB)` },
      { name: "iodepth", value: "N", doc: "requests in flight (default 32)" },
      { name: "runtime", value: "TIME", doc: "seconds, or with a unit: 500ms, 2m (default 10)" },
      { name: "jobs", value: "N", doc: "reactors that generate load (default 0: all)" },
      DESTROY_OPTION,
      OUTPUT_OPTION,
      ...CONNECT_OPTIONS,
    ],
    examples: ["bench scratch --rw randread --bs 4k --iodepth 32"],
  },
  {
    name: "doctor",
    summary: "say what this machine can do, and what it lacks",
    doc: "Says how to get what is missing. Needs no running appliance. Exits with 0 when " +
      "devices can be mapped over TCP and exposed by NBD, else with 69.",
    positionals: [],
    options: [OUTPUT_OPTION],
    examples: ["doctor", "doctor -o json"],
  },
  {
    name: "demo",
    summary: "a remote disk on this machine, end to end",
    doc: "Makes a scratch image, serves it, maps it over TCP, exposes it by NBD, verifies and " +
      "measures it, and removes everything again. Needs no root.",
    positionals: [],
    options: [{ name: "stay", doc: "leave it running until Ctrl-C, to look at it" }],
    examples: ["demo", "demo --stay"],
  },
  {
    name: "version",
    summary: "print the version",
    positionals: [],
    options: [OUTPUT_OPTION],
    examples: ["version"],
  },
  {
    name: "help",
    summary: "explain the program, one verb, or what else there is",
    positionals: [{
      name: "VERB",
      isRequired: false,
      completes: "verb",
      doc: "the verb to explain; or columns: every column of every table; or words: how verbs, " +
        "sides and things are combined and shortened",
    }],
    options: [],
    examples: ["help map", "help columns", "help words"],
  },
  {
    name: "complete",
    summary: "what could be typed next, for the shells",
    positionals: [{
      name: "WORDS",
      isRequired: false,
      isRepeated: true,
      doc: "the command line so far; the last one may be incomplete",
    }],
    options: [],
    isHidden: true,
    examples: [],
  },
];
