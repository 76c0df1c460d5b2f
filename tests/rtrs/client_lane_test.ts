/** The client's lane and connections: permits, requests as they go out, answers, refreshed keys. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { FabricFailure } from "../../src/fabric/fabric.ts";
import { plainArena } from "../../src/ring/arena.ts";
import { ClientConnection, type ClientPathMemory } from "../../src/rtrs/client/connection.ts";
import { ClientLane, type ClientLaneUser } from "../../src/rtrs/client/lane.ts";
import { HEARTBEAT_IMMEDIATE, memoryBits } from "../../src/rtrs/immediate.ts";
import { encodeIo } from "../../src/rnbd/codec.ts";
import { checkRequest, ParsedRequest } from "../../src/rtrs/server/gate.ts";
import { FakeConnection } from "./harness/fake_fabric.ts";
import { vector } from "../vectors/vectors.ts";

const ECONNABORTED = 103;
const DEPTH = 512;
const CHUNK_BYTES = 131_072;
const SETUP = {
  session: 1,
  queueDepth: DEPTH,
  chunkBytes: CHUNK_BYTES,
  firstPermit: 4,
  permits: 4,
  headersAt: 4096,
  buffersAt: 8192,
  bufferBytes: 8192,
  countersAt: 64,
  policy: "min-inflight" as const,
};
/** Chunks 0..255 in one region, the rest in another whose addresses cross 2^32. */
const REGIONS = [
  { high: 0x7f12, low: 0x3400_0000, rkey: 0x11, length: 256 * CHUNK_BYTES },
  { high: 0x7f13, low: 0xffff_0000, rkey: 0x22, length: 256 * CHUNK_BYTES },
];
const MEMORY = {
  at: SETUP.buffersAt,
  length: SETUP.permits * SETUP.bufferBytes,
  access: "remote" as const,
  lkey: 0,
  rkey: 0x5502,
  address: { high: 0x7eff, low: 0xffff_f000 },
};
const PATH: ClientPathMemory = { regions: REGIONS, memory: [MEMORY], newRkeys: false };

class Rig implements ClientLaneUser {
  readonly arena = plainArena(65_536);
  readonly lane: ClientLane;
  readonly responses: [permit: number, errno: number][] = [];
  readonly heartbeats: boolean[] = [];
  readonly messages: number[] = [];
  readonly broken: FabricFailure[] = [];
  readonly closed: ClientConnection[] = [];

  constructor(setup: Partial<typeof SETUP> = {}) {
    this.lane = new ClientLane(this.arena, { ...SETUP, ...setup }, this);
  }

  /** An attached and open connection. */
  connect(path: Partial<ClientPathMemory> = {}, cid = 1) {
    const connection = new ClientConnection(this.lane, 9, 0, cid);
    const fabric = new FakeConnection(connection);
    connection.bind(fabric);
    connection.expose(MEMORY);
    this.lane.attach(connection);
    connection.open({ ...PATH, ...path });
    return { connection, fabric };
  }

  onResponse(permit: number, errno: number): void {
    this.responses.push([permit, errno]);
  }

  onHeartbeat(_connection: ClientConnection, isAck: boolean): void {
    this.heartbeats.push(isAck);
  }

  onMessage(_connection: ClientConnection, _at: number, length: number): void {
    this.messages.push(length);
  }

  onConnectionBroken(_connection: ClientConnection, failure: FabricFailure): void {
    this.broken.push(failure);
  }

  onConnectionClosed(connection: ClientConnection): void {
    this.closed.push(connection);
  }
}

const answer = (permit: number, errno = 0) => 0x1000_0000 + errno * 2 ** 19 + permit;

Deno.test("permits: each once, the lowest first, -1 when all are held", () => {
  const { lane } = new Rig();
  const taken = Array.from({ length: 5 }, () => lane.acquire());
  assert.deepEqual(taken, [4, 5, 6, 7, -1]);
  lane.release(6);
  assert.equal(lane.freePermits, 1);
  assert.equal(lane.acquire(), 6);
  lane.release(6);
  assert.throws(() => lane.release(6), /not held/);
});

