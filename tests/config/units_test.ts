import assert from "node:assert/strict";
import fc from "fast-check";
import { editDistance, nearestWord } from "../../src/appliance/config/did_you_mean.ts";
import { normalDevicePath } from "../../src/appliance/config/names.ts";
import {
  exactSize,
  parseDurationMs,
  parseSize,
  roundedSize,
} from "../../src/appliance/config/units.ts";

Deno.test("parseSize() reads bytes and binary units, and nothing else", () => {
  const good: Record<string, number> = {
    "0": 0,
    "4096": 4096,
    "124KiB": 126_976,
    "4k": 4096,
    "1.5 GiB": 1.5 * 2 ** 30,
    "2tib": 2 ** 41,
    "7B": 7,
  };
  for (const [text, bytes] of Object.entries(good)) assert.equal(parseSize(text), bytes, text);
  const bad = ["", "k", "-1", "4KB", "4MB", "1e3", "0x10", "1.0001k", " 4k", "4k ", "9000000TiB"];
  for (const text of bad) assert.equal(parseSize(text), undefined, text);
});

Deno.test("exactSize() is read back by parseSize()", () => {
  fc.assert(fc.property(fc.nat({ max: 2 ** 50 }), (bytes) => {
    assert.equal(parseSize(exactSize(bytes)), bytes);
  }));
  assert.equal(exactSize(126_976), "124 KiB");
});

Deno.test("roundedSize() has few digits", () => {
  assert.equal(roundedSize(0), "0 B");
  assert.equal(roundedSize(1536), "1.5 KiB");
  assert.equal(roundedSize(64 * 2 ** 20), "64 MiB");
  assert.equal(roundedSize(1.26 * 2 ** 30), "1.3 GiB");
  assert.equal(roundedSize(123.4 * 2 ** 20), "123 MiB");
});

Deno.test("parseDurationMs() takes seconds unless a unit is given", () => {
  assert.equal(parseDurationMs("10"), 10_000);
  assert.equal(parseDurationMs("0.5"), 500);
  assert.equal(parseDurationMs("250ms"), 250);
  assert.equal(parseDurationMs("2m"), 120_000);
  for (const text of ["", "s", "1d", "-1", "0.0001ms"]) {
    assert.equal(parseDurationMs(text), undefined, text);
  }
});

Deno.test("editDistance() agrees with its definition on short words", () => {
  const word = fc.stringMatching(/^[abc]{0,5}$/);
  fc.assert(fc.property(word, word, (left, right) => {
    const distance = editDistance(left, right, 9);
    assert.equal(distance, editDistance(right, left, 9));
    assert.equal(distance === 0, left === right);
    assert.ok(distance <= Math.max(left.length, right.length));
    assert.ok(distance >= Math.abs(left.length - right.length));
  }));
  assert.equal(editDistance("sokcet", "socket", 9), 1, "neighbours swapped");
  assert.equal(editDistance("kitten", "sitting", 9), 3);
});

Deno.test("nearestWord() finds what is meant and does not guess wildly", () => {
  const known = ["queue_depth", "port", "crc"];
  assert.equal(nearestWord("queue-depth", known), "queue_depth");
  assert.equal(nearestWord("prot", known), "port");
  assert.equal(nearestWord("metrics", known), undefined);
});

Deno.test("normalDevicePath() joins all spellings of one path", () => {
  for (const path of ["a/b", "/a/b", "//a///b", "a/./b/", "./a/b"]) {
    assert.equal(normalDevicePath(path), "a/b", path);
  }
});
