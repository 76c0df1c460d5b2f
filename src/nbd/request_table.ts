/** The requests of one connection that have not been answered, one slot each. */
import { REQUESTS_MAX } from "./limits.ts";

/** Typed arrays indexed by slot. */
export class RequestTable {
  readonly cookieHigh = new Uint32Array(REQUESTS_MAX);
  readonly cookieLow = new Uint32Array(REQUESTS_MAX);
  readonly command = new Uint8Array(REQUESTS_MAX);
  readonly offset = new Float64Array(REQUESTS_MAX);
  readonly length = new Float64Array(REQUESTS_MAX);
  /** Pieces at the device. */
  readonly pending = new Uint32Array(REQUESTS_MAX);
  /** 1 while pieces are still to be submitted. */
  readonly issuing = new Uint8Array(REQUESTS_MAX);
  /** 1 when the data has to go out whole, through the assembly buffer. */
  readonly assembled = new Uint8Array(REQUESTS_MAX);
  /** 1 when a flush has to follow before the reply. */
  readonly flushAfter = new Uint8Array(REQUESTS_MAX);
  /** NBD error of the first piece that failed, 0 for none. */
  readonly error = new Uint8Array(REQUESTS_MAX);
  /** Where that piece starts; -1 when the whole request failed. */
  readonly errorOffset = new Float64Array(REQUESTS_MAX);
  /** Why the gate turned it down (index into REJECTIONS), 0 when the device failed it. */
  readonly rejection = new Uint8Array(REQUESTS_MAX);
  used = 0;
  private readonly free = new Uint16Array(REQUESTS_MAX);

  constructor() {
    for (let i = 0; i < REQUESTS_MAX; i++) this.free[i] = REQUESTS_MAX - 1 - i;
  }

  get isFull(): boolean {
    return this.used === REQUESTS_MAX;
  }

  /** Takes a slot; the table must not be full. */
  take(cookieHigh: number, cookieLow: number, command: number, offset: number, length: number) {
    const slot = this.free[REQUESTS_MAX - 1 - this.used];
    this.used++;
    this.cookieHigh[slot] = cookieHigh;
    this.cookieLow[slot] = cookieLow;
    this.command[slot] = command;
    this.offset[slot] = offset;
    this.length[slot] = length;
    this.pending[slot] = 0;
    this.issuing[slot] = 0;
    this.assembled[slot] = 0;
    this.flushAfter[slot] = 0;
    this.error[slot] = 0;
    this.errorOffset[slot] = -1;
    this.rejection[slot] = 0;
    return slot;
  }

  /** Gives a slot back. */
  give(slot: number): void {
    this.used--;
    this.free[REQUESTS_MAX - 1 - this.used] = slot;
  }

  /** Notes a failure; the first one is told to the client. */
  fail(slot: number, error: number, offset: number): void {
    if (this.error[slot] !== 0) return;
    this.error[slot] = error;
    this.errorOffset[slot] = offset;
  }

  /** True when nothing of it is at the device or still to be sent there. */
  isComplete(slot: number): boolean {
    return this.pending[slot] === 0 && this.issuing[slot] === 0;
  }
}
