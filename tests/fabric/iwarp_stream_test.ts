/** Sender and receiver without sockets: bytes on the wire, and whatever way they are cut. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { CONNECTION_LAYOUT } from "../../src/fabric/iwarp/connection_memory.ts";
import { Sender } from "../../src/fabric/iwarp/sender.ts";
import { WORK } from "../../src/fabric/iwarp/work.ts";
import { PostRing } from "../../src/fabric/post_ring.ts";
import { type Arena, plainArena } from "../../src/ring/arena.ts";
import { Random } from "../support/random.ts";
import { concat, immediateFrame, taggedFrame, untaggedFrame } from "./iwarp_frames.ts";
import { addressOf, EXPOSED, EXPOSED_BYTES, ReceiverBench } from "./receiver_bench.ts";

const SOURCE_AT = CONNECTION_LAYOUT.BYTES;
const SOURCE_BYTES = 2 * EXPOSED_BYTES;
/** Payload of one frame; a message of more is cut there. */
const SEGMENT_BYTES = 64_736;

/** A sender whose bytes are taken instead of sent. */
class SenderBench {
  readonly arena: Arena = plainArena(SOURCE_AT + SOURCE_BYTES + 4096);
  readonly queue: PostRing;
  readonly sender: Sender;
  constructor(crc: boolean, entries = 64) {
    this.queue = new PostRing(entries);
    this.sender = new Sender(this.arena, 0, crc, this.queue);
    new Random(3).fill(this.arena.u8.subarray(SOURCE_AT));
  }
  /** The bytes of the pieces that are left, as the kernel would gather them. */
  gather(): Uint8Array {
    const { u8, u32 } = this.arena;
    const parts: Uint8Array[] = [];
    for (let i = 0; i < this.sender.piecesLeft; i++) {
      const piece = (this.sender.pieceOffset + 16 * i) / 4;
      parts.push(u8.subarray(u32[piece]!, u32[piece]! + u32[piece + 2]!));
    }
    return concat(...parts);
  }
  /** Everything posted, as one stream, sent in portions of at most `most` bytes. */
  drain(most: () => number = () => Infinity): Uint8Array {
    const parts: Uint8Array[] = [];
    while (!this.queue.isEmpty || this.sender.pendingBytes > 0) {
      if (this.sender.pendingBytes === 0) this.sender.encode();
      const all = this.gather();
      assert.equal(all.length, this.sender.pendingBytes);
      const count = Math.min(all.length, Math.max(1, most()));
      parts.push(all.subarray(0, count));
      this.sender.sent(count);
    }
    return concat(...parts);
  }
}

/** A posted message in the terms of the test. */
interface Message {
  readonly kind: number;
  readonly first: number;
  readonly firstLength: number;
  readonly second: number;
  readonly secondLength: number;
  readonly target: number;
  readonly immediate: number;
}

const length = fc.oneof(
  fc.constantFrom(0, 1, 3, 56, 88, 127, 128, 129, 4096, 16_384, 64_736, 64_737, 129_472),
  fc.nat(1000),
  fc.nat(150_000),
);
const message: fc.Arbitrary<Message> = fc.record({
  kind: fc.constantFrom(
    WORK.WRITE,
    WORK.WRITE | WORK.IMMEDIATE,
    WORK.IMMEDIATE,
    WORK.SEND,
    WORK.SEND | WORK.IMMEDIATE,
  ),
  first: fc.nat(1000),
  firstLength: length,
  second: fc.nat(1000),
  secondLength: length,
  target: fc.nat(EXPOSED_BYTES - 300_000),
  immediate: fc.nat(0xffff_ffff),
}).map((one) => {
  if ((one.kind & WORK.SEND) !== 0) return { ...one, secondLength: 0 };
  // A write of nothing is never posted.
  if ((one.kind & WORK.WRITE) !== 0 && one.firstLength + one.secondLength === 0) {
    return { ...one, firstLength: 1 };
  }
  return one;
});

function post(bench: SenderBench, one: Message): boolean {
  const { high, low } = addressOf(one.target);
  return bench.queue.push(
    one.kind,
    SOURCE_AT + one.first,
    one.firstLength,
    SOURCE_AT + one.second,
    one.secondLength,
    EXPOSED.rkey,
    high,
    low,
    one.immediate,
  );
}

function payloadOf(bench: SenderBench, one: Message): Uint8Array {
  const { u8 } = bench.arena;
  const first = SOURCE_AT + one.first;
  const second = SOURCE_AT + one.second;
  return concat(
    u8.subarray(first, first + one.firstLength),
    u8.subarray(second, second + one.secondLength),
  );
}

