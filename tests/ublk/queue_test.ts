/** A queue between a driver and a block queue that are both played by the test. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { CounterBlock } from "../../src/ring/counters.ts";
import { plainArena } from "../../src/ring/arena.ts";
import { BLOCK_FLAG, BLOCK_OP, type BlockGeometry } from "../../src/rnbd/block_queue.ts";
import { REQUEST_FLAG } from "../../src/ublk/commands.ts";
import { UBLK_COUNTERS } from "../../src/ublk/counters.ts";
import { UblkQueue } from "../../src/ublk/queue.ts";
import { Random } from "../support/random.ts";
import { FakeBlocks, type FakeRequest } from "./harness/fake_blocks.ts";
import { type DriverRequest, FakeDriver } from "./harness/fake_driver.ts";

const EIO = 5;
const ENOSPC = 28;
const EOPNOTSUPP = 95;
const WRITE_SAME = 4;
const BUFFER_BYTES = 131_072;
const GEOMETRY: BlockGeometry = {
  sizeBytes: 2 ** 45,
  logicalBlockBytes: 512,
  physicalBlockBytes: 4096,
  maxIoBytes: BUFFER_BYTES,
  maxDiscardBytes: 2 ** 32 - 512,
  maxWriteZeroesBytes: 2 ** 32 - 512,
  discardGranularityBytes: 4096,
  discardAlignmentBytes: 0,
  secureErase: false,
  readOnly: false,
  writeCache: true,
  fua: true,
};

/** A queue of `depth` with `permits` to share; its buffers lie across a 4 GiB border. */
class Rig {
  readonly random: Random;
  readonly driver: FakeDriver;
  readonly queue: UblkQueue;
  blocks: FakeBlocks;
  unbound = 0;
  stopped = 0;
  /** The request of each tag, while it is being served. */
  readonly current = new Map<number, DriverRequest>();
  given = 0;
  private readonly arena = plainArena(4096);
  readonly counters = new CounterBlock(this.arena, 1024, UBLK_COUNTERS);

  constructor(seed: number, depth: number, readonly permits: number) {
    this.random = new Random(seed);
    const buffersAt = 2 ** 32 - BUFFER_BYTES * Math.floor(depth / 2);
    const ticket = { device: 3, queue: 2, fd: 9, depth, buffersAt, bufferBytes: BUFFER_BYTES };
    this.driver = new FakeDriver(this.arena, ticket);
    this.blocks = this.newBlocks();
    this.queue = new UblkQueue(this.driver, ticket, this.driver.descriptors, this.counters, {
      onUnbound: () => {
        this.unbound++;
        assert.equal(this.blocks.permitsOut, 0, "nothing is held when it says so");
        this.blocks.forget(this.queue);
      },
      onStopped: () => this.stopped++,
    });
    this.driver.enter();
  }

  newBlocks(): FakeBlocks {
    return new FakeBlocks(GEOMETRY, this.permits, this.random, (request) => this.check(request));
  }

  /** What the block queue gets is what the driver asked for. */
  private check(request: FakeRequest): void {
    const asked = this.current.get(request.token)!;
    const operation = asked.operationFlags & 0xff;
    const hasData = operation <= BLOCK_OP.WRITE;
    const isFlush = operation === BLOCK_OP.FLUSH;
    const buffersAt = 2 ** 32 - BUFFER_BYTES * Math.floor(this.driver.states.length / 2);
    assert.equal(request.operation, operation);
    assert.equal(request.length, isFlush ? 0 : asked.sectors * 512);
    assert.equal(request.offset, isFlush ? 0 : asked.startSector * 512);
    assert.equal(request.at, hasData ? buffersAt + request.token * BUFFER_BYTES : 0);
    const flags = ((asked.operationFlags & REQUEST_FLAG.FUA) !== 0 ? BLOCK_FLAG.FUA : 0) |
      ((asked.operationFlags & REQUEST_FLAG.NO_UNMAP) !== 0 ? BLOCK_FLAG.NO_UNMAP : 0);
    assert.equal(request.flags, flags);
  }

