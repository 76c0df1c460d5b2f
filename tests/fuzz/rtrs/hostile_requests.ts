/**
 * A hostile client on an established path: right requests that are bent, random chunk contents,
 * random immediates, sends, disconnects, against the server's lanes and a back end that checks what
 * reaches it.
 */
import assert from "node:assert/strict";
import { memoryBits, responseBufferId, responseErrno } from "../../../src/rtrs/immediate.ts";
import { REQUEST_REJECTIONS } from "../../../src/rtrs/server/gate.ts";
import type { FakeConnection } from "../../rtrs/harness/fake_fabric.ts";
import {
  assertGuards,
  CHUNK_BYTES,
  DEPTH,
  guardedArena,
  rejectionsIndex,
} from "../../rtrs/harness/lane_rig.ts";
import { type FakeQueue, GEOMETRY, IoRig } from "../../rnbd/harness/io_rig.ts";
import type { Random } from "../../support/random.ts";

const DEVICES = 3;
const GUARD_CHECK_PERIOD = 2000;
const BITS = memoryBits(DEPTH);
const FLAGS = [0, 0x100, 0x200, 0x400, 0x800, 0xf00, 0xffff_ff00 | 0];

/** See the head of this file. */
class Attack {
  private readonly arena = guardedArena();
  private readonly rig = new IoRig(this.arena, 0);
  private readonly bystander = new IoRig(this.arena, 1);
  private readonly bystanderFabric = this.bystander.connect();
  private readonly queues: FakeQueue[] = [];
  private fabric: FakeConnection = this.rig.connect();
  private cutOffs = 0;
  private answered = 0;
  private successes = 0;

  /** @param sizeBytes how large the back end really is; the geometry says GEOMETRY.sizeBytes */
  constructor(private readonly random: Random, private readonly sizeBytes: number) {
    for (let id = 0; id < DEVICES; id++) {
      this.queues.push(this.rig.open(id, { readOnly: id === 2 }));
      this.queues[id]!.place = id === 1 ? 16_384 : -1;
    }
    this.bystander.open().endsAtOnce = true;
  }

  /** One input. */
  step(number: number): void {
    const { random, fabric } = this;
    for (const queue of this.queues) queue.endsAtOnce = random.chance(0.7);
    const what = random.below(100);
    if (what < 70) this.request(this.bentRequest());
    else if (what < 85) this.request(this.wildRequest());
    else if (what < 90) this.request(random.u32());
    else if (what < 92) fabric.handler.onSend(this.rig.chunkAt(0), random.below(300));
    else if (what < 93) fabric.handler.onInvalidated(random.u32());
    else if (what < 94) fabric.break();
    else this.endOperations();
    this.checkPosts();
    this.checkOperations();
    if (fabric.isClosing) this.reconnect();
    if (number % GUARD_CHECK_PERIOD === 0) this.checkBystander();
  }

  /** Sends an immediate; what must not pass the gate has to be cut off. */
  private request(immediate: number): void {
    const { fabric } = this;
    const isOffence = this.isOffence(immediate);
    fabric.handler.onImmediate(immediate);
    if (isOffence) assert.ok(fabric.isClosing, `0x${immediate.toString(16)} passed the gate`);
  }

  /** Whether the immediate names something that reaches out of its chunk, said in other words. */
  private isOffence(immediate: number): boolean {
    if (immediate >= 2 ** 28) return true;
    const chunk = Math.floor(immediate / 2 ** BITS);
    const offset = immediate % 2 ** BITS;
    if (chunk >= DEPTH) return true;
    // In use by a connection that died: it waits, and is looked at later.
    if (this.queues.some((queue) => queue.pending().includes(chunk))) return false;
    if (offset > CHUNK_BYTES - 4) return true;
    const message = this.arena.u8.subarray(this.rig.chunkAt(chunk) + offset);
    const u16 = (at: number) => message[at]! + message[at + 1]! * 256;
    if (u16(0) === 2) return u16(2) > offset;
    if (u16(0) !== 3 || u16(2) > offset || offset > CHUNK_BYTES - 8) return true;
    if (u16(6) === 0) return false;
    const length = u16(20) + u16(22) * 65_536;
    return u16(6) > 1 || offset > CHUNK_BYTES - 24 || length !== offset - u16(2);
  }

  /** A request as a right client writes it, with some bytes of it or of its immediate changed. */
  private bentRequest(): number {
    const { random, rig } = this;
    const operation = random.below(7);
    const chunk = random.below(DEPTH);
    const isData = operation <= 1;
    const length = operation === 2 ? 0 : 512 * (1 + random.below(isData ? 14 : 64));
    let immediate = rig.put(operation | random.pick(FLAGS), {
      device: random.below(DEVICES + 1),
      offset: 512 * random.below(GEOMETRY.sizeBytes / 512 + 2),
      length,
      chunk,
      userLength: random.pick([32, 32, 32, 24, 26, 28, 48]),
    });
    const offset = immediate % 2 ** BITS;
    if (random.chance(0.6)) {
      const at = rig.chunkAt(chunk) + offset;
      const start = Math.max(at - 48, rig.chunkAt(chunk));
      random.mutate(this.arena.u8.subarray(start, Math.min(at + 24, rig.chunkAt(chunk + 1))));
    }
    if (random.chance(0.1)) immediate = (immediate ^ (1 << random.below(32))) >>> 0;
    return immediate;
  }

