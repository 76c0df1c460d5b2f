/** The queue against a scripted kernel: what real disks seldom do. */
import assert from "node:assert/strict";
import type { BackendGeometry } from "../../src/rnbd/backend.ts";
import { FileQueue } from "../../src/rnbd/backends/file_queue.ts";
import { RETRIES_MAX, ZEROES_BYTES } from "../../src/rnbd/backends/limits.ts";
import type { Executor, Flushable } from "../../src/ring/executor.ts";
import { OP, SQE } from "../../src/ring/opcodes.ts";
import { plainArena } from "../../src/ring/arena.ts";
import type { CompletionHandler, Ring } from "../../src/ring/ring.ts";

const [EINTR, EIO, EAGAIN, EINVAL, ENOSPC, EOPNOTSUPP] = [4, 5, 11, 22, 28, 95];
const ZEROES_AT = 65_536;
const HOLE = 3;
const ZERO_RANGE = 0x11;

/** What an SQE says. */
interface Submission {
  readonly opcode: number;
  readonly isAsync: boolean;
  readonly offset: number;
  readonly address: number;
  readonly length: number;
  readonly flags: number;
  readonly address3: number;
  readonly tag: number;
  readonly slot: number;
}

/** A ring whose completions the test gives. */
class ScriptedExecutor implements Executor {
  readonly arena = plainArena(2 ** 20);
  readonly sqe = new Int32Array(16 * 64);
  readonly ring: Ring;
  private prepared = 0;
  private handler: CompletionHandler | undefined;
  private readonly tasks: Flushable[] = [];

  constructor() {
    const stub = {
      sqe: this.sqe,
      addHandler: (handler: CompletionHandler) => {
        this.handler = handler;
        return 7;
      },
      removeHandler: (id: number) => {
        assert.equal(id, 7);
        this.handler = undefined;
      },
      prepare: (...fields: number[]) => this.prepare(fields),
    };
    this.ring = stub as unknown as Ring;
  }

  get isClosed(): boolean {
    return this.handler === undefined;
  }

  private prepare(fields: number[]): number {
    const at = 16 * this.prepared++;
    this.sqe.fill(0, at, at + 16);
    const [opcodeFlags, fd, low, high, length, handlerId, tag, argument] = fields;
    this.sqe[at] = opcodeFlags!;
    this.sqe[at + SQE.FD] = fd!;
    this.sqe[at + SQE.ADDRESS_LOW] = low!;
    this.sqe[at + SQE.ADDRESS_HIGH] = high!;
    this.sqe[at + SQE.LENGTH] = length!;
    this.sqe[at + SQE.USER_DATA_LOW] = handlerId! | (tag! << 16);
    this.sqe[at + SQE.USER_DATA_HIGH] = argument!;
    return at;
  }

  giveWay(): void {}

  gather(): void {}

  sleepAtOnce(): void {}

  defer(task: Flushable): void {
    if (task.deferred) return;
    task.deferred = true;
    this.tasks.push(task);
  }

  /** Ends the batch; returns what was submitted in it. */
  submitted(): Submission[] {
    for (const task of this.tasks.splice(0)) {
      task.deferred = false;
      task.flush();
    }
    const list = Array.from({ length: this.prepared }, (_, i) => this.decode(16 * i));
    this.prepared = 0;
    return list;
  }

  /** Ends the batch, which holds one submission. */
  only(): Submission {
    const list = this.submitted();
    assert.equal(list.length, 1);
    return list[0]!;
  }

  private decode(at: number): Submission {
    const word = (index: number) => this.sqe[at + index]! >>> 0;
    const long = (index: number) => word(index) + word(index + 1) * 2 ** 32;
    return {
      opcode: word(0) & 0xff,
      isAsync: (word(0) & (16 << 8)) !== 0,
      offset: long(SQE.OFFSET_LOW),
      address: long(SQE.ADDRESS_LOW),
      length: word(SQE.LENGTH),
      flags: word(SQE.OP_FLAGS),
      address3: long(12),
      tag: word(SQE.USER_DATA_LOW) >>> 16,
      slot: word(SQE.USER_DATA_HIGH),
    };
  }

  complete(submission: Submission, result: number): void {
    this.handler!.onCompletion(submission.tag, submission.slot, result, 0);
  }
}

function setUp(ioMode: "fileio" | "blockio") {
  const executor = new ScriptedExecutor();
  const ended: [slot: number, errno: number][] = [];
  const geometry = { logicalBlockBytes: 512, sizeBytes: 2 ** 50 } as BackendGeometry;
  const ticket = { kind: "block", identity: "", path: "", fd: 3, ioMode, geometry } as const;
  const handler = { onBackendDone: (slot: number, errno: number) => ended.push([slot, errno]) };
  const queue = new FileQueue(executor, ZEROES_AT, ticket, 8, handler);
  return { executor, queue, ended };
}

