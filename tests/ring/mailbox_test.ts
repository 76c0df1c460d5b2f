/** The mailbox: order, wrap-around, and what does not fit yet. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { plainArena } from "../../src/ring/arena.ts";
import { MAILBOX_BYTES } from "../../src/ring/limits.ts";
import { MailboxReader, MailboxWriter } from "../../src/ring/mailbox.ts";

const OFFSET = 4096;
const GUARD = 0xa5;
const DATA_BYTES = MAILBOX_BYTES - 128;

class Rig {
  readonly arena = plainArena(OFFSET + MAILBOX_BYTES + 4096);
  wakes = 0;
  readonly writer: MailboxWriter;
  readonly reader: MailboxReader;
  readonly received: unknown[] = [];

  constructor() {
    this.arena.u8.fill(GUARD, 0, OFFSET);
    this.arena.u8.fill(GUARD, OFFSET + MAILBOX_BYTES);
    this.writer = new MailboxWriter(this.arena, OFFSET, () => this.wakes++);
    this.reader = new MailboxReader(this.arena, OFFSET);
  }

  drain(): void {
    this.reader.drain((message) => this.received.push(message));
  }

  /** Reads until the writer's retries have brought everything over. */
  async drainAll(count: number): Promise<void> {
    while (this.received.length < count) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      this.drain();
    }
  }

  assertGuards(): void {
    const isGuard = (byte: number) => byte === GUARD;
    assert.ok(this.arena.u8.subarray(0, OFFSET).every(isGuard));
    assert.ok(this.arena.u8.subarray(OFFSET + MAILBOX_BYTES).every(isGuard));
  }
}

/** A message whose JSON text has about this many bytes. */
const message = (id: number, bytes: number) => ({ id, text: "é".repeat(bytes / 2) });

Deno.test("messages arrive whole and in order; the reader is woken for each", () => {
  const rig = new Rig();
  const messages = [{ kind: "a", n: 1.5 }, [1, "ü\u{1f600}"], null, "", 0];
  for (const item of messages) rig.writer.send(item);
  assert.equal(rig.wakes, messages.length);
  rig.drain();
  rig.drain();
  assert.deepEqual(rig.received, messages);
});

Deno.test("a message may be read while another is received", () => {
  const rig = new Rig();
  rig.writer.send(1);
  rig.reader.drain((first) => {
    rig.received.push(first);
    if (first === 1) rig.writer.send(2);
  });
  assert.deepEqual(rig.received, [1, 2]);
});

Deno.test("many times round the buffer, nothing is lost or written beside it", () => {
  const rig = new Rig();
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 6 }), (sizes) => {
      if (sizes.reduce((sum, size) => sum + size + 64, 0) > DATA_BYTES) return;
      rig.received.length = 0;
      const messages = sizes.map((size, i) => message(i, size));
      for (const item of messages) rig.writer.send(item);
      rig.drain();
      assert.deepEqual(rig.received, messages);
    }),
    { numRuns: 60 },
  );
  rig.assertGuards();
});

Deno.test("what does not fit waits, keeps its place, and comes as room is made", async () => {
  const rig = new Rig();
  const sizes = [400_000, 400_000, 400_000, 10, 900_000, 20];
  sizes.forEach((size, id) => rig.writer.send(message(id, size)));
  rig.drain();
  assert.ok(rig.received.length < sizes.length, "it did not all fit, or the test proves nothing");
  await rig.drainAll(sizes.length);
  assert.deepEqual(rig.received.map((item) => (item as { id: number }).id), [0, 1, 2, 3, 4, 5]);
  rig.assertGuards();
});

Deno.test("a ping is answered when the reader comes to its mailbox, with what was before it", () => {
  const rig = new Rig();
  assert.equal(rig.writer.isAnswered, true, "nothing was asked");
  rig.writer.send("before");
  const wakes = rig.wakes;
  rig.writer.ping();
  assert.equal(rig.wakes, wakes + 1);
  assert.equal(rig.writer.isAnswered, false);
  rig.drain();
  assert.deepEqual([rig.writer.isAnswered, rig.received], [true, ["before"]]);
  // Two at once are one; one that comes while the reader is at work waits for its next turn.
  rig.writer.ping();
  rig.writer.ping();
  rig.writer.send("x");
  rig.reader.drain(() => rig.writer.ping());
  assert.equal(rig.writer.isAnswered, false);
  rig.drain();
  assert.equal(rig.writer.isAnswered, true);
  rig.assertGuards();
});

Deno.test("the longest message that fits at all, and the first that never will", async () => {
  const rig = new Rig();
  const longest = "x".repeat(DATA_BYTES - 4 - 2);
  rig.writer.send("before");
  rig.writer.send(longest);
  await rig.drainAll(2);
  assert.equal(rig.received[1], longest);
  assert.throws(() => rig.writer.send(`${longest}x`), RangeError);
  rig.writer.send("after");
  rig.drain();
  assert.equal(rig.received[2], "after");
  rig.assertGuards();
});
