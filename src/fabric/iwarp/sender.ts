/**
 * The sending half of a connection: turns posted messages into frames of one gathered send. It
 * does no I/O: {@link Sender.encode} fills the bank, the owner has it sent and tells
 * {@link Sender.sent} how far that went.
 *
 * Headers, small payload and CRCs lie one after the other in the bank, so that neighbours are one
 * piece (iovec) of the send; larger payload is a piece of its own, straight from its place.
 */
import type { Arena } from "../../ring/arena.ts";
import { swap32 } from "../byte_order.ts";
import { POST_PLACE, POST_WORD, type PostRing } from "../post_ring.ts";
import { CONNECTION_LAYOUT, IOVEC, MSGHDR } from "./connection_memory.ts";
import { crc32c } from "./crc32c.ts";
import { TAGGED_FRAME, TAGGED_HEADER_BYTES, UNTAGGED_FRAME, UNTAGGED_HEADER_BYTES } from "./ddp.ts";
import { FPDU } from "./fpdu.ts";
import {
  FRAME_PAYLOAD_MAX_BYTES,
  INLINE_PAYLOAD_MAX_BYTES,
  SEND_BANK_BYTES,
  SEND_PIECES_MAX,
} from "./limits.ts";
import { FRAME_WORD, IMMEDIATE_BYTES, RDMAP_OPCODE } from "./rdmap.ts";
import { WORK } from "./work.ts";

const IMMEDIATE_FRAME_BYTES = UNTAGGED_FRAME.PAYLOAD + IMMEDIATE_BYTES + FPDU.CRC_BYTES;
/** Bytes that padding and the two skips that keep words aligned take at most. */
const ALIGNMENT_BYTES = 3 * 3;
/** The most that one step of {@link Sender.encode} puts in the bank: a segment, an immediate. */
const STEP_BANK_BYTES = UNTAGGED_FRAME.PAYLOAD + 2 * INLINE_PAYLOAD_MAX_BYTES + ALIGNMENT_BYTES +
  FPDU.CRC_BYTES + IMMEDIATE_FRAME_BYTES;
/** The most pieces that one step makes: a run of headers before each of two ranges. */
const STEP_PIECES = 4;

const TAGGED_WORD = FRAME_WORD.TAGGED | FRAME_WORD.VERSIONS | RDMAP_OPCODE.WRITE;
const IMMEDIATE_WORD = swap32(
  (UNTAGGED_HEADER_BYTES + IMMEDIATE_BYTES) << 16 | FRAME_WORD.LAST | FRAME_WORD.VERSIONS |
    RDMAP_OPCODE.IMMEDIATE,
);
const PIECE_WORDS = IOVEC.BYTES / 4;

/** Encoder of one connection's stream. */
export class Sender {
  /** Bytes of the send that is encoded and not yet sent; 0: nothing is. */
  pendingBytes = 0;
  private readonly bankAt: number;
  private readonly piecesAt: number;
  /** Arena offset of the struct msghdr of the send. */
  readonly messageAt: number;
  private readonly words: Uint32Array;
  private readonly bytes: Uint8Array;
  private readonly pieces: Uint32Array;
  private readonly message: Uint32Array;
  /**
   * Bank bytes in use, and up to where they are covered by pieces. `used` equals the place in the
   * stream modulo four, so that every header and CRC is a run of words.
   */
  private used = 0;
  private covered = 0;
  private pieceCount = 0;
  /** The first piece that has not gone out whole. */
  private pieceAt = 0;
  private sendSequence = 1;
  /** Payload bytes of the oldest message that are framed already. */
  private framedBytes = 0;

  /**
   * @param memory arena offset of the connection's range
   * @param crc whether frames carry CRCs
   */
  constructor(
    private readonly arena: Arena,
    memory: number,
    private readonly crc: boolean,
    private readonly queue: PostRing,
  ) {
    this.bankAt = memory + CONNECTION_LAYOUT.SEND_BANK;
    this.piecesAt = memory + CONNECTION_LAYOUT.SEND_PIECES;
    this.messageAt = memory + CONNECTION_LAYOUT.SEND_MESSAGE;
    const buffer = arena.buffer;
    this.words = new Uint32Array(buffer, this.bankAt, SEND_BANK_BYTES / 4);
    this.bytes = new Uint8Array(buffer, this.bankAt, SEND_BANK_BYTES);
    this.pieces = new Uint32Array(buffer, this.piecesAt, SEND_PIECES_MAX * PIECE_WORDS);
    this.message = new Uint32Array(buffer, this.messageAt, MSGHDR.BYTES / 4);
  }

