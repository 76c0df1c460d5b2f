/**
 * The receiving half of a connection: turns bytes of the stream into events and placed payload.
 * It does no I/O: {@link Receiver.plan} says where the next bytes go, the owner has them put
 * there, and {@link Receiver.received} acts on them. So tests and fuzzers feed it bytes directly.
 *
 * Bytes land in linear staging memory and are parsed there. Of a large payload (CRCs off), what
 * is missing goes straight into the exposed memory, followed by a short tail in staging.
 */
import type { Arena } from "../../ring/arena.ts";
import { swap32 } from "../byte_order.ts";
import { crc32c } from "./crc32c.ts";
import { TAGGED_FRAME, TAGGED_HEADER_BYTES, UNTAGGED_FRAME, UNTAGGED_HEADER_BYTES } from "./ddp.ts";
import { FPDU, fpduBytes } from "./fpdu.ts";
import {
  DIRECT_RECEIVE_MIN_BYTES,
  DIRECT_RECEIVE_TAIL_BYTES,
  REASSEMBLY_BYTES,
  STAGING_BYTES,
  STAGING_LIMIT_GROWTH,
  STAGING_ROOM_MIN_BYTES,
} from "./limits.ts";
import { FRAME_WORD, IMMEDIATE_BYTES, RDMAP_OPCODE, RDMAP_QUEUE } from "./rdmap.ts";
import type { ReceiverEvents, ReceiverFaults } from "./receiver_events.ts";
import { FIXED_BITS, fixedBitsReason, REJECT } from "./rejection.ts";
import { type TaggedMemory, UNKNOWN_STAG } from "./tagged_memory.ts";
import { TERMINATE_CONTROL_BYTES, TERMINATE_SEQUENCE } from "./terminate.ts";

/** Results of the take methods that are no byte count. */
const INCOMPLETE = 0;
const STOPPED = -1;

/** Aligned payload up to this is copied by words: a call of `copyWithin` costs more. */
const WORD_COPY_MAX_BYTES = 256;

const WORD_BYTES = 4;
/** First word of an immediate's frame as it lies in memory, and the length of the whole. */
const IMMEDIATE_WORD = swap32(
  (UNTAGGED_HEADER_BYTES + IMMEDIATE_BYTES) << 16 | FRAME_WORD.LAST | FRAME_WORD.VERSIONS |
    RDMAP_OPCODE.IMMEDIATE,
);
const IMMEDIATE_FRAME_BYTES = fpduBytes(UNTAGGED_HEADER_BYTES + IMMEDIATE_BYTES);

/** Parser of one connection's stream. */
export class Receiver {
  /** Where the rest of a large payload goes (arena offset); nothing when `directBytes` is 0. */
  directAt = 0;
  directBytes = 0;
  /** Where the bytes after it go. Set by {@link plan}. */
  stagingAt: number;
  stagingBytes = 0;
  /** True once nothing more is parsed. */
  stopped = false;

  private readonly words: Uint32Array;
  /** Parsed and received up to here; bytes from the start of staging. */
  private read = 0;
  private write = 0;
  /** Padding and CRC of a directly placed frame, still to be passed over. */
  private skip = 0;
  /** Bytes that the frame at `read` still misses. */
  private missing = 0;
  private stagingLimit = STAGING_BYTES;

  private sendSequence = 1;
  /** The SEND that is put together: its opcode and bytes so far. */
  private openSendOpcode = 0;
  private openSendBytes = 0;
  /** The write that is not at its last segment yet: where it goes on. */
  private openWrite = false;
  private openWriteStag = 0;
  private openWriteHigh = 0;
  private openWriteLow = 0;

  /**
   * @param staging arena offset of STAGING_BYTES
   * @param reassembly arena offset of REASSEMBLY_BYTES
   * @param crc whether frames carry CRCs
   * @param sendBytesMax longest SEND that may arrive
   */
  constructor(
    private readonly arena: Arena,
    private readonly staging: number,
    private readonly reassembly: number,
    private readonly crc: boolean,
    private readonly sendBytesMax: number,
    private readonly memory: TaggedMemory,
    private readonly events: ReceiverEvents,
    private readonly faults: ReceiverFaults,
  ) {
    if (sendBytesMax > REASSEMBLY_BYTES) {
      throw new RangeError(`SENDs of ${sendBytesMax} bytes; at most ${REASSEMBLY_BYTES} fit`);
    }
    this.words = new Uint32Array(arena.buffer, staging, STAGING_BYTES / 4);
    this.stagingAt = staging;
  }

  /** Parses nothing any more. */
  stop(): void {
    this.stopped = true;
  }

