/**
 * The memory that one peer may write to: STag → range, in an open hash table of typed arrays.
 * This is the only place that turns a peer's numbers into an arena offset.
 */
import type { RegisteredMemory } from "../fabric.ts";
import { EXPOSED_RANGES_MAX } from "./limits.ts";

/** Results of {@link TaggedMemory.locate} that are no offset. */
export const UNKNOWN_STAG = -1;
export const OUT_OF_BOUNDS = -2;

const NOT_FOUND = -1;
const WORD_VALUES = 2 ** 32;
/** A range is shorter than 2^53 bytes, so a larger difference of high words is outside. */
const HIGH_DIFFERENCE_MAX = 2 ** 20;
const INITIAL_SLOTS = 16;

/** Ranges exposed on one connection. STags are random, so their low bits are the hash. */
export class TaggedMemory {
  private stags = new Int32Array(INITIAL_SLOTS);
  private at = new Float64Array(INITIAL_SLOTS);
  private length = new Float64Array(INITIAL_SLOTS);
  private addressHigh = new Uint32Array(INITIAL_SLOTS);
  private addressLow = new Uint32Array(INITIAL_SLOTS);
  private mask = INITIAL_SLOTS - 1;
  private count = 0;

  /**
   * Adds a range, or replaces the one with the same key.
   * @throws RangeError for key 0, which marks an empty slot, and beyond EXPOSED_RANGES_MAX
   */
  expose(memory: RegisteredMemory): void {
    if (memory.rkey === 0) throw new RangeError("A key of 0 cannot be exposed");
    let slot = this.find(memory.rkey | 0);
    if (slot === NOT_FOUND) {
      if (this.count === EXPOSED_RANGES_MAX) {
        throw new RangeError(`More than ${EXPOSED_RANGES_MAX} ranges exposed on one connection`);
      }
      this.count++;
      if (this.count * 2 > this.stags.length) this.resize(this.stags.length * 2);
      slot = this.freeSlot(memory.rkey);
    }
    this.stags[slot] = memory.rkey;
    this.at[slot] = memory.at;
    this.length[slot] = memory.length;
    this.addressHigh[slot] = memory.address.high;
    this.addressLow[slot] = memory.address.low;
  }

  /** Removes a range; false when there is none with this key. */
  invalidate(stag: number): boolean {
    const slot = this.find(stag | 0);
    if (slot === NOT_FOUND) return false;
    this.stags[slot] = 0;
    this.count--;
    // Rehashing closes the gap in the probe sequence; it keeps the others findable.
    this.resize(this.stags.length);
    return true;
  }

  /**
   * Arena offset of `bytes` bytes that the peer calls (`high`, `low`) of `stag`, all of them
   * within the exposed range; or UNKNOWN_STAG or OUT_OF_BOUNDS. The words may come signed.
   */
  locate(stag: number, high: number, low: number, bytes: number): number {
    const slot = this.find(stag | 0);
    if (slot === NOT_FOUND) return UNKNOWN_STAG;
    const highDifference = (high >>> 0) - this.addressHigh[slot]!;
    if (highDifference < 0 || highDifference > HIGH_DIFFERENCE_MAX) return OUT_OF_BOUNDS;
    // Exact: less than 2^53 in magnitude.
    const relative = highDifference * WORD_VALUES + ((low >>> 0) - this.addressLow[slot]!);
    if (relative < 0 || relative + bytes > this.length[slot]!) return OUT_OF_BOUNDS;
    return this.at[slot]! + relative;
  }

  /** @param stag signed */
  private find(stag: number): number {
    if (stag === 0) return NOT_FOUND;
    const stags = this.stags;
    const mask = this.mask;
    let slot = stag & mask;
    for (;;) {
      const found = stags[slot]!;
      if (found === stag) return slot;
      if (found === 0) return NOT_FOUND;
      slot = (slot + 1) & mask;
    }
  }

  private freeSlot(stag: number): number {
    let slot = stag & this.mask;
    while (this.stags[slot] !== 0) slot = (slot + 1) & this.mask;
    return slot;
  }

  private resize(slots: number): void {
    const { stags, at, length, addressHigh, addressLow } = this;
    this.stags = new Int32Array(slots);
    this.at = new Float64Array(slots);
    this.length = new Float64Array(slots);
    this.addressHigh = new Uint32Array(slots);
    this.addressLow = new Uint32Array(slots);
    this.mask = slots - 1;
    for (let old = 0; old < stags.length; old++) {
      if (stags[old] === 0) continue;
      const slot = this.freeSlot(stags[old]!);
      this.stags[slot] = stags[old]!;
      this.at[slot] = at[old]!;
      this.length[slot] = length[old]!;
      this.addressHigh[slot] = addressHigh[old]!;
      this.addressLow[slot] = addressLow[old]!;
    }
  }
}