  /** Pieces of the send that have not gone out. */
  get piecesLeft(): number {
    return this.pieceCount - this.pieceAt;
  }

  /** Arena offset of the first of them. */
  get pieceOffset(): number {
    return this.piecesAt + this.pieceAt * IOVEC.BYTES;
  }

  /** Frames as many messages as the bank takes. Only when nothing is pending. */
  encode(): void {
    this.used = this.covered = 0;
    this.pieceCount = this.pieceAt = 0;
    const queue = this.queue;
    while (!queue.isEmpty && this.hasRoom()) {
      if (this.encodeStep(queue.first)) {
        queue.shift();
        this.framedBytes = 0;
      }
    }
    this.closeRun();
    this.pointMessage();
  }

  /**
   * `count` bytes of the pending send went out. When that was not all, the rest is ready to be
   * sent the same way.
   */
  sent(count: number): void {
    this.pendingBytes -= count;
    if (this.pendingBytes === 0) return;
    const pieces = this.pieces;
    let left = count;
    for (;;) {
      const word = this.pieceAt * PIECE_WORDS;
      const length = pieces[word + 2]!;
      if (left < length) {
        const low = pieces[word]!;
        pieces[word] = low + left;
        if (low + left > 0xffff_ffff) pieces[word + 1]!++;
        pieces[word + 2] = length - left;
        break;
      }
      left -= length;
      this.pieceAt++;
    }
    this.pointMessage();
  }

  private hasRoom(): boolean {
    return this.used + STEP_BANK_BYTES <= SEND_BANK_BYTES &&
      this.pieceCount + STEP_PIECES < SEND_PIECES_MAX;
  }

  /** Frames the next segment of a message; true when that was its last. */
  private encodeStep(slot: number): boolean {
    const work = this.queue.wordOf(slot);
    const kind = this.queue.words[work + POST_WORD.KIND]!;
    if (kind !== WORK.IMMEDIATE) {
      const last = (kind & WORK.WRITE) !== 0
        ? this.encodeWriteSegment(slot, work)
        : this.encodeSendSegment(slot, work, kind);
      if (!last) return false;
    }
    if ((kind & WORK.IMMEDIATE) !== 0) {
      this.encodeImmediate(this.queue.words[work + POST_WORD.ARGUMENT]!);
    }
    return true;
  }

  private encodeWriteSegment(slot: number, work: number): boolean {
    const fields = this.queue.words;
    const framed = this.framedBytes;
    const left = fields[work + POST_WORD.FIRST_LENGTH]! + fields[work + POST_WORD.SECOND_LENGTH]! -
      framed;
    const last = left <= FRAME_PAYLOAD_MAX_BYTES;
    const bytes = last ? left : FRAME_PAYLOAD_MAX_BYTES;
    const low = fields[work + POST_WORD.ADDRESS_LOW]! + framed;
    const carry = low > 0xffff_ffff ? 1 : 0;
    const words = this.words;
    const word = this.used >> 2;
    words[word] = swap32(
      (TAGGED_HEADER_BYTES + bytes) << 16 | TAGGED_WORD | (last ? FRAME_WORD.LAST : 0),
    );
    words[word + 1] = swap32(fields[work + POST_WORD.RKEY]!);
    words[word + 2] = swap32(fields[work + POST_WORD.ADDRESS_HIGH]! + carry);
    words[word + 3] = swap32(low >>> 0);
    this.encodePayload(slot, work, TAGGED_FRAME.PAYLOAD, bytes);
    return last;
  }

  private encodeSendSegment(slot: number, work: number, kind: number): boolean {
    const fields = this.queue.words;
    const left = fields[work + POST_WORD.FIRST_LENGTH]! - this.framedBytes;
    const last = left <= FRAME_PAYLOAD_MAX_BYTES;
    const bytes = last ? left : FRAME_PAYLOAD_MAX_BYTES;
    const invalidate = (kind & WORK.INVALIDATE) !== 0;
    const opcode = invalidate ? RDMAP_OPCODE.SEND_INVALIDATE : RDMAP_OPCODE.SEND;
    const words = this.words;
    const word = this.used >> 2;
    words[word] = swap32(
      (UNTAGGED_HEADER_BYTES + bytes) << 16 | FRAME_WORD.VERSIONS | opcode |
        (last ? FRAME_WORD.LAST : 0),
    );
    words[word + 1] = invalidate ? swap32(fields[work + POST_WORD.RKEY]!) : 0;
    words[word + 2] = 0;
    words[word + 3] = swap32(this.sendSequence);
    words[word + 4] = swap32(this.framedBytes);
    this.encodePayload(slot, work, UNTAGGED_FRAME.PAYLOAD, bytes);
    if (last) this.sendSequence = (this.sendSequence + 1) >>> 0;
    return last;
  }

