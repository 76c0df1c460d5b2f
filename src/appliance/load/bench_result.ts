/** Puts the outcomes of several reactors' bench loads together. */
import { describeErrno } from "../../ffi/errno.ts";
import type { BenchRequest, BenchResult } from "../appliance_api.ts";
import { LATENCY_BUCKETS, type LoadOutcome, percentileUs } from "./load.ts";

/** One result from the reactors' shares; at least one share. */
export function combineBench(
  request: BenchRequest,
  shares: readonly (LoadOutcome & { kind: "bench" })[],
): BenchResult {
  const histogram = new Array<number>(LATENCY_BUCKETS).fill(0);
  let ios = 0, errors = 0, enters = 0, latencySum = 0, durationMs = 0;
  let min = Infinity, max = 0;
  for (const share of shares) {
    share.histogram.forEach((count, bucket) => histogram[bucket]! += count);
    ios += share.ios;
    errors += share.errors;
    enters += share.enters;
    latencySum += share.latencySumUs;
    min = Math.min(min, share.latencyMinUs);
    max = Math.max(max, share.latencyMaxUs);
    durationMs = Math.max(durationMs, share.durationMs);
  }
  const seconds = durationMs / 1000;
  const failed = shares.find((share) => share.firstErrno !== 0);
  return {
    name: request.name,
    rw: request.rw,
    block_bytes: request.block_bytes,
    iodepth: request.iodepth,
    duration_ms: durationMs,
    ios,
    iops: ios / seconds,
    bytes_per_second: ios * request.block_bytes / seconds,
    errors,
    first_error: failed === undefined ? null : describeErrno(failed.firstErrno),
    latency_us: {
      min: ios === 0 ? 0 : min,
      mean: ios === 0 ? 0 : latencySum / ios,
      p50: percentileUs(histogram, 0.5),
      p90: percentileUs(histogram, 0.9),
      p99: percentileUs(histogram, 0.99),
      p999: percentileUs(histogram, 0.999),
      max,
    },
    enters_per_io: ios === 0 ? 0 : enters / ios,
  };
}