  /** Decides where the next bytes go: `directBytes` at `directAt`, then `stagingBytes`. */
  plan(): void {
    this.makeRoom();
    this.stagingAt = this.staging + this.write;
    const room = STAGING_BYTES - this.write;
    const wanted = this.directBytes > 0
      ? DIRECT_RECEIVE_TAIL_BYTES
      : Math.max(this.stagingLimit, this.missing + DIRECT_RECEIVE_TAIL_BYTES);
    this.stagingBytes = Math.min(room, wanted);
  }

  private makeRoom(): void {
    // Frames are multiples of four long, so keeping the low bits keeps every header aligned.
    const start = this.read & 3;
    if (this.read === this.write) {
      this.read = this.write = start;
    } else if (STAGING_BYTES - this.write < STAGING_ROOM_MIN_BYTES) {
      this.arena.u8.copyWithin(
        this.staging + start,
        this.staging + this.read,
        this.staging + this.write,
      );
      this.write -= this.read - start;
      this.read = start;
    }
  }

  /** `count` bytes came, in the order of {@link plan}: acts on every frame that is whole. */
  received(count: number): void {
    let staged = count;
    if (this.directBytes > 0) {
      const direct = Math.min(count, this.directBytes);
      this.directAt += direct;
      this.directBytes -= direct;
      staged -= direct;
    } else if (staged === this.stagingBytes && this.stagingLimit < STAGING_BYTES) {
      this.stagingLimit = Math.min(STAGING_BYTES, this.stagingLimit * STAGING_LIMIT_GROWTH);
    }
    this.write += staged;
    this.parse();
  }

  private parse(): void {
    this.missing = 0;
    if (this.directBytes > 0) return;
    if (this.skip > 0) {
      const available = this.write - this.read;
      if (available < this.skip) {
        this.missing = this.skip - available;
        return;
      }
      this.read += this.skip;
      this.skip = 0;
    }
    while (!this.stopped) {
      const available = this.write - this.read;
      if (available < WORD_BYTES) return;
      const consumed = this.words[this.read >> 2] === IMMEDIATE_WORD && this.isPlain(available)
        ? this.takePlainImmediate()
        : this.takeFrame(this.read, available);
      if (consumed <= 0) return;
      this.read += consumed;
    }
  }

  /** True when nothing but the next frame's own fields decides over an immediate. */
  private isPlain(available: number): boolean {
    return available >= IMMEDIATE_FRAME_BYTES && !this.crc && !this.openWrite &&
      this.openSendBytes === 0;
  }

  /** The short way for the commonest frame; anything odd about it goes the long way. */
  private takePlainImmediate(): number {
    const words = this.words;
    const word = this.read >> 2;
    const well = words[word + UNTAGGED_FRAME.QUEUE / 4] === RDMAP_QUEUE.SEND &&
      swap32(words[word + UNTAGGED_FRAME.SEQUENCE / 4]!) === this.sendSequence &&
      words[word + UNTAGGED_FRAME.MESSAGE_OFFSET / 4] === 0 &&
      words[word + UNTAGGED_FRAME.PAYLOAD / 4] === 0;
    if (!well) return this.takeFrame(this.read, IMMEDIATE_FRAME_BYTES);
    this.sendSequence = (this.sendSequence + 1) >>> 0;
    this.events.onImmediate(swap32(words[word + UNTAGGED_FRAME.PAYLOAD / 4 + 1]!));
    return IMMEDIATE_FRAME_BYTES;
  }

  /** Handles the frame at `at`; returns its bytes, INCOMPLETE or STOPPED. */
  private takeFrame(at: number, available: number): number {
    const first = swap32(this.words[at >> 2]!);
    const segmentBytes = first >>> 16;
    const frameBytes = fpduBytes(segmentBytes);
    const tagged = (first & FRAME_WORD.TAGGED) !== 0;
    if (segmentBytes < (tagged ? TAGGED_HEADER_BYTES : UNTAGGED_HEADER_BYTES)) {
      return this.reject(REJECT.FRAME_SHORT);
    }
    if (available < frameBytes) {
      this.missing = frameBytes - available;
      if (this.crc || !tagged || this.missing < DIRECT_RECEIVE_MIN_BYTES) return INCOMPLETE;
      if (available < TAGGED_FRAME.PAYLOAD) {
        // Only the header: the payload is to be received into its place.
        this.missing = TAGGED_FRAME.PAYLOAD - available;
        return INCOMPLETE;
      }
    } else if (this.crc && !this.crcHolds(at, frameBytes)) {
      return this.reject(REJECT.CRC);
    }
    if ((first & FIXED_BITS) !== FRAME_WORD.VERSIONS) return this.reject(fixedBitsReason(first));
    if (tagged) return this.takeTagged(at, available, first, segmentBytes, frameBytes);
    return this.takeUntagged(at, first, segmentBytes, frameBytes);
  }