  give(tag: number, request: DriverRequest): void {
    assert.ok(!this.current.has(tag));
    this.current.set(tag, request);
    this.given++;
    this.driver.give(tag, request);
  }

  giveAny(): void {
    const { fetched } = this.driver;
    if (fetched.length === 0) return;
    const operation = this.random.pick([0, 0, 0, 1, 1, 1, 2, 3, 5]);
    const isData = operation <= BLOCK_OP.WRITE;
    const flags = this.random.pick([0, REQUEST_FLAG.FUA, REQUEST_FLAG.NO_UNMAP, 1 << 8]);
    this.give(this.random.pick(fetched), {
      operationFlags: operation | flags,
      sectors: isData ? 1 + this.random.below(256) : this.random.below(0x7f_ffff),
      startSector: this.random.u32() * 8,
    });
  }

  /** Ends a batch and checks results against what was asked. @returns results, in order */
  enter(allowed: readonly number[] = []): number[] {
    this.driver.enter();
    return this.driver.results.splice(0).map(({ tag, result }) => {
      const asked = this.current.get(tag);
      assert.ok(asked !== undefined, `tag ${tag} was answered and not asked`);
      this.current.delete(tag);
      const isData = (asked.operationFlags & 0xff) <= BLOCK_OP.WRITE;
      const good = isData ? asked.sectors * 512 : 0;
      assert.ok(result === good || allowed.includes(result), `result ${result}, not ${good}`);
      return result;
    });
  }
}

const READ_ONE = { operationFlags: BLOCK_OP.READ, sectors: 8, startSector: 2 ** 33 + 5 };

Deno.test("ublk queue: every request is answered once, in whatever order permits and answers come", () => {
  const run = fc.record({
    seed: fc.nat(),
    depth: fc.integer({ min: 1, max: 64 }),
    permits: fc.integer({ min: 1, max: 40 }),
    steps: fc.array(fc.constantFrom("give", "answer", "fail", "offer", "enter", "rebind"), {
      maxLength: 400,
      minLength: 100,
    }),
  });
  let answered = 0;
  fc.assert(fc.property(run, ({ seed, depth, permits, steps }) => {
    const rig = new Rig(seed, depth, permits);
    rig.queue.bind(rig.blocks);
    for (const step of steps) {
      if (step === "give") { for (let i = rig.random.below(16); i >= 0; i--) rig.giveAny(); }
      if (step === "answer" && rig.blocks.requests.length > 0) rig.blocks.answer(0);
      if (step === "fail" && rig.blocks.requests.length > 0) rig.blocks.answer(ENOSPC);
      if (step === "offer") rig.blocks.offerPermits();
      if (step === "enter") answered += rig.enter([-ENOSPC]).length;
      if (step === "rebind") rebind(rig);
    }
    rig.driver.isStopping = true;
    for (let i = 0; rig.stopped === 0; i++) {
      assert.ok(i < 10_000, "the queue does not come to an end");
      if (rig.blocks.requests.length > 0) rig.blocks.answer(0);
      rig.blocks.offerPermits();
      answered += rig.enter([-ENOSPC]).length;
    }
    assert.equal(rig.current.size, 0, "requests without an answer");
    assert.ok(rig.driver.states.every((state) => state === "gone"));
    assert.equal(rig.blocks.permitsOut, 0);
    assert.equal(rig.stopped, 1);
    assert.equal(rig.driver.handlersRemoved, 1);
    assert.equal(rig.counters.read().ublk_requests, rig.given);
    assert.equal(rig.counters.read().ublk_refused_commands, 0);
  }));
  assert.ok(answered > 1000, `only ${answered} requests`);
});

/** The lane is made anew: what waits fails, then another block queue takes over. */
function rebind(rig: Rig): void {
  const before = rig.unbound;
  rig.queue.unbind();
  for (let i = 0; rig.unbound === before; i++) {
    assert.ok(i < 1000, "the queue does not let go");
    if (rig.blocks.requests.length > 0) rig.blocks.answer(0);
    rig.enter([-ENOSPC, -EIO]);
  }
  rig.blocks = rig.newBlocks();
  rig.queue.bind(rig.blocks);
}

