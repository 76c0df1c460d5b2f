/** What lanes count: buckets, bytes, errors, and what waits. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { plainArena } from "../../src/ring/arena.ts";
import { BLOCK_OP } from "../../src/rnbd/block_queue.ts";
import {
  IO_ROW,
  LATENCY_BOUNDS_US,
  LATENCY_BUCKETS,
  latencyBucket,
  UNMEASURED_ROW,
} from "../../src/rnbd/io_statistics.ts";
import { RequestTable } from "../../src/rnbd/request_table.ts";

const { READ, WRITE } = BLOCK_OP;
const DISK = { number: 7, statisticsRow: 64 };

function newTable(slots = 8) {
  const arena = plainArena(65_536);
  const us = new Float64Array(1);
  const table = new RequestTable(slots, arena, { us });
  const cell = (operation: number, field: number) =>
    arena.f64[(DISK.statisticsRow + operation) * IO_ROW.FLOATS + field]!;
  return { arena, us, table, cell };
}

Deno.test("a latency lies within its bucket's bounds, those included", () => {
  const nanoseconds = fc.nat({ max: 2 ** 40 });
  fc.assert(fc.property(nanoseconds, (ns) => {
    const us = ns / 1000;
    const bucket = latencyBucket(us);
    const above = LATENCY_BOUNDS_US[bucket] ?? Infinity;
    const below = bucket === 0 ? -1 : LATENCY_BOUNDS_US[bucket - 1]!;
    assert.ok(us <= above && us > below, `${us} µs in bucket ${bucket}`);
  }));
  LATENCY_BOUNDS_US.forEach((bound, i) => assert.equal(latencyBucket(bound), i));
  for (const hours of [1, 2, 24, 1000]) {
    assert.equal(latencyBucket(hours * 3600 * 1e6), LATENCY_BUCKETS - 1);
  }
});

Deno.test("what succeeds counts with its bytes and latency, what fails as an error only", () => {
  const { us, table, cell } = newTable();
  us[0] = 1000;
  table.begin(0, DISK, READ, 4096, 8192);
  table.begin(1, DISK, WRITE, 0, 512);
  table.begin(2, DISK, READ, 0, 4096);
  us[0] = 1100;
  table.end(0, 0, UNMEASURED_ROW);
  table.end(1, 5, UNMEASURED_ROW);
  us[0] = 1200;
  table.end(2, 0, UNMEASURED_ROW);
  assert.equal(cell(READ, IO_ROW.BYTES), 12_288);
  assert.equal(cell(READ, IO_ROW.LATENCY_SUM_US), 300);
  assert.deepEqual([cell(READ, IO_ROW.BUCKETS + 7), cell(READ, IO_ROW.BUCKETS + 8)], [1, 1]);
  assert.deepEqual([cell(READ, IO_ROW.ERRORS), cell(WRITE, IO_ROW.ERRORS)], [0, 1]);
  assert.equal(cell(WRITE, IO_ROW.BYTES), 0);
});

Deno.test("what a path carries is counted there too, by operation", () => {
  const { arena, us, table, cell } = newTable();
  const PATH_ROW = 128;
  table.begin(0, DISK, WRITE, 0, 512);
  table.begin(1, DISK, WRITE, 0, 512);
  table.begin(2, DISK, WRITE, 0, 512);
  us[0] = 3;
  table.end(0, 0, PATH_ROW);
  table.end(1, 5, PATH_ROW);
  table.end(2, 0, UNMEASURED_ROW);
  const at = (PATH_ROW + WRITE) * IO_ROW.FLOATS;
  assert.deepEqual([...arena.f64.subarray(at, at + 8)], [512, 1, 3, 0, 0, 0, 1, 0]);
  assert.equal(cell(WRITE, IO_ROW.BUCKETS + 2), 2);
});

Deno.test("bytes beyond 2^32 are counted exactly", () => {
  const { table, cell } = newTable();
  for (let i = 0; i < 10; i++) {
    table.begin(0, DISK, BLOCK_OP.DISCARD, 0, 2 ** 32 - 512);
    table.end(0, 0, UNMEASURED_ROW);
  }
  assert.equal(cell(BLOCK_OP.DISCARD, IO_ROW.BYTES), 10 * (2 ** 32 - 512));
});

Deno.test("the oldest requests come first, no more than asked for, and none that has ended", () => {
  const { us, table } = newTable();
  [50, 20, 40, 10, 30].forEach((startedUs, slot) => {
    us[0] = startedUs;
    table.begin(slot, DISK, slot % 2, slot * 4096, 512 * (slot + 1));
  });
  us[0] = 60;
  table.end(3, 0, UNMEASURED_ROW);
  const waiting = table.oldest(3);
  assert.deepEqual(waiting.map(({ slot, ageUs }) => [slot, ageUs]), [[1, 40], [4, 30], [2, 20]]);
  assert.deepEqual(waiting[0], {
    slot: 1,
    disk: 7,
    operation: WRITE,
    offsetBytes: 4096,
    lengthBytes: 1024,
    ageUs: 40,
  });
  assert.equal(table.oldest(100).length, 4);
});

Deno.test("what begins at time 0 waits, too", () => {
  const { table } = newTable();
  table.begin(5, DISK, READ, 0, 512);
  assert.deepEqual(table.oldest(9).map(({ slot }) => slot), [5]);
});
