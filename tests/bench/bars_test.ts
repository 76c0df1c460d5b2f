import assert from "node:assert/strict";
import { judge, type Medians } from "../../bench/bars.ts";
import { type Measurement, median, medianMeasurement } from "../../bench/measurement.ts";
import { formatTable } from "../../bench/table.ts";

const measurement = (
  iops: number,
  latencyMeanUs = 1,
  enters: number | null = null,
): Measurement => ({
  iops,
  bytesPerSecond: iops * 4096,
  latencyMeanUs,
  latencyP99Us: null,
  clientEntersPerIo: enters,
  serverEntersPerIo: enters,
  clientCpuUsPerIo: null,
  serverCpuUsPerIo: null,
});

Deno.test("median() takes the middle, and the mean of two middles", () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([10, 1, 2, 4]), 3);
  assert.throws(() => median([]), RangeError);
});

Deno.test("medianMeasurement() takes each figure by itself and gives null where one lacks it", () => {
  const runs = [measurement(1, 30, 0.1), measurement(2, 10, null), measurement(3, 20, 0.3)];
  const middle = medianMeasurement(runs);
  assert.equal(middle.iops, 2);
  assert.equal(middle.latencyMeanUs, 20);
  assert.equal(middle.clientEntersPerIo, null);
});

Deno.test("judge() tells met from missed, for ratios in both directions", () => {
  const at = (iops: number, latencyUs: number, enters: number) => ({
    "4k-randread-qd32": measurement(iops, 1, enters),
    "4k-randread-qd1": measurement(1, latencyUs),
  });
  const nbdkit = at(100, 40, 0);
  const verdict = (medians: Medians) => judge(medians).map(({ isMet }) => isMet);
  assert.deepEqual(verdict({ bench: at(500, 20, 0.1), nbdkit }), [true, true, true, true]);
  assert.deepEqual(verdict({ bench: at(499, 20.1, 0.11), nbdkit }), [false, false, false, false]);
  assert.deepEqual(verdict({ "bench-blocking": at(1, 34, 0), nbdkit }), [true]);
  assert.deepEqual(verdict({ "bench-blocking": at(1, 34.1, 0), nbdkit }), [false]);
});

Deno.test("judge() leaves out what was not measured", () => {
  assert.deepEqual(judge({ nbdkit: { "4k-randread-qd32": measurement(1) } }), []);
  assert.deepEqual(judge({ bench: { "4k-randread-qd32": measurement(1) } }), []);
});

Deno.test("formatTable() lines up text to the left and numbers to the right", () => {
  assert.equal(
    formatTable([["", "a"], ["xyz", "1"], ["x", "100"]]),
    "       a\nxyz    1\nx    100",
  );
});
