/** The verbs carrier's data half on the fake device: order, signalling, overflow, flush, the end. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type {
  ConnectionTicket,
  FabricConnectionHandler,
  FabricFailure,
  RegisteredMemory,
} from "../../src/fabric/fabric.ts";
import { VerbsConnection } from "../../src/fabric/verbs/connection.ts";
import { BLOCK_HEAD } from "../../src/fabric/verbs/connection_memory.ts";
import { CM_EVENT } from "../../src/ffi/verbs_layout.ts";
import { FakeThread } from "./fake_thread.ts";
import { FakeDevice } from "./verbs_fake_device.ts";
import type { FakeQueuePair } from "./verbs_fake_queue_pair.ts";

const DATA_BYTES = 4096;
const COUNTERS_AT = 0;

/** One side: connection, thread, what was posted and what came. */
class Side implements FabricConnectionHandler {
  readonly thread: FakeThread;
  readonly connection: VerbsConnection;
  readonly memory: RegisteredMemory;
  readonly expected: string[] = [];
  readonly seen: string[] = [];
  failure: FabricFailure | undefined;
  closed = 0;
  posting = false;
  onMessage: () => void = () => {};

  constructor(
    readonly device: FakeDevice,
    readonly pair: FakeQueuePair,
    readonly block: number,
    details: Record<string, number>,
    postsMax: number,
  ) {
    this.thread = new FakeThread(device.arena);
    this.thread.channel = pair;
    const ends = { localAddress: "ip:a", remoteAddress: "ip:b", hcaName: "fake0", hcaPort: 1 };
    const ticket: ConnectionTicket = { carrier: "verbs", ...ends, details };
    const limits = { postsMax, receiveBytesMax: 64 };
    this.connection = new VerbsConnection(this.thread, ticket, limits, this, pair, COUNTERS_AT);
    this.memory = device.register(device.allocate(DATA_BYTES, "data"), DATA_BYTES);
    this.connection.expose(this.memory);
  }

  private note(text: string): void {
    assert.ok(!this.posting, "called from within a post");
    this.seen.push(text);
    this.onMessage();
  }
  onImmediate(immediate: number): void {
    this.note(`immediate ${immediate}`);
  }
  onSend(at: number, length: number): void {
    this.note(`send ${this.device.arena.u8.subarray(at, at + length)}`);
  }
  onInvalidated(rkey: number): void {
    this.note(`invalidated ${rkey}`);
  }
  onBroken(failure: FabricFailure): void {
    assert.equal(this.failure, undefined, "broken twice");
    assert.ok(!this.posting, "called from within a post");
    this.failure = failure;
  }
  onClosed(): void {
    assert.ok(this.pair.isIdle || this.pair.gone, "closed while the device has work requests");
    this.closed++;
  }
}

function makeSides(sendDepth: number, receiveDepth: number, postsMax = 64): [Side, Side] {
  const device = new FakeDevice();
  const made = [0, 1].map(() => device.queuePair(sendDepth, receiveDepth));
  const [a, b] = made.map(({ pair, details }) =>
    new Side(device, pair, details.memory, details, postsMax)
  );
  a!.pair.peer = b!.pair;
  b!.pair.peer = a!.pair;
  return [a!, b!];
}

/** Posts one message of a kind, and notes what the peer must see of it. */
function post(from: Side, to: Side, kind: number, value: number): void {
  const { connection, memory } = from;
  const { u8 } = from.device.arena;
  const at = memory.at + (value % 32) * 32;
  u8[at] = value % 32;
  from.posting = true;
  switch (kind) {
    case 0:
      connection.immediate(value);
      to.expected.push(`immediate ${value}`);
      break;
    case 1:
      connection.send(at, 1);
      to.expected.push(`send ${u8[at]}`);
      break;
    case 2:
      connection.sendImmediate(at, 1, value);
      to.expected.push(`send ${u8[at]}`, `immediate ${value}`);
      break;
    case 3:
      connection.sendInvalidate(value);
      to.expected.push(`invalidated ${value}`);
      break;
    case 4:
      connection.write(at, 1, to.memory.rkey, 0, to.memory.at + 2048);
      break;
    default:
      connection.writeImmediate(at, 1, at, 1, to.memory.rkey, 0, to.memory.at + 2048, value);
      to.expected.push(`immediate ${value}`);
  }
  from.posting = false;
}

/** Runs threads and wires until nothing moves; messages travel one by one. */
function settle(...sides: Side[]): void {
  for (let moved = true, rounds = 0; moved; rounds++) {
    assert.ok(rounds < 100_000, "it never comes to rest");
    moved = false;
    for (const side of sides) {
      while (side.thread.turn()) moved = true;
      if (side.pair.progress()) moved = true;
    }
  }
}

function closeBoth(a: Side, b: Side): void {
  a.connection.close();
  settle(a, b);
  b.connection.close();
  settle(a, b);
  for (const side of [a, b]) {
    assert.equal(side.closed, 1);
    assert.equal(side.pair.acknowledged, side.pair.takenEvents, "events not acknowledged");
  }
}

const step = fc.oneof(
  fc.record({ do: fc.constant("post"), side: fc.nat(1), kind: fc.nat(5), count: fc.nat(20) }),
  fc.record({ do: fc.constant("turn"), side: fc.nat(1), kind: fc.constant(0), count: fc.nat(3) }),
  fc.record({ do: fc.constant("wire"), side: fc.nat(1), kind: fc.constant(0), count: fc.nat(9) }),
);

