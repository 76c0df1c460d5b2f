/** `remap` */
import { connect, wantsJson } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { mappingLines } from "../status_text.ts";

/** Opens a mapping's device at the server anew. */
export const remap: VerbRunner = async (args, { terminal }) => {
  const isJson = wantsJson(args);
  const request = { name: args.positional(0), force: args.flag("force") };
  const mapping = await connect(args).remap(request);
  terminal.print(isJson ? JSON.stringify(mapping, null, 2) : mappingLines([mapping]).join("\n"));
  return EXIT.OK;
};
