/** What V8 tells about its collections of garbage (`DENO_V8_FLAGS=--trace-gc`). */

const MIB = 2 ** 20;

/** What was read from the output of a process. */
export interface GarbageTrace {
  /** Those that had a collection at all. */
  readonly threads: readonly ThreadGarbage[];
}

/** One thread with a heap of its own. */
export interface ThreadGarbage {
  readonly collections: number;
  /** What was put on the heap from one collection to another; right to 0.1 MiB each. */
  readonly allocatedBytes: number;
}

/** `[pid:0xisolate] 123 ms: Scavenge 6.9 (10.0) -> 4.9 (10.0) MB, …`: before and after. */
const LINE = /\[\d+:(0x[0-9a-f]+)\]\s+(\d+) ms: [^\n]*?([\d.]+) \([\d.]+\) -> ([\d.]+) \(/g;

/**
 * @param output standard output of the process, after its end: V8 keeps lines back until then
 * @param fromMs what was told earlier in a thread's life does not count
 */
export function readGarbageTrace(output: string, fromMs = 0): GarbageTrace {
  const heaps = new Map<string, { collections: number; allocatedMib: number; usedMib: number }>();
  for (const [, isolate, timeMs, before, after] of output.matchAll(LINE)) {
    const heap = heaps.get(isolate!);
    const usedMib = Number(after);
    if (heap === undefined) {
      heaps.set(isolate!, { collections: 1, allocatedMib: 0, usedMib });
      continue;
    }
    heap.collections++;
    const allocatedMib = Math.max(0, Number(before) - heap.usedMib);
    if (Number(timeMs) >= fromMs) heap.allocatedMib += allocatedMib;
    heap.usedMib = usedMib;
  }
  return {
    threads: [...heaps.values()].map(({ collections, allocatedMib }) => ({
      collections,
      allocatedBytes: allocatedMib * MIB,
    })),
  };
}
