/** `complete`: for the shells. */
import { completions } from "../completion/completions.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";

/** Prints what could be typed next: a word a line, after a tab what it means. Never fails. */
export const complete: VerbRunner = async (args, { terminal }) => {
  try {
    const found = await completions(args.positionalsFrom(0));
    if (found.length > 0) {
      terminal.print(found.map(({ word, doc }) => `${word}\t${doc}`).join("\n"));
    }
  } catch {
    // A shell in the middle of a line is no place for messages.
  }
  return EXIT.OK;
};
