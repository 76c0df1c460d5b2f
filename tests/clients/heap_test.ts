/** Millions of I/Os allocate nothing on the threads that carry them, and memory stays where it was. */
import assert from "node:assert/strict";
import type { BenchResult } from "../../src/appliance/appliance_api.ts";
import { type Appliance, applianceOk } from "../support/appliance.ts";
import { type GarbageTrace, readGarbageTrace } from "../support/garbage_trace.ts";
import { startPair } from "../support/pair.ts";
import { residentBytes } from "../support/process.ts";

const MIB = 2 ** 20;
const WARM_UP_IOS = 400_000;
const MEASURED_IOS = 3_000_000;
/**
 * A number that V8 puts on the heap has 16 bytes: 24 MiB when half of the I/Os need one. What a
 * thread's start and code that is not compiled yet take is not counted: on a busy machine the
 * compiler is late. What is left are requests of the control API and results of loads.
 */
const ALLOCATED_MAX_BYTES = 12 * MIB;
const RESIDENT_GROWTH_MAX_BYTES = 24 * MIB;

/** Starts a pair whose collections of garbage are told; it writes them at its end. */
async function startTracedPair() {
  Deno.env.set("DENO_V8_FLAGS", "--trace-gc");
  try {
    return await startPair({
      disks: [{ name: "ram", backend: "memory", sizeBytes: 64 * MIB }],
      reactors: 1,
    });
  } finally {
    Deno.env.delete("DENO_V8_FLAGS");
  }
}

async function runIos(client: Appliance, atLeast: number): Promise<number> {
  let ios = 0;
  while (ios < atLeast) {
    const load = ["--rw", "randrw", "--bs", "4k", "--iodepth", "32", "--runtime", "3"];
    const args = ["bench", "ram", ...load, "--destroy-data", "-o", "json"];
    const { stdout } = await applianceOk([...args, "--socket", client.controlSocket]);
    const result = JSON.parse(stdout) as BenchResult;
    assert.equal(result.errors, 0);
    ios += result.ios;
  }
  return ios;
}

const mib = (bytes: number) => (bytes / MIB).toFixed(1);

function assertLittleGarbage(side: string, trace: GarbageTrace, ios: number): void {
  // The thread of main has the control plane; the one with the most garbage is the reactor or it.
  assert.ok(trace.threads.length >= 2, `${side}: collections of two threads`);
  for (const { allocatedBytes } of trace.threads) {
    const told = `${side}: ${mib(allocatedBytes)} MiB for ${ios} I/Os`;
    assert.ok(allocatedBytes < ALLOCATED_MAX_BYTES, told);
  }
}

Deno.test("millions of I/Os allocate nothing and do not grow memory, on either side", async () => {
  const startedAt = performance.now();
  await using pair = await startTracedPair();
  const sides = [["client", pair.client], ["server", pair.server]] as const;
  await runIos(pair.client, WARM_UP_IOS);
  // Every thread is younger, so that by its own time this is a bit later.
  const warmAfterMs = performance.now() - startedAt;
  const before = sides.map(([, { pid }]) => residentBytes(pid));
  const ios = await runIos(pair.client, MEASURED_IOS);
  sides.forEach(([side, { pid }], i) => {
    const growth = residentBytes(pid) - before[i]!;
    assert.ok(growth < RESIDENT_GROWTH_MAX_BYTES, `${side}: memory grew by ${mib(growth)} MiB`);
  });
  for (const [side, appliance] of sides) {
    await appliance.stop();
    assertLittleGarbage(side, readGarbageTrace(appliance.stdout, warmAfterMs), ios);
  }
});

Deno.test("a thread that allocates 16 bytes an I/O is noticed", async () => {
  const code = `
    const kept = new Float64Array(1);
    const box = { value: 0.5 };
    for (let i = 0; i < ${MEASURED_IOS}; i++) box.value = { value: i + 0.5 }.value + kept[0];
    let boxes = [];
    for (let i = 0; i < ${MEASURED_IOS}; i++) { boxes.push(i + 0.5 + Number(box.value > i)); boxes = boxes.length > 9 ? [] : boxes; }
    console.log(boxes.length);`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", code],
    env: { DENO_V8_FLAGS: "--trace-gc" },
    stdout: "piped",
    stderr: "null",
  }).output();
  const output = new TextDecoder().decode(stdout);
  const [thread] = readGarbageTrace(output).threads;
  assert.ok(thread!.allocatedBytes > ALLOCATED_MAX_BYTES, mib(thread!.allocatedBytes));
  const [before] = readGarbageTrace(output, Infinity).threads;
  assert.equal(before!.allocatedBytes, 0, "what came before does not count");
});
