/**
 * One RDMA connection on the thread that adopted it: a queue pair, a completion queue of its own,
 * and a completion channel that the thread's ring waits for.
 *
 * A batch: take the channel's event, poll until nothing is left, let the handler answer, post the
 * used receives again, post all answers as one chain, ask for the next event, and poll once more
 * for what came in between. Life: open → (broken →) closing → closed; closing flushes everything
 * that was posted and waits for it.
 */
import { describeErrno, ERRNO } from "../../ffi/errno.ts";
import { type NativePointer, pointerAt } from "../../ffi/pointer.ts";
import { IBV_WC, WC_FLAG, WC_OPCODE, WC_STATUS, WR_OPCODE } from "../../ffi/verbs_layout.ts";
import type { Arena } from "../../ring/arena.ts";
import type { Executor, Flushable } from "../../ring/executor.ts";
import type {
  ConnectionLimits,
  ConnectionTicket,
  ConnectionWindows,
  FabricConnection,
  FabricConnectionHandler,
  MemoryWindows,
  RegisteredMemory,
  WindowHandler,
} from "../fabric.ts";
import { swap32 } from "../byte_order.ts";
import { type CompletionSink, CompletionSource } from "./completion_source.ts";
import { BLOCK_HEAD, connectionLayout } from "./connection_memory.ts";
import { VERBS_COUNTER } from "./counters.ts";
import { LocalMemory, NOT_EXPOSED } from "./local_memory.ts";
import type { ConnectionOperations } from "./operations.ts";
import { PostQueue } from "./post_queue.ts";
import { ReceiveRing } from "./receive_ring.ts";
import { buildMarker, REQUEST_KIND, SendRing } from "./send_ring.ts";
import { meaningOfEnd, meaningOfStatus } from "./status_words.ts";
import { readTicket, type VerbsTicketFields } from "./ticket.ts";
import { WindowBinder, type WindowCarrier } from "./window_binder.ts";

const STATE = { OPEN: 0, CLOSING: 1, DRAINING: 2, CLOSED: 3 } as const;

const WC_WORD = {
  SLOT: IBV_WC.WR_ID / 4,
  KIND: IBV_WC.WR_ID / 4 + 1,
  STATUS: IBV_WC.STATUS / 4,
  OPCODE: IBV_WC.OPCODE / 4,
  VENDOR_ERROR: IBV_WC.VENDOR_ERROR / 4,
  LENGTH: IBV_WC.BYTE_LENGTH / 4,
  IMMEDIATE: IBV_WC.IMM_DATA / 4,
  FLAGS: IBV_WC.FLAGS / 4,
} as const;

/** The data half of one connection. Made by the adopter. */
export class VerbsConnection implements FabricConnection, CompletionSink, Flushable, WindowCarrier {
  deferred = false;
  private readonly arena: Arena;
  private readonly fields: VerbsTicketFields;
  private readonly remoteAddress: string;
  private readonly memory = new LocalMemory();
  private readonly sends: SendRing;
  private readonly receives: ReceiveRing;
  private readonly posts: PostQueue;
  private readonly source: CompletionSource;
  private readonly queuePairPointer: NativePointer;
  private readonly markerPointer: NativePointer;
  private readonly badPointer: NativePointer;
  private windows: WindowBinder | undefined;
  private state: number = STATE.OPEN;
  private markerPending = false;

  /** @param counters index in `arena.f64` of the first of VERBS_COUNTER_NAMES' counters */
  constructor(
    private readonly executor: Executor,
    ticket: ConnectionTicket,
    limits: ConnectionLimits,
    private readonly handler: FabricConnectionHandler,
    private readonly operations: ConnectionOperations,
    private readonly counters: number,
  ) {
    const fields = readTicket(ticket);
    const arena = executor.arena;
    const { memory, sendDepth, receiveDepth } = fields;
    const layout = connectionLayout(sendDepth, receiveDepth);
    this.arena = arena;
    this.fields = fields;
    this.remoteAddress = ticket.remoteAddress;
    this.sends = new SendRing(
      arena,
      memory + layout.sends,
      layout.sendSlots,
      sendDepth,
      this.memory,
    );
    this.receives = new ReceiveRing(
      arena,
      memory + layout.receives,
      receiveDepth,
      memory + layout.buffers,
    );
    this.posts = new PostQueue(this.sends, limits.postsMax);
    this.source = new CompletionSource(
      executor.ring,
      arena,
      fields,
      memory + layout.completions,
      memory + BLOCK_HEAD.BAD_REQUEST,
      operations,
      counters,
      this,
    );
    this.queuePairPointer = pointerAt(fields.queuePair);
    this.markerPointer = buildMarker(arena, memory + layout.marker);
    this.badPointer = pointerAt(arena.base + memory + BLOCK_HEAD.BAD_REQUEST);
    executor.defer(this);
  }

