/** The VM harness notices what it is there to notice, without booting anything. */
import assert from "node:assert/strict";
import { temporaryDirectory } from "../support/temporary.ts";
import { CASES, casesFor, COMBINATIONS, findCase } from "./cases/table.ts";
import { combinationName } from "./guest/peers.ts";
import { findAlarms, findOverload } from "./guest/kernel_log.ts";
import { isClean } from "./guest/heap_stretch.ts";
import { findGrowth, type Resources } from "./guest/resources.ts";
import { PROVISION_VERSION, readReadyMark, withCacheLock } from "./machine/cache.ts";

const HARMLESS = [
  "[   30.2] rnbd_client L323: <ram0@session-1> Unmapping device, option: normal.",
  "[   27.5] rtrs_core: loading out-of-tree module taints kernel.",
  "[   33.1] rtrs_client L445: <s>: IO read request failed: error=-2",
];

for (
  const alarm of [
    "[  12.0] WARNING: CPU: 1 PID: 42 at drivers/infiniband/ulp/rtrs/rtrs-clt.c:497",
    "[  12.0] BUG: unable to handle page fault for address: ffffc90000a5f000",
    "[  12.0] refcount_t: underflow; use-after-free.",
    "[ 242.0] INFO: task kworker/0:1:9 blocked for more than 120 seconds.",
    "[  12.0] rxe0: leaked 3 MRs",
    "[  52.0] watchdog: BUG: soft lockup - CPU#0 stuck for 26s!",
  ]
) {
  Deno.test(`kernel log: alarm for ${alarm}`, () => {
    assert.deepEqual(findAlarms([...HARMLESS, alarm]), [alarm]);
  });
}

Deno.test("kernel log: what is allowed with a reason raises no alarm", () => {
  const line = "[  12.0] WARNING: something known";
  assert.deepEqual(findAlarms([line], [{ pattern: /something known/, reason: "planted" }]), []);
  assert.deepEqual(findAlarms(HARMLESS), []);
});

Deno.test("kernel log: one line of soft-RoCE excuses a first try, and no other does", () => {
  const line = "[  21.9] rtrs_client L364: <s>: Failed IB_WR_REG_MR: WR flushed";
  assert.equal(findOverload([...HARMLESS, line]), line);
  assert.equal(findOverload([...HARMLESS, "[  1.0] rtrs_client: WR flushed"]), undefined);
});

const RESOURCES: Resources = {
  rdma: { qp: 1, mr: 0, cm_id: 2 },
  kernelBytes: 40 << 20,
  processes: [{ fds: 30, residentBytes: 90 << 20 }],
};

Deno.test("resources: one QP, one descriptor, or much memory more is growth", () => {
  assert.deepEqual(findGrowth(RESOURCES, RESOURCES), []);
  const more = { ...RESOURCES, rdma: { ...RESOURCES.rdma, qp: 2 } };
  assert.deepEqual(findGrowth(RESOURCES, more), ["RDMA qp: 1 before, 2 after"]);
  const [process] = RESOURCES.processes;
  const descriptors = { ...RESOURCES, processes: [{ ...process!, fds: 31 }] };
  assert.equal(findGrowth(RESOURCES, descriptors).length, 1);
  assert.equal(findGrowth(RESOURCES, { ...RESOURCES, kernelBytes: 60 << 20 }).length, 1);
});

Deno.test("heap: one object an I/O is noticed, and so is a heap that nobody looked at", () => {
  const ios = 4096;
  assert.ok(isClean({ ios, grownBytes: 976 }));
  assert.ok(!isClean({ ios, grownBytes: 16 * ios }), "one number each");
  assert.ok(!isClean({ ios, grownBytes: 0 }), "not looked at");
  assert.ok(!isClean({ ios, grownBytes: -(2 ** 20) }), "a collection in between");
});

Deno.test("heap: an object planted in each of some thousand turns is noticed", () => {
  const ios = 4096;
  const numbers = new Int32Array(1);
  const kept = { object: {} };
  const measure = (turn: (i: number) => void) => {
    const before = Deno.memoryUsage().heapUsed;
    for (let i = 0; i < ios; i++) turn(i);
    return { ios, grownBytes: Deno.memoryUsage().heapUsed - before };
  };
  const leavesNothing = () =>
    measure((i) => {
      numbers[0]! += i;
    });
  const leavesAnObject = () => measure((i) => kept.object = { i });
  // The first turns leave what V8 notes of them.
  const stretches = Array.from({ length: 10 }, leavesNothing);
  assert.ok(stretches.some(isClean), JSON.stringify(stretches));
  assert.ok(!Array.from({ length: 10 }, leavesAnObject).some(isClean));
});

Deno.test("cases: names are unique, and every combination has some", () => {
  assert.equal(new Set(CASES.map(({ name }) => name)).size, CASES.length);
  assert.equal(new Set(COMBINATIONS.map(combinationName)).size, COMBINATIONS.length);
  for (const combination of COMBINATIONS) {
    const choice = casesFor(combination, false);
    assert.ok(choice.length >= 10);
    assert.ok(casesFor(combination, true).length >= choice.length);
  }
  assert.equal(findCase(CASES[0]!.name), CASES[0]);
  assert.throws(() => findCase("no such case"), /No case is called/);
});

Deno.test("cache: a folder counts as ready only with a mark of this version", async () => {
  await using folder = await temporaryDirectory();
  assert.equal(readReadyMark(folder.path), undefined);
  const mark = { provisionVersion: PROVISION_VERSION, kernelRelease: "6.12.1-test" };
  await Deno.writeTextFile(`${folder.path}/ready`, JSON.stringify(mark));
  assert.deepEqual(readReadyMark(folder.path), mark);
  const older = { ...mark, provisionVersion: PROVISION_VERSION - 1 };
  await Deno.writeTextFile(`${folder.path}/ready`, JSON.stringify(older));
  assert.equal(readReadyMark(folder.path), undefined);
  await Deno.writeTextFile(`${folder.path}/ready`, "half a fi");
  assert.equal(readReadyMark(folder.path), undefined);
});

Deno.test("cache: two that provision do so one after the other", async () => {
  await using folder = await temporaryDirectory();
  const before = Deno.env.get("RNBD_TEST_VM_DIR");
  Deno.env.set("RNBD_TEST_VM_DIR", folder.path);
  try {
    let inside = 0;
    let most = 0;
    const work = () =>
      withCacheLock(async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setTimeout(resolve, 50));
        inside--;
      });
    await Promise.all([work(), work(), work()]);
    assert.equal(most, 1);
  } finally {
    if (before === undefined) Deno.env.delete("RNBD_TEST_VM_DIR");
    else Deno.env.set("RNBD_TEST_VM_DIR", before);
  }
});
