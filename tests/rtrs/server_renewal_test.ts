/**
 * A server that gives a new key with every answer: a request is looked at only when the client
 * cannot change it any more, and the client learns the key that opens the chunk again.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ERRNO, SystemError } from "../../src/ffi/errno.ts";
import { NEW_RKEY_FLAG, RTRS_MESSAGE } from "../../src/rtrs/constants.ts";
import { decodeConnectAccept } from "../../src/rtrs/connect_codec.ts";
import { decodeInfoResponse } from "../../src/rtrs/info_codec.ts";
import { RKEY_RSP } from "../../src/rtrs/request_codec.ts";
import type { ServerConnection } from "../../src/rtrs/server/connection.ts";
import type { FakeConnection } from "./harness/fake_fabric.ts";
import type { FakeWindows } from "./harness/fake_windows.ts";
import { DEPTH, LaneRig } from "./harness/lane_rig.ts";
import { MAX_IO_BYTES, QUEUE_DEPTH, ServerRig } from "./harness/server_rig.ts";

const IO_RSP = 0x1000_0000;
const KEY_MESSAGES_AT = 4096 + 2048;
const CHUNK_BYTES = MAX_IO_BYTES + 4096;

/** A connection with windows, all of them open, as after INFO_RSP. */
function connect(rig: LaneRig, cid = 1) {
  const { connection, fabric } = rig.connect(cid);
  const chunks = { at: 0, length: 0, lkey: 0, rkey: 0, address: { high: 0, low: 0 } };
  const memory = { ...chunks, access: "windows" } as const;
  connection.useMemory({
    chunks: memory,
    renewal: {
      windows: { memory, windowBytes: 0, region: 0, handles: [] },
      messages: { ...chunks, access: "local" },
      messagesAt: KEY_MESSAGES_AT,
    },
  });
  const windows = fabric.windows!;
  for (let chunk = 0; chunk < DEPTH; chunk++) windows.open(chunk);
  return { connection, fabric, windows };
}

/** By number: to print connections, with all that they refer to, takes minutes. */
function assertDrained(rig: LaneRig, connection: ServerConnection): void {
  assert.deepEqual(rig.drained.map(({ path }) => path), [connection.path]);
}

/** The rkey_rsp that a post carries. */
function keyMessage(rig: LaneRig, post: ReturnType<FakeConnection["take"]>) {
  assert.deepEqual([post.kind, post.firstLength], ["sendImmediate", RKEY_RSP.BYTES]);
  const { view } = rig.arena;
  assert.equal(view.getUint16(post.first + RKEY_RSP.TYPE, true), RTRS_MESSAGE.RKEY_RESPONSE);
  return {
    chunk: view.getUint16(post.first + RKEY_RSP.BUF_ID, true),
    rkey: view.getUint32(post.first + RKEY_RSP.RKEY, true),
  };
}

Deno.test("renewal: a request is read when its window is closed, as it is then", () => {
  const rig = new LaneRig();
  const { fabric, windows, connection } = connect(rig);
  const immediate = rig.putRead(1, 512, 32);
  fabric.handler.onImmediate(immediate);
  assert.deepEqual([rig.requests.length, windows.closing], [0, [1]]);
  assert.equal(connection.inflight, 1);
  // Too late for the server to have looked: this is what it gets.
  rig.putRead(1, 256, 288);
  windows.finishClose();
  assert.equal(rig.requests.length, 1);
  assert.equal(rig.requests[0]!.dataLength, 256);
  assert.equal(connection.inflight, 1);
});

Deno.test("renewal: every answer is a new key by SEND with immediate, a READ's data before it", () => {
  const rig = new LaneRig();
  const { fabric, windows } = connect(rig);
  const cases: [number, number][] = [
    [rig.putRead(1, 512, 32), 0],
    [rig.putRead(1, 512, 32), 5],
    [rig.putWrite(1, 512, 32), 0],
    [rig.putRead(1, 0, 32), 0],
  ];
  const keys = new Set<number>();
  for (const [index, [, errno]] of cases.entries()) {
    const immediate = index === 2
      ? rig.putWrite(1, 512, 32)
      : rig.putRead(1, index === 3 ? 0 : 512, 32);
    fabric.handler.onImmediate(immediate);
    windows.finishClose();
    assert.ok(!windows.open_.has(1), "the back end has the chunk for itself");
    rig.lane.respond(1, errno, rig.chunkAt(1));
    const answer = fabric.take();
    assert.equal(answer.immediate, IO_RSP + errno * 2 ** 19 + 1);
    assert.deepEqual(keyMessage(rig, answer), { chunk: 1, rkey: windows.lastKey });
    keys.add(windows.lastKey);
    assert.ok(windows.open_.has(1));
    if (index === 0) {
      const data = fabric.take();
      assert.deepEqual([data.kind, data.first, data.firstLength], ["write", rig.chunkAt(1), 512]);
      assert.deepEqual([data.high, data.low, data.rkey], [0x7f00, 0x1000, 77]);
    }
    assert.equal(fabric.posts.length, 0);
  }
  assert.equal(keys.size, cases.length);
});

