/**
 * The sending half of a connection: one gathered send in flight, built from everything that
 * waited. Headers come from the connection's memory, data from where the device put it.
 */
import type { BlockQueue } from "../rnbd/block_queue.ts";
import type { Executor } from "../ring/executor.ts";
import { MSG, OP, SQE } from "../ring/opcodes.ts";
import { CONNECTION_MEMORY, IOVEC_BYTES } from "./connection_memory.ts";
import { REJECTIONS } from "./gate.ts";
import { ERROR_TEXT_BYTES_MAX, PIECES_MAX, SEND_BYTES_MAX } from "./limits.ts";
import { TAG } from "./operation_tags.ts";
import type { PieceTable } from "./piece_table.ts";
import {
  CHUNK,
  CHUNK_FLAG,
  CHUNK_TYPE,
  COMMAND,
  ERROR_CHUNK,
  MAGIC,
  OFFSET_DATA,
  SIMPLE_REPLY,
} from "./protocol.ts";
import { ENTRY, ReplyQueue } from "./reply_queue.ts";
import type { RequestTable } from "./request_table.ts";

const HIGH = 2 ** 32;
/** Offsets in struct msghdr (64 bit). */
const MSGHDR = { IOV: 16, IOV_COUNT: 24 };
const IOVEC = { BASE: 0, LENGTH: 8 };

/** Error texts by rejection, encoded once. */
const TEXTS = REJECTIONS.map(({ text }) =>
  new TextEncoder().encode(text).subarray(0, ERROR_TEXT_BYTES_MAX)
);

/** Builds and sends replies; gives pieces back once their data has left. */
export class ReplySender {
  readonly queue = new ReplyQueue();
  /** A send is in flight. */
  sending = false;
  /** The assembly buffer holds a read that has not left. */
  assemblyBusy = false;
  readonly assembly: number;
  private readonly headers: number;
  private readonly ranges: number;
  private readonly message: number;
  private readonly sentPieces = new Uint16Array(PIECES_MAX);
  private sentPieceCount = 0;
  private sentAssembly = false;
  /** Header bytes built, and those of them that a range covers already. */
  private headerEnd = 0;
  private headerStart = 0;
  private rangeCount = 0;
  private firstRange = 0;
  private bytesLeft = 0;

  constructor(
    private readonly executor: Executor,
    private readonly blocks: BlockQueue,
    private readonly fd: number,
    private readonly handlerId: number,
    memory: number,
    private readonly structured: boolean,
    private readonly requests: RequestTable,
    private readonly pieces: PieceTable,
  ) {
    this.headers = memory + CONNECTION_MEMORY.HEADERS;
    this.ranges = memory + CONNECTION_MEMORY.RANGES;
    this.message = memory + CONNECTION_MEMORY.MESSAGE;
    this.assembly = memory + CONNECTION_MEMORY.ASSEMBLY;
  }

  /** Nothing waits and nothing is in flight. */
  get isIdle(): boolean {
    return !this.sending && this.queue.isEmpty;
  }

  /** Starts a send of what waits, unless one is in flight. */
  send(): void {
    if (this.sending || this.queue.isEmpty) return;
    this.headerEnd =
      this.headerStart =
      this.rangeCount =
      this.firstRange =
      this.bytesLeft =
        0;
    while (!this.queue.isEmpty && this.bytesLeft < SEND_BYTES_MAX) this.build(this.queue.shift());
    this.closeHeaderRange();
    this.submit();
  }

  /**
   * A send ended: gives back what it held, or goes on after a short one.
   * @returns false when the connection is broken
   */
  onSent(result: number): boolean {
    this.sending = false;
    if (result > 0 && result < this.bytesLeft) {
      this.stepOver(result);
      this.submit();
      return true;
    }
    const complete = result === this.bytesLeft;
    for (let i = 0; i < this.sentPieceCount; i++) this.releasePiece(this.sentPieces[i]);
    this.sentPieceCount = 0;
    if (this.sentAssembly) this.assemblyBusy = this.sentAssembly = false;
    return complete;
  }

