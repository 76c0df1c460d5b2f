/** The server's lane: answers, heartbeats, and chunks whose connection died. */
import assert from "node:assert/strict";
import { HEARTBEAT_ACK_IMMEDIATE, HEARTBEAT_IMMEDIATE } from "../../src/rtrs/immediate.ts";
import { guardedArena, LaneRig } from "./harness/lane_rig.ts";

const IO_RSP = 0x1000_0000;

Deno.test("a READ that succeeds: its data to the descriptor, and one plain IO_RSP", () => {
  const rig = new LaneRig();
  const { fabric, connection } = rig.connect();
  fabric.handler.onImmediate(rig.putRead(1, 512, 32));
  assert.equal(connection.inflight, 1);
  rig.lane.respond(1, 0, rig.chunkAt(1));
  assert.equal(connection.inflight, 0);
  const post = fabric.take();
  assert.equal(post.kind, "writeImmediate");
  assert.deepEqual([post.first, post.firstLength, post.secondLength], [rig.chunkAt(1), 512, 0]);
  assert.deepEqual([post.high, post.low, post.rkey], [0x7f00, 0x1000, 77]);
  assert.equal(post.immediate, IO_RSP + 1);
  assert.equal(fabric.posts.length, 0);
});

Deno.test("a READ that fails, a WRITE, a READ without a buffer: an immediate only", () => {
  const rig = new LaneRig();
  const { fabric } = rig.connect();
  const answers: [number, number][] = [
    [rig.putRead(0, 512, 32), 5],
    [rig.putWrite(0, 512, 32), 0],
    [rig.putRead(0, 0, 32), 0],
    [rig.putWrite(0, 512, 32), 28],
  ];
  for (const [immediate, errno] of answers) {
    fabric.handler.onImmediate(immediate);
    rig.lane.respond(0, errno, rig.chunkAt(0));
    const post = fabric.take();
    assert.deepEqual([post.kind, post.immediate], ["immediate", IO_RSP + errno * 2 ** 19]);
  }
});

Deno.test("the answer goes by the header as it was read, not as it is rewritten later", () => {
  const rig = new LaneRig();
  const { fabric } = rig.connect();
  fabric.handler.onImmediate(rig.putRead(0, 512, 32));
  rig.arena.u8.fill(0xff, rig.chunkAt(0), rig.chunkAt(1));
  rig.lane.respond(0, 0, rig.chunkAt(0));
  const post = fabric.take();
  assert.deepEqual([post.firstLength, post.high, post.low, post.rkey], [512, 0x7f00, 0x1000, 77]);
});

Deno.test("answering a chunk that has no request is a fault of the caller", () => {
  const rig = new LaneRig();
  const { fabric } = rig.connect();
  assert.throws(() => rig.lane.respond(0, 0, 0), /no request/);
  fabric.handler.onImmediate(rig.putWrite(0, 0, 32));
  rig.lane.respond(0, 0, 0);
  assert.throws(() => rig.lane.respond(0, 0, 0), /no request/);
});

Deno.test("heartbeats on the service connection reach the user, INFO_REQ as well", () => {
  const rig = new LaneRig();
  const { fabric } = rig.connect(0);
  fabric.handler.onImmediate(HEARTBEAT_IMMEDIATE);
  fabric.handler.onImmediate(HEARTBEAT_ACK_IMMEDIATE);
  assert.deepEqual(rig.heartbeats, [false, true]);
  rig.arena.u8.set([1, 2, 3], rig.chunkAt(0));
  fabric.handler.onSend(rig.chunkAt(0), 3);
  assert.deepEqual(rig.messages, [new Uint8Array([1, 2, 3])]);
  assert.deepEqual(rig.counts(), {});
});

