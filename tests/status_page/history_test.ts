/** Rates and latencies over time. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Status } from "../../src/appliance/appliance_api.ts";
import {
  difference,
  type Histogram,
  quantile,
  sum,
} from "../../src/appliance/status_page/client/histogram.ts";
import { History, SAMPLES_MAX } from "../../src/appliance/status_page/client/history.ts";
import { LatencyBook } from "../../src/appliance/status_page/client/latency_book.ts";
import { readHistograms } from "../../src/appliance/status_page/client/metrics_text.ts";
import { IO, keyOf, recordStatus } from "../../src/appliance/status_page/client/record_status.ts";
import { bigStatus, ioAfter } from "./big_status.ts";
import { bucketsAt, metricsOf } from "./made_metrics.ts";

Deno.test("history: totals become rates by the clock of the appliance", () => {
  const history = new History();
  const totals = [100, 300, 300, 50, 60];
  const elapsed = [NaN, 2000, 1000, 1000, 500];
  totals.forEach((total, index) => {
    history.begin(index, elapsed[index]!);
    history.recordTotals("a", [total]);
    history.end();
  });
  // The first has nothing before it; the fourth went down: what it counts was made anew.
  assert.deepEqual(history.read("a", 0), [NaN, 100, 0, NaN, 20]);
  assert.deepEqual(history.readTimes(), [0, 1, 2, 3, 4]);
  assert.equal(history.latest("a", 0), 20);
  assert.equal(history.sum("a", 0), 120);
  assert.ok(Number.isNaN(history.latest("b", 0)));
});

Deno.test("history: what is gone is forgotten, and begins without a rate when it is back", () => {
  const history = new History();
  for (const isThere of [true, true, false, true]) {
    history.begin(0, 1000);
    if (isThere) history.recordTotals("a", [5]);
    history.end();
  }
  assert.deepEqual(history.read("a", 0), [NaN, NaN, NaN, NaN]);
});

Deno.test("history: keeps the newest samples, however many there were", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 3 * SAMPLES_MAX }), (samples) => {
    const history = new History();
    for (let i = 0; i < samples; i++) {
      history.begin(i, 1000);
      history.recordValues("a", [i, -i]);
      history.end();
    }
    const length = Math.min(samples, SAMPLES_MAX);
    const expected = Array.from({ length }, (_, i) => samples - length + i);
    assert.deepEqual(history.readTimes(), expected);
    assert.deepEqual(history.read("a", 0), expected);
    assert.deepEqual(history.read("a", 1).map((value) => 0 - value), expected);
  }));
});

Deno.test("history: a status is recorded thing by thing and together", () => {
  const base = bigStatus({ mappings: 3, sessions: 2, exports: 2 });
  const at = (n: number): Status => ({
    ...base,
    mappings: base.mappings.map((mapping, index) => ({ ...mapping, io: ioAfter(n, index) })),
  });
  const history = new History();
  recordStatus(history, at(0), 0, NaN);
  recordStatus(history, at(100), 1000, 2000);
  // Mapping i reads 3 i and writes i a step, 100 steps in two seconds.
  assert.equal(history.latest(keyOf.mapping("vm-0002"), IO.readIos), 150);
  assert.equal(history.latest(keyOf.mapping("vm-0003"), IO.writeIos), 100);
  assert.equal(history.latest(keyOf.allMappings, IO.readIos), 450);
  assert.equal(history.latest(keyOf.allMappings, IO.readBytes), 450 * 4096);
  assert.equal(history.latest(keyOf.allExports, IO.readIos), 0);
});

const BOUNDS = [0.001, 0.01, 0.1, Infinity];

Deno.test("histogram: quantiles lie within their bucket, as Prometheus has them", () => {
  const histogram: Histogram = { bounds: BOUNDS, counts: [0, 100, 200, 200] };
  for (const [share, expected] of [[0.25, 0.0055], [0.5, 0.01], [0.75, 0.055]] as const) {
    assert.ok(Math.abs(quantile(histogram, share) - expected) < 1e-12);
  }
  // Beyond the last bound nothing is known but that.
  assert.equal(quantile({ bounds: BOUNDS, counts: [0, 0, 0, 5] }, 0.5), 0.1);
  assert.ok(Number.isNaN(quantile({ bounds: BOUNDS, counts: [0, 0, 0, 0] }, 0.5)));
  assert.ok(Number.isNaN(quantile({ bounds: [], counts: [] }, 0.5)));
});

Deno.test("histogram: what came in between, unless it began anew", () => {
  const earlier: Histogram = { bounds: BOUNDS, counts: [1, 2, 3, 4] };
  const later: Histogram = { bounds: BOUNDS, counts: [1, 4, 6, 9] };
  assert.deepEqual(difference(later, earlier)?.counts, [0, 2, 3, 5]);
  assert.equal(difference(earlier, later), undefined);
  assert.equal(difference(later, { bounds: [1], counts: [0] }), undefined);
  assert.deepEqual(sum(earlier, later)?.counts, [2, 6, 9, 13]);
  assert.equal(sum(later, { bounds: [1], counts: [0] }), undefined);
});

Deno.test("latency: names with quotes, backslashes and line ends come back as they were", () => {
  const names = ['a"b', "back\\slash", "line\nend", "brace}x", 'a,b="c"', "\\n", "plain"];
  const metrics = metricsOf(Object.fromEntries(names.map((name) => [name, bucketsAt(3, 1)])));
  const found = readHistograms(metrics, (_family, { device }) => device);
  assert.deepEqual([...found.keys()].sort(), [...names].sort());
});

Deno.test("latency: percentiles of what came between two pages of metrics", () => {
  const book = new LatencyBook();
  book.record(metricsOf({ a: bucketsAt(5, 1000), b: bucketsAt(5, 10) }), 1000);
  book.record(metricsOf({ a: bucketsAt(5, 1000), b: bucketsAt(5, 10) }), 2000);
  const busy = bucketsAt(5, 1000).map((value, index) => index === 10 ? 100 : value);
  book.record(metricsOf({ a: busy, b: bucketsAt(5, 10) }), 3000);
  const { times, values: [p50, p99] } = book.chartData(keyOf.mapping("a"));
  assert.deepEqual(times, [1000, 2000, 3000]);
  assert.deepEqual(p50!.slice(0, 2), [NaN, NaN]);
  // Only the last hundred count: between 512 and 1024 microseconds.
  assert.ok(Math.abs(p50![2]! - 0.000768) < 1e-6);
  assert.ok(p99![2]! > 0.001 && p99![2]! < 0.001024);
  assert.ok(Number.isNaN(book.chartData(keyOf.mapping("b")).values[0]!.at(-1)!));
  assert.deepEqual(book.chartData(keyOf.allMappings).values[0]!.at(-1), p50![2]);
  assert.ok(Math.abs(book.latest(keyOf.mapping("a"), "read").p50 - 0.000768) < 1e-9);
  assert.ok(Number.isNaN(book.latest(keyOf.mapping("a"), "write").p50));
});
