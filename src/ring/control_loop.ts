/**
 * The ring of the main thread: operations return promises, submission is immediate, and waiting
 * happens on a helper thread, so that the event loop of Deno is never blocked.
 */
import { awaitEventfd, close, eventfd, signalEventfd } from "../ffi/libc.ts";
import type { ArenaAllocator } from "./arena.ts";
import { DeferredTasks, type Executor, type Flushable } from "./executor.ts";
import { CONTROL_RING_ENTRIES } from "./limits.ts";
import { REGISTER, SETUP } from "./opcodes.ts";
import { type CompletionHandler, Ring } from "./ring.ts";

/** An operation in flight: its result (or -errno), and a way to ask for its cancellation. */
export interface PendingOperation {
  readonly result: Promise<number>;
  cancel(): void;
}

/** Main's executor. */
export class ControlLoop implements Executor, CompletionHandler {
  readonly ring: Ring;
  private readonly tasks = new DeferredTasks();
  private readonly eventfd: number;
  private readonly handlerId: number;
  private readonly resolvers = new Map<number, (result: number) => void>();
  private nextOperation = 1;
  private flushScheduled = false;
  private stopped = false;
  private readonly waiter: Promise<void>;

  constructor(readonly memory: ArenaAllocator) {
    // ublk's control commands are longer than what an entry of 64 bytes holds.
    const flags = SETUP.SINGLE_ISSUER | SETUP.COOP_TASKRUN | SETUP.SQE128;
    this.ring = new Ring(CONTROL_RING_ENTRIES, flags);
    this.eventfd = eventfd();
    const argument = new Uint8Array(new Int32Array([this.eventfd]).buffer);
    const result = this.ring.register(REGISTER.EVENTFD, argument, 1);
    if (result < 0) throw new Error(`io_uring_register(EVENTFD) failed: ${-result}`);
    this.handlerId = this.ring.addHandler(this);
    this.waiter = this.wait();
  }

  get arena() {
    return this.memory.arena;
  }

  /**
   * Starts an operation and submits it.
   * @param opcodeFlags opcode | sqe flags << 8 | ioprio << 16
   * @param address arena offset of its buffer, 0 for none
   * @param adjust sets further SQE words; gets the SQE array and the index of its first word
   */
  start(
    opcodeFlags: number,
    fd: number,
    address: number,
    length: number,
    adjust?: (sqe: Int32Array, at: number) => void,
  ): PendingOperation {
    const id = this.nextOperation;
    this.nextOperation = (this.nextOperation + 1) & 0x7fff_ffff;
    const { promise, resolve } = Promise.withResolvers<number>();
    this.resolvers.set(id, resolve);
    const high = address === 0 ? 0 : this.arena.addressHigh(address);
    const ring = this.ring;
    const at = ring.prepare(
      opcodeFlags,
      fd,
      address >>> 0,
      high,
      length,
      this.handlerId,
      0,
      id,
    );
    adjust?.(ring.sqe, at);
    this.scheduleFlush();
    const cancel = () => {
      if (!this.resolvers.has(id) || this.stopped) return;
      ring.cancel(this.handlerId, 0, id);
      this.scheduleFlush();
    };
    return { result: promise, cancel };
  }

  /** {@link start} for an operation that is never cancelled. */
  operate(
    opcodeFlags: number,
    fd: number,
    address: number,
    length: number,
    adjust?: (sqe: Int32Array, at: number) => void,
  ): Promise<number> {
    return this.start(opcodeFlags, fd, address, length, adjust).result;
  }

  onCompletion(_tag: number, argument: number, result: number): void {
    const resolve = this.resolvers.get(argument);
    this.resolvers.delete(argument);
    resolve?.(result);
  }

  defer(task: Flushable): void {
    this.tasks.add(task);
    this.scheduleFlush();
  }

  /** Main never blocks in its ring, so there is nothing to give. */
  giveWay(): void {}

  /** Main does not poll. */
  sleepAtOnce(): void {}

  /** Main does not poll. */
  gather(): void {}

  /** Must follow direct use of {@link ring}: submits at the end of this turn of the event loop. */
  scheduleFlush(): void {
    if (this.flushScheduled || this.stopped) return;
    this.flushScheduled = true;
    queueMicrotask(() => {
      this.flushScheduled = false;
      if (this.stopped) return;
      this.tasks.run();
      this.ring.submit();
    });
  }

  private async wait(): Promise<void> {
    while (!this.stopped) {
      await awaitEventfd(this.eventfd);
      if (this.stopped) break;
      // COOP_TASKRUN: completions appear when the kernel is entered.
      this.ring.submit();
      while (this.ring.dispatch() > 0);
      this.tasks.run();
      this.ring.submit();
    }
  }

  /** Stops waiting and closes the ring; operations in flight never resolve. */
  async close(): Promise<void> {
    this.stopped = true;
    signalEventfd(this.eventfd);
    await this.waiter;
    this.ring.close();
    close(this.eventfd);
  }
}
