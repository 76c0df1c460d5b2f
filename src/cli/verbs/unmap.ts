/** `unmap` */
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";

/** Ends a mapping. */
export const unmap: VerbRunner = async (args, { terminal }) => {
  const name = args.positional(0);
  await connect(args).unmap(name, args.flag("force"));
  terminal.print(`${name}: unmapped`);
  return EXIT.OK;
};
