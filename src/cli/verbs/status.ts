/** `status` */
import { connect, wantsJson } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { statusLines } from "../status_text.ts";

/** Shows what the appliance does. */
export const status: VerbRunner = async (args, { terminal }) => {
  const isJson = wantsJson(args);
  const current = await connect(args).status();
  terminal.print(isJson ? JSON.stringify(current, null, 2) : statusLines(current).join("\n"));
  return EXIT.OK;
};
