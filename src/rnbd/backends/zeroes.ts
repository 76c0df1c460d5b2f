/** A range of zeroes that is read from and never written: it takes address space, no memory. */
import type { ArenaAllocator } from "../../ring/arena.ts";
import { ZEROES_BYTES } from "./limits.ts";

/** Allocates it on main, once; every reactor gets the arena offset, `ZEROES_BYTES` long. */
export function allocateZeroes(memory: ArenaAllocator): number {
  return memory.allocate(ZEROES_BYTES, "the shared zeroes");
}
