/** Options that several verbs have. */
import { FORMATS, type OptionSpec, type PositionalSpec } from "./spec.ts";

/** Of verbs that ask the running appliance. */
export const CONNECT_OPTIONS: readonly OptionSpec[] = [
  {
    name: "socket",
    value: "PATH",
    completes: "file",
    doc: "control socket of the running appliance (default: the one of the default runtime_dir)",
  },
  {
    name: "config",
    value: "FILE",
    completes: "file",
    doc: "find the control socket by the node.runtime_dir of this config file",
  },
];

/** Of verbs that print a result. */
export const OUTPUT_OPTION: OptionSpec = {
  name: "output",
  short: "o",
  value: FORMATS.join("|"),
  bareWords: { json: "json", csv: "csv", xml: "xml", term: "table" },
  completes: FORMATS,
  doc: "how to print the result (default table); the words json, csv, xml and term say it too",
};

/** Units of sizes, powers of 1024. */
export const UNITS = ["B", "K", "M", "G", "T", "P", "E"] as const;
export type Unit = typeof UNITS[number];

/** Of verbs that print rows. */
export const ROW_OPTIONS: readonly OptionSpec[] = [
  OUTPUT_OPTION,
  {
    name: "columns",
    aliases: ["fields"],
    value: "LIST",
    completes: "column",
    doc: "columns to show: name,state; or more or fewer than the usual: +origin,-state; all; " +
      "may stand without --columns",
  },
  {
    name: "units",
    aliases: ["unit"],
    value: UNITS.join("|"),
    bareWords: Object.fromEntries(UNITS.map((unit) => [unit, unit])),
    completes: UNITS,
    doc: "unit of sizes, a power of 1024, in table and csv (default: what fits, csv: bytes); " +
      "json and xml always have bytes",
  },
  {
    name: "precision",
    aliases: ["prec"],
    value: "N",
    bareKey: "prec",
    doc: "digits after the point of sizes, 0 to 9 (default 1; with csv and a unit 3)",
  },
  {
    name: "no-headers",
    aliases: ["noheaders"],
    bareWords: { noheaders: "" },
    doc: "leave out the titles, in table and csv",
  },
  {
    name: "no-totals",
    aliases: ["nototals"],
    bareWords: { nototals: "" },
    doc: "leave out the row of totals, in table",
  },
  {
    name: "no-tree",
    aliases: ["notree"],
    bareWords: { notree: "" },
    doc: "sessions without their paths; every row complete, in table",
  },
];

/** Acts although somebody uses it. */
export function forceOption(doc: string): OptionSpec {
  return { name: "force", short: "f", bareWords: { force: "" }, doc };
}

/** How long to wait. */
export function timeoutOption(doc: string): OptionSpec {
  return { name: "timeout", value: "TIME", doc };
}

/** Agrees to the loss of data. */
export const DESTROY_OPTION: OptionSpec = {
  name: "destroy-data",
  doc: "agree that the data of the mapping is overwritten",
};

/** The mapping that a verb acts on. */
export const MAPPING_NAME: PositionalSpec = {
  name: "NAME",
  isRequired: true,
  completes: "mapping",
  doc: "name of the mapping, as status shows it, or its block device",
};

/** The session that a verb acts on. */
export const SESSION_NAME: PositionalSpec = {
  name: "SESSION",
  isRequired: true,
  completes: "session",
  doc: "name of the session, as status shows it",
};
