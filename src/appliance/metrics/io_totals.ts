/** What a block of `io_statistics.ts`, or the sum of some, says. */
import { BLOCK_OP } from "../../rnbd/block_queue.ts";
import { IO_ROW, LATENCY_BUCKETS } from "../../rnbd/io_statistics.ts";
import { IO_OPERATIONS, type IoOperation, type IoStatistics, type IoTotals } from "../status.ts";

/** What an operation did, with the latencies of the requests that succeeded. */
export interface IoHistogram extends IoTotals {
  /** Counts by the buckets of `io_statistics.ts`. */
  readonly buckets: readonly number[];
  readonly latencySumUs: number;
}

/** By operation. */
export type IoHistograms = Readonly<Record<IoOperation, IoHistogram>>;

/** Which rows belong to an operation: a secure erase is a discard that leaves nothing behind. */
const ROWS: Readonly<Record<IoOperation, readonly number[]>> = {
  read: [BLOCK_OP.READ],
  write: [BLOCK_OP.WRITE],
  flush: [BLOCK_OP.FLUSH],
  discard: [BLOCK_OP.DISCARD, BLOCK_OP.SECURE_ERASE],
  write_zeroes: [BLOCK_OP.WRITE_ZEROES],
};

const byOperation = <Value>(make: (operation: IoOperation) => Value) =>
  Object.fromEntries(IO_OPERATIONS.map((operation) => [operation, make(operation)])) as Record<
    IoOperation,
    Value
  >;

/** The operation that a number of BLOCK_OP is counted as. */
export function operationOf(blockOperation: number): IoOperation | "other" {
  return IO_OPERATIONS.find((operation) => ROWS[operation].includes(blockOperation)) ?? "other";
}

function histogramOf(block: Float64Array, rows: readonly number[]): IoHistogram {
  const buckets = new Array<number>(LATENCY_BUCKETS).fill(0);
  let bytes = 0, errors = 0, latencySumUs = 0, ios = 0;
  for (const row of rows) {
    const at = row * IO_ROW.FLOATS;
    bytes += block[at + IO_ROW.BYTES]!;
    errors += block[at + IO_ROW.ERRORS]!;
    latencySumUs += block[at + IO_ROW.LATENCY_SUM_US]!;
    for (let i = 0; i < LATENCY_BUCKETS; i++) {
      const count = block[at + IO_ROW.BUCKETS + i]!;
      buckets[i]! += count;
      ios += count;
    }
  }
  return { ios: ios + errors, bytes, errors, buckets, latencySumUs };
}

/** Everything that is known of a disk. */
export function histogramsOf(block: Float64Array): IoHistograms {
  return byOperation((operation) => histogramOf(block, ROWS[operation]));
}

/** The part that `status` shows. */
export function totalsOf(block: Float64Array): IoStatistics {
  return byOperation((operation) => {
    const { ios, bytes, errors } = histogramOf(block, ROWS[operation]);
    return { ios, bytes, errors };
  });
}
