/** How the node stands to its config. */
import type { Explanation } from "../appliance_api.ts";
import type { PlanStep, Status } from "../status.ts";
import { quoted } from "./cause.ts";
import { fact, formatDuration, pendingFacts } from "./facts.ts";

/** @param only the steps to tell of */
function describeSteps(only: readonly PlanStep[]): string {
  const [first] = only;
  if (first === undefined) return "";
  const waits = first.waits_for === null ? "" : `; it waits for ${first.waits_for}`;
  const failed = first.last_error === null ? "" : `; its last try failed: ${first.last_error}`;
  const rest = only.length === 1 ? "" : ` (and ${only.length - 1} more)`;
  const { action, kind, name, reason } = first;
  return `${action} ${kind} ${name} is due: ${reason}${waits}${failed}${rest}`;
}

const nextTry = (steps: readonly PlanStep[]): number | null => {
  const tries = steps.flatMap(({ next_try_ms }) => next_try_ms ?? []);
  return tries.length === 0 ? null : Math.min(...tries);
};

function stepAdvice(steps: readonly PlanStep[]): string[] {
  const advice: string[] = [];
  if (steps.some(({ action }) => action === "restart")) {
    advice.push(
      "restart the program, when its users can bear that: `rnbd-appliance plan` says why",
    );
  }
  if (steps.some(({ waits_for }) => waits_for !== null)) {
    advice.push("end what it waits for; it goes on by itself then: `rnbd-appliance plan`");
  }
  if (steps.some(({ last_error }) => last_error !== null)) {
    advice.push("mend what the last error names, then try at once: `rnbd-appliance apply`");
  }
  return advice.length > 0 ? advice : ["see how it goes: `rnbd-appliance plan`"];
}

/** The word `config`. */
export function explainConfig(status: Status): Explanation {
  const { config } = status;
  const { pending } = config;
  const file = config.file ?? "made in the program";
  const common = {
    kind: "config",
    name: "config",
    state: config.state,
    next_try_ms: nextTry(pending),
    facts: [
      ...config.files.flatMap((path) => fact("file", path)),
      ...fact("applied_at", config.applied_at),
      ...fact("stale_since", config.stale_since),
      ...config.stale_because.flatMap((error) => fact("error", error)),
      ...pendingFacts(pending),
    ],
  } as const;
  if (config.state === "stale") {
    const count = config.stale_because.length;
    return {
      ...common,
      summary: `the config is stale since ${config.stale_since}: the one before goes on`,
      last_error: config.stale_because[0] ?? null,
      cause: `The files have ${count === 1 ? "an error" : `${count} errors`}, so nothing of them ` +
        `was taken over; what was applied at ${config.applied_at} goes on.`,
      advice: [
        `see every error: \`rnbd-appliance check --config ${quoted(file)}\``,
        "mend them, then take the files over: `rnbd-appliance apply`",
      ],
    };
  }
  if (pending.length === 0) {
    const summary = "the node is as its config says";
    return { ...common, summary, last_error: null, cause: null, advice: [] };
  }
  const count = pending.length;
  return {
    ...common,
    summary: `${count} ${count === 1 ? "step is" : "steps are"} missing until the node is as its ` +
      "config says",
    last_error: pending.find(({ last_error }) => last_error !== null)?.last_error ?? null,
    cause: `${describeSteps(pending)}.`,
    advice: stepAdvice(pending),
  };
}

/** Something that steps are about and that is not there, or not any more. */
export function explainMissing(name: string, steps: readonly PlanStep[]): Explanation {
  const { kind, action } = steps[0]!;
  const state = action === "add" ? "missing" : "changing";
  const what = action === "add" ? "is declared and not there" : `is not as declared: ${action}`;
  const next_try_ms = nextTry(steps);
  const wait = next_try_ms === null ? "" : `; the next try is in ${formatDuration(next_try_ms)}`;
  return {
    kind: kind === "mapping" || kind === "session" || kind === "export" ? kind : "config",
    name,
    state,
    summary: `${kind} ${name} ${what}${wait}`,
    last_error: steps.find(({ last_error }) => last_error !== null)?.last_error ?? null,
    cause: `${describeSteps(steps)}.`,
    next_try_ms,
    advice: stepAdvice(steps),
    facts: pendingFacts(steps),
  };
}
