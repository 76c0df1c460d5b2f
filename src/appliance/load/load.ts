/**
 * Load from inside the client: `bench` and `verify` run as users of a block queue on a reactor,
 * so that no kernel is in between.
 */
import type { BlockQueue } from "../../rnbd/block_queue.ts";
import { BLOCK_OP } from "../../rnbd/block_queue.ts";

/** What one reactor is to do. Plain data. */
export type LoadPlan =
  | {
    readonly kind: "bench";
    readonly random: boolean;
    /** Share of reads, 0 to 1. */
    readonly readShare: number;
    readonly blockBytes: number;
    readonly iodepth: number;
    readonly runtimeMs: number;
    readonly seed: number;
  }
  | {
    readonly kind: "verify";
    readonly blockBytes: number;
    readonly iodepth: number;
    readonly bytes: number;
    readonly seed: number;
  };

/** How it went. Plain data. */
export type LoadOutcome =
  | {
    readonly kind: "bench";
    readonly ios: number;
    readonly errors: number;
    readonly firstErrno: number;
    readonly durationMs: number;
    readonly enters: number;
    /** Counts by `latencyBucket`. */
    readonly histogram: readonly number[];
    readonly latencySumUs: number;
    readonly latencyMinUs: number;
    readonly latencyMaxUs: number;
  }
  | {
    readonly kind: "verify";
    readonly bytesWritten: number;
    readonly bytesRead: number;
    readonly badBlocks: number;
    readonly firstBadOffsets: readonly number[];
    readonly errors: number;
    readonly firstErrno: number;
    readonly durationMs: number;
    /** The checker found the corruption that it planted before the run. */
    readonly checkerProven: boolean;
  }
  | { readonly kind: "refused"; readonly reason: string }
  /** Somebody ended it early: what it has says nothing about the device. */
  | { readonly kind: "stopped" };

/** A running load. */
export interface Load {
  /** Ends it early; it reports what it has. */
  stop(): void;
}

/** Reports the end of a load, once, when it holds no permit any more. */
export type LoadDone = (outcome: LoadOutcome) => void;

/** Why a plan does not fit a disk; undefined when it does. */
export function planProblem(plan: LoadPlan, queue: BlockQueue): string | undefined {
  const { geometry } = queue;
  const { blockBytes } = plan;
  if (blockBytes <= 0 || blockBytes % geometry.logicalBlockBytes !== 0) {
    return `the block size must be a multiple of ${geometry.logicalBlockBytes} bytes`;
  }
  if (blockBytes > geometry.sizeBytes) return "a block is longer than the device";
  const writes = plan.kind === "verify" || plan.readShare < 1;
  if (writes && geometry.readOnly) return "the device is read-only";
  return undefined;
}

/** Number of latency buckets: 32 a power of two, up to 2^31 microseconds / 16. */
export const LATENCY_BUCKETS = 1024;
const SUB_BUCKETS = 32;

/** Bucket of a latency in sixteenths of a microsecond; error below 1/32. */
export function latencyBucket(sixteenths: number): number {
  const value = sixteenths | 0;
  if (value < SUB_BUCKETS) return value < 0 ? 0 : value;
  const shift = 26 - Math.clz32(value);
  const bucket = (shift + 1) * SUB_BUCKETS + ((value >>> shift) - SUB_BUCKETS);
  return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/** Middle of a bucket, microseconds. */
export function bucketLatencyUs(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket / 16;
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1;
  const low = ((bucket % SUB_BUCKETS) + SUB_BUCKETS) * 2 ** shift;
  return (low + 2 ** shift / 2) / 16;
}

/** Latency below which `share` (0 to 1) of the operations lie, microseconds. */
export function percentileUs(histogram: readonly number[], share: number): number {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  let left = Math.ceil(total * share);
  for (let bucket = 0; bucket < histogram.length; bucket++) {
    left -= histogram[bucket]!;
    if (left <= 0 && total > 0) return bucketLatencyUs(bucket);
  }
  return 0;
}

/** Operation numbers that loads use. */
export const LOAD_OP = { READ: BLOCK_OP.READ, WRITE: BLOCK_OP.WRITE, FLUSH: BLOCK_OP.FLUSH };
