/**
 * The send queue of one connection as a ring of prebuilt work requests in the arena. A post fills
 * the next template; everything filled goes to the device as one chain.
 *
 * Each template points to its neighbour for ever, and the last of a chain is cut off only while it
 * is posted. Which templates are signalled is fixed, too: every n-th, n a power of two, so that in
 * a full queue at least one completion is outstanding, and its index says which slots it returns.
 */
import { type NativePointer, pointerAt } from "../../ffi/pointer.ts";
import { IBV_SEND_WR, IBV_SGE, SEND_FLAG, WR_OPCODE } from "../../ffi/verbs_layout.ts";
import type { Arena } from "../../ring/arena.ts";
import { swap32 } from "../byte_order.ts";
import { SEND_TEMPLATE_BYTES } from "./connection_memory.ts";
import { SIGNALS_PER_QUEUE } from "./limits.ts";
import { type LocalMemory, NOT_EXPOSED } from "./local_memory.ts";

/** High word of a work request's id: which queue it belongs to. Low word: its slot. */
export const REQUEST_KIND = { SEND: 0, RECEIVE: 1, MARKER: 2, WINDOW: 3 } as const;

/** Word offsets in a template. */
const WORD = {
  ID: IBV_SEND_WR.WR_ID / 4,
  NEXT: IBV_SEND_WR.NEXT / 4,
  RANGES: IBV_SEND_WR.SG_LIST / 4,
  RANGE_COUNT: IBV_SEND_WR.NUM_SGE / 4,
  OPCODE: IBV_SEND_WR.OPCODE / 4,
  FLAGS: IBV_SEND_WR.SEND_FLAGS / 4,
  IMMEDIATE: IBV_SEND_WR.IMM_DATA / 4,
  REMOTE_ADDRESS: IBV_SEND_WR.REMOTE_ADDRESS / 4,
  RKEY: IBV_SEND_WR.RKEY / 4,
  FIRST_RANGE: IBV_SEND_WR.BYTES / 4,
} as const;
const TEMPLATE_WORDS = SEND_TEMPLATE_BYTES / 4;
const RANGE_WORDS = IBV_SGE.BYTES / 4;
const RANGE_WORD = { ADDRESS: 0, LENGTH: IBV_SGE.LENGTH / 4, KEY: IBV_SGE.LKEY / 4 } as const;

/** Writes a native address as two words. */
function putAddress(arena: Arena, word: number, offset: number): void {
  arena.u32[word] = offset >>> 0;
  arena.u32[word + 1] = arena.addressHigh(offset);
}

/** See the head of this file. */
export class SendRing {
  /** Set when a post named memory that is not exposed. */
  faulted = false;
  private readonly words: Uint32Array<ArrayBuffer>;
  private readonly mask: number;
  private readonly pointers: NativePointer[] = [];
  /** Sequence numbers, modulo 2^32: slots returned, posted, filled. */
  private returned = 0;
  private posted = 0;
  private filled = 0;

  /**
   * @param at arena offset of the templates
   * @param slots how many there are, a power of two
   * @param depth how many the device takes at a time, at most `slots`
   */
  constructor(
    private readonly arena: Arena,
    private readonly at: number,
    private readonly slots: number,
    private readonly depth: number,
    private readonly memory: LocalMemory,
  ) {
    this.words = arena.u32;
    this.mask = slots - 1;
    const interval = 2 ** Math.floor(Math.log2(Math.max(1, depth / SIGNALS_PER_QUEUE)));
    for (let slot = 0; slot < slots; slot++) this.build(slot, interval);
  }

  private build(slot: number, interval: number): void {
    const place = this.at + slot * SEND_TEMPLATE_BYTES;
    const next = this.at + ((slot + 1) & this.mask) * SEND_TEMPLATE_BYTES;
    const word = place / 4;
    this.words[word + WORD.ID] = slot;
    this.words[word + WORD.ID + 1] = REQUEST_KIND.SEND;
    this.words[word + WORD.FLAGS] = (slot & (interval - 1)) === interval - 1
      ? SEND_FLAG.SIGNALED
      : 0;
    putAddress(this.arena, word + WORD.NEXT, next);
    putAddress(this.arena, word + WORD.RANGES, place + IBV_SEND_WR.BYTES);
    this.pointers.push(pointerAt(this.arena.base + place));
  }

