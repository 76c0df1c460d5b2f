/** The printed report. */
import { type BarResult, judge, type Medians } from "./bars.ts";
import { type ContenderName, CONTENDERS } from "./contenders.ts";
import { JOBS } from "./jobs.ts";
import type { Machine } from "./machine.ts";
import type { Measurement } from "./measurement.ts";

/** Lines up columns; the first is text, the others are numbers. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)
    ).join("  ").trimEnd()
  ).join("\n");
}

const GIB = 2 ** 30;
const MIB = 2 ** 20;

const optional = (value: number | null, digits: number): string =>
  value === null ? "-" : value.toFixed(digits);

function row(name: ContenderName, ours: Measurement, nbdkit: Measurement | undefined): string[] {
  return [
    name,
    String(Math.round(ours.iops)),
    (ours.bytesPerSecond / MIB).toFixed(0),
    ours.latencyMeanUs.toFixed(1),
    optional(ours.latencyP99Us, 1),
    optional(ours.clientEntersPerIo, 3),
    optional(ours.serverEntersPerIo, 3),
    optional(ours.clientCpuUsPerIo, 1),
    optional(ours.serverCpuUsPerIo, 1),
    nbdkit === undefined ? "-" : (ours.iops / nbdkit.iops).toFixed(2),
  ];
}

const HEAD = ["", "IOPS", "MiB/s", "mean us", "p99 us", "enters/IO client", "server"].concat(
  ["CPU us/IO client", "server", "IOPS / nbdkit"],
);

function formatJobs(medians: Medians): string {
  const names = Object.keys(CONTENDERS) as ContenderName[];
  return JOBS.flatMap((job) => {
    const rows = names.flatMap((name) => {
      const ours = medians[name]?.[job.name];
      return ours === undefined ? [] : [row(name, ours, medians.nbdkit?.[job.name])];
    });
    return rows.length === 0 ? [] : [`${job.name}\n${formatTable([HEAD, ...rows])}`];
  }).join("\n\n");
}

function formatBars(bars: readonly BarResult[]): string {
  if (bars.length === 0) return "no bar: ours or nbdkit was not measured";
  return formatTable([
    ["bar", "needed", "measured", ""],
    ...bars.map((
      { what, bar, value, isMet },
    ) => [what, bar, value.toFixed(3), isMet ? "met" : "MISSED"]),
  ]);
}

/** Everything: machine, medians by job, bars. */
export function formatReport(machine: Machine, medians: Medians): string {
  const versions = Object.entries(machine.versions).map(([name, text]) => `${name}: ${text}`);
  const load = machine.loadAverage.map((value) => value.toFixed(2)).join(" ");
  const legend = (Object.keys(medians) as ContenderName[])
    .map((name) => `  ${name.padEnd(10)} ${CONTENDERS[name]}`);
  return [
    `${machine.date}, commit ${machine.commit}`,
    `${machine.cores} x ${machine.cpu}, ${(machine.memoryBytes / GIB).toFixed(1)} GiB, ` +
    `Linux ${machine.kernel} ${machine.arch}, load average ${load}`,
    versions.join("; "),
    "",
    ...legend,
    "",
    formatJobs(medians),
    "",
    formatBars(judge(medians)),
  ].join("\n");
}
