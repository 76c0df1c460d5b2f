/** The RNBD server's lane: from the request to the answer, preflush, closing with I/O in flight. */
import assert from "node:assert/strict";
import { BLOCK_OP } from "../../src/rnbd/block_queue.ts";
import { RW_FLAG } from "../../src/rnbd/codec.ts";
import { responseErrno } from "../../src/rtrs/immediate.ts";
import { IoRig } from "./harness/io_rig.ts";

const { READ, WRITE, FLUSH } = BLOCK_OP;
const EIO = 5;

Deno.test("a read is answered with the chunk's data, from the place the back end has it in", () => {
  const rig = new IoRig();
  const queue = rig.open();
  const fabric = rig.connect();
  fabric.handler.onImmediate(rig.put(READ, { offset: 4096 }));
  assert.equal(fabric.posts.length, 0);
  queue.end(0);
  const post = fabric.take();
  assert.deepEqual([post.first, post.firstLength], [rig.chunkAt(0), 4096]);
  queue.place = 50_000;
  fabric.handler.onImmediate(rig.put(READ, { offset: 4096 }));
  assert.equal(queue.operations.length, 1, "nothing is read that lies in memory");
  assert.equal(fabric.take().first, 50_000 + 4096);
});

Deno.test("an operation that fails is answered with its errno and no data, and counted", () => {
  const rig = new IoRig();
  const queue = rig.open();
  const fabric = rig.connect();
  for (const [rw, errno] of [[READ, EIO], [WRITE, 28]] as const) {
    fabric.handler.onImmediate(rig.put(rw));
    queue.end(0, errno);
    const post = fabric.take();
    assert.deepEqual([post.kind, responseErrno(post.immediate)], ["immediate", errno]);
  }
  assert.equal(rig.counter("server_errors"), 2);
});

Deno.test("the work done is counted", () => {
  const rig = new IoRig();
  rig.open().endsAtOnce = true;
  const fabric = rig.connect();
  for (const rw of [READ, READ, WRITE, FLUSH]) {
    fabric.handler.onImmediate(rig.put(rw, rw === FLUSH ? { length: 0 } : {}));
  }
  assert.deepEqual([rig.counter("server_reads"), rig.counter("server_read_bytes")], [2, 8192]);
  assert.deepEqual([rig.counter("server_writes"), rig.counter("server_write_bytes")], [1, 4096]);
  assert.equal(rig.counter("server_others"), 1);
});

Deno.test("PREFLUSH: first the flush, then the write with its FUA, then one answer", () => {
  for (const fua of [false, true]) {
    const rig = new IoRig();
    const queue = rig.open();
    const fabric = rig.connect();
    const flags = RW_FLAG.PREFLUSH | (fua ? RW_FLAG.FUA : 0);
    fabric.handler.onImmediate(rig.put(WRITE | flags, { offset: 8192 }));
    assert.deepEqual(queue.operations.map(({ kind }) => kind), ["flush"]);
    queue.end(0);
    assert.equal(fabric.posts.length, 0);
    const write = { kind: "write", slot: 0, offset: 8192, length: 4096, at: rig.chunkAt(0) };
    assert.deepEqual(queue.operations[1], { ...write, flag: fua });
    queue.end(0);
    assert.equal(responseErrno(fabric.take().immediate), 0);
    assert.equal(fabric.posts.length, 0);
  }
});

Deno.test("PREFLUSH whose flush fails writes nothing; the chunk's next request is its own", () => {
  const rig = new IoRig();
  const queue = rig.open();
  const fabric = rig.connect();
  fabric.handler.onImmediate(rig.put(WRITE | RW_FLAG.PREFLUSH));
  queue.end(0, EIO);
  assert.equal(responseErrno(fabric.take().immediate), EIO);
  fabric.handler.onImmediate(rig.put(FLUSH, { length: 0 }));
  queue.end(0);
  assert.equal(responseErrno(fabric.take().immediate), 0);
  assert.deepEqual(queue.operations.map(({ kind }) => kind), ["flush", "flush"]);
});