Deno.test("renewal: chunks have key messages of their own", () => {
  const rig = new LaneRig();
  const { fabric, windows } = connect(rig);
  for (const chunk of [0, 1, 2]) fabric.handler.onImmediate(rig.putWrite(chunk, 0, 32));
  for (const _ of [0, 1, 2]) windows.finishClose();
  for (const chunk of [0, 1, 2]) rig.lane.respond(chunk, 0, 0);
  const posts = [fabric.take(), fabric.take(), fabric.take()];
  assert.deepEqual(posts.map((post) => keyMessage(rig, post).chunk), [2, 1, 0]);
  assert.equal(new Set(posts.map((post) => keyMessage(rig, post).rkey)).size, 3);
});

Deno.test("renewal: a second request for a chunk whose window is being closed is an offence", () => {
  const rig = new LaneRig();
  const { fabric, windows, connection } = connect(rig);
  fabric.handler.onImmediate(rig.putWrite(0, 0, 32));
  fabric.handler.onImmediate(rig.putWrite(0, 0, 32));
  assert.deepEqual(rig.counts(), { buffer_id_in_flight: 1 });
  fabric.finishClose();
  assertDrained(rig, connection);
  assert.deepEqual([rig.requests.length, windows.closing.length], [0, 1]);
});

Deno.test("renewal: what the gate refuses behind the window is cut off and leaves nothing", () => {
  const rig = new LaneRig();
  const { fabric, windows, connection } = connect(rig);
  const immediate = rig.putWrite(0, 512, 32);
  fabric.handler.onImmediate(immediate);
  rig.arena.u8.fill(0xff, rig.chunkAt(0), rig.chunkAt(1));
  windows.finishClose();
  assert.deepEqual(rig.counts(), { usr_len_beyond_offset: 1 });
  fabric.finishClose();
  assertDrained(rig, connection);
  assert.equal(connection.inflight, 0);
});

Deno.test("renewal: a connection that dies meanwhile is drained, and who waited goes on", () => {
  const rig = new LaneRig();
  const [first, second] = [connect(rig), connect(rig)];
  const immediate = rig.putWrite(0, 512, 32);
  first.fabric.handler.onImmediate(immediate);
  first.fabric.break();
  second.fabric.handler.onImmediate(immediate);
  assert.deepEqual(second.windows.closing, [], "the chunk is the other one's still");
  first.windows.finishClose();
  assert.equal(rig.requests.length, 0, "a dead connection's request is not begun");
  first.fabric.finishClose();
  assertDrained(rig, first.connection);
  assert.deepEqual(second.windows.closing, [0]);
  second.windows.finishClose();
  assert.equal(rig.requests.length, 1);
  rig.lane.respond(0, 0, 0);
  assert.equal(keyMessage(rig, second.fabric.take()).chunk, 0);
});

Deno.test("renewal: an answer for a dead connection opens nothing", () => {
  const rig = new LaneRig();
  const { fabric, windows, connection } = connect(rig);
  fabric.handler.onImmediate(rig.putWrite(0, 512, 32));
  windows.finishClose();
  fabric.break();
  fabric.finishClose();
  rig.lane.respond(0, 0, 0);
  assert.ok(!windows.open_.has(0));
  assert.deepEqual(fabric.posts, []);
  assertDrained(rig, connection);
});

