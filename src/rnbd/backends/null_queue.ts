/** A disk that reads as zero and forgets what is written: for measuring everything else. */
import { ERRNO } from "../../ffi/errno.ts";
import type { Arena } from "../../ring/arena.ts";
import type { BackendGeometry, BackendHandler, BackendQueue, BackendTicket } from "../backend.ts";
import { ZEROES_BYTES } from "./limits.ts";

/** {@link BackendQueue} over nothing; every operation ends within its call. */
export class NullQueue implements BackendQueue {
  readonly geometry: BackendGeometry;
  readonly inflight = 0;

  /**
   * @param zeroesAt arena offset of the shared zeroes, ZEROES_BYTES long
   */
  constructor(
    private readonly arena: Arena,
    private readonly zeroesAt: number,
    ticket: Extract<BackendTicket, { kind: "null" }>,
    private readonly handler: BackendHandler,
  ) {
    this.geometry = ticket.geometry;
  }

  read(slot: number, _offset: number, length: number, at: number): void {
    this.arena.u8.fill(0, at, at + length);
    this.handler.onBackendDone(slot, 0);
  }

  write(slot: number, _offset: number, _length: number, _at: number, _fua: boolean): void {
    this.handler.onBackendDone(slot, 0);
  }

  flush(slot: number): void {
    this.handler.onBackendDone(slot, 0);
  }

  discard(slot: number, _offset: number, _length: number): void {
    this.handler.onBackendDone(slot, 0);
  }

  writeZeroes(slot: number, _offset: number, _length: number, _mayUnmap: boolean): void {
    this.handler.onBackendDone(slot, 0);
  }

  secureErase(slot: number, _offset: number, _length: number): void {
    this.handler.onBackendDone(slot, ERRNO.EOPNOTSUPP);
  }

  inPlace(_offset: number, length: number): number {
    return length <= ZEROES_BYTES ? this.zeroesAt : -1;
  }

  /** It was made here, and stays as it was made. */
  refreshSize(): boolean {
    return false;
  }

  close(): void {}
}
