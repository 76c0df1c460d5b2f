/** `help` */
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { generalHelp, TOPICS, verbHelp } from "../help.ts";
import { findVerb } from "../sentence.ts";

/** Explains the program, a verb, or a topic. */
export const help: VerbRunner = (args, { terminal }) => {
  const name = args.positional(0);
  if (name === "") terminal.print(generalHelp());
  else if (Object.hasOwn(TOPICS, name)) terminal.print(TOPICS[name]!());
  else terminal.print(verbHelp(findVerb(name)));
  return EXIT.OK;
};
