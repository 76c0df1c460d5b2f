/** Plans as people and programs read them. */
import type { PlanStep } from "../appliance/appliance_api.ts";
import type { RowSet } from "./columns/column.ts";
import { counted, durationText } from "./output/cell_text.ts";
import type { Paint, Tone } from "./output/paint.ts";
import { printable } from "./output/printable.ts";
import { recordSet } from "./output/result.ts";

const MARKS: Readonly<Record<PlanStep["action"], readonly [string, Tone]>> = {
  add: ["+", "good"],
  change: ["~", "warning"],
  remake: ["!", "warning"],
  remove: ["-", "bad"],
  restart: ["!", "bad"],
};

/** `mapping scratch`; the node and the server have no names of their own. */
export function stepName({ kind, name }: PlanStep): string {
  return name === "" || kind === "node" || kind === "server" ? kind : `${kind} ${printable(name)}`;
}

/** Why a step is not done yet, or "". */
export function stepDelay({ waits_for, last_error, next_try_ms }: PlanStep): string {
  const parts = [
    ...(waits_for === null ? [] : [`waits: ${waits_for}`]),
    ...(last_error === null ? [] : [`failed: ${last_error}`]),
    ...(next_try_ms === null
      ? []
      : [next_try_ms === 0 ? "trying now" : `next try in ${durationText(next_try_ms)}`]),
  ];
  return printable(parts.join("; "));
}

/** The steps in words. */
export function planLines(steps: readonly PlanStep[], paint: Paint): string[] {
  return steps.flatMap((step) => {
    const [mark, tone] = MARKS[step.action];
    const delay = stepDelay(step);
    return [
      `${paint(`${mark} ${step.action} ${stepName(step)}`, tone)}: ${printable(step.reason)}`,
      ...step.changes.map(({ key, from, to }) =>
        `    ${printable(key)}: ${printable(from)} -> ${printable(to)}`
      ),
      ...(delay === "" ? [] : [paint(`    ${delay}`, "faint")]),
    ];
  });
}

/** The last line of a plan. */
export function planSummary(steps: readonly PlanStep[]): string {
  if (steps.length === 0) return "nothing to do: the node is as the config says";
  const counts = (Object.keys(MARKS) as PlanStep["action"][]).flatMap((action) => {
    const count = steps.filter((step) => step.action === action).length;
    return count === 0 ? [] : [`${count} to ${action}`];
  });
  return `${counted(steps.length, "step")}: ${counts.join(", ")}`;
}

/** The steps as rows. */
export function stepRows(steps: readonly PlanStep[]): RowSet {
  return recordSet(
    "steps",
    "STEPS",
    ["action", "kind", "name", "reason", "changes", "waits_for", "last_error", "next_try_ms"],
    steps.map((step) => ({
      action: step.action,
      kind: step.kind,
      name: step.name,
      reason: step.reason,
      changes: step.changes.map(({ key, from, to }) => `${key}: ${from} -> ${to}`).join("; "),
      waits_for: step.waits_for,
      last_error: step.last_error,
      next_try_ms: step.next_try_ms,
    })),
  );
}