Deno.test("every message is counted as received, and every request as in flight", () => {
  const rig = new LaneRig();
  const { fabric } = rig.connect(1);
  const index = 8192 / 4 + 16;
  fabric.handler.onImmediate(rig.putWrite(0, 0, 32));
  fabric.handler.onImmediate(rig.putWrite(1, 0, 32));
  assert.deepEqual([rig.arena.u32[index], rig.arena.u32[index + 1]], [2, 2]);
  rig.lane.respond(0, 0, 0);
  rig.lane.respond(1, 0, 0);
  assert.deepEqual([rig.arena.u32[index], rig.arena.u32[index + 1]], [2, 0]);
});

Deno.test("a connection is drained once: when it is closed and its last request has ended", () => {
  const rig = new LaneRig();
  const { fabric, connection } = rig.connect();
  fabric.handler.onImmediate(rig.putRead(0, 512, 32));
  fabric.handler.onImmediate(rig.putWrite(1, 512, 32));
  fabric.break();
  assert.deepEqual(rig.broken, ["the peer went away"]);
  fabric.finishClose();
  rig.lane.respond(0, 0, rig.chunkAt(0));
  assert.deepEqual(rig.drained, []);
  rig.lane.respond(1, 0, 0);
  assert.deepEqual(rig.drained, [connection]);
  assert.equal(fabric.posts.length, 0, "nothing is sent on a dead connection");
  rig.lane.checkDrained(connection);
  assert.equal(rig.drained.length, 1);
});

Deno.test("a connection whose requests end before the fabric lets go is drained by that", () => {
  const rig = new LaneRig();
  const { fabric, connection } = rig.connect();
  fabric.handler.onImmediate(rig.putWrite(0, 0, 32));
  connection.close();
  connection.close();
  rig.lane.respond(0, 0, 0);
  assert.deepEqual(rig.drained, []);
  fabric.finishClose();
  assert.deepEqual(rig.drained, [connection]);
  assert.deepEqual(rig.broken, [], "closing it ourselves is no failure");
});

Deno.test("a re-sent request waits until the one of the dead connection has ended", () => {
  const rig = new LaneRig();
  const [first, second] = [rig.connect(), rig.connect()];
  first.fabric.handler.onImmediate(rig.putWrite(0, 512, 32));
  first.fabric.break();
  first.fabric.finishClose();
  second.fabric.handler.onImmediate(rig.putRead(0, 256, 32));
  assert.equal(rig.requests.length, 1, "the chunk is in use");
  rig.lane.respond(0, 5, 0);
  assert.deepEqual(rig.drained, [first.connection]);
  assert.equal(rig.requests.length, 2);
  assert.equal(rig.requests[1]!.dataLength, 256);
  rig.lane.respond(0, 0, rig.chunkAt(0));
  assert.equal(second.fabric.take().firstLength, 256);
});

Deno.test("of re-sent requests for a chunk the last living connection's is served", () => {
  const rig = new LaneRig();
  const [first, second, third] = [rig.connect(), rig.connect(), rig.connect()];
  const immediate = rig.putWrite(0, 512, 32);
  first.fabric.handler.onImmediate(immediate);
  first.fabric.break();
  second.fabric.handler.onImmediate(immediate);
  second.fabric.break();
  second.fabric.finishClose();
  assert.deepEqual(rig.drained, [], "its request waits for the chunk");
  third.fabric.handler.onImmediate(immediate);
  assert.deepEqual(rig.drained, [second.connection]);
  assert.equal(third.fabric.isClosing, false);
  rig.lane.respond(0, 0, 0);
  rig.lane.respond(0, 0, 0);
  assert.equal(third.fabric.take().immediate, IO_RSP);
});

Deno.test("a waiting request whose connection dies is forgotten with it", () => {
  const rig = new LaneRig();
  const [first, second] = [rig.connect(), rig.connect()];
  const immediate = rig.putWrite(0, 512, 32);
  first.fabric.handler.onImmediate(immediate);
  first.fabric.break();
  first.fabric.finishClose();
  second.fabric.handler.onImmediate(immediate);
  second.fabric.break();
  second.fabric.finishClose();
  rig.lane.respond(0, 0, 0);
  assert.equal(rig.requests.length, 1);
  assert.deepEqual(rig.drained, [first.connection, second.connection]);
});