  private encodeImmediate(immediate: number): void {
    const words = this.words;
    const word = this.used >> 2;
    words[word] = IMMEDIATE_WORD;
    words[word + 1] = 0;
    words[word + 2] = 0;
    words[word + 3] = swap32(this.sendSequence);
    words[word + 4] = 0;
    words[word + 5] = 0;
    words[word + 6] = swap32(immediate);
    this.sendSequence = (this.sendSequence + 1) >>> 0;
    const covered = UNTAGGED_FRAME.PAYLOAD + IMMEDIATE_BYTES;
    words[word + 7] = this.crc ? crc32c(this.arena, this.bankAt + this.used, covered) : 0;
    this.used += IMMEDIATE_FRAME_BYTES;
    this.pendingBytes += IMMEDIATE_FRAME_BYTES;
  }

  /** After a header at `used`: the next `bytes` of the message's two ranges, padding and CRC. */
  private encodePayload(slot: number, work: number, headerBytes: number, bytes: number): void {
    const places = this.queue.places;
    const place = this.queue.placeOf(slot);
    const firstLength = this.queue.words[work + POST_WORD.FIRST_LENGTH]!;
    const framed = this.framedBytes;
    let crc = this.crc ? crc32c(this.arena, this.bankAt + this.used, headerBytes) : 0;
    this.used += headerBytes;
    const fromFirst = Math.min(bytes, Math.max(0, firstLength - framed));
    if (fromFirst > 0) {
      crc = this.addRange(places[place + POST_PLACE.FIRST]! + framed, fromFirst, crc);
    }
    const fromSecond = bytes - fromFirst;
    if (fromSecond > 0) {
      const at = places[place + POST_PLACE.SECOND]! + framed + fromFirst - firstLength;
      crc = this.addRange(at, fromSecond, crc);
    }
    this.framedBytes = framed + bytes;
    const padding = -(headerBytes + bytes) & 3;
    for (let i = 0; i < padding; i++) this.bytes[this.used + i] = 0;
    if (this.crc) crc = crc32c(this.arena, this.bankAt + this.used, padding, crc);
    this.used += padding;
    this.words[this.used >> 2] = crc;
    this.used += FPDU.CRC_BYTES;
    this.pendingBytes += headerBytes + bytes + padding + FPDU.CRC_BYTES;
  }

  /** Adds payload to the frame being made; returns the CRC with it, when CRCs are on. */
  private addRange(at: number, length: number, crc: number): number {
    if (length <= INLINE_PAYLOAD_MAX_BYTES) this.copyInline(at, length);
    else {
      this.closeRun();
      this.addPiece(at, length);
      this.used += length & 3;
      this.covered = this.used;
    }
    return this.crc ? crc32c(this.arena, at, length, crc) : 0;
  }

  private copyInline(at: number, length: number): void {
    let place = this.used;
    this.used = place + length;
    let from = at;
    let left = length;
    if (((place | from) & 3) === 0) {
      const words = this.words;
      const source = this.arena.u32;
      let word = place >> 2;
      let fromWord = from / 4;
      const count = left >> 2;
      for (let i = 0; i < count; i++) words[word++] = source[fromWord++]!;
      place += count << 2;
      from += count << 2;
      left &= 3;
    }
    const bytes = this.bytes;
    const source = this.arena.u8;
    while (left-- > 0) bytes[place++] = source[from++]!;
  }

  /** Makes a piece of what is in the bank and not in one yet. */
  private closeRun(): void {
    const length = this.used - this.covered;
    if (length === 0) return;
    this.addPiece(this.bankAt + this.covered, length);
    this.covered = this.used;
  }

  private addPiece(at: number, length: number): void {
    const pieces = this.pieces;
    const word = this.pieceCount * PIECE_WORDS;
    pieces[word] = at >>> 0;
    pieces[word + 1] = this.arena.addressHigh(at);
    pieces[word + 2] = length;
    pieces[word + 3] = 0;
    this.pieceCount++;
  }

  private pointMessage(): void {
    const message = this.message;
    const at = this.pieceOffset;
    message[MSGHDR.PIECES / 4] = at >>> 0;
    message[MSGHDR.PIECES / 4 + 1] = this.arena.addressHigh(at);
    message[MSGHDR.PIECE_COUNT / 4] = this.piecesLeft;
  }
}