Deno.test("a READ goes out as the vector says, to the permit's chunk", () => {
  const rig = new Rig();
  const { fabric } = rig.connect();
  const permit = rig.lane.acquire();
  encodeIo(rig.arena.view, rig.lane.headerOf(permit), 0, 0x100, 8 * 512, 4096);
  assert.ok(rig.lane.read(permit, 32, rig.lane.bufferOf(permit), 4096));
  const post = fabric.take();
  assert.deepEqual([post.first, post.firstLength, post.secondLength], [4096, 56, 0]);
  const bytes = rig.arena.u8.slice(post.first, post.first + post.firstLength);
  const expected = vector("read_req");
  const view = new DataView(expected.buffer);
  view.setUint32(40, MEMORY.address.low, true);
  view.setUint32(44, MEMORY.address.high, true);
  view.setUint32(48, MEMORY.rkey, true);
  assert.deepEqual(bytes, expected);
  assert.equal(post.immediate, 4 * 2 ** 19 + 4128);
  assert.equal(post.rkey, 0x11);
  assert.deepEqual([post.high, post.low], [0x7f12, 0x3400_0000 + 4 * CHUNK_BYTES + 4096]);
});

Deno.test("a WRITE is its data and then the message; without data the message alone", () => {
  const rig = new Rig();
  const { fabric } = rig.connect();
  const permit = rig.lane.acquire();
  const buffer = rig.lane.bufferOf(permit);
  encodeIo(rig.arena.view, rig.lane.headerOf(permit), 0, 0x101, 8 * 512, 4096);
  rig.lane.write(permit, 32, buffer, 4096);
  const write = fabric.take();
  assert.deepEqual([write.first, write.firstLength, write.secondLength], [buffer, 4096, 36]);
  const header = rig.arena.u8.slice(write.second, write.second + 36);
  assert.deepEqual(header, vector("write_hdr"));
  assert.equal(write.low, 0x3400_0000 + 4 * CHUNK_BYTES);
  assert.equal(write.immediate, 4 * 2 ** 19 + 4128);
  rig.lane.complete(fabric.handler as ClientConnection, permit, 0);
  rig.lane.write(permit, 32, 0, 0);
  const discard = fabric.take();
  assert.deepEqual([discard.firstLength, discard.secondLength], [36, 0]);
  assert.equal(discard.immediate, 4 * 2 ** 19 + 32);
});

Deno.test("a flush is a READ without a descriptor", () => {
  const rig = new Rig();
  const { fabric } = rig.connect();
  const permit = rig.lane.acquire();
  rig.lane.read(permit, 32, 0, 0);
  const post = fabric.take();
  assert.deepEqual([post.firstLength, post.secondLength], [40, 0]);
  const tail = rig.arena.u8.slice(post.first + 32, post.first + 40);
  assert.deepEqual(tail, vector("flush_req").slice(32));
});

Deno.test("chunks beyond the first region, and addresses that cross 2^32", () => {
  const rig = new Rig({ firstPermit: 256 });
  const { fabric } = rig.connect();
  const permit = rig.lane.acquire();
  rig.lane.write(permit, 32, rig.lane.bufferOf(permit), 512);
  // Signed: the same bits, and never a number that the heap has to hold.
  assert.deepEqual([fabric.posts[0]!.high, fabric.posts[0]!.low], [0x7f13, 0xffff_0000 | 0]);
  assert.equal(fabric.take().rkey, 0x22);
  const second = rig.lane.acquire();
  rig.lane.write(second, 32, rig.lane.bufferOf(second), 512);
  const next = fabric.take();
  assert.deepEqual([next.high, next.low], [0x7f14, 0x1_0000]);
  // A READ's header lies behind the room for its data: the sum crosses as well.
  const other = new Rig({ firstPermit: 256 });
  const { fabric: otherFabric } = other.connect();
  other.lane.read(other.lane.acquire(), 32, SETUP.buffersAt, 65_536);
  const read = otherFabric.take();
  assert.deepEqual([read.high, read.low], [0x7f14, 0]);
});

