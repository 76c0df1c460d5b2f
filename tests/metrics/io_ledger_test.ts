/** The ledger: one disk's counts go on when it comes back, and nothing is lost of those forgotten. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { BLOCK_OP } from "../../src/rnbd/block_queue.ts";
import { UNMEASURED_ROW } from "../../src/rnbd/io_statistics.ts";
import { IO_OPERATIONS } from "../../src/appliance/status.ts";
import { type IoAccount, IoLedger, OTHER_DISKS } from "../../src/appliance/metrics/io_ledger.ts";
import { ArenaAllocator, plainArena } from "../../src/ring/arena.ts";
import { mappingNameProblem } from "../../src/appliance/config/names.ts";
import { count, newLedger } from "./samples.ts";

const { READ, WRITE, DISCARD, SECURE_ERASE } = BLOCK_OP;

Deno.test("reactors are added up; a secure erase is a discard", () => {
  const { memory, ledger } = newLedger(3);
  const account = ledger.open("a");
  count(memory, account, 0, READ, 3, 5);
  count(memory, account, 2, READ, 4, 2);
  count(memory, account, 1, DISCARD, 0);
  count(memory, account, 1, SECURE_ERASE, 0);
  const totals = account.totals();
  assert.deepEqual(totals.read, { ios: 7, bytes: 7 * 4096, errors: 0 });
  assert.equal(totals.discard.ios, 2);
  assert.deepEqual(totals.write, { ios: 0, bytes: 0, errors: 0 });
  const [[name, histograms]] = ledger.histograms() as [ReturnType<typeof ledger.histograms>[0]];
  assert.equal(name, "a");
  assert.deepEqual(histograms.read.buckets.slice(3, 5), [5, 2]);
});

Deno.test("a disk that comes back goes on; two users share it", () => {
  const { memory, ledger } = newLedger();
  const first = ledger.open("a");
  count(memory, first, 0, WRITE, 2);
  ledger.release(first);
  const again = ledger.open("a");
  assert.equal(again, first);
  assert.equal(ledger.open("a"), first);
  count(memory, again, 1, WRITE, 2);
  ledger.release(again);
  ledger.release(again);
  assert.equal(ledger.totals("a")!.write.ios, 2);
  assert.throws(() => ledger.release(again), /not in use/);
  assert.equal(ledger.totals("b"), undefined);
});

Deno.test("those that left first are added up as others, and their memory is free again", () => {
  const { memory, ledger } = newLedger(1, 2);
  const accounts = ["a", "b", "c", "d"].map((name) => ledger.open(name));
  accounts.forEach((account, i) => count(memory, account, 0, READ, 1, 10 ** i));
  const used = memory.usedBytes;
  for (const account of accounts.slice(0, 3)) ledger.release(account);
  assert.deepEqual(ledger.histograms().map(([name]) => name), ["b", "c", "d", OTHER_DISKS]);
  assert.equal(memory.usedBytes, used * 3 / 4);
  ledger.release(accounts[3]!);
  const others = ledger.histograms().find(([name]) => name === OTHER_DISKS)!;
  assert.equal(others[1].read.ios, 11);
});

Deno.test("no mapping can be called as the others are", () => {
  assert.notEqual(mappingNameProblem(OTHER_DISKS, "/run"), null);
});

Deno.test("in a full arena a disk is used without being counted, until there is room", () => {
  const memory = new ArenaAllocator(plainArena(16_384));
  const ledger = new IoLedger(memory, 2);
  const rest = memory.allocate(3 * 4096, "everything");
  const account = ledger.open("disk0");
  assert.deepEqual(account.rows, [UNMEASURED_ROW, UNMEASURED_ROW]);
  memory.arena.f64.fill(7, 0, 512);
  assert.deepEqual(account.totals().read, { ios: 0, bytes: 0, errors: 0 });
  ledger.release(account);
  memory.release(rest);
  const counted = ledger.open("disk0");
  count(memory, counted, 1, WRITE, 3);
  assert.equal(ledger.totals("disk0")!.write.ios, 1);
});

Deno.test("whatever comes and goes, the sum of all counts is what was counted", () => {
  const step = fc.record({
    name: fc.constantFrom("a", "b", "c", "d", "e"),
    action: fc.constantFrom("open", "release", "count"),
    operation: fc.constantFrom(...Object.values(BLOCK_OP)),
    bucket: fc.nat(27),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
    const { memory, ledger } = newLedger(2, 2);
    const open: IoAccount[] = [];
    let counted = 0, idle = 0;
    for (const { name, action, operation, bucket } of steps) {
      const at = open.findIndex((account) => account.name === name);
      if (action === "open") open.push(ledger.open(name));
      else if (at < 0) continue;
      else if (action === "release") ledger.release(open.splice(at, 1)[0]!);
      else {
        count(memory, open[at]!, bucket % 2, operation, bucket);
        counted++;
      }
      const histograms = ledger.histograms();
      const ios = histograms.flatMap(([, io]) => IO_OPERATIONS.map((each) => io[each].ios));
      assert.equal(ios.reduce((sum, n) => sum + n, 0), counted);
      const used = new Set(open.map((account) => account.name));
      idle = histograms.filter(([name]) => name !== OTHER_DISKS && !used.has(name)).length;
      assert.ok(idle <= 2, `${idle} idle disks`);
    }
  }));
});
