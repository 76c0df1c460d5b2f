/** `version` */
import { ORIGIN, originText, VERSION } from "../../appliance/version.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { printer, recordSet } from "../output/result.ts";
import { PROGRAM } from "../program_name.ts";

/** Prints name, version and origin. */
export const version: VerbRunner = (args, { terminal }) => {
  const print = printer(args, terminal);
  const record = { name: PROGRAM, version: VERSION, ...ORIGIN };
  const columns = ["name", "version", "kind", "deno", "arch", "commit"];
  print({
    data: record,
    root: "program",
    sets: [recordSet("program", "PROGRAM", columns, [record])],
    lines: () => [`${PROGRAM} ${VERSION} (${originText(ORIGIN)})`],
  });
  return EXIT.OK;
};
