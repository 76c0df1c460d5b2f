/** One direction of a simulated connection: messages arrive in order, each after some delay. */
import type { FabricFailure } from "../fabric.ts";
import { makeMessage, MESSAGE, payloadLength, readPayload, type SimMessage } from "./message.ts";
import type { SimNetwork } from "./network.ts";
import type { SimConnection } from "./sim_connection.ts";

interface Travelling {
  readonly message: SimMessage;
  readonly arrivesAt: number;
}

const RECENT_MAX = 15;

/** See the head of this file. */
export class SimChannel {
  private queue: Travelling[] = [];
  /** The last messages that arrived, for {@link SimNetwork.plantLateWrites} only. */
  private recent: SimMessage[] = [];
  private lastArrival = 0;
  private isPumping = false;
  /** No further message is taken. */
  private isCut = false;
  private isEnded = false;

  constructor(
    private readonly network: SimNetwork,
    private readonly from: SimConnection,
    private readonly to: SimConnection,
  ) {}

  /** Messages under way. */
  get length(): number {
    return this.queue.length;
  }

  /** Sends a message. */
  post(message: SimMessage): void {
    if (this.isCut) return;
    this.push(message);
  }

  /**
   * Takes no more messages, and loses those behind the first `keep` under way. Of the first lost
   * one a part may still reach memory, as when a long write is broken off.
   */
  cut(keep: number): void {
    this.isCut = true;
    if (this.isEnded) return;
    const { random } = this.network;
    const arena = this.from.process.memory.arena;
    const lost = this.queue.splice(keep);
    for (const { message } of this.queue) readPayload(message, arena);
    const [first] = lost;
    if (this.network.plantLateWrites) {
      for (const message of this.recent) this.network.writeLate(this.to, message, arena);
      for (const { message } of lost) this.network.writeLate(this.to, message, arena);
    }
    const isBrokenOff = first !== undefined && first.message.kind === MESSAGE.WRITE &&
      payloadLength(first.message) > 0 && random.chance(0.5);
    if (!isBrokenOff) return;
    const bytes = readPayload(first.message, arena);
    const part = bytes.subarray(0, random.below(bytes.length));
    const message = makeMessage(MESSAGE.WRITE, { ...first.message, bytes: part });
    this.push({ ...message, hasImmediate: false });
  }

  /** Loses what has not been read from the sender's memory, which is about to be reused. */
  cutUnread(): void {
    const unread = this.queue.findIndex(({ message }) => message.bytes === undefined);
    this.cut(unread < 0 ? this.queue.length : unread);
  }

  /** The last message: the other end learns that the connection is gone. */
  end(failure: FabricFailure): void {
    if (this.isEnded) return;
    this.isCut = true;
    this.push(makeMessage(MESSAGE.END, { failure, bytes: new Uint8Array(0) }));
    this.isEnded = true;
  }

  /** What is under way and what follows arrives no sooner than in so many milliseconds. */
  stall(durationMs: number): void {
    this.lastArrival = Math.max(this.lastArrival, this.network.scheduler.now() + durationMs);
    this.queue = this.queue.map(({ message }) => ({ message, arrivesAt: this.lastArrival }));
  }

  private push(message: SimMessage): void {
    const { scheduler } = this.network;
    this.lastArrival = Math.max(this.lastArrival, scheduler.now() + this.network.delayMs());
    this.queue.push({ message, arrivesAt: this.lastArrival });
    this.pump();
  }

  private pump(): void {
    const next = this.queue[0];
    if (this.isPumping || next === undefined) return;
    this.isPumping = true;
    const { scheduler } = this.network;
    scheduler.at(Math.max(next.arrivesAt, scheduler.now()), () => this.arrive());
  }

  private arrive(): void {
    this.isPumping = false;
    const next = this.queue[0];
    if (next === undefined) return;
    const { scheduler } = this.network;
    const waitMs = this.network.blockedMs(this.from.address, this.to.address);
    if (waitMs > 0 || next.arrivesAt > scheduler.now()) {
      this.isPumping = true;
      const delayMs = waitMs > 0
        ? waitMs + this.network.delayMs()
        : next.arrivesAt - scheduler.now();
      scheduler.after(delayMs, () => this.arrive());
      return;
    }
    this.queue.shift();
    this.pump();
    const { message } = next;
    if (this.network.plantLateWrites) this.recent = [message, ...this.recent.slice(0, RECENT_MAX)];
    readPayload(message, this.from.process.memory.arena);
    scheduler.note(this.to.id);
    scheduler.note(message.kind ^ message.immediate);
    this.to.deliver(message);
  }
}