Deno.test("ublk queue: the checker notices a second commit", () => {
  const rig = new Rig(1, 2, 2);
  rig.queue.bind(rig.blocks);
  rig.give(0, READ_ONE);
  const [request] = rig.blocks.requests;
  rig.blocks.answer(0);
  rig.enter();
  // Planted: an answer for a request that has been answered.
  rig.blocks.acquire(rig.queue);
  assert.throws(() => {
    request!.user.onBlockDone(request!.permit, 0, 0);
    rig.enter();
  }, /committed twice/);
});

Deno.test("ublk queue: without a disk, or with a closed one, requests fail at once", () => {
  const rig = new Rig(1, 4, 4);
  rig.give(0, READ_ONE);
  assert.deepEqual(rig.enter([-EIO]), [-EIO]);
  rig.queue.bind(rig.blocks);
  rig.blocks.isOpen = false;
  rig.give(1, READ_ONE);
  assert.deepEqual(rig.enter([-EIO]), [-EIO]);
  assert.equal(rig.counters.read().ublk_failed_requests, 2);
});

Deno.test("ublk queue: waiting requests fail when the disk closes meanwhile", () => {
  const rig = new Rig(1, 4, 1);
  rig.queue.bind(rig.blocks);
  for (const tag of [0, 1, 2]) rig.give(tag, READ_ONE);
  assert.deepEqual(rig.enter(), []);
  assert.equal(rig.blocks.requests.length, 1);
  rig.blocks.isOpen = false;
  rig.blocks.answer(EIO);
  rig.blocks.offerPermits();
  assert.deepEqual(rig.enter([-EIO]), [-EIO, -EIO, -EIO]);
});

Deno.test("ublk queue: operations nobody knows, and more than the server allows now", () => {
  const rig = new Rig(1, 4, 4);
  rig.queue.bind(rig.blocks);
  for (const operationFlags of [WRITE_SAME, 10, 255]) {
    rig.give(0, { ...READ_ONE, operationFlags });
    assert.deepEqual(rig.enter([-EOPNOTSUPP]), [-EOPNOTSUPP]);
  }
  rig.give(0, { ...READ_ONE, sectors: 257 });
  assert.deepEqual(rig.enter([-EIO]), [-EIO]);
  assert.equal(rig.blocks.requests.length, 0);
});

Deno.test("ublk queue: first come, first served, when permits are short", () => {
  const rig = new Rig(1, 8, 1);
  rig.queue.bind(rig.blocks);
  const order: number[] = [];
  for (const tag of [5, 2, 7, 0]) rig.give(tag, READ_ONE);
  for (let i = 0; i < 4; i++) {
    rig.enter();
    order.push(rig.blocks.requests[0]!.token);
    rig.blocks.answer(0);
    rig.blocks.offerPermits();
  }
  rig.enter();
  assert.deepEqual(order, [5, 2, 7, 0]);
  // A permit that is free for a moment is not for whoever comes by.
  rig.give(1, READ_ONE);
  rig.give(3, READ_ONE);
  rig.blocks.answer(0);
  rig.give(4, READ_ONE);
  assert.equal(rig.blocks.requests.length, 0);
  rig.blocks.offerPermits();
  rig.enter();
  assert.equal(rig.blocks.requests[0]!.token, 3);
});

Deno.test("ublk queue: bytes are counted by direction", () => {
  const rig = new Rig(1, 4, 4);
  rig.queue.bind(rig.blocks);
  rig.give(0, READ_ONE);
  rig.give(1, { ...READ_ONE, operationFlags: BLOCK_OP.WRITE, sectors: 16 });
  rig.give(2, { ...READ_ONE, operationFlags: BLOCK_OP.DISCARD, sectors: 32 });
  while (rig.blocks.requests.length > 0) rig.blocks.answer(0);
  rig.enter();
  const { ublk_read_bytes, ublk_written_bytes } = rig.counters.read();
  assert.deepEqual([ublk_read_bytes, ublk_written_bytes], [4096, 8192]);
});