  // Posts.

  writeImmediate(
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
    rkey: number,
    addressHigh: number,
    addressLow: number,
    immediate: number,
  ): void {
    this.post(
      WR_OPCODE.RDMA_WRITE_WITH_IMM,
      first,
      firstLength,
      second,
      secondLength,
      rkey,
      addressHigh,
      addressLow,
      immediate,
    );
  }

  write(at: number, length: number, rkey: number, addressHigh: number, addressLow: number): void {
    if (length === 0) return;
    this.post(WR_OPCODE.RDMA_WRITE, at, length, 0, 0, rkey, addressHigh, addressLow, 0);
  }

  immediate(immediate: number): void {
    this.post(WR_OPCODE.RDMA_WRITE_WITH_IMM, 0, 0, 0, 0, 0, 0, 0, immediate);
  }

  send(at: number, length: number): void {
    this.post(WR_OPCODE.SEND, at, length, 0, 0, 0, 0, 0, 0);
  }

  sendImmediate(at: number, length: number, immediate: number): void {
    this.post(WR_OPCODE.SEND_WITH_IMM, at, length, 0, 0, 0, 0, 0, immediate);
  }

  sendInvalidate(rkey: number): void {
    this.post(WR_OPCODE.SEND_WITH_INV, 0, 0, 0, 0, 0, 0, 0, rkey);
  }

  private post(
    opcode: number,
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
    rkey: number,
    addressHigh: number,
    addressLow: number,
    argument: number,
  ): void {
    if (this.state !== STATE.OPEN) return;
    if (!this.deferred) this.executor.defer(this);
    this.posts.post(
      opcode,
      first,
      firstLength,
      second,
      secondLength,
      rkey,
      addressHigh,
      addressLow,
      argument,
    );
  }

  expose(memory: RegisteredMemory): void {
    this.memory.expose(memory);
  }

  conceal(memory: RegisteredMemory): void {
    this.memory.conceal(memory);
  }

  useWindows(windows: MemoryWindows, handler: WindowHandler): ConnectionWindows {
    const { memory, windowDepth } = this.fields;
    this.windows = new WindowBinder(
      this.arena,
      memory + BLOCK_HEAD.WINDOW_BIND,
      windowDepth,
      this.operations,
      this.queuePairPointer,
      windows,
      this,
      handler,
    );
    return this.windows;
  }

  get isOpen(): boolean {
    return this.state === STATE.OPEN;
  }

  noteFailure(): void {
    if (!this.deferred) this.executor.defer(this);
  }

  reaches(at: number, length: number): boolean {
    return this.memory.find(at, length, 0) !== NOT_EXPOSED;
  }

  close(): void {
    if (this.state === STATE.OPEN) this.startClosing();
  }

  // The end of a batch.

  flush(): void {
    if (this.state === STATE.OPEN) {
      this.repostReceives();
      this.postSends();
    }
    if (this.state === STATE.CLOSING) this.disconnect();
    if (this.state === STATE.CLOSED) return;
    if (!this.source.isArmed && !this.isDrained) this.arm();
    if (this.isDrained) this.finish();
    else this.source.wait();
  }

  private repostReceives(): void {
    const receives = this.receives;
    if (receives.used === 0) return;
    this.arena.f64[this.counters + VERBS_COUNTER.POST_RECV_CALLS]! += 1;
    const head = receives.beginChain();
    const result = this.operations.postRecv(this.queuePairPointer, head, this.badPointer);
    receives.endChain();
    if (result !== 0) {
      // How many of them the device took is not worth knowing: the marker alone ends the wait.
      receives.outstanding = 0;
      this.break(result, `posting receives failed: ${describeErrno(result)}`);
    }
  }

  private postSends(): void {
    const sends = this.sends;
    this.posts.admit();
    const bindErrno = this.windows?.errno ?? 0;
    if (bindErrno !== 0) {
      this.break(bindErrno, `changing a memory window failed: ${describeErrno(bindErrno)}`);
    } else if (this.posts.overran || this.windows?.overran === true) {
      this.break(ERRNO.ENOBUFS, "more messages were posted than the connection was set up for");
    } else if (sends.faulted) {
      this.break(ERRNO.EFAULT, "a message names memory that was not exposed to the connection");
    }
    if (this.state !== STATE.OPEN) return;
    const count = sends.postable;
    if (count === 0) return;
    const counters = this.arena.f64;
    counters[this.counters + VERBS_COUNTER.POST_SEND_CALLS]! += 1;
    counters[this.counters + VERBS_COUNTER.SENDS]! += count;
    const head = sends.beginChain(count);
    const result = this.operations.postSend(this.queuePairPointer, head, this.badPointer);
    sends.endChain(count);
    if (result !== 0) this.break(result, `posting messages failed: ${describeErrno(result)}`);
  }

