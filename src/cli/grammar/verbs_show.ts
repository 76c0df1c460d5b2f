/** Verbs that show something and change nothing. */
import { CONNECT_OPTIONS, OUTPUT_OPTION, ROW_OPTIONS, timeoutOption } from "./options.ts";
import type { PositionalSpec, VerbSpec } from "./spec.ts";
import { EVERYWHERE } from "./words.ts";

const anyName = (doc: string): PositionalSpec => ({
  name: "NAME",
  isRequired: true,
  completes: "name",
  doc,
});

/** See the head of this file. */
export const SHOW_VERBS: readonly VerbSpec[] = [
  {
    name: "status",
    summary: "show mappings, sessions, exports and clients",
    doc: "With --wait it returns when everything that the config declares is open and nothing is " +
      "pending, with exit code 75 when that takes longer than --timeout; it also waits for an " +
      "appliance that is not there yet.",
    positionals: [],
    options: [
      { name: "wait", doc: "wait until everything that is declared is open" },
      timeoutOption("how long to wait: seconds, or 500ms, 2m (default 60); only with --wait"),
      ...ROW_OPTIONS.filter(({ name }) => name !== "columns"),
      ...CONNECT_OPTIONS,
    ],
    examples: ["status", "status -o json", "status --wait --timeout 5m"],
  },
  {
    name: "list",
    summary: "list devices, sessions or paths",
    doc: "Without a kind of thing it lists devices: the client's mappings and the server's " +
      "exports. The paths of sessions stand below them.",
    targets: EVERYWHERE,
    hasColumns: true,
    positionals: [],
    options: [...ROW_OPTIONS, ...CONNECT_OPTIONS],
    examples: [
      "list",
      "list client sessions",
      "list paths sessname,pathname,state csv noheaders",
      "list mappings +origin,-devpath M prec=0",
    ],
  },
  {
    name: "show",
    summary: "show one device, session or path with all that is known",
    doc: "Devices are found by name, block device or device path, paths also as SESSION:PORT, " +
      "HCA:PORT or by one of their addresses.",
    targets: EVERYWHERE,
    hasColumns: true,
    positionals: [anyName("name of a mapping, session, path or export")],
    options: [...ROW_OPTIONS, ...CONNECT_OPTIONS],
    examples: ["show scratch", "show server session store-1", "show session backup json"],
  },
  {
    name: "dump",
    summary: "everything, with every column",
    doc: "All devices, sessions, paths and export rules of both sides, or of one.",
    targets: EVERYWHERE,
    hasColumns: true,
    positionals: [],
    options: [...ROW_OPTIONS, ...CONNECT_OPTIONS],
    examples: ["dump json", "dump client csv"],
  },
  {
    name: "watch",
    summary: "a live table, or one line an event when piped",
    doc: "Ctrl-C ends it. Rates are of the time since the last look.",
    positionals: [],
    options: [
      { name: "interval", value: "TIME", doc: "time between two looks (default 1)" },
      { name: "count", value: "N", doc: "end after this many looks or events (default: never)" },
      OUTPUT_OPTION,
      ...CONNECT_OPTIONS,
    ],
    examples: ["watch", "watch --interval 500ms"],
  },
  {
    name: "explain",
    summary: "say why something is as it is, and what to do",
    doc: "The last error, its cause in plain words, when it is tried next, and advice.",
    positionals: [anyName("name of a mapping, session, export or client, or the word config")],
    options: [OUTPUT_OPTION, ...CONNECT_OPTIONS],
    examples: ["explain scratch", "explain config"],
  },
  {
    name: "inflight",
    summary: "requests that wait for their answer, the oldest first",
    hasColumns: true,
    positionals: [],
    options: [
      { name: "limit", value: "N", doc: "at most this many of each reactor (default 100)" },
      ...ROW_OPTIONS.filter(({ name }) => name !== "no-tree"),
      ...CONNECT_OPTIONS,
    ],
    examples: ["inflight", "inflight age_us,device,slot --limit 10"],
  },
  {
    name: "events",
    summary: "follow what happens",
    doc: "Events as they come, until Ctrl-C; json is one object a line.",
    positionals: [],
    options: [
      { name: "after", value: "ID", doc: "begin with those after this one, if still remembered" },
      { name: "count", value: "N", doc: "end after this many (default: never)" },
      OUTPUT_OPTION,
      ...CONNECT_OPTIONS,
    ],
    examples: ["events", "events --after 0 -o json"],
  },
  {
    name: "metrics",
    summary: "everything that is measured, as text for Prometheus",
    positionals: [],
    options: [...CONNECT_OPTIONS],
    examples: ["metrics"],
  },
];
