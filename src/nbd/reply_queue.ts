/** Replies that wait to be sent, in order; what they are, packed in one number each. */
import { PIECES_MAX, REQUESTS_MAX } from "./limits.ts";

/** A power of two that holds an entry for every piece and every request. */
const ENTRIES = 2 ** Math.ceil(Math.log2(PIECES_MAX + REQUESTS_MAX));

/** Kinds of entries, beside the slot in the low 16 bits. */
export const ENTRY = {
  /** Data of a piece; more of the request follows. */
  DATA: 0 << 16,
  /** Data of the last piece. */
  LAST_DATA: 1 << 16,
  /** A request's end without data. */
  STATUS: 2 << 16,
  /** A whole read in the assembly buffer. */
  ASSEMBLED: 3 << 16,
  KIND_MASK: 3 << 16,
  SLOT_MASK: 0xffff,
} as const;

/** First in, first out; cannot overflow, since each slot has one entry at a time. */
export class ReplyQueue {
  private readonly entries = new Uint32Array(ENTRIES);
  private head = 0;
  private tail = 0;

  get isEmpty(): boolean {
    return this.head === this.tail;
  }

  /** Appends `kind | slot`. */
  push(entry: number): void {
    this.entries[this.tail & (ENTRIES - 1)] = entry;
    this.tail = (this.tail + 1) >>> 0;
  }

  /** Takes the oldest entry; the queue must not be empty. */
  shift(): number {
    const entry = this.entries[this.head & (ENTRIES - 1)];
    this.head = (this.head + 1) >>> 0;
    return entry;
  }
}