  /** Asks for an event at the next completion, and looks for what came just before. */
  private arm(): void {
    const result = this.source.arm();
    if (result === 0) this.drain();
    else this.fail(result, `asking for completions failed: ${describeErrno(result)}`);
  }

  private drain(): void {
    const count = this.source.drain();
    if (count < 0) this.fail(ERRNO.EIO, "polling the completion queue failed");
    if (count !== 0 && !this.deferred) this.executor.defer(this);
  }

  // Completions.

  onWakeUp(): void {
    this.drain();
    // Also when there was nothing: the queue is to be armed again.
    if (!this.deferred) this.executor.defer(this);
  }

  onWorkCompletion(word: number): void {
    const words = this.arena.u32;
    const kind = words[word + WC_WORD.KIND]!;
    const status = words[word + WC_WORD.STATUS]!;
    if (kind === REQUEST_KIND.RECEIVE) this.receives.take();
    else if (kind === REQUEST_KIND.MARKER) this.markerPending = false;
    if (this.state !== STATE.OPEN) return;
    if (status !== WC_STATUS.SUCCESS) this.onFailed(status, words[word + WC_WORD.VENDOR_ERROR]!);
    else if (kind === REQUEST_KIND.RECEIVE) this.deliver(word);
    else if (kind === REQUEST_KIND.SEND) this.sends.complete(words[word + WC_WORD.SLOT]!);
    else if (kind === REQUEST_KIND.WINDOW) this.windows!.complete(words[word + WC_WORD.SLOT]!);
  }

  private deliver(word: number): void {
    const words = this.arena.u32;
    this.arena.f64[this.counters + VERBS_COUNTER.RECEIVES]! += 1;
    const flags = words[word + WC_WORD.FLAGS]!;
    const data = words[word + WC_WORD.IMMEDIATE]!;
    if (words[word + WC_WORD.OPCODE]! === WC_OPCODE.RECV) {
      const length = words[word + WC_WORD.LENGTH]!;
      if ((flags & WC_FLAG.WITH_INV) !== 0) {
        this.handler.onInvalidated(data);
        if (length === 0) return;
      }
      this.handler.onSend(this.receives.bufferOf(words[word + WC_WORD.SLOT]!), length);
      if (this.state !== STATE.OPEN) return;
    }
    if ((flags & WC_FLAG.WITH_IMM) !== 0) this.handler.onImmediate(swap32(data));
  }

  // The end.

  /** A work request did not succeed: the queue pair is in the error state. */
  private onFailed(status: number, vendorError: number): void {
    const event = this.arena.u32[(this.fields.memory + BLOCK_HEAD.END_EVENT) / 4]!;
    const end = event === 0 ? undefined : meaningOfEnd(event - 1);
    const isFlush = status === WC_STATUS.WR_FLUSH_ERR;
    const [errno, sentence] = isFlush && end !== undefined
      ? end
      : meaningOfStatus(status, vendorError);
    this.break(errno, sentence);
  }

  private break(errno: number, sentence: string): void {
    if (this.state !== STATE.OPEN) return;
    this.startClosing();
    this.handler.onBroken({ errno, reason: `${this.remoteAddress}: ${sentence}` });
  }

  /** The device is gone: nothing will complete any more, and it cannot reach memory. */
  private fail(errno: number, sentence: string): void {
    this.break(errno, sentence);
    this.abandon();
  }

  private startClosing(): void {
    this.state = STATE.CLOSING;
    if (!this.deferred) this.executor.defer(this);
  }

  /** Flushes the queues. From here on receives are not posted again, so all of them come back. */
  private disconnect(): void {
    this.state = STATE.DRAINING;
    this.markerPending = true;
    if (!this.operations.disconnect(this.fields.queuePair, this.fields.id)) {
      this.abandon();
      return;
    }
    const marker = this.markerPointer;
    const result = this.operations.postSend(this.queuePairPointer, marker, this.badPointer);
    if (result !== 0) this.abandon();
  }

  private get isDrained(): boolean {
    return this.state === STATE.DRAINING && !this.markerPending &&
      this.receives.outstanding <= 0;
  }

  private abandon(): void {
    this.state = STATE.DRAINING;
    this.markerPending = false;
    this.receives.outstanding = 0;
    if (!this.deferred) this.executor.defer(this);
  }

  private finish(): void {
    this.state = STATE.CLOSED;
    this.source.stop();
  }

  onStopped(): void {
    this.handler.onClosed();
  }
}
