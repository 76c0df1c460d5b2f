/** Latency over time, from the histograms of the metrics. */
import { difference, type Histogram, quantile, sum } from "./histogram.ts";
import { type ChartData, History } from "./history.ts";
import { type Labels, readHistograms } from "./metrics_text.ts";
import { keyOf } from "./record_status.ts";

/** Columns of the history. */
const P50 = 0;
const P99 = 1;

/** Between the key of a thing and an operation, which has none in it. */
const SEPARATOR = "\0";

/** Families of the metrics, and whose latencies they are. */
const FAMILIES: Readonly<Record<string, (device: string) => string>> = {
  rnbd_client_device_request_duration_seconds: keyOf.mapping,
  rnbd_server_device_request_duration_seconds: keyOf.export,
};

/** Where a histogram belongs: a thing and an operation; undefined: it is not shown. */
function bookKey(family: string, { device, operation }: Labels): string | undefined {
  const keyOfThing = FAMILIES[family];
  if (keyOfThing === undefined || device === undefined || operation === undefined) return undefined;
  return keyOfThing(device) + SEPARATOR + operation;
}

/** Percentiles, in seconds; NaN when nothing was done. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

const NOTHING: Percentiles = { p50: NaN, p99: NaN };
const percentilesOf = (histogram: Histogram | undefined): Percentiles =>
  histogram === undefined
    ? NOTHING
    : { p50: quantile(histogram, 0.5), p99: quantile(histogram, 0.99) };

/** See the head of this file. */
export class LatencyBook {
  private readonly history = new History();
  private earlier = new Map<string, Histogram>();
  /** Of things and of their operations, between the last two pages of metrics. */
  private between = new Map<string, Histogram>();

  /** Takes one page of metrics. */
  record(metrics: string, atMs: number): void {
    const later = readHistograms(metrics, bookKey);
    this.between = new Map();
    const things = new Set<string>([keyOf.allMappings, keyOf.allExports]);
    for (const [key, histogram] of later) {
      const thing = key.slice(0, key.lastIndexOf(SEPARATOR));
      things.add(thing);
      const earlier = this.earlier.get(key);
      const between = earlier === undefined ? undefined : difference(histogram, earlier);
      if (between === undefined) continue;
      this.add(key, between);
      this.add(thing, between);
      this.add(thing.startsWith("mapping ") ? keyOf.allMappings : keyOf.allExports, between);
    }
    this.earlier = later;
    this.history.begin(atMs, NaN);
    for (const thing of things) {
      const { p50, p99 } = percentilesOf(this.between.get(thing));
      this.history.recordValues(thing, [p50, p99]);
    }
    this.history.end();
  }

  private add(key: string, histogram: Histogram): void {
    const there = this.between.get(key);
    this.between.set(key, there === undefined ? histogram : sum(there, histogram) ?? there);
  }

  /** The two lines of the chart of a thing. */
  chartData(key: string): ChartData {
    const { history } = this;
    return { times: history.readTimes(), values: [history.read(key, P50), history.read(key, P99)] };
  }

  /** The newest percentiles of one operation of a thing. */
  latest(key: string, operation: string): Percentiles {
    return percentilesOf(this.between.get(key + SEPARATOR + operation));
  }
}
