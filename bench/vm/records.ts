/** What the guest is told and what it tells; JSON both ways. */
import type { ContenderName } from "./contender_names.ts";
import type { VmJob } from "./jobs.ts";

/** Input of the guest's program. */
export interface VmBenchPlan {
  readonly contenders: readonly ContenderName[];
  readonly jobs: readonly VmJob[];
  readonly rounds: number;
  /** Of each run. */
  readonly runtimeMs: number;
  /** Of each contender with a program of ours, before the first round: until its JIT is done. */
  readonly warmUpMs: number;
  /** Of our programs. */
  readonly reactors: number;
  readonly spinUs: number;
  /** Of our server. The kernel's server does what `blockio` does. */
  readonly ioMode: "fileio" | "blockio";
  readonly builtModules: string;
}

/** Counters of one of our programs, each divided by the number of I/Os. */
export type CountersPerIo = Readonly<Record<string, number>>;

/** One run of one job. */
export interface RunRecord {
  readonly kind: "run";
  readonly contender: ContenderName;
  readonly job: string;
  /** From 1. */
  readonly round: number;
  readonly iops: number;
  readonly latencyMeanUs: number;
  readonly latencyP99Us: number;
  /** Null where it is not ours. */
  readonly client: CountersPerIo | null;
  readonly server: CountersPerIo | null;
}

/** A contender is there. */
export interface StartedRecord {
  readonly kind: "started";
  readonly contender: ContenderName;
  /** Its largest request: larger ones are split by the block layer. */
  readonly maxIoKiB: number;
}

/** What the guest sends. */
export type VmBenchRecord = RunRecord | StartedRecord;
