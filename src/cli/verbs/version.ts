/** `version` */
import { VERSION } from "../../appliance/version.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { printer, recordSet } from "../output/result.ts";
import { PROGRAM } from "../program_name.ts";

/** Prints name and version. */
export const version: VerbRunner = (args, { terminal }) => {
  const print = printer(args, terminal);
  const record = { name: PROGRAM, version: VERSION };
  print({
    data: record,
    root: "program",
    sets: [recordSet("program", "PROGRAM", ["name", "version"], [record])],
    lines: () => [`${PROGRAM} ${VERSION}`],
  });
  return EXIT.OK;
};
