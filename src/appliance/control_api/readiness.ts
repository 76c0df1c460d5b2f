/** Whether a node does what its config says, for those who send work to it. */
import type { MappingStatus, PlanStep, Status } from "../status.ts";

/** What is missing. */
export interface Readiness {
  readonly ready: boolean;
  readonly missing: readonly string[];
}

/**
 * Ready is: every thread answers, the server listens, and every mapping that the files declare is
 * open. Mappings made by hand do not count.
 */
export function readiness(
  { mappings, config }: Status,
  silentReactors: readonly number[],
): Readiness {
  const closed = mappings.filter(({ origin, state }) => origin === "config" && state !== "open");
  const awaited = config.pending.filter((step) => isAwaited(step, mappings));
  const missing = [
    ...silentReactors.map(silentLine),
    ...awaited.map(stepLine),
    ...closed.map(mappingLine),
  ];
  return { ready: missing.length === 0, missing };
}

/** What is wrong with a thread. */
export const silentLine = (reactor: number): string => `reactor ${reactor} does not answer`;

/** Of an appliance that is not there yet, or no more. */
export function unready(reason: string): Readiness {
  return { ready: false, missing: [reason] };
}

function isAwaited({ kind, action, name }: PlanStep, mappings: readonly MappingStatus[]): boolean {
  if (action !== "add") return false;
  if (kind === "server") return true;
  return kind === "mapping" && !mappings.some((mapping) => mapping.name === name);
}

function stepLine({ kind, name, reason, waits_for, last_error }: PlanStep): string {
  const why = last_error ?? waits_for ?? reason;
  return oneLine(kind === "server" ? `server: ${why}` : `${kind} ${name}: ${why}`);
}

function mappingLine({ name, last_error }: MappingStatus): string {
  return oneLine(`mapping ${name}: ${last_error ?? "is not open yet"}`);
}

/** Texts of other machines are in here. */
function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/[\x00-\x1f\x7f]+/g, " ");
}
