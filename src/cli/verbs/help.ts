/** `help` */
import { findVerb } from "../arguments.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { generalHelp, verbHelp } from "../help.ts";

/** Explains the program or a verb. */
export const help: VerbRunner = (args, { terminal }) => {
  const name = args.positional(0);
  terminal.print(name === "" ? generalHelp() : verbHelp(findVerb(name)));
  return EXIT.OK;
};
