/** Rings on the real kernel: main's loop, plain rings, and a reactor in a Worker. */
import assert from "node:assert/strict";
import { eventfd, signalEventfd } from "../../src/ffi/libc.ts";
import { close } from "../../src/ffi/libc.ts";
import { ArenaAllocator, reserveArena } from "../../src/ring/arena.ts";
import { ControlLoop } from "../../src/ring/control_loop.ts";
import { CONTROL_RING_ENTRIES, MAILBOX_BYTES } from "../../src/ring/limits.ts";
import { MailboxWriter } from "../../src/ring/mailbox.ts";
import { OP, SETUP, SQE } from "../../src/ring/opcodes.ts";
import type { ReactorSetup } from "../../src/ring/reactor.ts";
import { Ring } from "../../src/ring/ring.ts";

const ECANCELED = 125;
const EBADF = 9;
/** Set in the process that repeats these tests without liburing. */
const IS_CHILD = Deno.env.get("RNBD_RING_TEST_CHILD") === "1";
const arena = reserveArena(2 ** 30);
const memory = new ArenaAllocator(arena);

async function withLoop(body: (loop: ControlLoop) => Promise<void>): Promise<void> {
  const loop = new ControlLoop(memory);
  try {
    await body(loop);
  } finally {
    await loop.close();
  }
}

Deno.test("main's loop: an operation's result, and an errno as a negative one", () =>
  withLoop(async (loop) => {
    assert.equal(await loop.operate(OP.NOP, -1, 0, 0), 0);
    const at = memory.allocate(8, "a read");
    assert.equal(await loop.operate(OP.READ, 9999, at, 8), -EBADF);
    memory.release(at);
  }));

Deno.test("main's loop: many times more operations than the ring has entries, all at once", () =>
  withLoop(async (loop) => {
    const many = CONTROL_RING_ENTRIES * 20;
    const results = await Promise.all(
      Array.from({ length: many }, () => loop.operate(OP.NOP, -1, 0, 0)),
    );
    assert.equal(results.length, many);
    assert.ok(results.every((result) => result === 0));
  }));

Deno.test("main's loop: an operation that waits, data in the arena, and a cancel", () =>
  withLoop(async (loop) => {
    const fd = eventfd();
    const at = memory.allocate(8, "a read");
    const read = loop.start(OP.READ, fd, at, 8);
    signalEventfd(fd);
    assert.equal(await read.result, 8);
    assert.equal(arena.u32[at / 4], 1);
    const waiting = loop.start(OP.READ, fd, at, 8);
    waiting.cancel();
    assert.equal(await waiting.result, -ECANCELED);
    waiting.cancel();
    memory.release(at);
    close(fd);
  }));

Deno.test("main's loop: what is prepared beside operations goes out with the deferred task", () =>
  withLoop(async (loop) => {
    const { promise, resolve } = Promise.withResolvers<[number, number, number]>();
    const id = loop.ring.addHandler({
      onCompletion: (tag, argument, result) => resolve([tag, argument, result]),
    });
    const flush = () => void loop.ring.prepare(OP.NOP, -1, 0, 0, 0, id, 0xffff, -2);
    loop.defer({ deferred: false, flush });
    assert.deepEqual(await promise, [0xffff, -2, 0]);
    loop.ring.removeHandler(id);
  }));

Deno.test("a ring: prepare submits by itself when it is full; each completion finds its handler", () => {
  const ring = new Ring(8, SETUP.SINGLE_ISSUER | SETUP.DEFER_TASKRUN | SETUP.COOP_TASKRUN);
  const seen: number[][] = [[], []];
  const ids = seen.map((list) => ring.addHandler({ onCompletion: (_t, arg) => list.push(arg) }));
  for (let i = 0; i < 1000; i++) {
    ring.prepare(OP.NOP, -1, 0, 0, 0, ids[i % 2]!, 0, i);
    if (i % 50 === 49) {
      ring.submitAndWait(1);
      while (ring.dispatch() > 0) ring.submit();
    }
  }
  assert.deepEqual(seen[0], Array.from({ length: 500 }, (_, i) => 2 * i));
  assert.deepEqual(seen[1], Array.from({ length: 500 }, (_, i) => 2 * i + 1));
  assert.ok(ring.enters > 0);
  ring.close();
});

