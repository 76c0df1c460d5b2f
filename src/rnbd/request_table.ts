/**
 * The requests in flight on a lane, by slot (a permit at the client, a chunk at the server): what
 * they are and since when. What ends is counted for its disk. Allocates nothing per I/O.
 */
import type { Arena } from "../ring/arena.ts";
import type { RequestClock } from "../ring/turn_clock.ts";
import { IO_ROW, latencyBucket, UNMEASURED_ROW } from "./io_statistics.ts";

/** A disk that requests are counted for. */
export interface MeasuredDisk {
  /** The number by which main knows the disk in its session. */
  readonly number: number;
  /** First row of the block in which its requests are counted. */
  readonly statisticsRow: number;
}

/** A request that waits for its answer. Plain data. */
export interface WaitingRequest {
  readonly slot: number;
  readonly disk: number;
  /** A number of BLOCK_OP. */
  readonly operation: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly ageUs: number;
}

// Plain numbers: fields of an object cost a look-up each time, here a tenth of the whole.
const { BYTES, ERRORS, LATENCY_SUM_US, BUCKETS, FLOATS: ROW_FLOATS } = IO_ROW;

/** Fields of a slot, in floats; a slot is one line of the processor's cache. */
const STARTED_US = 0;
/** Row in which it is counted: that of its operation in the block of its disk. */
const ROW = 1;
const LENGTH = 2;
const OFFSET = 3;
const OPERATION = 4;
const DISK = 5;
const SLOT_FLOATS = 8;

const NOT_STARTED = -1;

/** See the head of this file. */
export class RequestTable {
  private readonly slots: Float64Array;
  private readonly f64: Float64Array;
  /** The time: element 0. */
  private readonly us: Float64Array;

  constructor(private readonly count: number, arena: Arena, clock: RequestClock) {
    this.slots = new Float64Array(count * SLOT_FLOATS).fill(NOT_STARTED);
    this.f64 = arena.f64;
    this.us = clock.us;
  }

  /**
   * A request begins.
   * @param operation a number of BLOCK_OP
   * @param offset bytes; `length` bytes
   */
  begin(
    slot: number,
    disk: MeasuredDisk,
    operation: number,
    offset: number,
    length: number,
  ): void {
    const { slots } = this;
    const at = slot * SLOT_FLOATS;
    slots[at + STARTED_US] = this.us[0]!;
    slots[at + ROW] = disk.statisticsRow + operation;
    slots[at + LENGTH] = length;
    slots[at + OFFSET] = offset;
    slots[at + OPERATION] = operation;
    slots[at + DISK] = disk.number;
  }

  /** Offset that the request in `slot` began with, bytes. */
  offsetOf(slot: number): number {
    return this.slots[slot * SLOT_FLOATS + OFFSET]!;
  }

  /** Length that the request in `slot` began with, bytes. */
  lengthOf(slot: number): number {
    return this.slots[slot * SLOT_FLOATS + LENGTH]!;
  }

  /**
   * The request in `slot` ended: it is counted for its disk, and for the path that carried it.
   * @param pathRow first row of the path's block; UNMEASURED_ROW: none carried it, or nobody asks
   */
  end(slot: number, errno: number, pathRow: number): void {
    const { slots, f64 } = this;
    const place = slot * SLOT_FLOATS;
    const at = slots[place + ROW]! * ROW_FLOATS;
    const us = this.us[0]! - slots[place + STARTED_US]!;
    slots[place + STARTED_US] = NOT_STARTED;
    if (errno !== 0) {
      f64[at + ERRORS]!++;
      f64[(pathRow + slots[place + OPERATION]!) * ROW_FLOATS + ERRORS]!++;
      return;
    }
    const length = slots[place + LENGTH]!;
    const bucket = BUCKETS + latencyBucket(us);
    f64[at + BYTES]! += length;
    f64[at + LATENCY_SUM_US]! += us;
    f64[at + bucket]!++;
    // The row of nobody is every thread's: writing there would take it from the others' caches.
    if (pathRow === UNMEASURED_ROW) return;
    const pathAt = (pathRow + slots[place + OPERATION]!) * ROW_FLOATS;
    f64[pathAt + BYTES]! += length;
    f64[pathAt + LATENCY_SUM_US]! += us;
    f64[pathAt + bucket]!++;
  }

  /** What waits now, the oldest first, at most `limit`. */
  oldest(limit: number): WaitingRequest[] {
    const { slots } = this;
    const now = this.us[0]!;
    const waiting: WaitingRequest[] = [];
    for (let slot = 0; slot < this.count; slot++) {
      const at = slot * SLOT_FLOATS;
      const startedUs = slots[at + STARTED_US]!;
      if (startedUs === NOT_STARTED) continue;
      waiting.push({
        slot,
        disk: slots[at + DISK]!,
        operation: slots[at + OPERATION]!,
        offsetBytes: slots[at + OFFSET]!,
        lengthBytes: slots[at + LENGTH]!,
        ageUs: now - startedUs,
      });
    }
    return waiting.sort((a, b) => b.ageUs - a.ageUs).slice(0, limit);
  }
}
