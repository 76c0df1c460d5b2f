/**
 * Posts that wait, in order: a bounded ring that both carriers use. A post takes one cache line,
 * seen as words and as 64-bit floats: arena offsets may exceed 32 bits.
 */

/** Fields of a post that are floats, as indexes from {@link PostRing.placeOf}: arena offsets. */
export const POST_PLACE = { FIRST: 0, SECOND: 1 } as const;

/** Fields that are words, as indexes from {@link PostRing.wordOf}. Lengths are bytes. */
export const POST_WORD = {
  FIRST_LENGTH: 4,
  SECOND_LENGTH: 5,
  RKEY: 6,
  ADDRESS_HIGH: 7,
  ADDRESS_LOW: 8,
  /** Immediate, or the key to invalidate. */
  ARGUMENT: 9,
  /** What the carrier calls it. */
  KIND: 10,
} as const;

const POST_BYTES = 64;

/** The ring of one connection. */
export class PostRing {
  readonly words: Uint32Array<ArrayBuffer>;
  readonly places: Float64Array<ArrayBuffer>;
  private readonly mask: number;
  private head = 0;
  private tail = 0;

  /** @param capacity posts that may wait at a time */
  constructor(private readonly capacity: number) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(capacity, 1)));
    const buffer = new ArrayBuffer(slots * POST_BYTES);
    this.mask = slots - 1;
    this.words = new Uint32Array(buffer);
    this.places = new Float64Array(buffer);
  }

  /** Posts that wait. */
  get length(): number {
    return (this.tail - this.head) >>> 0;
  }

  get isEmpty(): boolean {
    return this.head === this.tail;
  }

  /** The oldest post's slot; only when not empty. */
  get first(): number {
    return this.head & this.mask;
  }

  /** Adds a post. @returns false when there is no room */
  push(
    kind: number,
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
    rkey: number,
    addressHigh: number,
    addressLow: number,
    argument: number,
  ): boolean {
    const tail = this.tail;
    if (((tail - this.head) >>> 0) >= this.capacity) return false;
    this.tail = (tail + 1) >>> 0;
    const { places, words } = this;
    const place = this.placeOf(tail & this.mask);
    places[place + POST_PLACE.FIRST] = first;
    places[place + POST_PLACE.SECOND] = second;
    const word = this.wordOf(tail & this.mask);
    words[word + POST_WORD.FIRST_LENGTH] = firstLength;
    words[word + POST_WORD.SECOND_LENGTH] = secondLength;
    words[word + POST_WORD.RKEY] = rkey;
    words[word + POST_WORD.ADDRESS_HIGH] = addressHigh;
    words[word + POST_WORD.ADDRESS_LOW] = addressLow;
    words[word + POST_WORD.ARGUMENT] = argument;
    words[word + POST_WORD.KIND] = kind;
    return true;
  }

  /** Index in {@link words} of a slot's fields. */
  wordOf(slot: number): number {
    return slot << 4;
  }

  /** Index in {@link places} of a slot's fields. */
  placeOf(slot: number): number {
    return slot << 3;
  }

  /** Lets go of the oldest post. */
  shift(): void {
    this.head = (this.head + 1) >>> 0;
  }

  /** Lets go of all posts. */
  clear(): void {
    this.head = this.tail;
  }
}