  /** A request whose fields are random but near their limits, near the limits of the chunk. */
  private wildRequest(): number {
    const { random, rig } = this;
    const chunk = random.below(DEPTH);
    const edge = random.pick([0, 32, 4096, CHUNK_BYTES - 24, CHUNK_BYTES]);
    const offset = Math.max(edge + random.below(65) - 32, 0);
    const { view } = this.arena;
    // The client may write to all of its chunks, so also to the one behind.
    const end = (DEPTH - chunk) * CHUNK_BYTES;
    const put = (place: number, value: number) => {
      if (place + 2 <= end) view.setUint16(rig.chunkAt(chunk) + place, value, true);
    };
    const userLength = random.chance(0.5) ? 32 : random.below(80);
    const fields = [random.pick([2, 3, 3, 3, 4]), userLength, random.u32() & 3];
    fields.push(random.pick([0, 1, 1, 2, 0x100]));
    fields.forEach((value, i) => put(offset + 2 * i, value & 0xffff));
    put(offset + 20, random.chance(0.7) ? offset - userLength : random.u32() & 0xffff);
    put(offset + 22, random.chance(0.8) ? 0 : random.u32() & 0xffff);
    return chunk * 2 ** BITS + offset;
  }

  private endOperations(): void {
    for (const queue of this.queues) {
      for (const slot of queue.pending()) {
        if (this.random.chance(0.7)) queue.end(slot, this.random.pick([0, 0, 5, 28]));
      }
    }
  }

  /** What goes out lies in the request's own chunk or in the memory disk, and nowhere else. */
  private checkPosts(): void {
    for (const post of this.fabric.posts.splice(0)) {
      this.answered++;
      const chunk = responseBufferId(post.immediate);
      assert.ok(chunk < DEPTH, `answer for chunk ${chunk}`);
      if (responseErrno(post.immediate) !== 0) assert.equal(post.kind, "immediate");
      else this.successes++;
      if (post.kind === "immediate") continue;
      assert.equal(post.kind, "writeImmediate");
      const end = post.first + post.firstLength;
      const inChunk = post.first === this.rig.chunkAt(chunk) && end <= this.rig.chunkAt(chunk + 1);
      const disk = this.queues[1]!.place;
      const onDisk = post.first >= disk && end <= disk + this.sizeBytes;
      assert.ok(inChunk || onDisk, `answer from ${post.first}, ${post.firstLength} bytes`);
      assert.equal(post.secondLength, 0);
    }
  }

  private checkOperations(): void {
    for (const queue of this.queues) {
      for (const { kind, slot, offset, length, at } of queue.operations.splice(0)) {
        assert.ok(offset + length <= this.sizeBytes, `${kind} beyond the disk`);
        if (kind !== "read" && kind !== "write") continue;
        assert.equal(at, this.rig.chunkAt(slot));
        assert.ok(length <= CHUNK_BYTES, `${kind} of ${length} bytes in a chunk`);
        assert.ok(kind === "read" || !queue.geometry.readOnly, "a write to a read-only disk");
      }
    }
  }

  /** The offender was cut off, or left; it comes again. */
  private reconnect(): void {
    this.cutOffs += this.rig.broken.filter((reason) => reason.includes("protocol")).length;
    this.rig.broken.length = 0;
    this.fabric.finishClose();
    this.fabric = this.rig.connect();
  }

  /** Memory around the chunks is untouched, and another session is served as if nothing were. */
  private checkBystander(): void {
    assertGuards(this.arena);
    this.bystanderFabric.handler.onImmediate(this.bystander.put(0));
    const { firstLength, immediate } = this.bystanderFabric.take();
    assert.deepEqual([firstLength, responseErrno(immediate)], [4096, 0]);
  }

  /** Everything ends; every offence was counted once. */
  finish(): void {
    for (const queue of this.queues) {
      // What waited behind a dead connection starts as the chunk becomes free.
      for (let left = queue.pending(); left.length > 0; left = queue.pending()) {
        queue.end(left[0]!);
      }
      assert.equal(queue.inflight, 0);
    }
    this.checkPosts();
    this.checkBystander();
    const from = rejectionsIndex(0) + 1;
    const counted = this.arena.f64.subarray(from, from + REQUEST_REJECTIONS.length - 1)
      .reduce((sum, count) => sum + count, 0);
    assert.equal(counted, this.cutOffs);
    assert.deepEqual(this.bystander.counts(), {});
  }

  /** How far the inputs got: an attack that never gets through proves little. */
  get reach(): { cutOffs: number; answered: number; successes: number } {
    return { cutOffs: this.cutOffs, answered: this.answered, successes: this.successes };
  }
}

/**
 * Runs the attack.
 * @param sizeBytes size of the disks behind the lane; smaller than announced is a planted bug
 */
export function attackRequests(inputs: number, random: Random, sizeBytes: number): void {
  const attack = new Attack(random, sizeBytes);
  for (let i = 0; i < inputs; i++) attack.step(i);
  attack.finish();
  if (inputs < 1000) return;
  for (const [what, count] of Object.entries(attack.reach)) {
    assert.ok(count > inputs / 100, `only ${count} of ${inputs} inputs: ${what}`);
  }
}