Deno.test("a request that comes again on another path is held back, and the first path ends", () => {
  const rig = new LaneRig();
  const [first, second] = [rig.connect(), rig.connect()];
  first.fabric.handler.onImmediate(rig.putWrite(0, 512, 32));
  second.fabric.handler.onImmediate(rig.putWrite(0, 512, 32));
  assert.equal(rig.requests.length, 1, "the back end is at work on the chunk");
  assert.deepEqual(rig.broken, ["the client sent its requests again on another path"]);
  assert.ok(first.fabric.isClosing, "nothing more may come from there");
  assert.equal(second.fabric.isClosing, false);
  assert.deepEqual(rig.counts(), {});
  first.fabric.handler.onImmediate(rig.putWrite(1, 512, 32));
  assert.equal(rig.requests.length, 1, "nor does anybody listen");
  rig.lane.respond(0, 0, 0);
  assert.equal(rig.requests.length, 2);
  assert.equal(first.fabric.posts.length, 0);
  rig.lane.respond(0, 0, 0);
  assert.equal(second.fabric.take().immediate, IO_RSP);
});

Deno.test("a request that comes again on another thread is held back as well", () => {
  const arena = guardedArena();
  const one = new LaneRig(arena, 0, 1);
  const other = new LaneRig(arena, 0, 2);
  const [first, second] = [one.connect(), other.connect()];
  first.fabric.handler.onImmediate(one.putWrite(0, 512, 32));
  second.fabric.handler.onImmediate(other.putRead(0, 256, 32));
  assert.equal(other.requests.length, 0, "the chunk is in use");
  second.fabric.handler.onImmediate(other.putRead(1, 256, 32));
  assert.equal(other.requests.length, 1, "this one is not");
  one.lane.respond(0, 0, 0);
  assert.deepEqual(one.chunksFree, [[2, 0]]);
  assert.equal(other.requests.length, 1, "until its thread hears of it");
  other.lane.resume(0);
  assert.equal(other.requests.length, 2);
  other.lane.respond(0, 0, other.chunkAt(0));
  assert.equal(second.fabric.take().firstLength, 256);
  assert.deepEqual(other.chunksFree, []);
});

Deno.test("who waits for another thread and dies is drained when the chunk is free", () => {
  const arena = guardedArena();
  const [one, other] = [new LaneRig(arena, 0, 1), new LaneRig(arena, 0, 2)];
  const [first, second] = [one.connect(), other.connect()];
  first.fabric.handler.onImmediate(one.putWrite(0, 512, 32));
  second.fabric.handler.onImmediate(other.putWrite(0, 512, 32));
  second.fabric.break();
  second.fabric.finishClose();
  assert.deepEqual(other.drained, []);
  one.lane.respond(0, 0, 0);
  other.lane.resume(0);
  assert.deepEqual(other.drained, [second.connection]);
  assert.equal(other.requests.length, 0);
});

Deno.test("payload that reached its end is counted for the path: in what was written, out what was read", () => {
  const rig = new LaneRig();
  const { fabric } = rig.connect();
  fabric.handler.onImmediate(rig.putWrite(0, 512, 32));
  fabric.handler.onImmediate(rig.putRead(1, 256, 32));
  fabric.handler.onImmediate(rig.putWrite(2, 1024, 32));
  rig.lane.respond(0, 0, 0);
  rig.lane.respond(1, 0, rig.chunkAt(1));
  rig.lane.respond(2, 5, 0);
  const line = (8192 + 64) / 8;
  assert.deepEqual([rig.arena.f64[line + 2], rig.arena.f64[line + 3]], [512, 256]);
});