Deno.test("the buffer's remote name crosses 2^32 as well", () => {
  const rig = new Rig();
  const { fabric } = rig.connect();
  const permit = rig.lane.acquire();
  rig.lane.read(permit, 32, SETUP.buffersAt + 8192, 512);
  const { first } = fabric.take();
  assert.equal(rig.arena.view.getUint32(first + 40, true), 0x1000);
  assert.equal(rig.arena.view.getUint32(first + 44, true), 0x7f00);
});

Deno.test("memory that is not registered cannot be asked for", () => {
  const rig = new Rig();
  rig.connect();
  const permit = rig.lane.acquire();
  const behind = MEMORY.at + MEMORY.length;
  assert.throws(() => rig.lane.read(permit, 32, behind, 512), RangeError);
  assert.throws(() => rig.lane.read(permit, 32, MEMORY.at - 1, 512), RangeError);
});

Deno.test("an answer ends its request once; the permit is held until it is released", () => {
  const rig = new Rig();
  const { fabric, connection } = rig.connect();
  const permit = rig.lane.acquire();
  rig.lane.read(permit, 32, 0, 0);
  assert.throws(() => rig.lane.read(permit, 32, 0, 0), /not held/);
  assert.throws(() => rig.lane.release(permit), /not held/);
  fabric.handler.onImmediate(answer(permit, 28));
  assert.deepEqual(rig.responses, [[permit, 28]]);
  rig.lane.release(permit);
  fabric.handler.onImmediate(answer(permit));
  assert.equal(rig.responses.length, 1);
  assert.equal(rig.broken[0]!.errno, 71, "an answer that nobody waits for breaks the connection");
  assert.equal(connection.isOpen, false);
});

for (
  const [what, event] of [
    ["an answer for another lane's id", (f: FakeConnection) => f.handler.onImmediate(answer(3))],
    ["an answer beyond the lane", (f: FakeConnection) => f.handler.onImmediate(answer(8))],
    ["a request", (f: FakeConnection) => f.handler.onImmediate(0x20)],
    [
      "a heartbeat on an I/O connection",
      (f: FakeConnection) => f.handler.onImmediate(HEARTBEAT_IMMEDIATE),
    ],
    ["an unknown immediate", (f: FakeConnection) => f.handler.onImmediate(0xf000_0000)],
    ["a message on an I/O connection", (f: FakeConnection) => f.handler.onSend(0, 8)],
    ["an invalidation", (f: FakeConnection) => f.handler.onInvalidated(MEMORY.rkey)],
  ] as const
) {
  Deno.test(`${what} breaks the connection, once`, () => {
    const rig = new Rig();
    const { fabric, connection } = rig.connect();
    event(fabric);
    event(fabric);
    assert.equal(rig.broken.length, 1);
    assert.ok(fabric.isClosing);
    assert.equal(connection.isOpen, false);
    assert.equal(rig.lane.isConnected, false);
    assert.deepEqual(rig.responses, []);
  });
}

Deno.test("a connection that closes fails what it carried, and nothing else", () => {
  const rig = new Rig();
  const [first, second] = [rig.connect(), rig.connect()];
  const permits = [rig.lane.acquire(), rig.lane.acquire()];
  rig.lane.read(permits[0]!, 32, 0, 0);
  first.connection.close();
  rig.lane.read(permits[1]!, 32, 0, 0);
  assert.equal(second.fabric.posts.length, 1, "the other connection takes over");
  assert.deepEqual(rig.responses, [], "the memory is in use until the fabric lets go");
  first.fabric.finishClose();
  assert.deepEqual(rig.responses, [[permits[0]!, ECONNABORTED]]);
  assert.deepEqual(rig.closed, [first.connection]);
  second.fabric.handler.onImmediate(answer(permits[1]!));
  assert.deepEqual(rig.responses[1], [permits[1]!, 0]);
});

