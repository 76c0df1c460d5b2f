/** `status` */
import { ApplianceError, type Status } from "../../appliance/appliance_api.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import type { ControlClient } from "../control_client.ts";
import { EXIT } from "../exit_codes.ts";
import { counted } from "../output/cell_text.ts";
import { printer } from "../output/result.ts";
import { stepDelay, stepName } from "../plan_text.ts";
import { Progress, sleep } from "../progress.ts";
import { statusLines, statusSets } from "../status_text.ts";
import type { Terminal } from "../terminal.ts";
import { DEFAULT_TIMEOUT_MS } from "../waiting.ts";

const LOOK_MS = 250;

/** Shows what the appliance does. */
export const status: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal);
  const timeoutMs = args.durationMs("timeout");
  const isWaiting = args.flag("wait");
  if (timeoutMs !== undefined && !isWaiting) {
    args.refuse("--timeout says nothing without --wait; give both or neither");
  }
  const client = await connect(args);
  const current = isWaiting
    ? await settledStatus(client, terminal, timeoutMs ?? DEFAULT_TIMEOUT_MS)
    : await client.status();
  print({
    data: current,
    root: "status",
    sets: statusSets(current),
    lines: (options) => statusLines(current, options),
  });
  const missing = isWaiting ? missingText(current) : undefined;
  if (missing === undefined) return EXIT.OK;
  terminal.complain(`Still not there: ${missing}`);
  return EXIT.TRY_AGAIN;
};

/** Asks until everything is there, or time is over. @throws ApplianceError of the last try */
async function settledStatus(
  client: ControlClient,
  terminal: Terminal,
  timeoutMs: number,
): Promise<Status> {
  using progress = new Progress(terminal);
  for (const deadline = performance.now() + timeoutMs;;) {
    const isLast = performance.now() >= deadline;
    try {
      const status = await client.status();
      const missing = missingText(status);
      if (missing === undefined || isLast) return status;
      progress.say(`waiting: ${missing}`);
    } catch (error) {
      if (isLast || !isPassing(error)) throw error;
      progress.say(`waiting: ${error.message}`);
    }
    await sleep(Math.min(LOOK_MS, Math.max(0, deadline - performance.now())));
  }
}

/** Not there yet, or starting. */
function isPassing(error: unknown): error is ApplianceError {
  if (!(error instanceof ApplianceError)) return false;
  const { exitCode, errnoName } = error;
  const isAbsent = errnoName === "ENOENT" || errnoName === "ECONNREFUSED";
  return exitCode === EXIT.TRY_AGAIN || (exitCode === EXIT.UNAVAILABLE && isAbsent);
}

/** What is declared and not there; undefined: nothing. */
function missingText({ mappings, config }: Status): string | undefined {
  if (config.state === "stale") return `the config has errors: ${config.stale_because[0] ?? ""}`;
  const closed = mappings.filter(({ origin, state }) => origin === "config" && state !== "open");
  const [first] = closed;
  if (first !== undefined) {
    const why = first.last_error === null ? "" : `: ${first.last_error}`;
    const others = closed.length === 1 ? "" : ` and ${closed.length - 1} more`;
    return `mapping ${first.name}${others} not open${why}`;
  }
  const [step] = config.pending;
  if (step === undefined) return undefined;
  const delay = stepDelay({ ...step, next_try_ms: null });
  const what = `${step.action} ${stepName(step)}${delay === "" ? "" : ` (${delay})`}`;
  return `${counted(config.pending.length, "step")} pending: ${what}`;
}
