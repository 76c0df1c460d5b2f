/** Medians of all rounds, and the bars that they are held against. */
import { median } from "../measurement.ts";
import type { ContenderName } from "./contender_names.ts";
import type { CountersPerIo, RunRecord } from "./records.ts";

/** The figures of one contender in one job: of each, the median over the rounds. */
export type VmFigures = Omit<RunRecord, "kind" | "contender" | "job" | "round">;

/** By contender, then by job. */
export type VmMedians = Partial<Record<ContenderName, Record<string, VmFigures>>>;

/** One bar and how it went. */
export interface VmBar {
  readonly what: string;
  readonly job: string;
  /** As in `≥ 1`. */
  readonly bar: string;
  readonly value: number;
  readonly isMet: boolean;
}

function medianCounters(all: readonly (CountersPerIo | null)[]): CountersPerIo | null {
  const known = all.filter((counters) => counters !== null);
  if (known.length === 0) return null;
  const names = new Set(known.flatMap((counters) => Object.keys(counters)));
  return Object.fromEntries(
    [...names].map((name) => [name, median(known.map((counters) => counters[name] ?? 0))]),
  );
}

function medianFigures(runs: readonly RunRecord[]): VmFigures {
  return {
    iops: median(runs.map(({ iops }) => iops)),
    latencyMeanUs: median(runs.map(({ latencyMeanUs }) => latencyMeanUs)),
    latencyP99Us: median(runs.map(({ latencyP99Us }) => latencyP99Us)),
    client: medianCounters(runs.map(({ client }) => client)),
    server: medianCounters(runs.map(({ server }) => server)),
  };
}

/** The medians. */
export function takeMedians(runs: readonly RunRecord[]): VmMedians {
  const medians: VmMedians = {};
  for (const { contender, job } of runs) {
    const figures = medians[contender] ??= {};
    figures[job] ??= medianFigures(
      runs.filter((run) => run.contender === contender && run.job === job),
    );
  }
  return medians;
}

/** Of ours against theirs. */
const RATIOS: readonly (readonly [ours: ContenderName, theirs: ContenderName])[] = [
  ["kernel-ours", "kernel-kernel"],
  ["ours-kernel", "kernel-kernel"],
  ["ours-ours", "kernel-kernel"],
  ["ours-ours-tcp", "nvme-tcp"],
];
const RATIO_MIN = 1;

const COUNTED = ["io_uring_enters", "post_send_calls", "poll_cq_calls"];
const CALLS_PER_IO_MAX = 0.3;
const COUNTED_JOB = /-qd32$/;

function ratioBars(medians: VmMedians): VmBar[] {
  return RATIOS.flatMap(([ours, theirs]) =>
    Object.entries(medians[ours] ?? {}).flatMap(([job, { iops }]): VmBar[] => {
      const other = medians[theirs]?.[job];
      if (other === undefined) return [];
      const value = iops / other.iops;
      const what = `${ours} / ${theirs}, IOPS`;
      return [{ what, job, bar: `≥ ${RATIO_MIN}`, value, isMet: value >= RATIO_MIN }];
    })
  );
}

function counterBars(medians: VmMedians): VmBar[] {
  return Object.entries(medians).flatMap(([contender, jobs]) =>
    Object.entries(jobs).filter(([job]) => COUNTED_JOB.test(job)).flatMap(([job, figures]) =>
      (["client", "server"] as const).flatMap((side) =>
        COUNTED.flatMap((name): VmBar[] => {
          const value = figures[side]?.[name];
          if (value === undefined) return [];
          const what = `${name} an I/O, ${side} of ${contender}`;
          const bar = `≤ ${CALLS_PER_IO_MAX}`;
          return [{ what, job, bar, value, isMet: value <= CALLS_PER_IO_MAX }];
        })
      )
    )
  );
}

/** The bars for which everything was measured. */
export const judge = (medians: VmMedians): VmBar[] => [
  ...ratioBars(medians),
  ...counterBars(medians),
];