Deno.test("a ring: a handler may prepare, and may throw, without losing completions", () => {
  const ring = new Ring(8, SETUP.SINGLE_ISSUER | SETUP.DEFER_TASKRUN | SETUP.COOP_TASKRUN);
  const seen: number[] = [];
  const id = ring.addHandler({
    onCompletion: (_tag, argument) => {
      seen.push(argument);
      if (argument === 1) throw new Error("planted");
      if (argument === 2) ring.prepare(OP.NOP, -1, 0, 0, 0, id, 0, 3);
    },
  });
  for (const argument of [1, 2]) ring.prepare(OP.NOP, -1, 0, 0, 0, id, 0, argument);
  ring.submitAndWait(2);
  assert.throws(() => ring.dispatch(), /planted/);
  ring.dispatch();
  ring.submitAndWait(1);
  ring.dispatch();
  assert.deepEqual(seen, [1, 2, 3]);
  ring.close();
});

for (const [name, flags] of [["64", 0], ["128", SETUP.SQE128]] as const) {
  Deno.test(`a ring of ${name}-byte entries: nothing is left in an entry of its last use`, () => {
    const ring = new Ring(4, SETUP.SINGLE_ISSUER | flags);
    const seen: number[] = [];
    const id = ring.addHandler({ onCompletion: (_tag, argument) => seen.push(argument) });
    const places = new Set<number>();
    for (let i = 0; i < 12; i++) {
      const at = ring.prepare(OP.NOP, -1, 0, 0, 0, id, 0, i);
      places.add(at);
      const payload = ring.sqe.subarray(at + SQE.COMMAND, at + SQE.WORDS);
      assert.deepEqual([...payload], [0, 0, 0, 0]);
      payload.fill(-1);
      ring.submitAndWait(1);
      ring.dispatch();
    }
    assert.deepEqual([...places], [0, 1, 2, 3].map((index) => index * Number(name) / 4));
    assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    ring.close();
  });
}

Deno.test("a ring: handler ids are used again, completions of a removed one are dropped", () => {
  const ring = new Ring(8, SETUP.SINGLE_ISSUER | SETUP.DEFER_TASKRUN | SETUP.COOP_TASKRUN);
  const id = ring.addHandler({ onCompletion: () => assert.fail("it was removed") });
  ring.prepare(OP.NOP, -1, 0, 0, 0, id, 0, 0);
  ring.removeHandler(id);
  ring.submitAndWait(1);
  assert.equal(ring.dispatch(), 1);
  assert.equal(ring.addHandler({ onCompletion: () => {} }), id);
  ring.close();
});

for (const spinUs of [0, 200]) {
  const how = spinUs > 0 ? `that spins for ${spinUs} µs` : "that blocks at once";
  Deno.test(`a reactor ${how}: messages in order, operations, and a clean end`, async () => {
    const mailbox = memory.allocate(MAILBOX_BYTES, "a mailbox");
    const counters = memory.allocate(8, "counters");
    const wakeFd = eventfd();
    const setup: ReactorSetup = {
      index: 0,
      arenaBase: arena.base,
      arenaBytes: arena.buffer.byteLength,
      mailbox,
      wakeFd,
      spinUs,
      entersIndex: counters / 8,
    };
    const worker = new Worker(import.meta.resolve("./reactor_worker.ts"), { type: "module" });
    const received: unknown[] = [];
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    worker.onmessage = ({ data }) => {
      received.push(data);
      if (data === "stopped") end();
    };
    worker.postMessage(setup);
    const writer = new MailboxWriter(arena, mailbox, () => signalEventfd(wakeFd));
    const sent = Array.from({ length: 200 }, (_, i) => ({ nops: i }));
    for (const item of sent) {
      writer.send(item);
      if (item.nops % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    writer.send("stop");
    await ended;
    worker.terminate();
    assert.deepEqual(received, [...sent.map(({ nops }) => nops), "stopped"]);
    assert.ok(arena.f64[counters / 8]! > 0);
    close(wakeFd);
    memory.release(mailbox);
    memory.release(counters);
  });
}

Deno.test("the library that the system calls come from is told", () => {
  const ring = new Ring(8, SETUP.SINGLE_ISSUER);
  if (IS_CHILD) assert.equal(ring.library, "libc.so.6 syscall");
  else assert.match(ring.library, /^(liburing\.so\.2|libc\.so\.6 syscall)$/);
  ring.close();
});

Deno.test({
  name: "all of this holds without liburing",
  ignore: IS_CHILD,
  fn: async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", new URL(import.meta.url).pathname],
      env: { RNBD_NO_LIBURING: "1", RNBD_RING_TEST_CHILD: "1", NO_COLOR: "1" },
    }).output();
    const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert.equal(code, 0, output);
    assert.match(output, /ok \| \d+ passed \| 0 failed/);
  },
});