Deno.test("a short transfer goes on where it stopped, beyond 2^32 as well", () => {
  const { executor, queue, ended } = setUp("blockio");
  const offset = 5 * 2 ** 32 - 4096;
  queue.read(2, offset, 16_384, 8192);
  const first = executor.only();
  assert.deepEqual([first.opcode, first.offset, first.length], [OP.READ, offset, 16_384]);
  executor.complete(first, 4096);
  const second = executor.only();
  assert.deepEqual(
    [second.offset, second.length, second.address],
    [offset + 4096, 12_288, 8192 + 4096],
  );
  assert.deepEqual(ended, []);
  executor.complete(second, 12_288);
  assert.deepEqual(ended, [[2, 0]]);
  queue.write(2, offset, 8192, 8192, false);
  executor.complete(executor.only(), 512);
  const rest = executor.only();
  assert.deepEqual([rest.opcode, rest.offset, rest.length], [OP.WRITE, offset + 512, 7680]);
  executor.complete(rest, 7680);
  assert.deepEqual(ended, [[2, 0], [2, 0]]);
});

Deno.test("a transfer of nothing, or of part of a block with O_DIRECT, is EIO", () => {
  const direct = setUp("blockio");
  direct.queue.read(0, 0, 4096, 8192);
  direct.executor.complete(direct.executor.only(), 0);
  direct.queue.read(1, 0, 4096, 8192);
  direct.executor.complete(direct.executor.only(), 700);
  direct.queue.write(2, 0, 4096, 8192, false);
  direct.executor.complete(direct.executor.only(), 0);
  assert.deepEqual(direct.ended, [[0, EIO], [1, EIO], [2, EIO]]);
  const buffered = setUp("fileio");
  buffered.queue.read(0, 0, 4096, 8192);
  buffered.executor.complete(buffered.executor.only(), 700);
  buffered.executor.complete(buffered.executor.only(), 0);
  assert.deepEqual(buffered.ended, [[0, EIO]]);
});

Deno.test("EAGAIN and EINTR are tried again on a helper thread, a bounded number of times", () => {
  for (const errno of [EAGAIN, EINTR]) {
    const { executor, queue, ended } = setUp("blockio");
    queue.read(1, 0, 4096, 8192);
    let submission = executor.only();
    assert.equal(submission.isAsync, false);
    for (let i = 0; i < RETRIES_MAX; i++) {
      executor.complete(submission, -errno);
      submission = executor.only();
      assert.equal(submission.isAsync, true);
    }
    executor.complete(submission, -errno);
    assert.deepEqual(executor.submitted(), []);
    assert.deepEqual(ended, [[1, errno]]);
    queue.flush(1);
    submission = executor.only();
    for (let i = 0; i < RETRIES_MAX; i++) {
      executor.complete(submission, -errno);
      submission = executor.only();
      assert.deepEqual([submission.opcode, submission.isAsync], [OP.FSYNC, true]);
    }
    executor.complete(submission, -errno);
    assert.deepEqual(ended, [[1, errno], [1, errno]]);
    assert.equal(queue.inflight, 0);
  }
});

Deno.test("an errno of the kernel is passed on", () => {
  const { executor, queue, ended } = setUp("blockio");
  queue.write(0, 0, 4096, 8192, false);
  executor.complete(executor.only(), -ENOSPC);
  queue.read(1, 0, 4096, 8192);
  executor.complete(executor.only(), -EINVAL);
  assert.deepEqual(ended, [[0, ENOSPC], [1, EINVAL]]);
});

Deno.test("blockio: FUA is RWF_DSYNC, a flush is an fdatasync, nothing else syncs", () => {
  const { executor, queue, ended } = setUp("blockio");
  queue.write(0, 0, 512, 8192, false);
  queue.write(1, 512, 512, 8192, true);
  queue.discard(2, 0, 512);
  const list = executor.submitted();
  assert.deepEqual(list.map((each) => [each.opcode, each.flags]), [
    [OP.WRITE, 0],
    [OP.WRITE, 2],
    [OP.URING_CMD, 0],
  ]);
  executor.complete(list[0]!, 512);
  executor.complete(list[1]!, 512);
  executor.complete(list[2]!, 0);
  assert.deepEqual(ended, [[0, 0], [1, 0], [2, 0]]);
  queue.flush(3);
  const flush = executor.only();
  assert.deepEqual([flush.opcode, flush.flags], [OP.FSYNC, 1]);
  executor.complete(flush, 0);
  assert.deepEqual(ended.at(-1), [3, 0]);
});

