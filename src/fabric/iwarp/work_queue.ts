/**
 * Posted messages that are not framed yet: a bounded circular queue. A message takes one cache
 * line, seen as words and as 64-bit floats: arena offsets may exceed 32 bits.
 */

/** What a message consists of; bits that are combined. */
export const WORK = { WRITE: 1, SEND: 2, INVALIDATE: 4, IMMEDIATE: 8 } as const;

/** Fields of a message that are floats, as indexes from {@link WorkQueue.placeOf}. */
export const WORK_PLACE = { FIRST: 0, SECOND: 1 } as const;

/** Fields that are words, as indexes from {@link WorkQueue.wordOf}. Lengths are bytes. */
export const WORK_WORD = {
  FIRST_LENGTH: 4,
  SECOND_LENGTH: 5,
  RKEY: 6,
  ADDRESS_HIGH: 7,
  ADDRESS_LOW: 8,
  IMMEDIATE: 9,
  KIND: 10,
} as const;

const ENTRY_BYTES = 64;
/** Result of {@link WorkQueue.push} when there is no room. */
export const QUEUE_FULL = -1;

/** The queue of one connection. */
export class WorkQueue {
  readonly words: Uint32Array<ArrayBuffer>;
  readonly places: Float64Array<ArrayBuffer>;
  private readonly mask: number;
  private head = 0;
  private tail = 0;

  /** @param entriesMin messages that fit at least */
  constructor(entriesMin: number) {
    const entries = 2 ** Math.ceil(Math.log2(Math.max(entriesMin, 2)));
    const buffer = new ArrayBuffer(entries * ENTRY_BYTES);
    this.mask = entries - 1;
    this.words = new Uint32Array(buffer);
    this.places = new Float64Array(buffer);
  }

  /** Messages that wait. */
  get length(): number {
    return (this.tail - this.head) >>> 0;
  }

  /** True when nothing waits. */
  get isEmpty(): boolean {
    return this.head === this.tail;
  }

  /** The oldest message's slot; only when not empty. */
  get oldest(): number {
    return this.head & this.mask;
  }

  /** Takes the next slot, which the caller fills; QUEUE_FULL when there is none. */
  push(): number {
    const tail = this.tail;
    if (((tail - this.head) >>> 0) > this.mask) return QUEUE_FULL;
    this.tail = (tail + 1) >>> 0;
    return tail & this.mask;
  }

  /** Index in {@link words} of a slot's fields. */
  wordOf(slot: number): number {
    return slot << 4;
  }

  /** Index in {@link places} of a slot's fields. */
  placeOf(slot: number): number {
    return slot << 3;
  }

  /** Lets go of the oldest message. */
  shift(): void {
    this.head = (this.head + 1) >>> 0;
  }

  /** Lets go of all messages. */
  clear(): void {
    this.head = this.tail;
  }
}