Deno.test("verbs: whatever the batches, every message arrives once and in order", () => {
  const depths = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }));
  fc.assert(
    fc.property(depths, fc.array(step, { maxLength: 60 }), ([sendDepth, receiveDepth], steps) => {
      const sides = makeSides(sendDepth, receiveDepth, 2000);
      let value = 0;
      for (const { do: what, side, kind, count } of steps) {
        const from = sides[side]!;
        for (let i = 0; i < count; i++) {
          if (what === "post") post(from, sides[1 - side]!, kind, value++);
          else if (what === "turn") from.thread.turn();
          else from.pair.progress();
        }
      }
      settle(...sides);
      for (const side of sides) {
        assert.equal(side.failure, undefined);
        assert.deepEqual(side.seen, side.expected);
      }
      closeBoth(...sides);
    }),
    { numRuns: 300 },
  );
});

Deno.test("verbs: a close at any time ends, with everything accounted for", () => {
  const depths = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }));
  fc.assert(
    fc.property(depths, fc.array(step, { maxLength: 30 }), ([sendDepth, receiveDepth], steps) => {
      const sides = makeSides(sendDepth, receiveDepth, 2000);
      let value = 0;
      for (const { do: what, side, kind, count } of steps) {
        const from = sides[side]!;
        for (let i = 0; i < count; i++) {
          if (what === "post") post(from, sides[1 - side]!, kind, value++);
          else if (what === "turn") from.thread.turn();
          else from.pair.progress();
        }
      }
      closeBoth(...sides);
      for (const side of sides) {
        const { seen, expected } = side;
        assert.deepEqual(seen, expected.slice(0, seen.length));
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("verbs: a batch is one post of sends and one of receives, receives first", () => {
  const [a, b] = makeSides(32, 32);
  settle(a, b);
  const order: string[] = [];
  const { pair } = b;
  const [postSend, postRecv] = [pair.postSend.bind(pair), pair.postRecv.bind(pair)];
  pair.postSend = (...args) => (order.push("send"), postSend(...args));
  pair.postRecv = (...args) => (order.push("receive"), postRecv(...args));
  b.onMessage = () => post(b, a, 5, b.seen.length);
  for (let i = 0; i < 16; i++) post(a, b, 5, i);
  a.thread.turn();
  while (a.pair.progress());
  settle(a, b);
  assert.deepEqual(order, ["receive", "send"]);
  assert.equal(a.pair.postSendCalls, 1);
  assert.equal(a.seen.length, 16);
});

Deno.test("verbs: more posts than agreed break the connection with ENOBUFS", () => {
  const [a, b] = makeSides(4, 4, 10);
  // Four in the ring, ten that wait, and one too many.
  for (let i = 0; i < 14; i++) a.connection.immediate(i);
  a.thread.tasks.run();
  assert.equal(a.failure, undefined);
  const [c, d] = makeSides(4, 4, 10);
  c.posting = true;
  for (let i = 0; i < 15; i++) c.connection.immediate(i);
  c.posting = false;
  settle(c, d);
  assert.equal(c.failure?.errno, 105);
  settle(a, b);
  assert.equal(b.seen.length, 14);
});

Deno.test("verbs: what breaks a connection is told in words", () => {
  const cases: [string, (a: Side, b: Side) => void, number, RegExp][] = [
    ["a wrong key", (a, b) => a.connection.write(a.memory.at, 1, 7, 0, b.memory.at), 13, /key/],
    ["memory not exposed", (a) => a.connection.send(4096 * 500, 1), 14, /not exposed/],
    [
      "concealed memory",
      (a) => {
        a.connection.conceal(a.memory);
        a.connection.send(a.memory.at, 1);
      },
      14,
      /not exposed/,
    ],
    [
      "a long send",
      (a) => {
        // The first receive is a long one.
        a.connection.send(a.memory.at, 1);
        a.connection.send(a.memory.at, 65);
      },
      121,
      /could not complete/,
    ],
    [
      "an end that main noticed",
      (a) => {
        a.device.arena.u32[(a.block + BLOCK_HEAD.END_EVENT) / 4] = CM_EVENT.ADDR_CHANGE + 1;
        a.pair.fail();
      },
      99,
      /address of this side changed/,
    ],
    ["a reset", (a) => a.pair.fail(), 104, /reset/],
  ];
  for (const [name, act, errno, reason] of cases) {
    const [a, b] = makeSides(4, 4);
    act(a, b);
    settle(a, b);
    assert.equal(a.failure?.errno, errno, name);
    assert.match(a.failure.reason, reason, name);
    assert.match(a.failure.reason, /^ip:b: /);
    post(a, b, 0, 1);
    closeBoth(a, b);
  }
});

Deno.test("verbs: a device that is gone does not keep a connection from closing", () => {
  const [a, b] = makeSides(4, 4);
  post(a, b, 0, 1);
  a.pair.gone = true;
  a.connection.close();
  settle(a);
  assert.equal(a.closed, 1);
});

Deno.test("verbs: a full send queue without a signal outstanding would be noticed", () => {
  const [a, b] = makeSides(4, 4);
  const { pair } = a;
  const { view } = a.device.arena;
  const postSend = pair.postSend.bind(pair);
  pair.postSend = (queuePair, first) => {
    // The planted fault: nothing is signalled.
    for (let at = Number(Deno.UnsafePointer.value(first)); at !== 0;) {
      view.setUint32(at + 32, 0, true);
      at = view.getUint32(at + 8, true);
    }
    return postSend(queuePair, first);
  };
  for (let i = 0; i < 9; i++) post(a, b, 0, i);
  settle(a, b);
  assert.ok(b.seen.length < b.expected.length);
});
