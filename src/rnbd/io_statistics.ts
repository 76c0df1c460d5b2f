/**
 * What one disk did on one thread: a block of 64-bit floats in the arena, which that thread writes
 * and main reads. A float holds whole numbers exactly up to 2^53.
 */
import { BLOCK_OP } from "./block_queue.ts";

/** Buckets of latencies: bucket i holds those up to 2^i microseconds, the last one all others. */
export const LATENCY_BUCKETS = 28;

/** Upper bounds of the buckets but the last one, in microseconds: 1 µs to 67 s. */
export const LATENCY_BOUNDS_US: readonly number[] = Array.from(
  { length: LATENCY_BUCKETS - 1 },
  (_, i) => 2 ** i,
);

/**
 * Layout of a row, in floats. A block has one for each number of BLOCK_OP, in their order, and
 * begins at a multiple of a row: places are told as the number of the row in the arena.
 */
export const IO_ROW = {
  /** Bytes of requests that succeeded. */
  BYTES: 0,
  ERRORS: 1,
  /** Sum of the latencies of requests that succeeded, microseconds. */
  LATENCY_SUM_US: 2,
  BUCKETS: 4,
  FLOATS: 32,
} as const;

/** Rows of a block. */
export const IO_ROWS: number = BLOCK_OP.WRITE_ZEROES + 1;

/** Where those count whose requests nobody asks for: the arena's first page is never handed out. */
export const UNMEASURED_ROW = 0;

const LAST_BOUND_US = LATENCY_BOUNDS_US[LATENCY_BUCKETS - 2]!;
/** The clock counts nanoseconds: what lies on a bound is kept below it, as `le` wants it. */
const HALF_A_NANOSECOND_US = 0.0005;

/** The bucket of a latency. */
export function latencyBucket(us: number): number {
  if (us > LAST_BOUND_US) return LATENCY_BUCKETS - 1;
  return 32 - Math.clz32((us - HALF_A_NANOSECOND_US) | 0);
}
