/**
 * The receiving half of a connection: one receive in flight, into a linear staging buffer, or
 * straight to where the payload of a long write belongs.
 */
import type { Executor } from "../ring/executor.ts";
import { MSG, OP, SQE } from "../ring/opcodes.ts";
import { CONNECTION_MEMORY } from "./connection_memory.ts";
import { STAGING_BYTES, STAGING_ROOM_BYTES_MIN } from "./limits.ts";
import { TAG } from "./operation_tags.ts";

/** Window of received bytes that nobody has consumed yet. */
export class Receiver {
  /** A receive is in flight. */
  armed = false;
  /** The peer sends no more: end of file or an error. */
  ended = false;
  /** Payload of a rejected write that is still to be thrown away, bytes. */
  skipLeft = 0;
  private readonly staging: number;
  private start = 0;
  private end = 0;
  private direct = false;

  constructor(
    private readonly executor: Executor,
    private readonly fd: number,
    private readonly handlerId: number,
    memory: number,
  ) {
    this.staging = memory + CONNECTION_MEMORY.STAGING;
  }

  /** Received and not consumed, bytes. */
  get available(): number {
    return this.end - this.start;
  }

  /** Arena offset of the first of them. */
  get at(): number {
    return this.staging + this.start;
  }

  /** Steps over bytes that were used. */
  consume(bytes: number): void {
    this.start += bytes;
  }

  /** Throws away what is there of a rejected payload; true when all of it is gone. */
  skip(): boolean {
    const bytes = Math.min(this.skipLeft, this.available);
    this.consume(bytes);
    this.skipLeft -= bytes;
    return this.skipLeft === 0;
  }

  /** Receives to staging until `limit` bytes are there at most; nothing when there is no room. */
  armStaging(limit: number): void {
    this.makeRoom();
    const room = Math.min(STAGING_BYTES - this.end, limit - this.available);
    if (room <= 0) return;
    this.direct = false;
    this.arm(this.staging + this.end, room, 0);
  }

  /** Receives `length` bytes to arena offset `at`; staging is empty, and the bytes will come. */
  armDirect(at: number, length: number): void {
    this.direct = true;
    this.arm(at, length, MSG.WAITALL);
  }

  /** A receive ended. Returns how many bytes of a direct receive are in place now. */
  onReceived(result: number): number {
    this.armed = false;
    if (result <= 0) {
      this.ended = true;
      return 0;
    }
    if (this.direct) return result;
    this.end += result;
    return 0;
  }

  private makeRoom(): void {
    if (this.start === this.end) {
      this.start = this.end = 0;
    } else if (this.start > 0 && STAGING_BYTES - this.end < STAGING_ROOM_BYTES_MIN) {
      const { staging, start, end } = this;
      this.executor.arena.u8.copyWithin(staging, staging + start, staging + end);
      this.end -= start;
      this.start = 0;
    }
  }

  private arm(at: number, length: number, flags: number): void {
    const { ring, arena } = this.executor;
    const high = arena.addressHigh(at);
    const sqe = ring.prepare(
      OP.RECV,
      this.fd,
      at >>> 0,
      high,
      length,
      this.handlerId,
      TAG.RECEIVE,
      0,
    );
    ring.sqe[sqe + SQE.OP_FLAGS] = flags;
    this.armed = true;
  }
}
