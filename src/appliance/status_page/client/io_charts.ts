/** The charts of whatever does I/O, and the figures that they are drawn from. */
import type { ChartOptions } from "./chart.ts";
import { bytesPerSecond, count, latency, perSecond } from "./format.ts";
import type { ChartData } from "./history.ts";
import type { Model } from "./model.ts";
import { IO, keyOf } from "./record_status.ts";
import { roundUp, roundUpBytes, roundUpSeconds } from "./scale.ts";

const IOPS: ChartOptions = {
  title: "IOPS",
  lines: ["read", "write"],
  format: perSecond,
  ceiling: roundUp,
};
const THROUGHPUT: ChartOptions = {
  title: "Throughput",
  lines: ["read", "write"],
  format: bytesPerSecond,
  ceiling: roundUpBytes,
};
const LATENCY: ChartOptions = {
  title: "Latency",
  lines: ["p50", "p99"],
  format: latency,
  ceiling: roundUpSeconds,
};
const INFLIGHT: ChartOptions = {
  title: "In flight",
  lines: ["requests"],
  format: (value) => Number.isNaN(value) ? "–" : count(value),
  ceiling: roundUp,
};

/** Charts of one thing. */
export const IO_CHARTS: readonly ChartOptions[] = [IOPS, THROUGHPUT, LATENCY];

/** Charts of the node. */
export const NODE_CHARTS: readonly ChartOptions[] = [...IO_CHARTS, INFLIGHT];

/** Data for {@link IO_CHARTS}. @param key of the history */
export function ioChartData({ history, latency }: Model, key: string): ChartData[] {
  const times = history.readTimes();
  const read = (index: number) => history.read(key, index);
  return [
    { times, values: [read(IO.readIos), read(IO.writeIos)] },
    { times, values: [read(IO.readBytes), read(IO.writeBytes)] },
    latency.chartData(key),
  ];
}

/** Data for {@link NODE_CHARTS}. */
export function nodeChartData(model: Model, side: "mappings" | "exports"): ChartData[] {
  const isClient = side === "mappings";
  const inflight = keyOf.inflight(isClient ? "session" : "client");
  const times = model.history.readTimes();
  return [
    ...ioChartData(model, isClient ? keyOf.allMappings : keyOf.allExports),
    { times, values: [model.history.read(inflight, 0)] },
  ];
}
