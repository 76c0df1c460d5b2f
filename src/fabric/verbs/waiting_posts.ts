/**
 * Posts that found the send queue full, in order, as plain numbers in typed arrays. A ring: slots
 * are taken at the tail and given back at the head.
 */

/** No slot is left. */
export const WAITING_FULL = -1;

/** Words of a slot in {@link WaitingPosts.words}. */
export const WAITING_WORD = {
  OPCODE: 0,
  FIRST_LENGTH: 1,
  SECOND_LENGTH: 2,
  RKEY: 3,
  ADDRESS_HIGH: 4,
  ADDRESS_LOW: 5,
  /** Immediate, or the key to invalidate. */
  ARGUMENT: 6,
} as const;
const WORDS = 8;

/** Places (arena offsets) of a slot in {@link WaitingPosts.places}: first, second. */
const PLACES = 2;

/** See the head of this file. */
export class WaitingPosts {
  readonly words: Uint32Array<ArrayBuffer>;
  readonly places: Float64Array<ArrayBuffer>;
  private readonly mask: number;
  private head = 0;
  private tail = 0;

  /** @param capacity posts that may wait at a time */
  constructor(private readonly capacity: number) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(capacity, 1)));
    this.mask = slots - 1;
    this.words = new Uint32Array(slots * WORDS);
    this.places = new Float64Array(slots * PLACES);
  }

  get isEmpty(): boolean {
    return this.head === this.tail;
  }

  /** Takes the next slot, which the caller fills, or returns WAITING_FULL. */
  push(): number {
    if (((this.tail - this.head) >>> 0) >= this.capacity) return WAITING_FULL;
    const slot = this.tail & this.mask;
    this.tail = (this.tail + 1) >>> 0;
    return slot;
  }

  /** The oldest slot; only when not empty. */
  get first(): number {
    return this.head & this.mask;
  }

  /** Index in {@link words} of a slot's first word. */
  wordOf(slot: number): number {
    return slot * WORDS;
  }

  /** Index in {@link places} of a slot's first place. */
  placeOf(slot: number): number {
    return slot * PLACES;
  }

  /** Gives the oldest slot back. */
  shift(): void {
    this.head = (this.head + 1) >>> 0;
  }
}
