/** Takes a process's memory away for a while, so that its allocations fail. */
import type { ArenaAllocator } from "../../src/ring/arena.ts";

/** Smaller pieces are left: a few pages are always to be had. */
const PIECE_BYTES_MIN = 16 * 1024;

/** See the head of this file. */
export class MemoryHoards {
  private readonly taken = new Map<ArenaAllocator, number[]>();

  /** Takes nearly all that is free. */
  take(memory: ArenaAllocator): void {
    const pieces = this.taken.get(memory) ?? [];
    this.taken.set(memory, pieces);
    for (let bytes = memory.arena.buffer.byteLength; bytes > PIECE_BYTES_MIN; bytes /= 2) {
      try {
        for (;;) pieces.push(memory.allocate(bytes, "the simulation"));
      } catch {
        // A smaller piece may fit.
      }
    }
  }

  /** Gives it back. */
  free(memory: ArenaAllocator): void {
    for (const at of this.taken.get(memory) ?? []) memory.release(at);
    this.taken.delete(memory);
  }
}
