/** `apply` */
import type { ApplyResult, PlanStep } from "../../appliance/appliance_api.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import type { ControlClient } from "../control_client.ts";
import { EXIT } from "../exit_codes.ts";
import { counted } from "../output/cell_text.ts";
import type { Paint } from "../output/paint.ts";
import { printer } from "../output/result.ts";
import { planLines, planSummary, stepDelay, stepName, stepRows } from "../plan_text.ts";
import { Progress, sleep } from "../progress.ts";
import type { Terminal } from "../terminal.ts";
import { DEFAULT_TIMEOUT_MS } from "../waiting.ts";

const LOOK_MS = 500;

/** Reads the config files again and waits until the node is as they say. */
export const apply: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal);
  const timeoutMs = args.durationMs("timeout") ?? DEFAULT_TIMEOUT_MS;
  const client = await connect(args);
  const result = await applyVisibly(client, timeoutMs, terminal);
  const { plan, pending } = result;
  print({
    data: result,
    root: "apply",
    sets: [stepRows(pending)],
    lines: ({ paint }) => summary(result, paint),
  });
  if (pending.length === 0) return EXIT.OK;
  const done = Math.max(0, plan.steps.length - pending.length);
  terminal.complain(
    `${counted(pending.length, "step")} pending, ${done} done; the appliance goes on trying`,
  );
  return EXIT.TRY_AGAIN;
};

/** Says what is being waited for, until the answer is there. */
async function applyVisibly(
  client: ControlClient,
  timeoutMs: number,
  terminal: Terminal,
): Promise<ApplyResult> {
  using progress = new Progress(terminal);
  const answered = new AbortController();
  const watching = watchPending(client, progress, answered.signal);
  try {
    return await client.apply({ timeout_ms: timeoutMs });
  } finally {
    answered.abort();
    await watching;
  }
}

/** Follows the pending steps; what cannot be asked now is asked later. */
async function watchPending(
  client: ControlClient,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  let open = new Map<string, PlanStep>();
  for (;;) {
    await sleep(LOOK_MS, signal);
    if (signal.aborted) return;
    const status = await client.status().catch(() => undefined);
    if (status === undefined || signal.aborted) continue;
    const now = new Map(status.config.pending.map((step) => [stepKey(step), step]));
    for (const [key, step] of open) {
      if (!now.has(key)) progress.note(`${step.action} ${stepName(step)}: done`);
    }
    open = now;
    const [next] = now.values();
    if (next !== undefined) progress.say(waitText(now.size, next));
  }
}

const stepKey = ({ action, kind, name }: PlanStep) => JSON.stringify([action, kind, name]);

/** Without the time of the next try: it changes all the time, and is no event. */
function waitText(count: number, step: PlanStep): string {
  const delay = stepDelay({ ...step, next_try_ms: null });
  const what = `${step.action} ${stepName(step)}${delay === "" ? "" : ` (${delay})`}`;
  return `${counted(count, "step")} left: ${what}`;
}

function summary({ plan, pending }: ApplyResult, paint: Paint): string[] {
  if (plan.steps.length === 0 && pending.length === 0) return [planSummary([])];
  const done = plan.steps.filter((step) =>
    !pending.some((open) => stepKey(open) === stepKey(step))
  );
  return [
    ...planLines(done.map(settled), paint),
    ...(pending.length === 0 ? ["done: the node is as the config says"] : [
      "still pending:",
      ...planLines(pending, paint).map((line) => `  ${line}`),
    ]),
  ];
}

/** What was waited for is over. */
function settled(step: PlanStep): PlanStep {
  return { ...step, waits_for: null, last_error: null, next_try_ms: null };
}
