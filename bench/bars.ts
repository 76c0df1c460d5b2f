/** The bars of the comparison: ratios to nbdkit in the same run, and enters per I/O. */
import type { ContenderName } from "./contenders.ts";
import { LATENCY_JOB } from "./jobs.ts";
import type { Measurement } from "./measurement.ts";

/** Medians by contender, then by job. */
export type Medians = Partial<Record<ContenderName, Record<string, Measurement>>>;

/** One bar and how it went. */
export interface BarResult {
  readonly what: string;
  /** As in `≥ 5`. */
  readonly bar: string;
  readonly value: number;
  readonly isMet: boolean;
}

interface Bar {
  readonly what: string;
  readonly contender: ContenderName;
  readonly job: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** undefined when something of it was not measured. */
  value(ours: Measurement, nbdkit: Measurement | undefined): number | null | undefined;
}

const iopsRatio: Bar["value"] = (ours, nbdkit) => nbdkit && ours.iops / nbdkit.iops;
const latencyRatio: Bar["value"] = (ours, nbdkit) =>
  nbdkit && ours.latencyMeanUs / nbdkit.latencyMeanUs;

function entersBars(job: string): Bar[] {
  const common = { contender: "bench", job, atMost: 0.1 } as const;
  return [
    { ...common, what: `enters/IO of the client, ${job}`, value: (m) => m.clientEntersPerIo },
    { ...common, what: `enters/IO of the server, ${job}`, value: (m) => m.serverEntersPerIo },
  ];
}

function throughput(contender: ContenderName, job: string, atLeast: number): Bar {
  const what = `${contender} / nbdkit, IOPS, ${job}`;
  return { what, contender, job, atLeast, value: iopsRatio };
}

function latency(contender: ContenderName, atMost: number): Bar {
  const what = `${contender} / nbdkit, mean latency, ${LATENCY_JOB}`;
  return { what, contender, job: LATENCY_JOB, atMost, value: latencyRatio };
}

const BARS: readonly Bar[] = [
  throughput("bench", "4k-randread-qd32", 5),
  throughput("bench", "4k-randwrite-qd32", 4),
  throughput("bench", "128k-read-qd16", 1.4),
  latency("bench-blocking", 0.85),
  latency("bench", 0.5),
  throughput("chain", "4k-randread-qd32", 1),
  throughput("chain", "4k-randwrite-qd32", 1),
  throughput("chain", "128k-read-qd16", 1),
  ...entersBars("4k-randread-qd32"),
  ...entersBars("4k-randwrite-qd32"),
];

/** The bars for which everything was measured. */
export function judge(medians: Medians): BarResult[] {
  return BARS.flatMap((bar): BarResult[] => {
    const ours = medians[bar.contender]?.[bar.job];
    const value = ours && bar.value(ours, medians.nbdkit?.[bar.job]);
    if (value === undefined || value === null) return [];
    const isMet = value >= (bar.atLeast ?? -Infinity) && value <= (bar.atMost ?? Infinity);
    const text = bar.atLeast === undefined ? `≤ ${bar.atMost}` : `≥ ${bar.atLeast}`;
    return [{ what: bar.what, bar: text, value, isMet }];
  });
}