  /** Throws away what waits, once no reply can be sent any more. */
  dropQueued(): void {
    while (!this.queue.isEmpty) {
      const entry = this.queue.shift();
      const kind = entry & ENTRY.KIND_MASK;
      const slot = entry & ENTRY.SLOT_MASK;
      if (kind === ENTRY.DATA || kind === ENTRY.LAST_DATA) this.releasePiece(slot);
    }
  }

  /** Gives a piece and its permit back. */
  releasePiece(piece: number): void {
    this.blocks.release(this.pieces.permit[piece]);
    this.pieces.give(piece);
  }

  private build(entry: number): void {
    const slot = entry & ENTRY.SLOT_MASK;
    switch (entry & ENTRY.KIND_MASK) {
      case ENTRY.STATUS:
        this.buildStatus(slot);
        this.requests.give(slot);
        break;
      case ENTRY.ASSEMBLED: {
        const { requests } = this;
        this.buildDataHeader(slot, requests.offset[slot], requests.length[slot], true);
        this.addData(this.assembly, requests.length[slot]);
        this.sentAssembly = true;
        requests.give(slot);
        break;
      }
      default:
        this.buildPiece(slot, (entry & ENTRY.KIND_MASK) === ENTRY.LAST_DATA);
    }
  }

  private buildPiece(piece: number, last: boolean): void {
    const { pieces } = this;
    const request = pieces.request[piece];
    this.buildDataHeader(request, pieces.offset[piece], pieces.length[piece], last);
    this.addData(pieces.at[piece], pieces.length[piece]);
    this.sentPieces[this.sentPieceCount++] = piece;
    if (last) this.requests.give(request);
  }

  private buildDataHeader(request: number, offset: number, length: number, last: boolean): void {
    if (!this.structured) return this.buildSimple(request);
    const { view } = this.executor.arena;
    const bytes = OFFSET_DATA.DATA;
    this.buildChunk(request, CHUNK_TYPE.OFFSET_DATA, bytes + length, last);
    const at = this.headers + this.headerEnd;
    view.setUint32(at + OFFSET_DATA.OFFSET, Math.floor(offset / HIGH));
    view.setUint32(at + OFFSET_DATA.OFFSET + 4, offset >>> 0);
    this.headerEnd += bytes;
    this.bytesLeft += bytes;
  }

  private buildStatus(request: number): void {
    // A successful read of no data cannot be: READ of length 0 is rejected.
    if (this.structured && this.requests.error[request] !== 0) this.buildError(request);
    else this.buildSimple(request);
  }

  private buildSimple(request: number): void {
    const { view } = this.executor.arena;
    const at = this.headers + this.headerEnd;
    view.setUint32(at + SIMPLE_REPLY.MAGIC, MAGIC.SIMPLE_REPLY);
    view.setUint32(at + SIMPLE_REPLY.ERROR, this.requests.error[request]);
    view.setUint32(at + SIMPLE_REPLY.COOKIE, this.requests.cookieHigh[request]);
    view.setUint32(at + SIMPLE_REPLY.COOKIE + 4, this.requests.cookieLow[request]);
    this.headerEnd += SIMPLE_REPLY.BYTES;
    this.bytesLeft += SIMPLE_REPLY.BYTES;
  }

  private buildChunk(request: number, type: number, length: number, last: boolean): void {
    const { view } = this.executor.arena;
    const at = this.headers + this.headerEnd;
    view.setUint32(at + CHUNK.MAGIC, MAGIC.STRUCTURED_REPLY);
    view.setUint16(at + CHUNK.FLAGS, last ? CHUNK_FLAG.DONE : 0);
    view.setUint16(at + CHUNK.TYPE, type);
    view.setUint32(at + CHUNK.COOKIE, this.requests.cookieHigh[request]);
    view.setUint32(at + CHUNK.COOKIE + 4, this.requests.cookieLow[request]);
    view.setUint32(at + CHUNK.LENGTH, length);
    this.headerEnd += CHUNK.BYTES;
    this.bytesLeft += CHUNK.BYTES;
  }

