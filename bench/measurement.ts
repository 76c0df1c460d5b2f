/** What one run of one job gives, and the median of several. */

/** One run; a figure that a contender cannot give is null. */
export interface Measurement {
  readonly iops: number;
  readonly bytesPerSecond: number;
  readonly latencyMeanUs: number;
  readonly latencyP99Us: number | null;
  /** io_uring_enter calls per I/O of the reactors. */
  readonly clientEntersPerIo: number | null;
  readonly serverEntersPerIo: number | null;
  /** User and system time of the processes per I/O; the load generator's is not in it. */
  readonly clientCpuUsPerIo: number | null;
  readonly serverCpuUsPerIo: number | null;
}

/** The middle value; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("No values to take the median of");
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** The median of each figure for itself; null where any run lacks it. */
export function medianMeasurement(runs: readonly Measurement[]): Measurement {
  const required = (pick: (run: Measurement) => number) => median(runs.map(pick));
  const optional = (pick: (run: Measurement) => number | null) => {
    const values = runs.map(pick).filter((value) => value !== null);
    return values.length < runs.length ? null : median(values);
  };
  return {
    iops: required((run) => run.iops),
    bytesPerSecond: required((run) => run.bytesPerSecond),
    latencyMeanUs: required((run) => run.latencyMeanUs),
    latencyP99Us: optional((run) => run.latencyP99Us),
    clientEntersPerIo: optional((run) => run.clientEntersPerIo),
    serverEntersPerIo: optional((run) => run.serverEntersPerIo),
    clientCpuUsPerIo: optional((run) => run.clientCpuUsPerIo),
    serverCpuUsPerIo: optional((run) => run.serverCpuUsPerIo),
  };
}
