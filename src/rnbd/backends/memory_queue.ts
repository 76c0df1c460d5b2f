/**
 * A disk in the arena. Everything is a copy or a fill, done within the call, except long
 * zeroing, which goes in steps so that the reactor's other work does not wait for it.
 *
 * Discards fill with zeroes instead of giving pages back: the disk's memory may be registered
 * with a NIC, which would go on reading the old pages.
 */
import type { Executor, Flushable } from "../../ring/executor.ts";
import { OP } from "../../ring/opcodes.ts";
import type { CompletionHandler } from "../../ring/ring.ts";
import { ERRNO } from "../../ffi/errno.ts";
import type { BackendGeometry, BackendHandler, BackendQueue, BackendTicket } from "../backend.ts";
import { MEMORY_ZEROING_STEP_BYTES } from "./limits.ts";

/** {@link BackendQueue} over an arena range that all reactors share. */
export class MemoryQueue implements BackendQueue, CompletionHandler {
  readonly geometry: BackendGeometry;
  inflight = 0;
  private readonly base: number;
  private readonly u8: Uint8Array<ArrayBuffer>;
  private readonly handlerId: number;
  /** Of a long zeroing: where the rest starts, and its length; arena offset, bytes. */
  private readonly zeroingAt: Float64Array;
  private readonly zeroingLeft: Float64Array;
  /** Nothing is collected; deferring it has the executor submit what was prepared. */
  private readonly batchEnd: Flushable = { deferred: false, flush: () => {} };

  constructor(
    private readonly executor: Executor,
    ticket: Extract<BackendTicket, { kind: "memory" }>,
    queueDepth: number,
    private readonly handler: BackendHandler,
  ) {
    this.geometry = ticket.geometry;
    this.base = ticket.at;
    this.u8 = executor.arena.u8;
    this.zeroingAt = new Float64Array(queueDepth);
    this.zeroingLeft = new Float64Array(queueDepth);
    this.handlerId = executor.ring.addHandler(this);
  }

  read(slot: number, offset: number, length: number, at: number): void {
    const from = this.base + offset;
    this.u8.copyWithin(at, from, from + length);
    this.handler.onBackendDone(slot, 0);
  }

  write(slot: number, offset: number, length: number, at: number, _fua: boolean): void {
    this.u8.copyWithin(this.base + offset, at, at + length);
    this.handler.onBackendDone(slot, 0);
  }

  flush(slot: number): void {
    this.handler.onBackendDone(slot, 0);
  }

  discard(slot: number, offset: number, length: number): void {
    this.zeroingAt[slot] = this.base + offset;
    this.zeroingLeft[slot] = length;
    this.inflight++;
    this.zeroStep(slot);
  }

  writeZeroes(slot: number, offset: number, length: number, _mayUnmap: boolean): void {
    this.discard(slot, offset, length);
  }

  secureErase(slot: number, _offset: number, _length: number): void {
    this.handler.onBackendDone(slot, ERRNO.EOPNOTSUPP);
  }

  inPlace(offset: number, _length: number): number {
    return this.base + offset;
  }

  /** It was made here, and stays as it was made. */
  refreshSize(): boolean {
    return false;
  }

  close(): void {
    if (this.inflight !== 0) throw new Error(`Back end closed with ${this.inflight} operations`);
    this.executor.ring.removeHandler(this.handlerId);
  }

  /** The reactor went round once: the next step of a long zeroing. */
  onCompletion(_tag: number, slot: number, _result: number): void {
    this.zeroStep(slot);
  }

  private zeroStep(slot: number): void {
    const at = this.zeroingAt[slot]!;
    const left = this.zeroingLeft[slot]!;
    const length = Math.min(left, MEMORY_ZEROING_STEP_BYTES);
    this.u8.fill(0, at, at + length);
    if (left > length) {
      this.zeroingAt[slot] = at + length;
      this.zeroingLeft[slot] = left - length;
      this.executor.ring.prepare(OP.NOP, -1, 0, 0, 0, this.handlerId, 0, slot);
      this.executor.defer(this.batchEnd);
      return;
    }
    this.inflight--;
    this.handler.onBackendDone(slot, 0);
  }
}
