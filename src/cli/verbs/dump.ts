/** `dump` */
import { EXPORT_RULES, REFUSALS } from "../columns/devices.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { EVERYWHERE } from "../grammar/words.ts";
import { printer } from "../output/result.ts";
import { otherRows, rowsOf, tablesIn, targetsIn } from "../status_rows.ts";

/** Prints everything, with every column; without a scope JSON and XML have the whole status. */
export const dump: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal, [...tablesIn(args.scope), EXPORT_RULES, REFUSALS]);
  const status = await (await connect(args)).status();
  const { mode, thing } = args.scope;
  const hasOthers = mode !== "client" && (thing ?? "device") === "device";
  const sets = [
    ...targetsIn(args.scope, EVERYWHERE).map((target) => rowsOf(target, status)),
    ...(hasOthers ? otherRows(status) : []),
  ].map((set) => ({ ...set, usual: set.columns.map(({ name }) => name) }));
  const isAll = mode === undefined && thing === undefined;
  const data = isAll ? status : Object.fromEntries(sets.map((set) => [set.key, set.data]));
  // Paths have rows of their own.
  print({ data, root: "rnbd", sets: sets.map(withoutBranches) });
  return EXIT.OK;
};

function withoutBranches<Set extends ReturnType<typeof rowsOf>>(set: Set): Set {
  return { ...set, rows: set.rows.map((row) => ({ ...row, branches: [] })) };
}
