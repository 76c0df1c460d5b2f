/** Posted messages that are not framed yet: a bounded circular queue in typed arrays. */

/** What a message consists of; bits that are combined. */
export const WORK = { WRITE: 1, SEND: 2, INVALIDATE: 4, IMMEDIATE: 8 } as const;

/** The queue of one connection. A slot's fields are read by the sender directly. */
export class WorkQueue {
  readonly kind: Uint8Array<ArrayBuffer>;
  /** Arena offsets and lengths of the two gathered ranges, bytes. */
  readonly first: Float64Array<ArrayBuffer>;
  readonly firstLength: Uint32Array<ArrayBuffer>;
  readonly second: Float64Array<ArrayBuffer>;
  readonly secondLength: Uint32Array<ArrayBuffer>;
  readonly rkey: Uint32Array<ArrayBuffer>;
  readonly addressHigh: Uint32Array<ArrayBuffer>;
  readonly addressLow: Uint32Array<ArrayBuffer>;
  readonly immediate: Uint32Array<ArrayBuffer>;
  private readonly mask: number;
  private head = 0;
  private tail = 0;

  /** @param entriesMin messages that fit at least */
  constructor(entriesMin: number) {
    const entries = 2 ** Math.ceil(Math.log2(Math.max(entriesMin, 2)));
    this.mask = entries - 1;
    this.kind = new Uint8Array(entries);
    this.first = new Float64Array(entries);
    this.firstLength = new Uint32Array(entries);
    this.second = new Float64Array(entries);
    this.secondLength = new Uint32Array(entries);
    this.rkey = new Uint32Array(entries);
    this.addressHigh = new Uint32Array(entries);
    this.addressLow = new Uint32Array(entries);
    this.immediate = new Uint32Array(entries);
  }

  get isEmpty(): boolean {
    return this.head === this.tail;
  }

  /** The oldest message's slot; only when not empty. */
  get oldest(): number {
    return this.head & this.mask;
  }

  /** Takes the next slot and fills it; false when the queue is full. */
  push(
    kind: number,
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
    rkey: number,
    addressHigh: number,
    addressLow: number,
    immediate: number,
  ): boolean {
    if (((this.tail - this.head) >>> 0) > this.mask) return false;
    const slot = this.tail & this.mask;
    this.tail = (this.tail + 1) >>> 0;
    this.kind[slot] = kind;
    this.first[slot] = first;
    this.firstLength[slot] = firstLength;
    this.second[slot] = second;
    this.secondLength[slot] = secondLength;
    this.rkey[slot] = rkey;
    this.addressHigh[slot] = addressHigh;
    this.addressLow[slot] = addressLow;
    this.immediate[slot] = immediate;
    return true;
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