Deno.test("renewal: whatever the order, an open window means that nobody works on the chunk", () => {
  const step = fc.record({ kind: fc.nat(3), chunk: fc.nat(DEPTH - 1) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const rig = new LaneRig();
      const { fabric, windows, connection } = connect(rig);
      const busy = new Set<number>();
      const asked = new Set<number>();
      for (const { kind, chunk } of steps) {
        if (kind <= 1 && !asked.has(chunk)) {
          fabric.handler.onImmediate(rig.putWrite(chunk, 0, 32));
          asked.add(chunk);
        } else if (kind === 2 && windows.closing.length > 0) windows.finishClose();
        else if (kind === 3 && busy.has(chunk)) {
          busy.delete(chunk);
          asked.delete(chunk);
          rig.lane.respond(chunk, 0, 0);
          assert.equal(keyMessage(rig, fabric.take()).chunk, chunk);
        }
        for (const request of rig.requests.splice(0)) busy.add(request.chunk);
        for (const working of busy) assert.ok(!windows.open_.has(working));
        assert.equal(connection.inflight, asked.size);
      }
      assert.deepEqual(rig.broken, []);
    }),
    { numRuns: 300 },
  );
});

// The path.

const openOf = (windows: FakeWindows) => [...windows.open_].length;

Deno.test("renewal: accepts say NEW_RKEY; INFO_RSP has a region and an open window a chunk", () => {
  const rig = new ServerRig({ alwaysInvalidate: true });
  const fates = [0, 1, 2].map((cid) => {
    const fate = rig.connect({ cid });
    fate.finish();
    return fate;
  });
  for (const fate of fates) assert.equal(accepted(fate.accepted!).flags, NEW_RKEY_FLAG);
  const service = rig.adopter.connections[0]!;
  assert.equal(openOf(service.windows!), 0, "nobody may write before INFO_RSP");
  rig.sendInfo(service, "clt@srv");
  const { first, firstLength, kind } = service.take();
  assert.deepEqual([kind, firstLength], ["send", 8 + 16 * QUEUE_DEPTH]);
  const bytes = rig.memory.arena.u8.slice(first, first + firstLength);
  const regions = decodeInfoResponse(bytes, QUEUE_DEPTH, CHUNK_BYTES);
  assert.ok(typeof regions !== "string", String(regions));
  const exposed = service.exposed[0]!;
  assert.equal(exposed.access, "windows");
  regions.forEach((region, chunk) => {
    assert.equal(region.low, exposed.address.low + chunk * CHUNK_BYTES);
    assert.equal(region.length, CHUNK_BYTES);
  });
  assert.equal(new Set(regions.map(({ rkey }) => rkey)).size, QUEUE_DEPTH);
  assert.equal(openOf(service.windows!), QUEUE_DEPTH);
  // INFO_RSP and the messages with keys lie in what was registered for them, beside each other.
  const { renewal } = rig.reactors[0]!.of("attachServer")[0]!.memory;
  const { messages, messagesAt } = renewal!;
  assert.ok(first >= messages.at && first + firstLength <= messagesAt);
  assert.ok(messagesAt + QUEUE_DEPTH * RKEY_RSP.BYTES <= messages.at + messages.length);
  assert.deepEqual(service.exposed.map(({ at }) => at), [exposed.at, messages.at]);
  rig.server.close(() => {});
  rig.adopter.settle();
  rig.assertEmpty();
});

const accepted = (bytes: Uint8Array) => {
  const accept = decodeConnectAccept(bytes);
  assert.ok(typeof accept !== "string", String(accept));
  return accept;
};

Deno.test("renewal: a carrier without windows serves as if nobody had asked for it", () => {
  const rig = new ServerRig({ alwaysInvalidate: true });
  Object.defineProperty(rig.fabric, "makeWindows", { value: undefined });
  const fate = rig.connect();
  assert.equal(accepted(fate.accepted!).flags, 0);
  for (const cid of [1, 2]) rig.connect({ cid }).finish();
  fate.finish();
  rig.sendInfo(rig.adopter.connections[0]!, "clt@srv");
  assert.equal(rig.adopter.connections[0]!.take().firstLength, 24);
});

Deno.test("renewal: a device without windows refuses the path, and nothing is left", () => {
  const rig = new ServerRig({ alwaysInvalidate: true });
  rig.fabric.makeWindows = () => {
    throw new SystemError(ERRNO.EOPNOTSUPP, "ibv_alloc_mw", "a device");
  };
  rig.connect().finish();
  assert.deepEqual(rig.refusals, ["connect_no_memory"]);
  rig.adopter.settle();
  rig.assertEmpty();
});