Deno.test("without an open connection nothing is sent and the permit stays held", () => {
  const rig = new Rig();
  const permit = rig.lane.acquire();
  assert.equal(rig.lane.read(permit, 32, 0, 0), false);
  assert.equal(rig.lane.write(permit, 32, 0, 0), false);
  rig.lane.release(permit);
});

Deno.test("with NEW_RKEY each answer brings the chunk's next key (vector rkey_rsp)", () => {
  const rig = new Rig();
  const { fabric } = rig.connect({ newRkeys: true });
  const permit = rig.lane.acquire() && rig.lane.acquire();
  assert.equal(permit, 5);
  rig.arena.u8.set(vector("rkey_rsp"), 256);
  rig.lane.read(permit, 32, 0, 0);
  assert.equal(fabric.take().rkey, 0x11, "the first time the key of INFO_RSP");
  fabric.handler.onSend(256, 8);
  fabric.handler.onImmediate(answer(permit));
  assert.deepEqual(rig.responses, [[permit, 0]]);
  rig.lane.read(permit, 32, 0, 0);
  assert.equal(fabric.take().rkey, 0x00ab_cd02);
});

for (
  const [what, bytes, immediate] of [
    ["of another type", [3, 0, 5, 0, 1, 2, 3, 4], 5],
    ["for a chunk beyond the lane", [4, 0, 8, 0, 1, 2, 3, 4], 5],
    ["for a chunk in front of the lane", [4, 0, 3, 0, 1, 2, 3, 4], 5],
    ["for another chunk than the answer's", [4, 0, 4, 0, 1, 2, 3, 4], 5],
    ["that is too short", [4, 0, 5, 0, 1, 2, 3], 5],
    ["that is missing", [], 5],
  ] as const
) {
  Deno.test(`rkey_rsp ${what} breaks the connection`, () => {
    const rig = new Rig();
    const { fabric } = rig.connect({ newRkeys: true });
    for (const permit of [rig.lane.acquire(), rig.lane.acquire()]) rig.lane.read(permit, 32, 0, 0);
    rig.arena.u8.set(bytes, 256);
    if (bytes.length > 0) fabric.handler.onSend(256, bytes.length);
    fabric.handler.onImmediate(answer(immediate));
    assert.equal(rig.broken.length, 1);
    assert.deepEqual(rig.responses, []);
  });
}

Deno.test("what the client sends, the server's gate reads as it was meant", () => {
  const request = fc.record({
    permit: fc.integer({ min: 4, max: 7 }),
    isRead: fc.boolean(),
    dataLength: fc.nat(8192),
    userLength: fc.integer({ min: 4, max: 264 }),
  });
  fc.assert(fc.property(request, ({ permit, isRead, dataLength, userLength }) => {
    const rig = new Rig();
    const { fabric } = rig.connect();
    while (rig.lane.acquire() !== permit);
    const data = rig.lane.bufferOf(permit);
    rig.lane[isRead ? "read" : "write"](permit, userLength, data, dataLength);
    const post = fabric.take();
    // What the RDMA write puts into the chunk.
    const chunk = new Uint8Array(CHUNK_BYTES);
    const place = post.low - 0x3400_0000 - permit * CHUNK_BYTES;
    const first = rig.arena.u8.subarray(post.first, post.first + post.firstLength);
    const second = rig.arena.u8.subarray(post.second, post.second + post.secondLength);
    chunk.set(first, place);
    chunk.set(second, place + first.length);
    const bits = memoryBits(DEPTH);
    assert.equal(post.immediate >>> bits, permit);
    const offset = post.immediate % 2 ** bits;
    const parsed = new ParsedRequest();
    const view = new DataView(chunk.buffer);
    assert.equal(checkRequest(view, 0, CHUNK_BYTES, 4096, offset, parsed), 0);
    assert.equal(parsed.isRead, isRead);
    assert.equal(parsed.dataLength, dataLength);
    assert.equal(parsed.userLength, userLength);
    assert.equal(parsed.hasBuffer, isRead && dataLength > 0);
  }));
});
