/** `list` */
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { EVERYWHERE } from "../grammar/words.ts";
import { printer } from "../output/result.ts";
import { rowsOf, tablesIn, targetsIn } from "../status_rows.ts";

/** Lists things of one kind, of one side or of both. */
export const list: VerbRunner = async (args, { terminal }) => {
  const scope = { ...args.scope, thing: args.scope.thing ?? "device" as const };
  const print = printer(args, terminal, tablesIn(scope));
  const status = await (await connect(args)).status();
  const sets = targetsIn(scope, EVERYWHERE).map((target) => rowsOf(target, status));
  const data = Object.fromEntries(sets.map((set) => [set.key, set.data]));
  print({ data, root: "rnbd", sets });
  return EXIT.OK;
};