  private crcHolds(at: number, frameBytes: number): boolean {
    const covered = frameBytes - FPDU.CRC_BYTES;
    const wanted = this.words[(at + covered) >> 2]!;
    return crc32c(this.arena, this.staging + at, covered) === wanted;
  }

  private takeTagged(
    at: number,
    available: number,
    first: number,
    segmentBytes: number,
    frameBytes: number,
  ): number {
    if ((first & FRAME_WORD.OPCODE) !== RDMAP_OPCODE.WRITE) return this.reject(REJECT.OPCODE);
    const words = this.words;
    const word = at >> 2;
    // Signed: a number from 2^31 on that a call hands over may cost an allocation.
    const stag = swap32(words[word + 1]!) | 0;
    const high = swap32(words[word + 2]!) | 0;
    const low = swap32(words[word + 3]!) | 0;
    const bytes = segmentBytes - TAGGED_HEADER_BYTES;
    if (this.openSendBytes > 0) return this.reject(REJECT.INTERLEAVED);
    if (this.openWrite && !this.continuesWrite(stag, high, low)) {
      return this.reject(REJECT.INTERLEAVED);
    }
    if ((first & FRAME_WORD.LAST) !== 0) this.openWrite = false;
    else this.noteOpenWrite(stag, high, low, bytes);
    if (bytes === 0) return frameBytes;
    const place = this.memory.locate(stag, high, low, bytes);
    if (place < 0) return this.reject(place === UNKNOWN_STAG ? REJECT.STAG : REJECT.BOUNDS);
    if (available < frameBytes) {
      return this.placeDirectly(at + TAGGED_FRAME.PAYLOAD, place, bytes, available);
    }
    this.place(at + TAGGED_FRAME.PAYLOAD, place, bytes);
    if (bytes > DIRECT_RECEIVE_MIN_BYTES && !this.crc) {
      this.stagingLimit = DIRECT_RECEIVE_TAIL_BYTES;
    }
    return frameBytes;
  }

  /** Copies payload from byte `from` of staging to arena offset `place`. */
  private place(from: number, place: number, bytes: number): void {
    const arena = this.arena;
    if (bytes > WORD_COPY_MAX_BYTES || ((place | bytes) & 3) !== 0) {
      const source = this.staging + from;
      arena.u8.copyWithin(place, source, source + bytes);
      return;
    }
    const words = this.words;
    const target = arena.u32;
    const first = from >> 2;
    const targetFirst = place / 4;
    const count = bytes >> 2;
    for (let i = 0; i < count; i++) target[targetFirst + i] = words[first + i]!;
  }

  private continuesWrite(stag: number, high: number, low: number): boolean {
    return stag === this.openWriteStag && high === this.openWriteHigh && low === this.openWriteLow;
  }

  private noteOpenWrite(stag: number, high: number, low: number, bytes: number): void {
    this.openWrite = true;
    this.openWriteStag = stag;
    this.openWriteLow = (low + bytes) | 0;
    this.openWriteHigh = this.openWriteLow >>> 0 < low >>> 0 ? (high + 1) | 0 : high;
  }

  /** Places what is there of a large payload; the rest will be received into its place. */
  private placeDirectly(from: number, place: number, bytes: number, available: number): number {
    const here = Math.min(bytes, available - TAGGED_FRAME.PAYLOAD);
    this.place(from, place, here);
    this.directAt = place + here;
    this.directBytes = bytes - here;
    const padding = -(bytes + TAGGED_FRAME.PAYLOAD) & 3;
    this.skip = padding + FPDU.CRC_BYTES;
    this.stagingLimit = DIRECT_RECEIVE_TAIL_BYTES;
    // Everything staged is used up. What comes next is put so that the next header is aligned.
    this.read = this.write = -this.skip & 3;
    return INCOMPLETE;
  }

