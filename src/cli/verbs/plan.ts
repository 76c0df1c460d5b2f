/** `plan` */
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { printer } from "../output/result.ts";
import { planLines, planSummary, stepRows } from "../plan_text.ts";

/** Shows what `apply` would do. */
export const plan: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal);
  const found = await (await connect(args)).plan();
  print({
    data: found,
    root: "plan",
    sets: [stepRows(found.steps)],
    lines: ({ paint }) => [...planLines(found.steps, paint), planSummary(found.steps)],
  });
  return found.steps.length === 0 ? EXIT.OK : EXIT.CHANGES;
};
