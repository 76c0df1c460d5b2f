/** The client's lane with several paths: which one a request takes, and what follows a loss. */
import assert from "node:assert/strict";
import type { FabricFailure } from "../../src/fabric/fabric.ts";
import { plainArena } from "../../src/ring/arena.ts";
import { ClientConnection, type ClientPathMemory } from "../../src/rtrs/client/connection.ts";
import { ClientLane, type ClientLaneUser } from "../../src/rtrs/client/lane.ts";
import type { MpathPolicy } from "../../src/rtrs/client/policy.ts";
import { PATH_COUNTER_BYTES, PATH_WORD, PathCounters } from "../../src/rtrs/path_counters.ts";
import { FakeConnection } from "./harness/fake_fabric.ts";

const ECONNABORTED = 103;
const PERMITS = 8;
const CHUNK_BYTES = 8192;
const SETUP = {
  session: 1,
  queueDepth: PERMITS,
  chunkBytes: CHUNK_BYTES,
  firstPermit: 0,
  permits: PERMITS,
  headersAt: 4096,
  buffersAt: 8192,
  bufferBytes: 4096,
  countersAt: 1024,
};

/** A path's own name for the lane's memory and for the chunks. */
function pathMemory(path: number): ClientPathMemory {
  const memory = {
    at: SETUP.buffersAt,
    length: PERMITS * SETUP.bufferBytes,
    access: "remote" as const,
    lkey: 0,
    rkey: 0x100 + path,
    address: { high: path, low: 0 },
  };
  const length = PERMITS * CHUNK_BYTES;
  const region = { high: 0x7f00 + path, low: 0, rkey: 0x200 + path, length };
  return { regions: [region], memory: [memory], newRkeys: false };
}

class Rig implements ClientLaneUser {
  readonly arena = plainArena(65_536);
  readonly lane: ClientLane;
  readonly responses: [permit: number, errno: number][] = [];
  private nextPath = 1;

  constructor(policy: MpathPolicy = "min-inflight") {
    this.lane = new ClientLane(this.arena, { ...SETUP, policy }, this);
    this.lane.setUp(true);
  }

  /** An open connection of a path of its own, whose handle and slot follow each other. */
  connect() {
    const path = this.nextPath++;
    const connection = new ClientConnection(this.lane, path, path, 1);
    const fabric = new FakeConnection(connection);
    connection.bind(fabric);
    const memory = pathMemory(path);
    for (const range of memory.memory) connection.expose(range);
    this.lane.attach(connection);
    connection.open(memory);
    return { path, connection, fabric };
  }

  /** A request that is sent at once: the permit. */
  read(lengthBytes = 512): number {
    const permit = this.lane.acquire();
    assert.ok(this.lane.read(permit, 32, this.lane.bufferOf(permit), lengthBytes));
    return permit;
  }

  write(lengthBytes = 512): number {
    const permit = this.lane.acquire();
    assert.ok(this.lane.write(permit, 32, this.lane.bufferOf(permit), lengthBytes));
    return permit;
  }

  counters(path: number): PathCounters {
    return new PathCounters(this.arena, () => [SETUP.countersAt + path * PATH_COUNTER_BYTES]);
  }

  setLatency(path: number, us: number): void {
    const line = (SETUP.countersAt + path * PATH_COUNTER_BYTES) / 4;
    this.arena.u32[line + PATH_WORD.LATENCY_US] = us;
  }

  onResponse(permit: number, errno: number): void {
    this.responses.push([permit, errno]);
    this.lane.release(permit);
  }

  onHeartbeat(): void {}
  onMessage(): void {}
  onConnectionBroken(_connection: ClientConnection, _failure: FabricFailure): void {}
  onConnectionClosed(): void {}
}

const answer = (permit: number) => 0x1000_0000 + permit;
const posts = (...paths: { fabric: FakeConnection }[]) =>
  paths.map(({ fabric }) => fabric.posts.length);

Deno.test("round-robin: one after the other, and those that are closed are left out", () => {
  const rig = new Rig("round-robin");
  const paths = [rig.connect(), rig.connect(), rig.connect()];
  for (let i = 0; i < 4; i++) rig.read();
  assert.deepEqual(posts(...paths), [2, 1, 1]);
  paths[1]!.fabric.break();
  for (let i = 0; i < 4; i++) rig.read();
  assert.deepEqual(posts(...paths), [4, 1, 3]);
});

Deno.test("min-inflight: where the fewest requests wait for an answer", () => {
  const rig = new Rig("min-inflight");
  const [first, second] = [rig.connect(), rig.connect()];
  const permits = [rig.read(), rig.read(), rig.read(), rig.read()];
  assert.deepEqual(posts(first, second), [2, 2]);
  second.fabric.handler.onImmediate(answer(permits[1]!));
  second.fabric.handler.onImmediate(answer(permits[3]!));
  rig.read();
  rig.read();
  assert.deepEqual(posts(first, second), [2, 4]);
  assert.deepEqual([rig.counters(1).inflight, rig.counters(2).inflight], [2, 2]);
});