  private takeUntagged(
    at: number,
    first: number,
    segmentBytes: number,
    frameBytes: number,
  ): number {
    const opcode = first & FRAME_WORD.OPCODE;
    const word = at >> 2;
    const bytes = segmentBytes - UNTAGGED_HEADER_BYTES;
    if (opcode === RDMAP_OPCODE.TERMINATE) return this.takeTerminate(word, bytes);
    const immediate = (opcode & ~1) === RDMAP_OPCODE.IMMEDIATE;
    const send = opcode >= RDMAP_OPCODE.SEND && opcode <= RDMAP_OPCODE.SEND_SOLICITED_INVALIDATE;
    if (!immediate && !send) return this.reject(REJECT.OPCODE);
    const words = this.words;
    if (words[word + UNTAGGED_FRAME.QUEUE / 4] !== RDMAP_QUEUE.SEND) {
      return this.reject(REJECT.QUEUE);
    }
    const sequence = swap32(words[word + UNTAGGED_FRAME.SEQUENCE / 4]!);
    if (sequence !== this.sendSequence) return this.reject(REJECT.SEQUENCE);
    if (this.openWrite) return this.reject(REJECT.INTERLEAVED);
    if (send) return this.takeSend(at, first, opcode, bytes, frameBytes);
    return this.takeImmediate(word, first, bytes, frameBytes);
  }

  private takeImmediate(word: number, first: number, bytes: number, frameBytes: number): number {
    const words = this.words;
    if (this.openSendBytes > 0) return this.reject(REJECT.INTERLEAVED);
    if (words[word + UNTAGGED_FRAME.MESSAGE_OFFSET / 4] !== 0) {
      return this.reject(REJECT.MESSAGE_OFFSET);
    }
    const payload = word + UNTAGGED_FRAME.PAYLOAD / 4;
    if (
      bytes !== IMMEDIATE_BYTES || (first & FRAME_WORD.LAST) === 0 || words[payload] !== 0
    ) {
      return this.reject(REJECT.IMMEDIATE);
    }
    this.sendSequence = (this.sendSequence + 1) >>> 0;
    this.events.onImmediate(swap32(words[payload + 1]!));
    return frameBytes;
  }

  private takeSend(
    at: number,
    first: number,
    opcode: number,
    bytes: number,
    frameBytes: number,
  ): number {
    const words = this.words;
    const offset = swap32(words[(at + UNTAGGED_FRAME.MESSAGE_OFFSET) >> 2]!);
    const before = this.openSendBytes;
    if (offset !== before) return this.reject(REJECT.MESSAGE_OFFSET);
    if (before > 0 && opcode !== this.openSendOpcode) return this.reject(REJECT.INTERLEAVED);
    if (before + bytes > this.sendBytesMax) return this.reject(REJECT.MESSAGE_TOO_LONG);
    const last = (first & FRAME_WORD.LAST) !== 0;
    let place = this.staging + at + UNTAGGED_FRAME.PAYLOAD;
    if (before > 0 || !last) {
      this.arena.u8.copyWithin(this.reassembly + before, place, place + bytes);
      place = this.reassembly;
    }
    if (!last) {
      // An empty segment that is not the last would leave no trace of the open message.
      if (bytes === 0) return this.reject(REJECT.MESSAGE_OFFSET);
      this.openSendOpcode = opcode;
      this.openSendBytes = before + bytes;
      return frameBytes;
    }
    this.openSendBytes = 0;
    this.sendSequence = (this.sendSequence + 1) >>> 0;
    const stag = swap32(words[(at + UNTAGGED_FRAME.INVALIDATE_STAG) >> 2]!);
    return this.deliverSend(opcode, place, before + bytes, stag) ? frameBytes : STOPPED;
  }

  /** False when the message was refused. */
  private deliverSend(opcode: number, place: number, bytes: number, stag: number): boolean {
    const invalidates = opcode === RDMAP_OPCODE.SEND_INVALIDATE ||
      opcode === RDMAP_OPCODE.SEND_SOLICITED_INVALIDATE;
    if (invalidates && !this.memory.invalidate(stag)) {
      this.reject(REJECT.INVALIDATE_STAG);
      return false;
    }
    if (bytes > 0 || !invalidates) this.events.onSend(place, bytes);
    if (invalidates && !this.stopped) this.events.onInvalidated(stag);
    return true;
  }

  private takeTerminate(word: number, bytes: number): number {
    const words = this.words;
    const well = swap32(words[word + UNTAGGED_FRAME.QUEUE / 4]!) === RDMAP_QUEUE.TERMINATE &&
      swap32(words[word + UNTAGGED_FRAME.SEQUENCE / 4]!) === TERMINATE_SEQUENCE &&
      words[word + UNTAGGED_FRAME.MESSAGE_OFFSET / 4] === 0 &&
      bytes >= TERMINATE_CONTROL_BYTES;
    if (!well) return this.reject(REJECT.TERMINATE);
    this.stopped = true;
    this.faults.onTerminate(swap32(words[word + UNTAGGED_FRAME.PAYLOAD / 4]!));
    return STOPPED;
  }

  private reject(reason: number): number {
    this.stopped = true;
    this.faults.onRejected(reason);
    return STOPPED;
  }
}
