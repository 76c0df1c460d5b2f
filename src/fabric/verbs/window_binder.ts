/**
 * Opens and closes memory windows through one connection. Each change is a work request of its
 * own verb, ibv_bind_mw, which takes effect at once: it is in the queue before everything that is
 * posted at the end of the batch, and the device keeps that order.
 *
 * To close a window is to bind it to no bytes; that is signalled, and its completion says that no
 * write can reach the memory. To open one is not: the next close that completes returns its place
 * in the queue, too. Since a window that was opened is closed before it is opened again, no more
 * than two changes a window are outstanding.
 */
import { type NativePointer, pointerAt } from "../../ffi/pointer.ts";
import { ACCESS, IBV_MW, IBV_MW_BIND, SEND_FLAG } from "../../ffi/verbs_layout.ts";
import type { Arena } from "../../ring/arena.ts";
import type { ConnectionWindows, MemoryWindows, WindowHandler } from "../fabric.ts";
import type { ConnectionOperations, WindowFields } from "./operations.ts";
import { REQUEST_KIND } from "./send_ring.ts";

/** Word offsets in the ibv_mw_bind. */
const WORD = {
  ID: IBV_MW_BIND.WR_ID / 4,
  FLAGS: IBV_MW_BIND.SEND_FLAGS / 4,
  REGION: IBV_MW_BIND.MR / 4,
  ADDRESS: IBV_MW_BIND.ADDRESS / 4,
  LENGTH: IBV_MW_BIND.LENGTH / 4,
  ACCESS: IBV_MW_BIND.ACCESS / 4,
} as const;
const WORD_VALUES = 2 ** 32;

/** The connection that changes are made through. */
export interface WindowCarrier {
  /** Work requests may be posted. */
  readonly isOpen: boolean;
  /** Has the end of the batch look at what failed: {@link WindowBinder.errno} and `overran`. */
  noteFailure(): void;
}

/** See the head of this file. */
export class WindowBinder implements ConnectionWindows {
  /** Errno of a bind that could not be posted; 0: none. */
  errno = 0;
  /** Set when more changes were asked for than the queue was made for. */
  overran = false;
  private readonly words: Uint32Array<ArrayBuffer>;
  private readonly word: number;
  private readonly bindPointer: NativePointer;
  private readonly pointers: readonly NativePointer[];
  private readonly fields: readonly WindowFields[];
  /** Which window a change is of, by its sequence number. */
  private readonly windowOf: Uint32Array;
  private readonly mask: number;
  /** Sequence numbers, modulo 2^32. */
  private posted = 0;
  private returned = 0;

  /**
   * @param bindAt arena offset of an ibv_mw_bind
   * @param depth changes that the queue takes
   */
  constructor(
    private readonly arena: Arena,
    bindAt: number,
    private readonly depth: number,
    private readonly operations: ConnectionOperations,
    private readonly queuePair: NativePointer,
    private readonly windows: MemoryWindows,
    private readonly carrier: WindowCarrier,
    private readonly handler: WindowHandler,
  ) {
    this.words = arena.u32;
    this.word = bindAt / 4;
    this.bindPointer = pointerAt(arena.base + bindAt);
    this.pointers = windows.handles.map(pointerAt);
    this.fields = windows.handles.map((handle) => operations.windowFields(handle));
    const slots = 2 ** Math.ceil(Math.log2(Math.max(depth, 1)));
    this.windowOf = new Uint32Array(slots);
    this.mask = slots - 1;
    this.words.fill(0, this.word, this.word + IBV_MW_BIND.BYTES / 4);
    this.words[this.word + WORD.ID + 1] = REQUEST_KIND.WINDOW;
    this.words[this.word + WORD.REGION] = windows.region % WORD_VALUES;
    this.words[this.word + WORD.REGION + 1] = Math.floor(windows.region / WORD_VALUES);
    this.words[this.word + WORD.ACCESS] = ACCESS.REMOTE_WRITE;
  }

  open(index: number): number {
    if (!this.bind(index, this.windows.windowBytes, 0)) return 0;
    return this.fields[index]!.getUint32(IBV_MW.RKEY);
  }

  close(index: number): void {
    this.bind(index, 0, SEND_FLAG.SIGNALED);
  }

  private bind(index: number, length: number, flags: number): boolean {
    if (!this.carrier.isOpen || this.errno !== 0) return false;
    if (((this.posted - this.returned) >>> 0) >= this.depth) {
      this.overran = true;
      this.carrier.noteFailure();
      return false;
    }
    const { arena, words, word } = this;
    const at = this.windows.memory.at + index * this.windows.windowBytes;
    words[word + WORD.ID] = this.posted;
    words[word + WORD.FLAGS] = flags;
    words[word + WORD.ADDRESS] = at >>> 0;
    words[word + WORD.ADDRESS + 1] = arena.addressHigh(at);
    words[word + WORD.LENGTH] = length;
    const result = this.operations.bindMw(this.queuePair, this.pointers[index]!, this.bindPointer);
    if (result !== 0) {
      this.errno = result;
      this.carrier.noteFailure();
      return false;
    }
    this.windowOf[this.posted & this.mask] = index;
    this.posted = (this.posted + 1) >>> 0;
    return true;
  }

  /** A change that was signalled completed, and so did all before it. */
  complete(sequence: number): void {
    this.returned = (sequence + 1) >>> 0;
    this.handler.onWindowClosed(this.windowOf[sequence & this.mask]!);
  }
}
