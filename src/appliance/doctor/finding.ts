/** What the doctor finds: one line each, with how to get what is not there. */

/** Ways to carry and to expose devices. */
export const WAYS = ["tcp", "rdma", "nbd", "ublk"] as const;
/** One of {@link WAYS}. */
export type Way = typeof WAYS[number];

/** `warning`: it works, but not as well as it could, or not for everything. */
export type FindingState = "ok" | "warning" | "missing";

/** One line of the report. */
export interface Finding {
  /** Subject that it belongs to, as "RDMA". */
  readonly area: string;
  readonly what: string;
  readonly state: FindingState;
  /** What is there, or what is wrong. */
  readonly found: string;
  /** How to get it; null when all is well. */
  readonly advice: string | null;
  /** Ways that do not work without it. */
  readonly needed_for: readonly Way[];
}

/** Makes the findings of one area. */
export class Area {
  constructor(readonly name: string) {}

  /** It is there. */
  ok(what: string, found: string): Finding {
    return { area: this.name, what, state: "ok", found, advice: null, needed_for: [] };
  }

  /** It could be better. */
  warning(what: string, found: string, advice: string): Finding {
    return { area: this.name, what, state: "warning", found, advice, needed_for: [] };
  }

  /** It is not there; `neededFor` do not work without it. */
  missing(what: string, found: string, advice: string, ...neededFor: Way[]): Finding {
    return { area: this.name, what, state: "missing", found, advice, needed_for: neededFor };
  }
}