/** The stream that these messages must make, built the plain way. */
function plainStream(bench: SenderBench, messages: readonly Message[], crc: boolean): Uint8Array {
  const frames: Uint8Array[] = [];
  let sequence = 1;
  for (const one of messages) {
    const payload = payloadOf(bench, one);
    const isWrite = (one.kind & WORK.WRITE) !== 0;
    if (one.kind !== WORK.IMMEDIATE) {
      for (let at = 0; at === 0 || at < payload.length; at += SEGMENT_BYTES) {
        const part = payload.subarray(at, at + SEGMENT_BYTES);
        const last = at + SEGMENT_BYTES >= payload.length ? 0x40 : 0;
        frames.push(
          isWrite
            ? taggedFrame({
              ddp: 0x81 | last,
              stag: EXPOSED.rkey,
              ...addressOf(one.target + at),
              payload: part,
              crc,
            })
            : untaggedFrame({ ddp: 0x01 | last, sequence, offset: at, payload: part, crc }),
        );
      }
      if (!isWrite) sequence++;
    }
    if ((one.kind & WORK.IMMEDIATE) !== 0) {
      frames.push(immediateFrame(sequence++, one.immediate, crc));
    }
  }
  return concat(...frames);
}

for (const crc of [false, true]) {
  Deno.test(`Sender: frames equal the plain construction, CRC ${crc}`, () => {
    const bench = new SenderBench(crc, 16);
    // One sender for all runs would number on; a new one each time is what is wanted.
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 6 }), (messages) => {
        const fresh = new SenderBench(crc, 16);
        for (const one of messages) assert.ok(post(fresh, one));
        const stream = fresh.drain();
        assert.ok(equal(stream, plainStream(bench, messages, crc)), "streams differ");
      }),
      { numRuns: 40 },
    );
  });
}

/** deepEqual of long arrays takes seconds to say what differs. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

Deno.test("Sender: a send cut short anywhere goes on where it stopped", () => {
  const random = new Random(5);
  const messages = fc.sample(message, { numRuns: 60, seed: 9 });
  const bench = new SenderBench(false);
  const whole = new SenderBench(false);
  for (const one of messages) assert.ok(post(bench, one) && post(whole, one));
  const cut = bench.drain(() => random.pick([1, 7, 20, 100, 5000, 70_000]));
  assert.ok(equal(cut, whole.drain()));
});

Deno.test("Sender: more messages than one send takes go out in several, in order", () => {
  const bench = new SenderBench(false, 4096);
  const one = { kind: WORK.WRITE | WORK.IMMEDIATE, first: 0, firstLength: 4096, second: 0 };
  const messages = Array.from({ length: 3000 }, (_, i): Message => ({
    ...one,
    secondLength: 56,
    target: i,
    immediate: i,
  }));
  for (const each of messages) assert.ok(post(bench, each));
  let sends = 0;
  const count = () => {
    sends++;
    assert.ok(bench.sender.piecesLeft <= 1024, "the kernel refuses more than IOV_MAX pieces");
    return Infinity;
  };
  assert.ok(equal(bench.drain(count), plainStream(bench, messages, false)));
  assert.ok(sends > 2);
});

Deno.test("PostRing refuses what it has no room for, and takes again after a shift", () => {
  const ring = new PostRing(3);
  const push = () => ring.push(WORK.SEND, 0, 1, 0, 0, 0, 0, 0, 0);
  assert.deepEqual(Array.from({ length: 5 }, push), [true, true, true, false, false]);
  assert.equal(ring.first, 0);
  ring.shift();
  assert.equal(ring.first, 1);
  assert.deepEqual([push(), push()], [true, false]);
  assert.equal(ring.length, 3);
  ring.clear();
  assert.ok(ring.isEmpty);
});

for (const crc of [false, true]) {
  Deno.test(`Receiver: takes what a sender sends, however it is cut, CRC ${crc}`, () => {
    const receiver = new ReceiverBench();
    let seed = 1;
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 12 }), fc.nat(4), (list, cut) => {
        const random = new Random(seed++);
        const bench = new SenderBench(crc);
        receiver.restart(crc);
        const model = receiver.exposed().slice();
        const events: string[] = [];
        const sends: Uint8Array[] = [];
        for (const one of list) {
          assert.ok(post(bench, one));
          const payload = payloadOf(bench, one);
          if ((one.kind & WORK.WRITE) !== 0) model.set(payload, one.target);
          if ((one.kind & WORK.SEND) !== 0) {
            events.push(`send ${payload.length}`);
            sends.push(payload);
          }
          if ((one.kind & WORK.IMMEDIATE) !== 0) events.push(`immediate ${one.immediate}`);
        }
        const most = [1000, 70_000, 300_000, 40, 5000][cut]!;
        receiver.feed(bench.drain(), () => random.below(most));
        assert.deepEqual(receiver.events, events);
        receiver.sends.forEach((bytes, i) => assert.ok(equal(bytes, sends[i]!), `SEND ${i}`));
        assert.ok(equal(receiver.exposed(), model), "exposed memory differs");
        receiver.checkGuards();
      }),
      { numRuns: 60 },
    );
  });
}
