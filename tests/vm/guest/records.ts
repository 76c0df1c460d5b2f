/** What guest and host say to each other; JSON both ways. */
import type { Combination } from "./peers.ts";

/** Input of the guest program: what this boot runs. */
export interface GuestJob {
  readonly combination: Combination;
  /** Names of cases, in the order they run in. */
  readonly cases: readonly string[];
  /** Where the kernel's RTRS and RNBD modules are. */
  readonly builtModules: string;
  /** Long rounds and every block size, instead of a choice. */
  readonly full: boolean;
}

/** A case is about to run. */
export interface BeginRecord {
  readonly kind: "begin";
  readonly name: string;
  /** The guest is given up when the case takes longer. */
  readonly timeoutMs: number;
}

/** A case has run. */
export interface EndRecord {
  readonly kind: "end";
  readonly name: string;
  readonly result: "passed" | "failed" | "skipped";
  readonly durationMs: number;
  /** Why it failed or was skipped. */
  readonly detail: string;
  /** What the case noted on its way. */
  readonly notes: readonly string[];
  /** What the kernel logged during the case. */
  readonly kernelLog: readonly string[];
  /** Set when this is the second try: the line of the kernel's log that excused the first. */
  readonly secondTryFor?: string;
  /** The guest is not what it was before: the next case needs a new boot. */
  readonly isSpoiled: boolean;
}

/** What the guest sends, one a line. */
export type GuestRecord = BeginRecord | EndRecord;
