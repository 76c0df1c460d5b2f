/**
 * The ranges that posts of one connection may take bytes from, with their local keys. Looked up
 * twice a post, so the last range of each kind of use is tried first.
 */
import type { RegisteredMemory } from "../fabric.ts";

/** No exposed range covers the bytes. */
export const NOT_EXPOSED = -1;

/** Sorted by start; ranges may overlap. */
export class LocalMemory {
  private ranges: RegisteredMemory[] = [];
  private starts = new Float64Array(0);
  private ends = new Float64Array(0);
  /** The furthest end of the ranges up to this one: tells when an earlier range may cover. */
  private reach = new Float64Array(0);
  private keys = new Uint32Array(0);
  /** Last hit per caller. */
  private readonly last = new Int32Array(2);

  /** Adds a range. */
  expose(memory: RegisteredMemory): void {
    const at = this.ranges.findIndex((range) => range.at > memory.at);
    this.ranges.splice(at < 0 ? this.ranges.length : at, 0, memory);
    this.rebuild();
  }

  /** Removes a range; one that is not there is ignored. */
  conceal(memory: RegisteredMemory): void {
    const at = this.ranges.findIndex((range) =>
      range.at === memory.at && range.length === memory.length && range.lkey === memory.lkey
    );
    if (at < 0) return;
    this.ranges.splice(at, 1);
    this.rebuild();
  }

  private rebuild(): void {
    const count = this.ranges.length;
    this.starts = Float64Array.from(this.ranges, (range) => range.at);
    this.ends = Float64Array.from(this.ranges, (range) => range.at + range.length);
    this.keys = Uint32Array.from(this.ranges, (range) => range.lkey);
    this.reach = new Float64Array(count);
    let furthest = 0;
    for (let i = 0; i < count; i++) {
      furthest = Math.max(furthest, this.ends[i]!);
      this.reach[i] = furthest;
    }
    this.last.fill(0);
  }

  /**
   * Index of a range that covers `length` bytes at `at`, or NOT_EXPOSED.
   * @param user 0 or 1: whose last hit is tried first
   */
  find(at: number, length: number, user: number): number {
    const last = this.last[user]!;
    if (last < this.starts.length && at >= this.starts[last]! && at + length <= this.ends[last]!) {
      return last;
    }
    return this.search(at, at + length, user);
  }

  private search(start: number, end: number, user: number): number {
    const starts = this.starts;
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! <= start) low = middle + 1;
      else high = middle;
    }
    for (let i = low - 1; i >= 0 && this.reach[i]! >= end; i--) {
      if (this.ends[i]! < end) continue;
      this.last[user] = i;
      return i;
    }
    return NOT_EXPOSED;
  }

  /** The local key of the range with this index. */
  keyOf(index: number): number {
    return this.keys[index]!;
  }
}
