/** The requests in flight: which, for whom, on what path, and since when. */
import assert from "node:assert/strict";
import type { InflightRequest, RunningAppliance } from "../../src/appliance/appliance_api.ts";
import { collectInflight } from "../../src/appliance/metrics/inflight.ts";
import type { LaneRequest } from "../../src/rnbd/lane_commands.ts";
import { BLOCK_OP } from "../../src/rnbd/block_queue.ts";
import { IoRig } from "../rnbd/harness/io_rig.ts";
import { Nodes } from "./nodes.ts";

const DISK = { name: "ram", backend: "memory", sizeBytes: 2 ** 24 } as const;
const BLOCK_BYTES = 65_536;

const request = (slot: number, ageUs: number): LaneRequest => ({
  side: "client",
  session: 1,
  path: 2,
  slot,
  disk: 3,
  operation: 5,
  offsetBytes: 4096 * slot,
  lengthBytes: 512,
  ageUs,
});

Deno.test("all reactors are asked; names are filled in, the oldest come first", async () => {
  const limits: number[] = [];
  const reactors = [[request(4, 10.4), request(5, 9)], [request(6, 99.6)]].map((answer, index) => ({
    index,
    lanes: {
      inflight: (limit: number, answered: (requests: readonly LaneRequest[]) => void) => {
        limits.push(limit);
        answered(answer);
      },
    },
  }));
  const names = { device: "d", sessname: "s", path: "a,b" };
  const name = ({ slot }: LaneRequest) => slot === 5 ? undefined : names;
  const found = await collectInflight(reactors, 7, name);
  assert.deepEqual(limits, [7, 7]);
  assert.deepEqual(found.map(({ slot, reactor, age_us }) => [slot, reactor, age_us]), [
    [6, 1, 100],
    [4, 0, 10],
  ]);
  const expected: InflightRequest = {
    side: "client",
    ...names,
    reactor: 0,
    slot: 4,
    operation: "write_zeroes",
    offset_bytes: 16_384,
    length_bytes: 512,
    age_us: 10,
  };
  assert.deepEqual(found[1], expected);
});

Deno.test("a server names the chunks that its disks work on, and the path of each", () => {
  const rig = new IoRig();
  const queue = rig.open(3);
  const [first, second] = [rig.connect(), rig.connect()];
  rig.clock.us[0] = 100;
  first.handler.onImmediate(rig.put(BLOCK_OP.READ, { device: 3, chunk: 2, offset: 8192 }));
  rig.clock.us[0] = 150;
  second.handler.onImmediate(rig.put(BLOCK_OP.WRITE, { device: 3, chunk: 1 }));
  rig.clock.us[0] = 400;
  const read = { slot: 2, disk: 3, operation: BLOCK_OP.READ, offsetBytes: 8192, ageUs: 300 };
  const write = { slot: 1, disk: 3, operation: BLOCK_OP.WRITE, offsetBytes: 0, ageUs: 250 };
  assert.deepEqual(rig.lane.oldestRequests(9), [
    { ...read, lengthBytes: 4096, path: 1 },
    { ...write, lengthBytes: 4096, path: 2 },
  ]);
  assert.deepEqual(rig.lane.oldestRequests(1).map(({ slot }) => slot), [2]);
  queue.end(2);
  assert.deepEqual(rig.lane.oldestRequests(9).map(({ slot }) => slot), [1]);
});

/** Asks until some are in flight at that moment. */
async function someInflight(node: RunningAppliance, limit: number): Promise<InflightRequest[]> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const found = await node.inflight(limit);
    if (found.length > 0) return [...found];
  }
  return [];
}

Deno.test("under load a client names its requests, and no more than were asked for", async () => {
  await using nodes = await Nodes.start({ disks: [DISK], reactors: 1 });
  assert.deepEqual(await nodes.client.inflight(10), []);
  const running = nodes.client.bench({
    name: DISK.name,
    rw: "write",
    block_bytes: BLOCK_BYTES,
    iodepth: 16,
    runtime_ms: 1500,
    jobs: 1,
    destroy_data: true,
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const found = await someInflight(nodes.client, 5);
  await running;
  assert.ok(found.length > 0 && found.length <= 5, `${found.length} requests`);
  for (const one of found) {
    assert.deepEqual([one.side, one.device, one.sessname], ["client", "ram", "pair"]);
    assert.match(one.path, /^tcp:127\.0\.0\.1,tcp:127\.0\.0\.1$/);
    assert.deepEqual([one.operation, one.length_bytes, one.reactor], ["write", BLOCK_BYTES, 0]);
    assert.equal(one.offset_bytes % BLOCK_BYTES, 0);
    assert.ok(one.age_us >= 0 && one.age_us < 1.5e6, `${one.age_us} µs`);
  }
  const ages = found.map(({ age_us }) => age_us);
  assert.deepEqual(ages, [...ages].sort((a, b) => b - a));
  assert.equal(new Set(found.map(({ slot }) => slot)).size, found.length);
  assert.deepEqual(await nodes.client.inflight(10), [], "nothing is left when the load has ended");
});
