/** `check --live`: a good config file, seen together with the node that runs. */
import { ApplianceError } from "../appliance/appliance_api.ts";
import type { VerbArguments } from "./arguments.ts";
import { connect } from "./connect.ts";
import type { Context } from "./context.ts";
import { EXIT } from "./exit_codes.ts";
import { printer } from "./output/result.ts";
import { planLines, planSummary, stepRows } from "./plan_text.ts";

/**
 * Asks the appliance of `--config` what it would change.
 * @param files those of the config, which are good
 * @returns the exit code of `plan`
 * @throws ApplianceError, also when the appliance runs with another file
 */
export async function checkLive(
  files: readonly string[],
  args: VerbArguments,
  { terminal }: Context,
): Promise<number> {
  const print = printer(args, terminal);
  const file = args.text("config")!;
  const client = await connect(args);
  const { config } = await client.status();
  if (config.file === null || !isSame(config.file, file)) {
    const runs = config.file === null ? "without a config file" : `with ${config.file}`;
    const message = `The appliance at ${client.socket} runs ${runs}, not with ${file}`;
    throw new ApplianceError(message, "EINVAL", EXIT.FAILED);
  }
  const plan = await client.plan();
  print({
    data: plan,
    root: "plan",
    sets: [stepRows(plan.steps)],
    lines: ({ paint }) => [
      ...files.map((name) => `${name}: ok`),
      ...planLines(plan.steps, paint),
      planSummary(plan.steps),
    ],
  });
  return plan.steps.length === 0 ? EXIT.OK : EXIT.CHANGES;
}

/** Whether two paths lead to the same file; a relative one of elsewhere counts as the same. */
function isSame(running: string, given: string): boolean {
  if (!running.startsWith("/")) return true;
  try {
    return Deno.realPathSync(running) === Deno.realPathSync(given);
  } catch {
    return running === given;
  }
}
