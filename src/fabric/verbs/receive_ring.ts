/**
 * The receive queue of one connection: a ring of prebuilt work requests, all of them posted before
 * the connection is made, and posted again in chains as they are used up, in order.
 */
import { type NativePointer, pointerAt } from "../../ffi/pointer.ts";
import { IBV_RECV_WR, IBV_SGE } from "../../ffi/verbs_layout.ts";
import type { Arena } from "../../ring/arena.ts";
import { RECEIVE_TEMPLATE_BYTES, receiveBufferAt } from "./connection_memory.ts";
import { FIRST_RECEIVE_BYTES, RECEIVE_BYTES } from "./limits.ts";
import { REQUEST_KIND } from "./send_ring.ts";

const WORD = {
  ID: IBV_RECV_WR.WR_ID / 4,
  NEXT: IBV_RECV_WR.NEXT / 4,
  RANGES: IBV_RECV_WR.SG_LIST / 4,
  RANGE_COUNT: IBV_RECV_WR.NUM_SGE / 4,
  RANGE_ADDRESS: IBV_RECV_WR.BYTES / 4,
  RANGE_LENGTH: (IBV_RECV_WR.BYTES + IBV_SGE.LENGTH) / 4,
  RANGE_KEY: (IBV_RECV_WR.BYTES + IBV_SGE.LKEY) / 4,
} as const;

function putAddress(arena: Arena, word: number, offset: number): void {
  arena.u32[word] = offset >>> 0;
  arena.u32[word + 1] = arena.addressHigh(offset);
}

/**
 * Builds the templates; the chain of all of them ends with the last. Main calls it once.
 * @param at arena offset of the templates
 * @param buffers arena offset of the buffers, registered under `lkey`
 */
export function buildReceives(
  arena: Arena,
  at: number,
  depth: number,
  buffers: number,
  lkey: number,
): void {
  for (let slot = 0; slot < depth; slot++) {
    const place = at + slot * RECEIVE_TEMPLATE_BYTES;
    const word = place / 4;
    arena.u32[word + WORD.ID] = slot;
    arena.u32[word + WORD.ID + 1] = REQUEST_KIND.RECEIVE;
    if (slot + 1 < depth) putAddress(arena, word + WORD.NEXT, place + RECEIVE_TEMPLATE_BYTES);
    putAddress(arena, word + WORD.RANGES, place + IBV_RECV_WR.BYTES);
    arena.u32[word + WORD.RANGE_COUNT] = 1;
    putAddress(arena, word + WORD.RANGE_ADDRESS, buffers + receiveBufferAt(slot));
    arena.u32[word + WORD.RANGE_LENGTH] = slot === 0 ? FIRST_RECEIVE_BYTES : RECEIVE_BYTES;
    arena.u32[word + WORD.RANGE_KEY] = lkey;
  }
}

/** The ring as the owning thread sees it: all are posted at first. */
export class ReceiveRing {
  /** Receives that the device has. */
  outstanding: number;
  /** Receives used up and not posted again. */
  used = 0;
  private readonly pointers: NativePointer[] = [];
  /** Slot of the first used one. */
  private head = 0;

  /** @param at arena offset of the templates, which {@link buildReceives} filled */
  constructor(
    private readonly arena: Arena,
    private readonly at: number,
    private readonly depth: number,
    private readonly buffers: number,
  ) {
    this.outstanding = depth;
    for (let slot = 0; slot < depth; slot++) {
      this.pointers.push(pointerAt(arena.base + at + slot * RECEIVE_TEMPLATE_BYTES));
    }
    // Close the circle, so that a chain may run across the end.
    putAddress(arena, this.wordOf(depth - 1) + WORD.NEXT, at);
  }

  private wordOf(slot: number): number {
    return (this.at + slot * RECEIVE_TEMPLATE_BYTES) / 4;
  }

  /** Arena offset of the buffer of `slot`. */
  bufferOf(slot: number): number {
    return this.buffers + receiveBufferAt(slot);
  }

  /** A receive came back, with a message or flushed. */
  take(): void {
    this.outstanding--;
    this.used++;
  }

  /** Cuts the chain of all used receives and returns its head; {@link endChain} must follow. */
  beginChain(): NativePointer {
    const last = this.wordOf((this.head + this.used - 1) % this.depth);
    this.arena.u32[last + WORD.NEXT] = 0;
    this.arena.u32[last + WORD.NEXT + 1] = 0;
    return this.pointers[this.head]!;
  }

  /** Joins what {@link beginChain} cut; the device has the receives now. */
  endChain(): void {
    const last = (this.head + this.used - 1) % this.depth;
    const next = (last + 1) % this.depth;
    putAddress(this.arena, this.wordOf(last) + WORD.NEXT, this.at + next * RECEIVE_TEMPLATE_BYTES);
    this.head = next;
    this.outstanding += this.used;
    this.used = 0;
  }
}