Deno.test("min-latency: the path with the shortest round trip, as it is now", () => {
  const rig = new Rig("min-latency");
  const [first, second] = [rig.connect(), rig.connect()];
  rig.setLatency(first.path, 900);
  rig.setLatency(second.path, 300);
  rig.read();
  rig.setLatency(second.path, 4_000_000_000);
  rig.read();
  rig.read();
  assert.deepEqual(posts(first, second), [2, 1]);
});

Deno.test("the policy changes between two requests", () => {
  const rig = new Rig("min-latency");
  const [first, second] = [rig.connect(), rig.connect()];
  rig.setLatency(second.path, 300);
  rig.read();
  rig.read();
  assert.deepEqual(posts(first, second), [2, 0]);
  rig.lane.policy = "min-inflight";
  rig.read();
  assert.deepEqual(posts(first, second), [2, 1]);
});

Deno.test("payload is counted for the path that carried it, once it succeeded", () => {
  const rig = new Rig("round-robin");
  const [first, second] = [rig.connect(), rig.connect()];
  const [read, write, failed] = [rig.read(1024), rig.write(2048), rig.read(512)];
  first.fabric.handler.onImmediate(answer(read));
  second.fabric.handler.onImmediate(answer(write));
  first.fabric.handler.onImmediate(answer(failed) + 5 * 2 ** 19);
  assert.deepEqual([rig.counters(1).rxBytes, rig.counters(1).txBytes], [1024, 0]);
  assert.deepEqual([rig.counters(2).rxBytes, rig.counters(2).txBytes], [0, 2048]);
});

Deno.test("fail-over: nothing is sent again before the lost path has ended at the server", () => {
  const rig = new Rig();
  const [first, second] = [rig.connect(), rig.connect()];
  const [read, write] = [rig.read(1024), (rig.read(), rig.write(2048))];
  first.fabric.break();
  assert.deepEqual(rig.responses, []);
  first.fabric.finishClose();
  assert.deepEqual(posts(second), [1], "they wait");
  assert.equal(rig.lane.pathOf(read), 0);
  rig.lane.onPathEnded(77);
  assert.deepEqual(posts(second), [1], "that was another path");
  rig.lane.onPathEnded(first.path);
  const [, again, written] = second.fabric.posts;
  const id = (immediate: number) => immediate >>> 25;
  assert.deepEqual([id(again!.immediate), id(written!.immediate)], [read, write], "same ids");
  assert.deepEqual([again!.rkey, written!.rkey], [0x202, 0x202], "keys of the other path");
  const key = rig.arena.view.getUint32(again!.first + 32 + 16, true);
  assert.equal(key, 0x102, "and its name for our memory");
  second.fabric.handler.onImmediate(answer(read));
  second.fabric.handler.onImmediate(answer(write));
  assert.deepEqual(rig.responses, [[read, 0], [write, 0]]);
  assert.equal(rig.counters(2).txBytes, 2048);
});

Deno.test("without another path they fail, and new requests are refused", () => {
  const rig = new Rig();
  const only = rig.connect();
  const permit = rig.read();
  only.fabric.break();
  const late = rig.read();
  only.fabric.finishClose();
  assert.deepEqual(rig.responses, [], "main may know of another path");
  rig.lane.setUp(false);
  assert.deepEqual(rig.responses, [[permit, ECONNABORTED], [late, ECONNABORTED]]);
  const refused = rig.lane.acquire();
  assert.equal(rig.lane.read(refused, 32, 0, 0), false);
});

Deno.test("a request that finds no path while the session has one goes out on the next that opens", () => {
  const rig = new Rig();
  rig.connect().fabric.break();
  const permit = rig.write();
  const next = rig.connect();
  assert.deepEqual(posts(next), [1]);
  next.fabric.handler.onImmediate(answer(permit));
  assert.deepEqual(rig.responses, [[permit, 0]]);
});

Deno.test("an answer that comes late on the lost path completes nothing", () => {
  const rig = new Rig();
  const [first, second] = [rig.connect(), rig.connect()];
  const permit = rig.read();
  first.fabric.break();
  first.fabric.finishClose();
  first.fabric.handler.onImmediate(answer(permit));
  assert.deepEqual(rig.responses, []);
  rig.lane.onPathEnded(first.path);
  second.fabric.handler.onImmediate(answer(permit));
  assert.deepEqual(rig.responses, [[permit, 0]]);
});

Deno.test("a draining path gets no request while there is another, and says when it is empty", () => {
  const rig = new Rig();
  const [first, second] = [rig.connect(), rig.connect()];
  const permit = rig.read();
  let drained = 0;
  first.connection.drain(() => drained++);
  for (let i = 0; i < 3; i++) rig.read();
  assert.deepEqual(posts(first, second), [1, 3]);
  assert.equal(drained, 0);
  first.fabric.handler.onImmediate(answer(permit));
  assert.equal(drained, 1);
  second.fabric.break();
  rig.read();
  assert.deepEqual(posts(first), [2], "better than none");
});

Deno.test("draining ends with the path, too", () => {
  const rig = new Rig();
  const [first] = [rig.connect(), rig.connect()];
  rig.read();
  let drained = 0;
  first.connection.drain(() => drained++);
  first.fabric.break();
  assert.equal(drained, 0);
  first.fabric.finishClose();
  assert.equal(drained, 1);
});