  private buildError(request: number): void {
    const { requests } = this;
    const { view, u8 } = this.executor.arena;
    const text = TEXTS[requests.rejection[request]]!;
    const offset = requests.errorOffset[request];
    const placed = offset >= 0 && requests.command[request] !== COMMAND.FLUSH;
    const length = ERROR_CHUNK.TEXT + text.length + (placed ? ERROR_CHUNK.OFFSET_BYTES : 0);
    this.buildChunk(request, placed ? CHUNK_TYPE.ERROR_OFFSET : CHUNK_TYPE.ERROR, length, true);
    const at = this.headers + this.headerEnd;
    view.setUint32(at + ERROR_CHUNK.ERROR, requests.error[request]);
    view.setUint16(at + ERROR_CHUNK.TEXT_LENGTH, text.length);
    u8.set(text, at + ERROR_CHUNK.TEXT);
    if (placed) {
      view.setUint32(at + ERROR_CHUNK.TEXT + text.length, Math.floor(offset / HIGH));
      view.setUint32(at + ERROR_CHUNK.TEXT + text.length + 4, offset >>> 0);
    }
    this.headerEnd += length;
    this.bytesLeft += length;
  }

  private addData(at: number, length: number): void {
    this.closeHeaderRange();
    this.addRange(at, length);
    this.bytesLeft += length;
  }

  /** Headers of neighbouring replies are contiguous: one range for all of them. */
  private closeHeaderRange(): void {
    const length = this.headerEnd - this.headerStart;
    if (length === 0) return;
    this.addRange(this.headers + this.headerStart, length);
    this.headerStart = this.headerEnd;
  }

  private addRange(at: number, length: number): void {
    const range = this.ranges + this.rangeCount * IOVEC_BYTES;
    this.putAddress(range + IOVEC.BASE, at);
    this.executor.arena.view.setUint32(range + IOVEC.LENGTH, length, true);
    this.rangeCount++;
  }

  private putAddress(at: number, target: number): void {
    const { arena } = this.executor;
    arena.view.setUint32(at, target >>> 0, true);
    arena.view.setUint32(at + 4, arena.addressHigh(target), true);
  }

  /** Takes the first `bytes` bytes off the ranges, after a short send. */
  private stepOver(bytes: number): void {
    const { view } = this.executor.arena;
    this.bytesLeft -= bytes;
    let left = bytes;
    while (left > 0) {
      const range = this.ranges + this.firstRange * IOVEC_BYTES;
      const length = view.getUint32(range + IOVEC.LENGTH, true);
      if (length > left) {
        const low = view.getUint32(range, true) + left;
        view.setUint32(range, low >>> 0, true);
        if (low >= HIGH) view.setUint32(range + 4, view.getUint32(range + 4, true) + 1, true);
        view.setUint32(range + IOVEC.LENGTH, length - left, true);
        return;
      }
      left -= length;
      this.firstRange++;
    }
  }

  private submit(): void {
    const { ring, arena } = this.executor;
    this.putAddress(this.message + MSGHDR.IOV, this.ranges + this.firstRange * IOVEC_BYTES);
    arena.view.setUint32(
      this.message + MSGHDR.IOV_COUNT,
      this.rangeCount - this.firstRange,
      true,
    );
    const high = arena.addressHigh(this.message);
    const { fd, handlerId, message } = this;
    const at = ring.prepare(OP.SENDMSG, fd, message >>> 0, high, 1, handlerId, TAG.SEND, 0);
    ring.sqe[at + SQE.OP_FLAGS] = MSG.WAITALL | MSG.NOSIGNAL;
    this.sending = true;
  }
}
