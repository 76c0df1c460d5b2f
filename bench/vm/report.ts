/** The printed report. */
import { formatTable } from "../table.ts";
import { type ContenderName, CONTENDERS } from "./contender_names.ts";
import { JOBS } from "./jobs.ts";
import { judge, type VmFigures, type VmMedians } from "./results.ts";

const SHOWN_COUNTERS = {
  io_uring_enters: "enter",
  post_send_calls: "post_send",
  post_recv_calls: "post_recv",
  poll_cq_calls: "poll_cq",
  req_notify_calls: "req_notify",
  cq_events: "cq_event",
} as const;

function iopsRow(
  name: ContenderName,
  figures: VmFigures,
  reference: VmFigures | undefined,
  tcpReference: VmFigures | undefined,
): string[] {
  const ratio = (other: VmFigures | undefined) =>
    other === undefined ? "-" : (figures.iops / other.iops).toFixed(3);
  return [
    name,
    figures.iops.toFixed(0),
    figures.latencyMeanUs.toFixed(1),
    figures.latencyP99Us.toFixed(1),
    ratio(reference),
    ratio(tcpReference),
  ];
}

function counterRows(name: ContenderName, figures: VmFigures): string[][] {
  return (["client", "server"] as const).flatMap((side) => {
    const counters = figures[side];
    if (counters === null) return [];
    const cells = Object.keys(SHOWN_COUNTERS).map((key) => (counters[key] ?? 0).toFixed(3));
    return [[`${name}, ${side}`, ...cells]];
  });
}

function formatJob(job: string, medians: VmMedians): string {
  const rows: string[][] = [["", "IOPS", "mean us", "p99 us", "/ kernel-kernel", "/ nvme-tcp"]];
  const counters: string[][] = [["calls an I/O", ...Object.values(SHOWN_COUNTERS)]];
  for (const name of Object.keys(CONTENDERS) as ContenderName[]) {
    const figures = medians[name]?.[job];
    if (figures === undefined) continue;
    const references = [medians["kernel-kernel"]?.[job], medians["nvme-tcp"]?.[job]] as const;
    rows.push(iopsRow(name, figures, ...references));
    counters.push(...counterRows(name, figures));
  }
  if (rows.length === 1) return "";
  const more = counters.length === 1 ? "" : `\n\n${formatTable(counters)}`;
  return `${job}\n${formatTable(rows)}${more}`;
}

function formatBars(medians: VmMedians): string {
  const bars = judge(medians);
  if (bars.length === 0) return "no bar: what it compares was not measured";
  return formatTable([
    ["bar", "job", "needed", "measured", ""],
    ...bars.map(({ what, job, bar, value, isMet }) => [
      what,
      job,
      bar,
      value.toFixed(3),
      isMet ? "met" : "MISSED",
    ]),
  ]);
}

/** Medians by job, then the bars. */
export function formatVmReport(medians: VmMedians): string {
  const legend = (Object.keys(medians) as ContenderName[])
    .map((name) => `  ${name.padEnd(14)} ${CONTENDERS[name]}`);
  const jobs = JOBS.map(({ name }) => formatJob(name, medians)).filter((text) => text !== "");
  return [legend.join("\n"), ...jobs, formatBars(medians)].join("\n\n");
}
