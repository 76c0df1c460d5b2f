/**
 * The way from what is to what should be: a pure function, the same steps in the same order for the
 * same input. What frees names, devices and sessions comes before what needs them.
 */
import type { PlanStep } from "../status.ts";
import type { Actual, Users } from "./actual.ts";
import type { Desired } from "./desired.ts";
import { controlChanges, nodeChanges, serverChanges } from "./differences.ts";
import { exportSteps } from "./export_steps.ts";
import { Fates } from "./fates.ts";
import * as mappings from "./mapping_steps.ts";
import * as sessions from "./session_steps.ts";
import { type Step, step } from "./step.ts";

/** Keys of `[node]` that a running process takes over. */
const LIVE_NODE_KEYS: ReadonlySet<string> = new Set([
  "reconcile_interval_ms",
  "watch_config",
  "log_level",
  "log_format",
]);

const NEXT_START = "the next start";

/** See the head of this file. @param users of what is to be taken away, as far as they are known */
export function makePlan(desired: Desired, actual: Actual, users: Users = new Map()): Step[] {
  const fates = new Fates(desired, actual, users);
  const { config } = desired;
  const isServing = actual.running.server !== undefined && config.server !== undefined;
  return [
    ...mappings.removals(fates),
    ...mappings.leftoverRemovals(fates, users),
    ...sessions.sessionRemovals(fates),
    ...isServing ? exportSteps(actual, config.server!.exports) : [],
    ...sessions.sessionRemakes(fates),
    ...mappings.remakes(fates),
    ...sessions.sessionEdits(fates),
    ...sessions.sessionAdditions(fates),
    ...mappings.additions(fates),
    ...mappings.heldAdditions(fates),
    ...mappings.changes(fates),
    ...mappings.openings(fates),
    ...nodeSteps(desired, actual),
    ...serverSteps(desired, actual),
  ];
}

function nodeSteps({ config }: Desired, { running }: Actual): Step[] {
  const changes = nodeChanges(running.node, config.node);
  const live = changes.filter(({ key }) => LIVE_NODE_KEYS.has(key));
  const late = [
    ...changes.filter(({ key }) => !LIVE_NODE_KEYS.has(key)),
    ...controlChanges(running.control, config.control),
  ];
  const { reconcileIntervalMs, watchConfig, logLevel, logFormat } = config.node;
  const steps: Step[] = [];
  if (live.length > 0) {
    steps.push(step({
      action: "change",
      kind: "node",
      name: running.node.name,
      reason: "the file says so",
      changes: live,
      work: {
        kind: "changeNode",
        settings: { reconcileIntervalMs, watchConfig, logLevel, logFormat },
      },
    }));
  }
  if (late.length > 0) steps.push(restart("node", running.node.name, late));
  return steps;
}

function serverSteps({ config }: Desired, { running }: Actual): Step[] {
  const before = running.server;
  const after = config.server;
  if (before === undefined && after === undefined) return [];
  const isThere = (server: unknown) => server === undefined ? "absent" : "present";
  const changes = before === undefined || after === undefined
    ? [{ key: "[server]", from: isThere(before), to: isThere(after) }]
    : serverChanges(before, after);
  return changes.length === 0 ? [] : [restart("server", running.node.name, changes)];
}

function restart(kind: "node" | "server", name: string, changes: Step["changes"]): Step {
  const keys = changes.map(({ key }) => key).join(", ");
  return step({
    action: "restart",
    kind,
    name,
    reason: `${keys} ${changes.length === 1 ? "takes" : "take"} effect at the next start`,
    changes,
    work: undefined,
    waitsFor: NEXT_START,
  });
}

/** What people and programs see of a step. */
export function publicStep(
  { action, kind, name, reason, changes, waitsFor, failure }: Step,
  lastError: string | null,
  nextTryMs: number | null,
): PlanStep {
  return {
    action,
    kind,
    name,
    reason,
    changes,
    waits_for: waitsFor,
    last_error: failure?.reason ?? lastError,
    next_try_ms: failure?.nextTryMs ?? nextTryMs,
  };
}
