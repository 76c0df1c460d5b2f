/** A million I/Os leave the JS heap and the resident memory of both sides where they were. */
import assert from "node:assert/strict";
import type { BenchResult } from "../../src/appliance/appliance_api.ts";
import { type Appliance, applianceOk } from "../support/appliance.ts";
import { startPair } from "../support/pair.ts";
import { residentBytes, sleep } from "../support/process.ts";

const MIB = 2 ** 20;
const WARM_UP_IOS = 100_000;
const MEASURED_IOS = 1_000_000;
/** V8 moves its young generation around by a few MiB; 16 bytes an I/O would be 16 MiB. */
const HEAP_GROWTH_MAX_BYTES = 8 * MIB;
const RESIDENT_GROWTH_MAX_BYTES = 24 * MIB;

async function runIos(client: Appliance, atLeast: number): Promise<void> {
  for (let ios = 0; ios < atLeast;) {
    const load = ["--rw", "randrw", "--bs", "4k", "--iodepth", "32", "--runtime", "2"];
    const args = ["bench", "ram", ...load, "--destroy-data", "-o", "json"];
    const { stdout } = await applianceOk([...args, "--socket", client.controlSocket]);
    const result = JSON.parse(stdout) as BenchResult;
    assert.equal(result.errors, 0);
    ios += result.ios;
  }
}

async function memoryOf(appliance: Appliance): Promise<{ heap: number; resident: number }> {
  // The first status asks the reactors for their gauges, the second one has them.
  await appliance.status();
  await sleep(200);
  const { reactors } = await appliance.status();
  const heap = reactors.reduce((sum, { counters }) => sum + counters["heap_bytes"]!, 0);
  assert.ok(heap > 0, "the reactors report their heap");
  return { heap, resident: residentBytes(appliance.pid) };
}

Deno.test("a million I/Os do not grow the heap of either side", async () => {
  await using pair = await startPair({
    disks: [{ name: "ram", backend: "memory", sizeBytes: 64 * MIB }],
    reactors: 1,
  });
  await runIos(pair.client, WARM_UP_IOS);
  const before = [await memoryOf(pair.client), await memoryOf(pair.server)];
  await runIos(pair.client, MEASURED_IOS);
  const after = [await memoryOf(pair.client), await memoryOf(pair.server)];
  after.forEach(({ heap, resident }, i) => {
    const side = i === 0 ? "client" : "server";
    const heapGrowth = heap - before[i]!.heap;
    const growth = resident - before[i]!.resident;
    assert.ok(heapGrowth < HEAP_GROWTH_MAX_BYTES, `${side}: heap grew by ${heapGrowth} bytes`);
    assert.ok(growth < RESIDENT_GROWTH_MAX_BYTES, `${side}: memory grew by ${growth} bytes`);
  });
});
