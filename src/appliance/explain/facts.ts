/** What else helps to see a cause: `key: value` lines. */
import type { ApplianceEvent, Explanation } from "../appliance_api.ts";
import type { PathStatus, PlanStep, RefusalStatus } from "../status.ts";

/** One line. */
export type Fact = Explanation["facts"][number];

/** A fact; nothing when there is no value. */
export function fact(key: string, value: string | number | null | undefined): Fact[] {
  return value === null || value === undefined || value === "" ? [] : [{ key, value: `${value}` }];
}

const MINUTE_S = 60;
const HOUR_S = 3600;

/** `3.2 s`, `4 min` or `2 h 10 min`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < MINUTE_S) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / MINUTE_S);
  if (seconds < HOUR_S) return `${minutes} min`;
  return `${Math.floor(minutes / MINUTE_S)} h ${minutes % MINUTE_S} min`;
}

/** `source,destination: state, …` of each path. */
export function pathFacts(paths: readonly PathStatus[]): Fact[] {
  return paths.flatMap((path) => {
    const ends = path.src_addr === "" ? path.dst_addr : `${path.src_addr},${path.dst_addr}`;
    const hca = path.hca_name === "" || path.hca_name === "tcp"
      ? ""
      : ` by ${path.hca_name} port ${path.hca_port}`;
    const again = path.reconnects === 0 ? "" : `, came back ${times(path.reconnects)}`;
    const why = path.last_error === null ? "" : `: ${path.last_error}`;
    return fact("path", `${ends} is ${path.state}${hca}${again}${why}`);
  });
}

/** `once`, `twice`, `7 times` */
export function times(count: number): string {
  return count === 1 ? "once" : count === 2 ? "twice" : `${count} times`;
}

/** Who was turned away, from what, why, how often. */
export function refusalFacts(refusals: readonly RefusalStatus[]): Fact[] {
  return refusals.flatMap(({ client, device_path, reason, errno, count, last_time }) => {
    const what = device_path === null ? "" : ` ${device_path}`;
    const told = errno === null ? "" : ` (${errno})`;
    return fact(
      "refused",
      `${client}${what}: ${reason}${told}; ${times(count)}, last ${last_time}`,
    );
  });
}

/** Steps of the plan that are missing. */
export function pendingFacts(steps: readonly PlanStep[]): Fact[] {
  return steps.flatMap(({ action, kind, name, reason, waits_for }) =>
    fact(
      "pending",
      `${action} ${kind} ${name}: ${reason}` +
        (waits_for === null ? "" : `; waits for ${waits_for}`),
    )
  );
}

/** Events that show that something works. */
const GOOD_EVENTS: ReadonlySet<string> = new Set([
  "mapping open",
  "session connected",
  "client connected",
]);

/**
 * Since when it fails, and how often it was tried since, as far as events are remembered.
 * @param isAbout true for events of the thing that is explained
 */
export function troubleFacts(
  events: readonly ApplianceEvent[],
  isAbout: (event: ApplianceEvent) => boolean,
): Fact[] {
  const about = events.filter(isAbout);
  const lastGood = about.findLastIndex(({ event }) => GOOD_EVENTS.has(event));
  const trouble = about.slice(lastGood + 1);
  const first = trouble[0];
  if (first === undefined) return [];
  const tries = trouble.filter(({ event }) => event === "mapping failed").length;
  return [
    ...fact("since", first.time),
    ...fact("failed_tries", tries === 0 ? null : tries),
  ];
}
