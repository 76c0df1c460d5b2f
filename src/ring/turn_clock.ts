/**
 * The time as a thread's requests are measured by it: read once a turn, because all completions
 * of a turn came with the same system call.
 */
import { MonotonicClock } from "../ffi/monotonic_clock.ts";

/** Where a lane gets the time from. A number that a call returns may cost an allocation. */
export interface RequestClock {
  /** Element 0: microseconds, as of the begin of this turn. */
  readonly us: Float64Array;
}

/** See the head of this file. */
export class TurnClock implements RequestClock {
  readonly us = new Float64Array(1);
  private readonly clock = new MonotonicClock();

  /** The thread may have waited. */
  beginTurn(): void {
    this.clock.read(this.us);
  }
}