Deno.test("fileio: one sync at a time serves all who waited when it started", () => {
  const { executor, queue, ended } = setUp("fileio");
  queue.write(0, 0, 512, 8192, false);
  queue.write(1, 512, 512, 8192, true);
  const [first, second] = executor.submitted();
  executor.complete(first!, 512);
  executor.complete(second!, 512);
  assert.deepEqual(ended, []);
  const sync = executor.only();
  assert.deepEqual([sync.opcode, sync.flags], [OP.FSYNC, 1]);
  // Later ones wait for the next sync: this one may have passed their data already.
  queue.write(2, 1024, 512, 8192, false);
  queue.flush(3);
  executor.complete(executor.only(), 512);
  assert.deepEqual(executor.submitted(), []);
  executor.complete(sync, 0);
  assert.deepEqual(ended, [[0, 0], [1, 0]]);
  executor.complete(executor.only(), 0);
  assert.deepEqual(ended, [[0, 0], [1, 0], [3, 0], [2, 0]]);
  assert.equal(queue.inflight, 0);
});

Deno.test("fileio: a failed sync fails every change that was under way, and no later one", () => {
  const { executor, queue, ended } = setUp("fileio");
  queue.write(0, 0, 512, 8192, false);
  executor.complete(executor.only(), 512);
  const sync = executor.only();
  queue.write(1, 512, 512, 8192, false);
  queue.read(2, 0, 512, 16_384);
  queue.flush(3);
  const [write, read] = executor.submitted();
  executor.complete(write!, 512);
  executor.complete(sync, -EIO);
  assert.deepEqual(ended, [[0, EIO]]);
  // Write 1 came after it; its own sync ends well, but the failure may have been its own.
  executor.complete(executor.only(), 0);
  executor.complete(read!, 512);
  assert.deepEqual(ended, [[0, EIO], [3, 0], [1, EIO], [2, 0]]);
  queue.write(4, 0, 512, 8192, false);
  executor.complete(executor.only(), 512);
  executor.complete(executor.only(), 0);
  assert.deepEqual(ended.at(-1), [4, 0]);
});

Deno.test("write zeroes falls back to a zeroed range, then to written zeroes, and remembers", () => {
  const { executor, queue, ended } = setUp("fileio");
  const length = 2 * ZEROES_BYTES + 512;
  queue.writeZeroes(0, 4096, length, true);
  const hole = executor.only();
  assert.deepEqual([hole.opcode, hole.length, hole.address], [OP.FALLOCATE, HOLE, length]);
  executor.complete(hole, -EOPNOTSUPP);
  const range = executor.only();
  assert.deepEqual([range.opcode, range.length, range.offset], [OP.FALLOCATE, ZERO_RANGE, 4096]);
  executor.complete(range, -EOPNOTSUPP);
  for (
    const [offset, bytes] of [[0, ZEROES_BYTES], [ZEROES_BYTES, ZEROES_BYTES], [
      2 * ZEROES_BYTES,
      512,
    ]]
  ) {
    const write = executor.only();
    assert.deepEqual(
      [write.opcode, write.offset, write.length, write.address],
      [OP.WRITE, 4096 + offset!, bytes, ZEROES_AT],
    );
    executor.complete(write, bytes!);
  }
  assert.deepEqual(ended, []);
  const sync = executor.only();
  assert.equal(sync.opcode, OP.FSYNC);
  executor.complete(sync, 0);
  assert.deepEqual(ended, [[0, 0]]);
  queue.writeZeroes(1, 0, 512, true);
  assert.equal(executor.only().opcode, OP.WRITE);
});

Deno.test("write zeroes that must not unmap never punches a hole", () => {
  const { executor, queue } = setUp("blockio");
  queue.writeZeroes(0, 0, 512, false);
  assert.equal(executor.only().length, ZERO_RANGE);
});

Deno.test("discard falls back to a hole where the kernel lacks the command", () => {
  const { executor, queue, ended } = setUp("blockio");
  const offset = 3 * 2 ** 32;
  queue.discard(0, offset, 2 ** 32);
  const command = executor.only();
  assert.deepEqual(
    [command.opcode, command.offset, command.address, command.address3, command.length],
    [OP.URING_CMD, 0x1200, offset, 2 ** 32, 0],
  );
  executor.complete(command, -EOPNOTSUPP);
  const hole = executor.only();
  assert.deepEqual(
    [hole.opcode, hole.length, hole.offset, hole.address],
    [OP.FALLOCATE, HOLE, offset, 2 ** 32],
  );
  executor.complete(hole, 0);
  queue.discard(1, 0, 512);
  const next = executor.only();
  assert.equal(next.opcode, OP.FALLOCATE);
  executor.complete(next, -EOPNOTSUPP);
  assert.deepEqual(ended, [[0, 0], [1, EOPNOTSUPP]]);
});

Deno.test("secure erase is refused; close() wants nothing in flight", () => {
  const { executor, queue, ended } = setUp("blockio");
  queue.secureErase(5, 0, 512);
  assert.deepEqual(ended, [[5, EOPNOTSUPP]]);
  queue.read(0, 0, 512, 8192);
  assert.throws(() => queue.close(), /1 operations/);
  executor.complete(executor.only(), 512);
  queue.close();
  assert.equal(executor.isClosed, true);
});
