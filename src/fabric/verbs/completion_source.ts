/**
 * The completion queue of one connection and the channel that tells of it: waited for on the
 * thread's ring, polled in batches, armed again when it is empty.
 *
 * No wake-up is lost: after arming the queue is polled once more, so whatever was there before is
 * seen, and whatever comes later makes the channel readable.
 */
import { type NativePointer, pointerAt } from "../../ffi/pointer.ts";
import { IBV_WC } from "../../ffi/verbs_layout.ts";
import type { Arena } from "../../ring/arena.ts";
import { CQE_FLAG, OP, POLL_ADD_MULTI, SQE } from "../../ring/opcodes.ts";
import type { CompletionHandler, Ring } from "../../ring/ring.ts";
import { VERBS_COUNTER } from "./counters.ts";
import { POLL_BATCH_MAX } from "./limits.ts";
import type { ConnectionOperations } from "./operations.ts";
import type { VerbsTicketFields } from "./ticket.ts";

const POLLIN = 1;
const WC_WORDS = IBV_WC.BYTES / 4;

/** Whose completions they are. */
export interface CompletionSink {
  /** One completion; its words begin at this index of `arena.u32`. */
  onWorkCompletion(word: number): void;
  /** The channel was readable, and all completions have been delivered. */
  onWakeUp(): void;
  /** After {@link CompletionSource.stop}: nothing is under way any more. Last call. */
  onStopped(): void;
}

/** See the head of this file. */
export class CompletionSource implements CompletionHandler {
  /** The next completion makes the channel readable. */
  isArmed = false;
  private isWaiting = false;
  private isStopped = false;
  private unacknowledgedEvents = 0;
  private readonly handlerId: number;
  private readonly queue: NativePointer;
  private readonly channel: NativePointer;
  private readonly channelFd: number;
  private readonly completionsPointer: NativePointer;
  /** 8 bytes after the pointer to the queue, which nobody needs. */
  private readonly eventQueue: NativePointer;
  private readonly words: number;

  /**
   * @param completions arena offset of POLL_BATCH_MAX completions
   * @param scratch arena offset of 8 bytes that may be overwritten
   * @param counters index in `arena.f64` of the first of VERBS_COUNTER_NAMES' counters
   */
  constructor(
    private readonly ring: Ring,
    private readonly arena: Arena,
    fields: VerbsTicketFields,
    completions: number,
    scratch: number,
    private readonly operations: ConnectionOperations,
    private readonly counters: number,
    private readonly sink: CompletionSink,
  ) {
    this.queue = pointerAt(fields.completionQueue);
    this.channel = pointerAt(fields.channel);
    this.channelFd = fields.channelFd;
    this.completionsPointer = pointerAt(arena.base + completions);
    this.eventQueue = pointerAt(arena.base + scratch);
    this.words = completions / 4;
    this.handlerId = ring.addHandler(this);
  }

  /** Asks for an event at the next completion: 0 or an errno. {@link drain} must follow. */
  arm(): number {
    this.arena.f64[this.counters + VERBS_COUNTER.REQ_NOTIFY_CALLS]! += 1;
    const result = this.operations.requestNotifyCq(this.queue, 0);
    this.isArmed = result === 0;
    return result;
  }

  /** Polls until nothing is left; returns how many completions there were, or -1 on failure. */
  drain(): number {
    const counters = this.arena.f64;
    let total = 0;
    for (let count = POLL_BATCH_MAX; count === POLL_BATCH_MAX; total += count) {
      counters[this.counters + VERBS_COUNTER.POLL_CQ_CALLS]! += 1;
      count = this.operations.pollCq(this.queue, POLL_BATCH_MAX, this.completionsPointer);
      if (count < 0) return -1;
      for (let i = 0; i < count; i++) this.sink.onWorkCompletion(this.words + i * WC_WORDS);
    }
    return total;
  }

  /** Has the ring wait for the channel, unless it does. */
  wait(): void {
    if (this.isWaiting) return;
    this.isWaiting = true;
    const id = this.handlerId;
    const sqe = this.ring.prepare(OP.POLL_ADD, this.channelFd, 0, 0, POLL_ADD_MULTI, id, 0, 0);
    this.ring.sqe[sqe + SQE.OP_FLAGS] = POLLIN;
  }

  /** The channel is readable, or waiting for it was cancelled. */
  onCompletion(_tag: number, _argument: number, _result: number, flags: number): void {
    this.isWaiting = (flags & CQE_FLAG.MORE) !== 0;
    if (this.isStopped) {
      if (!this.isWaiting) this.leave();
      return;
    }
    // No completion is looked at now: the event's second pointer may go there.
    const into = this.completionsPointer;
    if (this.operations.getCqEvent(this.channel, this.eventQueue, into) === 0) {
      this.unacknowledgedEvents++;
      this.arena.f64[this.counters + VERBS_COUNTER.CQ_EVENTS]! += 1;
      this.isArmed = false;
    }
    this.sink.onWakeUp();
  }

  /** Ends; {@link CompletionSink.onStopped} follows. */
  stop(): void {
    this.isStopped = true;
    if (this.isWaiting) this.ring.cancel(this.handlerId, 0, 0);
    else this.leave();
  }

  /** A completion queue cannot be destroyed before all its events are acknowledged. */
  private leave(): void {
    const events = this.unacknowledgedEvents;
    if (events > 0) this.operations.ackCqEvents(this.queue, events);
    this.ring.removeHandler(this.handlerId);
    this.sink.onStopped();
  }
}
