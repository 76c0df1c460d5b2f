/** `version` */
import { VERSION } from "../../appliance/version.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { PROGRAM } from "../help.ts";

/** Prints name and version. */
export const version: VerbRunner = (_args, { terminal }) => {
  terminal.print(`${PROGRAM} ${VERSION}`);
  return EXIT.OK;
};