Deno.test("FUA on what is no write: the operation, then a flush, then one answer", () => {
  for (const operation of [BLOCK_OP.DISCARD, BLOCK_OP.WRITE_ZEROES, BLOCK_OP.SECURE_ERASE]) {
    const rig = new IoRig();
    const queue = rig.open();
    const fabric = rig.connect();
    fabric.handler.onImmediate(rig.put(operation | RW_FLAG.FUA));
    queue.end(0);
    assert.equal(fabric.posts.length, 0);
    assert.deepEqual(queue.operations.map(({ kind }) => kind).slice(1), ["flush"]);
    queue.end(0);
    assert.equal(responseErrno(fabric.take().immediate), 0);
    fabric.handler.onImmediate(rig.put(operation | RW_FLAG.FUA));
    queue.end(0, EIO);
    assert.equal(responseErrno(fabric.take().immediate), EIO, "what failed needs no flush");
  }
});

Deno.test("the length is the one that was checked, not the one in the chunk by then", () => {
  const rig = new IoRig();
  const queue = rig.open();
  const fabric = rig.connect();
  fabric.handler.onImmediate(rig.put(WRITE | RW_FLAG.PREFLUSH, { length: 512 }));
  rig.arena.u8.fill(0xff, rig.chunkAt(0), rig.chunkAt(1));
  queue.end(0);
  assert.equal(queue.operations[1]!.length, 512);
});

Deno.test("CLOSE waits for the device's operations, refuses new ones, and lets go of it once", () => {
  const rig = new IoRig();
  const queue = rig.open();
  const fabric = rig.connect();
  fabric.handler.onImmediate(rig.put(READ, { chunk: 0 }));
  fabric.handler.onImmediate(rig.put(WRITE, { chunk: 1 }));
  let closed = 0;
  rig.lane.closeDevice(0, () => closed++);
  fabric.handler.onImmediate(rig.put(READ, { chunk: 2 }));
  assert.equal(responseErrno(fabric.take().immediate), 107);
  queue.end(0);
  assert.deepEqual([closed, queue.isClosed], [0, false]);
  queue.end(1);
  assert.deepEqual([closed, queue.isClosed], [1, true]);
  assert.equal(fabric.posts.length, 2, "both were answered");
});

Deno.test("CLOSE of an idle device and of none is done at once", () => {
  const rig = new IoRig();
  const queue = rig.open(3);
  let closed = 0;
  rig.lane.closeDevice(3, () => closed++);
  assert.deepEqual([closed, queue.isClosed], [1, true]);
  rig.lane.closeDevice(3, () => closed++);
  rig.lane.closeDevice(77, () => closed++);
  assert.equal(closed, 3);
});

Deno.test("CLOSE during a PREFLUSH write waits for the write", () => {
  const rig = new IoRig();
  const queue = rig.open();
  const fabric = rig.connect();
  fabric.handler.onImmediate(rig.put(WRITE | RW_FLAG.PREFLUSH));
  let closed = false;
  rig.lane.closeDevice(0, () => closed = true);
  queue.end(0);
  assert.deepEqual([closed, queue.operations.length], [false, 2]);
  queue.end(0);
  assert.deepEqual([closed, queue.isClosed], [true, true]);
});

Deno.test("one device's end leaves the other devices of the session alone", () => {
  const rig = new IoRig();
  const [first, second] = [rig.open(0), rig.open(1)];
  const fabric = rig.connect();
  fabric.handler.onImmediate(rig.put(READ, { chunk: 0, device: 1 }));
  rig.lane.closeDevice(0, () => {});
  assert.deepEqual([first.isClosed, second.isClosed], [true, false]);
  second.end(0);
  assert.equal(responseErrno(fabric.take().immediate), 0);
});

Deno.test("a connection that dies with I/O in flight is drained when the back end is through", () => {
  const rig = new IoRig();
  const queue = rig.open();
  const fabric = rig.connect();
  fabric.handler.onImmediate(rig.put(READ));
  fabric.break();
  fabric.finishClose();
  assert.deepEqual(rig.drained, []);
  queue.end(0);
  assert.equal(rig.drained.length, 1);
  assert.equal(fabric.posts.length, 0);
});