  /** True when a template is free to be filled. */
  get hasRoom(): boolean {
    return ((this.filled - this.returned) >>> 0) < this.slots;
  }

  /**
   * Fills the next template; only when {@link hasRoom}.
   * @param opcode one of WR_OPCODE
   * @param argument the immediate, or for SEND_WITH_INV the key to invalidate
   */
  fill(
    opcode: number,
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
    rkey: number,
    addressHigh: number,
    addressLow: number,
    argument: number,
  ): void {
    const words = this.words;
    const word = (this.at + (this.filled & this.mask) * SEND_TEMPLATE_BYTES) / 4;
    this.filled = (this.filled + 1) >>> 0;
    let ranges = 0;
    if (firstLength > 0) {
      this.putRange(word + WORD.FIRST_RANGE, first, firstLength, 0);
      ranges = 1;
    }
    if (secondLength > 0) {
      const range = word + WORD.FIRST_RANGE + ranges * RANGE_WORDS;
      this.putRange(range, second, secondLength, 1);
      ranges++;
    }
    words[word + WORD.RANGE_COUNT] = ranges;
    words[word + WORD.OPCODE] = opcode;
    words[word + WORD.IMMEDIATE] = opcode === WR_OPCODE.SEND_WITH_INV ? argument : swap32(argument);
    words[word + WORD.REMOTE_ADDRESS] = addressLow;
    words[word + WORD.REMOTE_ADDRESS + 1] = addressHigh;
    words[word + WORD.RKEY] = rkey;
  }

  private putRange(word: number, at: number, length: number, user: number): void {
    const index = this.memory.find(at, length, user);
    if (index === NOT_EXPOSED) {
      this.faulted = true;
      return;
    }
    const words = this.words;
    words[word + RANGE_WORD.ADDRESS] = at >>> 0;
    words[word + RANGE_WORD.ADDRESS + 1] = this.arena.addressHigh(at);
    words[word + RANGE_WORD.LENGTH] = length;
    words[word + RANGE_WORD.KEY] = this.memory.keyOf(index);
  }

  /** How many filled work requests the device has room for. */
  get postable(): number {
    const room = this.depth - ((this.posted - this.returned) >>> 0);
    return Math.min(room, (this.filled - this.posted) >>> 0);
  }

  /**
   * Cuts the chain of the next `count` requests and returns its head for ibv_post_send. Must be
   * followed by {@link endChain}.
   */
  beginChain(count: number): NativePointer {
    const last = this.lastOf(count);
    this.words[last + WORD.NEXT] = 0;
    this.words[last + WORD.NEXT + 1] = 0;
    return this.pointers[this.posted & this.mask]!;
  }

  /** Joins what {@link beginChain} cut; the device has the requests now. */
  endChain(count: number): void {
    const next = this.at + ((this.posted + count) & this.mask) * SEND_TEMPLATE_BYTES;
    putAddress(this.arena, this.lastOf(count) + WORD.NEXT, next);
    this.posted = (this.posted + count) >>> 0;
  }

  private lastOf(count: number): number {
    return (this.at + ((this.posted + count - 1) & this.mask) * SEND_TEMPLATE_BYTES) / 4;
  }

  /** The request in `slot` completed, and so did all before it. */
  complete(slot: number): void {
    this.returned = (this.returned + ((slot - this.returned) & this.mask) + 1) >>> 0;
  }
}

/**
 * Builds the last work request of a connection at arena offset `at`: an empty SEND whose
 * completion says that the device is done with all before it.
 */
export function buildMarker(arena: Arena, at: number): NativePointer {
  const word = at / 4;
  arena.u32.fill(0, word, word + TEMPLATE_WORDS);
  arena.u32[word + WORD.ID + 1] = REQUEST_KIND.MARKER;
  arena.u32[word + WORD.OPCODE] = WR_OPCODE.SEND;
  arena.u32[word + WORD.FLAGS] = SEND_FLAG.SIGNALED;
  return pointerAt(arena.base + at);
}
