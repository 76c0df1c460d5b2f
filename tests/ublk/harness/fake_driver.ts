/**
 * The driver's side of one queue, in memory: hands requests out through the descriptor area and
 * checks that each comes back once, with the right result and buffer.
 */
import assert from "node:assert/strict";
import type { Arena } from "../../../src/ring/arena.ts";
import { DeferredTasks, type Executor, type Flushable } from "../../../src/ring/executor.ts";
import { OP, SQE } from "../../../src/ring/opcodes.ts";
import type { CompletionHandler, Ring } from "../../../src/ring/ring.ts";
import { DESCRIPTOR, IO_COMMAND, IO_OPERATION } from "../../../src/ublk/commands.ts";
import type { UblkQueueTicket } from "../../../src/ublk/queue_ticket.ts";

const ENODEV = 19;

/** What the block layer asks for. */
export interface DriverRequest {
  readonly operationFlags: number;
  readonly sectors: number;
  readonly startSector: number;
}

/** Who has a tag. */
type TagState = "unfetched" | "fetched" | "served" | "gone";

/** See the head of this file. */
export class FakeDriver implements Executor {
  readonly ring: Ring;
  readonly descriptors: Uint32Array<ArrayBuffer>;
  readonly states: TagState[];
  /** Results of finished requests by tag, newest last. */
  readonly results: { readonly tag: number; readonly result: number }[] = [];
  handlersRemoved = 0;
  isStopping = false;
  private readonly tasks = new DeferredTasks();
  private readonly sqe = new Int32Array(SQE.WORDS * 1024);
  private prepared: number[] = [];
  private handler: CompletionHandler | undefined;

  constructor(readonly arena: Arena, private readonly ticket: UblkQueueTicket) {
    this.descriptors = new Uint32Array(ticket.depth * DESCRIPTOR.WORDS);
    this.states = new Array<TagState>(ticket.depth).fill("unfetched");
    const ring = {
      sqe: this.sqe,
      addHandler: (handler: CompletionHandler) => {
        this.handler = handler;
        return 7;
      },
      removeHandler: () => this.handlersRemoved++,
      prepare: this.prepare.bind(this),
    };
    this.ring = ring as unknown as Ring;
  }

  giveWay(): void {}

  gather(): void {}

  sleepAtOnce(): void {}

  defer(task: Flushable): void {
    this.tasks.add(task);
  }

  private prepare(
    opcode: number,
    fd: number,
    low: number,
    high: number,
    length: number,
    handler: number,
    kind: number,
    tag: number,
  ): number {
    assert.deepEqual([opcode, fd, low, high, length], [OP.URING_CMD, this.ticket.fd, 0, 0, 0]);
    assert.deepEqual([handler, kind], [7, 0]);
    assert.ok(this.prepared.length < 1024, "the batch is longer than any queue");
    const at = this.prepared.length * SQE.WORDS;
    this.sqe.fill(0, at, at + SQE.WORDS);
    this.prepared.push(tag);
    return at;
  }

  /** Ends a batch: runs what was deferred, then takes what was prepared. */
  enter(): void {
    this.tasks.run();
    const tags = this.prepared;
    this.prepared = [];
    tags.forEach((tag, i) => this.take(tag, i * SQE.WORDS));
    if (this.isStopping) this.abort();
  }

  private take(tag: number, at: number): void {
    const { ticket, sqe } = this;
    const command = at + SQE.COMMAND;
    const address = ticket.buffersAt + tag * ticket.bufferBytes;
    assert.equal(sqe[command + IO_COMMAND.QUEUE_AND_TAG], ticket.queue | tag << 16);
    assert.equal(sqe[command + IO_COMMAND.ADDRESS_LOW]! >>> 0, address % 2 ** 32);
    assert.equal(sqe[command + IO_COMMAND.ADDRESS_HIGH], this.arena.addressHigh(address));
    const operation = sqe[at + SQE.COMMAND_OPERATION];
    if (this.states[tag] === "unfetched") {
      assert.equal(operation, IO_OPERATION.FETCH_REQ);
    } else {
      assert.equal(this.states[tag], "served", `tag ${tag} was committed twice`);
      assert.equal(operation, IO_OPERATION.COMMIT_AND_FETCH_REQ);
      this.results.push({ tag, result: sqe[command + IO_COMMAND.RESULT]! });
    }
    this.states[tag] = "fetched";
  }

  /** Tags that can carry a request. */
  get fetched(): number[] {
    return this.states.flatMap((state, tag) => state === "fetched" ? [tag] : []);
  }

  /** Hands a request out. */
  give(tag: number, request: DriverRequest): void {
    const at = tag * DESCRIPTOR.WORDS;
    this.states[tag] = "served";
    this.descriptors[at + DESCRIPTOR.OPERATION_FLAGS] = request.operationFlags;
    this.descriptors[at + DESCRIPTOR.SECTORS] = request.sectors;
    this.descriptors[at + DESCRIPTOR.START_LOW] = request.startSector % 2 ** 32;
    this.descriptors[at + DESCRIPTOR.START_HIGH] = Math.floor(request.startSector / 2 ** 32);
    this.handler!.onCompletion(0, tag, 0, 0);
  }

  /** STOP_DEV: fetched tags come back at once, others when their request has ended. */
  private abort(): void {
    for (const tag of this.fetched) {
      this.states[tag] = "gone";
      this.handler!.onCompletion(0, tag, -ENODEV, 0);
    }
  }
}
