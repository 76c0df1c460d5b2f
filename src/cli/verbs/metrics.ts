/** `metrics` */
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { printableLines } from "../output/printable.ts";

/** Prints everything that is measured. */
export const metrics: VerbRunner = async (args, { terminal }) => {
  const text = (await (await connect(args)).metrics()).replace(/\n$/, "");
  terminal.print(terminal.isTerminal ? printableLines(text) : text);
  return EXIT.OK;
};
