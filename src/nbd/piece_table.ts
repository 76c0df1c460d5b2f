/** The pieces that requests are carried out in: each holds a permit of the block queue. */
import { PIECES_MAX } from "./limits.ts";

/** Typed arrays indexed by slot; the slot is the token of the block request. */
export class PieceTable {
  readonly permit = new Int32Array(PIECES_MAX);
  readonly request = new Uint16Array(PIECES_MAX);
  readonly offset = new Float64Array(PIECES_MAX);
  readonly length = new Float64Array(PIECES_MAX);
  /** Arena offset of the permit's buffer. */
  readonly at = new Float64Array(PIECES_MAX);
  used = 0;
  private readonly free = new Uint16Array(PIECES_MAX);

  constructor() {
    for (let i = 0; i < PIECES_MAX; i++) this.free[i] = PIECES_MAX - 1 - i;
  }

  get isFull(): boolean {
    return this.used === PIECES_MAX;
  }

  /** Takes a slot; the table must not be full. */
  take(permit: number, at: number, request: number, offset: number, length: number): number {
    const slot = this.free[PIECES_MAX - 1 - this.used];
    this.used++;
    this.permit[slot] = permit;
    this.at[slot] = at;
    this.request[slot] = request;
    this.offset[slot] = offset;
    this.length[slot] = length;
    return slot;
  }

  /** Gives a slot back. */
  give(slot: number): void {
    this.used--;
    this.free[PIECES_MAX - 1 - this.used] = slot;
  }
}
