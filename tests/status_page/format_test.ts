/** Numbers, times and names as the status page writes them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  bytes,
  bytesPerSecond,
  count,
  duration,
  latency,
  moment,
  nextTry,
  perSecond,
  plural,
} from "../../src/appliance/status_page/client/format.ts";
import { printable } from "../../src/appliance/status_page/client/printable.ts";
import {
  roundUp,
  roundUpBytes,
  roundUpSeconds,
} from "../../src/appliance/status_page/client/scale.ts";

Deno.test("status page: numbers", () => {
  assert.equal(count(1234567), "1,234,567");
  assert.deepEqual(
    [0, 0.01, 0.5, 9.94, 10.4, 999, 9999, 9999.6, 55_432, 1_999_999].map(perSecond),
    ["0", "<0.1", "0.5", "9.9", "10", "999", "9,999", "10.0 k", "55.4 k", "2.00 M"],
  );
  assert.equal(perSecond(NaN), "–");
  assert.deepEqual(
    [0, 512, 1023, 1023.7, 1536, 2 ** 30, 1.2 * 2 ** 30, 2 ** 44].map(bytes),
    ["0 B", "512 B", "1023 B", "1.00 KiB", "1.50 KiB", "1 GiB", "1.20 GiB", "16 TiB"],
  );
  assert.deepEqual(
    [0, 10.4, 4096, NaN].map(bytesPerSecond),
    ["0 B/s", "10 B/s", "4 KiB/s", "–"],
  );
  assert.deepEqual(
    [0.0000005, 0.0000123, 0.000188, 0.0009999, 0.00169, 0.9, 1.5, 67].map(latency),
    ["0.50 µs", "12.3 µs", "188 µs", "1.00 ms", "1.69 ms", "900 ms", "1.50 s", "67 s"],
  );
  assert.equal(plural(1, "path"), "1 path");
  assert.equal(plural(1200, "entry", "entries"), "1,200 entries");
});

Deno.test("status page: times", () => {
  const day = 86_400_000;
  assert.deepEqual(
    [0, 999, 61_000, 3_600_000, 3_660_000, day + 2 * 3_600_000 + 5000, -5].map(duration),
    ["0 s", "0 s", "1 min 1 s", "1 h", "1 h 1 min", "1 d 2 h", "0 s"],
  );
  assert.deepEqual([null, 0, 8200].map(nextTry), ["none due", "now", "in 8 s"]);
  const time = new Date(2026, 2, 1, 12, 0, 5);
  assert.equal(moment(time.getTime(), time.getTime() + 1000), "12:00:05");
  assert.equal(moment(time.toISOString(), time.getTime() + day), "1 Mar 2026, 12:00:05");
  assert.equal(moment("<b>"), "<b>");
});

Deno.test("status page: axes end at a round number that is not smaller", () => {
  assert.deepEqual([0, NaN, 1, 1.2, 15, 21, 51, 100].map(roundUp), [1, 1, 1, 2, 20, 50, 100, 100]);
  assert.deepEqual([0, 1025, 2 ** 20].map(roundUpBytes), [1024, 2048, 2 ** 20]);
  assert.deepEqual([0, 0.00013].map(roundUpSeconds), [0.00001, 0.0002]);
  fc.assert(fc.property(fc.double({ min: 0, max: 1e15, noNaN: true }), (value) => {
    for (const round of [roundUp, roundUpBytes, roundUpSeconds]) {
      assert.ok(round(value) >= value * (1 - 1e-9));
    }
  }));
});

Deno.test("status page: what cannot be seen is written out, what can be stays", () => {
  assert.equal(
    printable("a\u202eb\u200bc\nd\u0000e\u001b"),
    [
      "a\\u{202e}b\\u{200b}c\\u{a}d\\u{0}e\\u{1b}",
    ][0],
  );
  assert.equal(printable("\ud800"), "\\u{d800}");
  for (const text of ["vm-01", "лог/日本/🦀", "<b>&amp;", "naïve", "عربي"]) {
    assert.equal(printable(text), text);
  }
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.doesNotMatch(printable(text), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
  }));
});
