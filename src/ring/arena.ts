/**
 * The arena: one reservation of address space that holds everything the kernel, a NIC or another
 * thread looks at. Every thread has one set of views over all of it, so a place in memory is one
 * number (its byte offset), a copy is one `copyWithin`, and nothing is wrapped per I/O.
 */
import { discardPages, mapReserve, wrapMemory } from "../ffi/libc.ts";

const PAGE_BYTES = 4096;
const BASE_ALIGNMENT = 2 ** 32;

/** Views over the arena. Offsets are bytes from its start; `u32`, `i32`, `f64` index by element. */
export class Arena {
  readonly u8: Uint8Array<ArrayBuffer>;
  readonly i32: Int32Array<ArrayBuffer>;
  readonly u32: Uint32Array<ArrayBuffer>;
  readonly f64: Float64Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  /** Native address of offset 0: a multiple of 2^32, so an address's low word is the offset's. */
  readonly base: number;
  /** High word of `base`. */
  readonly baseHigh: number;

  constructor(base: number, readonly buffer: ArrayBuffer) {
    if (base % BASE_ALIGNMENT !== 0) throw new RangeError(`Arena base ${base} is not aligned`);
    this.base = base;
    this.baseHigh = base / BASE_ALIGNMENT;
    this.u8 = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.view = new DataView(buffer);
  }

  /** High word of the native address of `offset`; the low word is `offset >>> 0`. */
  addressHigh(offset: number): number {
    return this.baseHigh + Math.floor(offset / BASE_ALIGNMENT);
  }
}

/** Reserves the process's arena; halves `length` until the kernel grants it, down to 1 GiB. */
export function reserveArena(length: number): Arena {
  const smallest = 2 ** 30;
  for (let bytes = length;; bytes /= 2) {
    try {
      const { address } = mapReserve(bytes + BASE_ALIGNMENT);
      const base = Math.ceil(address / BASE_ALIGNMENT) * BASE_ALIGNMENT;
      return wrapArena(base, bytes);
    } catch (cause) {
      if (bytes > smallest) continue;
      throw new Error(
        `Cannot reserve ${bytes} bytes of address space; raise the limit (ulimit -v) or, where ` +
          `vm.overcommit_memory is 2, vm.overcommit_ratio`,
        { cause },
      );
    }
  }
}

/** The arena of this process as seen by another thread. */
export function wrapArena(base: number, length: number): Arena {
  return new Arena(base, wrapMemory(base, length));
}

/** An arena in plain JS memory, for simulation and codec tests: no kernel ever sees it. */
export function plainArena(length: number): Arena {
  return new Arena(0, new ArrayBuffer(length));
}

/** Returns freed pages to the kernel, so that they read as zero again. */
export type DiscardPages = (offset: number, length: number) => void;

/** Hands out page-aligned, zeroed ranges of an arena. First fit; lives on the main thread. */
export class ArenaAllocator {
  /** Free ranges `[offset, length]`, sorted, never adjacent. */
  private free: [number, number][];
  private readonly live = new Map<number, number>();
  private readonly discard: DiscardPages;
  usedBytes = 0;

  constructor(readonly arena: Arena) {
    // Offset 0 stays unused, so that 0 can mean "nothing".
    this.free = [[PAGE_BYTES, arena.buffer.byteLength - PAGE_BYTES]];
    this.discard = arena.base === 0
      ? (offset, length) => void arena.u8.fill(0, offset, offset + length)
      : (offset, length) => discardPages(arena.base + offset, length);
  }

  /**
   * A zeroed range of at least `bytes` bytes, page-aligned.
   * @throws RangeError when the arena is full; `subject` says what wanted the memory.
   */
  allocate(bytes: number, subject: string): number {
    const length = Math.ceil(Math.max(bytes, 1) / PAGE_BYTES) * PAGE_BYTES;
    const index = this.free.findIndex((range) => range[1] >= length);
    if (index < 0) {
      throw new RangeError(
        `No room for ${length} bytes for ${subject}: ${this.usedBytes} of ` +
          `${this.arena.buffer.byteLength} bytes of the memory arena are used`,
      );
    }
    const range = this.free[index]!;
    const offset = range[0];
    if (range[1] === length) this.free.splice(index, 1);
    else this.free[index] = [offset + length, range[1] - length];
    this.live.set(offset, length);
    this.usedBytes += length;
    return offset;
  }

  /** Takes back a range from {@link allocate}; nothing may refer to it any more. */
  release(offset: number): void {
    const length = this.live.get(offset);
    if (length === undefined) throw new RangeError(`Arena offset ${offset} is not allocated`);
    this.live.delete(offset);
    this.usedBytes -= length;
    this.discard(offset, length);
    const at = this.free.findIndex((range) => range[0] > offset);
    this.free.splice(at < 0 ? this.free.length : at, 0, [offset, length]);
    this.merge();
  }

  private merge(): void {
    const merged: [number, number][] = [];
    for (const range of this.free) {
      const last = merged.at(-1);
      if (last !== undefined && last[0] + last[1] === range[0]) last[1] += range[1];
      else merged.push([range[0], range[1]]);
    }
    this.free = merged;
  }
}
