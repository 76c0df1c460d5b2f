/**
 * An executor whose ring is played by the test: receives are filled from an input, sends are
 * collected, everything in memory and in one thread.
 */
import { MAGIC } from "../../../src/nbd/protocol.ts";
import type { Arena } from "../../../src/ring/arena.ts";
import { DeferredTasks, type Executor, type Flushable } from "../../../src/ring/executor.ts";
import { OP, SQE } from "../../../src/ring/opcodes.ts";
import type { CompletionHandler, Ring } from "../../../src/ring/ring.ts";
import type { Random } from "../../support/random.ts";

const ECANCELED = 125;
const ETIME = 62;
/** More rounds than any input needs: beyond, something goes round in circles. */
const ROUNDS_MAX = 100_000;

interface Operation {
  readonly at: number;
  readonly opcode: number;
  readonly address: number;
  readonly length: number;
  readonly handlerId: number;
  readonly tag: number;
  readonly argument: number;
  readonly cancelled: boolean;
}

/** The fake; one socket only. */
export class FakeExecutor implements Executor {
  readonly ring: Ring;
  /** Everything that was sent. */
  readonly sent: Uint8Array[] = [];
  private readonly tasks = new DeferredTasks();
  private readonly handlers: (CompletionHandler | null)[] = [null];
  private operations: Operation[] = [];
  private readonly sqe = new Int32Array(SQE.WORDS * 64);
  private prepared = 0;
  private hungUp = false;
  private lost = false;

  constructor(readonly arena: Arena, private readonly random: Random) {
    const ring = {
      sqe: this.sqe,
      addHandler: (handler: CompletionHandler) => this.handlers.push(handler) - 1,
      removeHandler: (id: number) => this.handlers[id] = null,
      prepare: this.prepare.bind(this),
      cancel: this.cancel.bind(this),
    };
    this.ring = ring as unknown as Ring;
  }

  giveWay(): void {}

  gather(): void {}

  sleepAtOnce(): void {}

  defer(task: Flushable): void {
    this.tasks.add(task);
  }

  /** Plays until nothing moves: gives the input, then the end of file, to whoever receives. */
  settle(input: Generator<Uint8Array>): void {
    let waiting: Uint8Array | null = null;
    for (let round = 0;; round++) {
      if (round > ROUNDS_MAX) throw new Error("The connection does not come to an end");
      this.tasks.run();
      if (this.operations.length === 0) return;
      const operation = this.operations.splice(this.random.below(this.operations.length), 1)[0]!;
      if (operation.opcode !== OP.RECV || operation.cancelled) {
        this.play(operation);
        continue;
      }
      if (waiting === null || waiting.length === 0) waiting = input.next().value ?? null;
      // Whatever happened while the input was made has to be seen first.
      if (waiting === null || this.hungUp) {
        this.end(operation, 0);
        continue;
      }
      const bytes = waiting.subarray(0, operation.length);
      this.arena.u8.set(bytes, operation.address);
      waiting = waiting.subarray(bytes.length);
      this.end(operation, bytes.length);
    }
  }

  /** @throws when what was sent is not a sequence of whole replies (unless the client was cut) */
  checkReplies(structured: boolean): void {
    if (!structured || this.lost) return;
    const total = this.sent.reduce((sum, part) => sum + part.length, 0);
    const bytes = new Uint8Array(total);
    let end = 0;
    for (const part of this.sent) {
      bytes.set(part, end);
      end += part.length;
    }
    const view = new DataView(bytes.buffer);
    let at = 0;
    while (at < total) {
      const magic = view.getUint32(at);
      if (magic === MAGIC.SIMPLE_REPLY) at += 16;
      else if (magic === MAGIC.STRUCTURED_REPLY) at += 20 + view.getUint32(at + 16);
      else throw new Error(`Reply magic ${magic.toString(16)} at ${at}`);
    }
    if (at !== total) throw new Error("The last reply is cut off");
  }

  private prepare(
    opcodeFlags: number,
    _fd: number,
    addressLow: number,
    addressHigh: number,
    length: number,
    handlerId: number,
    tag: number,
    argument: number,
  ): number {
    const opcode = opcodeFlags & 0xff;
    const address = addressHigh * 2 ** 32 + addressLow;
    const at = (this.prepared++ % 64) * SQE.WORDS;
    this.operations.push({
      at,
      opcode,
      address,
      length,
      handlerId,
      tag,
      argument,
      cancelled: false,
    });
    return at;
  }

  private cancel(handlerId: number, tag: number, argument: number): void {
    this.operations = this.operations.map((one) => {
      const meant = one.handlerId === handlerId && one.tag === tag && one.argument === argument;
      return meant ? { ...one, cancelled: true } : one;
    });
  }

  private play(operation: Operation): void {
    if (operation.cancelled) return this.end(operation, -ECANCELED);
    switch (operation.opcode) {
      case OP.SENDMSG:
        return this.playSend(operation);
      case OP.TIMEOUT:
        return this.end(operation, -ETIME);
      case OP.SHUTDOWN:
        this.hungUp = true;
        return this.end(operation, 0);
      case OP.CLOSE:
        if (this.operations.some(({ handlerId }) => handlerId === operation.handlerId)) {
          throw new Error("Closed with operations in flight");
        }
        return this.end(operation, 0);
      default:
        throw new Error(`Unexpected operation ${operation.opcode}`);
    }
  }

  /** Sends all of it, or now and then only the first part. */
  private playSend(operation: Operation): void {
    const { view, u8 } = this.arena;
    const ranges = view.getUint32(operation.address + 16, true);
    const count = view.getUint32(operation.address + 24, true);
    let room = this.random.chance(0.2) ? 1 + this.random.below(10_000) : Infinity;
    let total = 0;
    for (let i = 0; i < count && room > 0; i++) {
      const at = view.getUint32(ranges + i * 16, true);
      const length = Math.min(view.getUint32(ranges + i * 16 + 8, true), room);
      this.sent.push(u8.slice(at, at + length));
      total += length;
      room -= length;
    }
    this.end(operation, total);
  }

  private end(operation: Operation, result: number): void {
    if (result === -ECANCELED) this.lost = true;
    const handler = this.handlers[operation.handlerId];
    if (handler === null || handler === undefined) throw new Error("Completion for nobody");
    handler.onCompletion(operation.tag, operation.argument, result, 0);
  }
}
