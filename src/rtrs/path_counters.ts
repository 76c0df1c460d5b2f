/**
 * What threads count for a path: one line of the arena for each thread, so that no two threads
 * write to one cache line. Lanes write, main reads; only the latency goes the other way.
 */
import type { Arena } from "../ring/arena.ts";

/** Bytes of one thread's line for one path. */
export const PATH_COUNTER_BYTES = 64;

/** Words of a line, from its index in `arena.u32`. */
export const PATH_WORD = {
  /** Messages received, which the heartbeat watches; wraps. */
  RECEIVED: 0,
  /** Requests that wait for an answer. */
  INFLIGHT: 1,
  /** Round trip in microseconds, 0 while it is not known; main writes it, for min-latency. */
  LATENCY_US: 2,
} as const;

/** Payload bytes of requests that succeeded: floats of a line, from its index in `arena.f64`. */
export const PATH_FLOAT = { RX: 2, TX: 3 } as const;

/** The lines of one path, read on main. */
export class PathCounters {
  /** Payload of lines that are no more. */
  private earlierRxBytes = 0;
  private earlierTxBytes = 0;

  /** @param lines arena offsets of the lines; they may become others, see {@link keepTotals} */
  constructor(private readonly arena: Arena, private readonly lines: () => Iterable<number>) {}

  /** Messages received on all threads; wraps at 2^32. */
  get received(): number {
    return this.sumWords(PATH_WORD.RECEIVED) >>> 0;
  }

  /** Requests in flight on all threads. */
  get inflight(): number {
    return this.sumWords(PATH_WORD.INFLIGHT);
  }

  /** Payload bytes received so far; never goes down. */
  get rxBytes(): number {
    return this.earlierRxBytes + this.sumFloats(PATH_FLOAT.RX);
  }

  /** Payload bytes sent so far; never goes down. */
  get txBytes(): number {
    return this.earlierTxBytes + this.sumFloats(PATH_FLOAT.TX);
  }

  /** Tells the threads how long the path's round trip takes. */
  setLatency(latencyUs: number): void {
    for (const line of this.lines()) this.arena.u32[line / 4 + PATH_WORD.LATENCY_US] = latencyUs;
  }

  /** The lines are about to go or to start anew: their bytes go on counting. */
  keepTotals(): void {
    this.earlierRxBytes = this.rxBytes;
    this.earlierTxBytes = this.txBytes;
    for (const line of this.lines()) {
      this.arena.f64[line / 8 + PATH_FLOAT.RX] = 0;
      this.arena.f64[line / 8 + PATH_FLOAT.TX] = 0;
    }
  }

  private sumWords(word: number): number {
    let sum = 0;
    for (const line of this.lines()) sum += this.arena.u32[line / 4 + word]!;
    return sum;
  }

  private sumFloats(float: number): number {
    let sum = 0;
    for (const line of this.lines()) sum += this.arena.f64[line / 8 + float]!;
    return sum;
  }
}
