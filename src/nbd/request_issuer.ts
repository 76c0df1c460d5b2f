/**
 * Turns requests into pieces that the device takes. One request at a time is being issued; it
 * waits here for permits, slots and payload, and the parser waits with it.
 */
import {
  BLOCK_FLAG,
  BLOCK_OP,
  type BlockGeometry,
  type BlockQueue,
  type BlockUser,
} from "../rnbd/block_queue.ts";
import type { Executor } from "../ring/executor.ts";
import { REJECTED_DEVICE_CLOSED } from "./gate.ts";
import { PREFERRED_BLOCK_BYTES_MIN, SMALL_PAYLOAD_BYTES_MAX } from "./limits.ts";
import type { PieceTable } from "./piece_table.ts";
import { COMMAND, COMMAND_FLAG, NBD_ERROR } from "./protocol.ts";
import type { Receiver } from "./receiver.ts";
import type { RequestTable } from "./request_table.ts";

/** No request, no piece. */
const NONE = -1;

/** `bytes` cut to whole `unit`s, but at least one. */
function wholeUnits(bytes: number, unit: number): number {
  return Math.max(bytes - bytes % unit, unit);
}

/** Issues the pieces of the current request. */
export class RequestIssuer {
  /** Request being issued, -1 for none. */
  current = NONE;
  /** Piece of the current write whose payload is arriving, -1 for none. */
  receiving = NONE;
  /** Waits for {@link BlockUser.onPermits}. */
  waitsForPermit = false;
  /** Pieces at the device. */
  submitted = 0;
  private received = 0;
  private operation = 0;
  private flags = 0;
  private carriesPayload = false;
  private zeroFilled = false;
  private offset = 0;
  private left = 0;
  private pieceBytes = 0;
  private wholePieces = false;

  constructor(
    private readonly executor: Executor,
    private readonly blocks: BlockQueue,
    private readonly user: BlockUser,
    private readonly receiver: Receiver,
    private readonly requests: RequestTable,
    private readonly pieces: PieceTable,
  ) {}

  /** True when the next thing it needs is payload from the client. */
  get wantsPayload(): boolean {
    return this.current !== NONE && this.carriesPayload;
  }

  /** Starts with a request that passed the gate. */
  begin(request: number, commandFlags: number): void {
    const { requests } = this;
    const geometry = this.blocks.geometry;
    const command = requests.command[request];
    const fua = (commandFlags & COMMAND_FLAG.FUA) !== 0;
    this.current = request;
    this.offset = requests.offset[request];
    this.left = requests.length[request];
    this.flags = 0;
    this.carriesPayload = command === COMMAND.WRITE;
    this.zeroFilled = false;
    this.wholePieces = command === COMMAND.FLUSH;
    requests.issuing[request] = 1;
    switch (command) {
      case COMMAND.READ:
        this.operation = BLOCK_OP.READ;
        this.pieceBytes = this.dataPieceBytes(geometry);
        break;
      case COMMAND.WRITE:
        this.beginWrite(request, geometry, fua);
        break;
      case COMMAND.FLUSH:
        this.operation = BLOCK_OP.FLUSH;
        break;
      case COMMAND.TRIM:
        this.operation = BLOCK_OP.DISCARD;
        this.beginRange(request, geometry, geometry.maxDiscardBytes, fua);
        break;
      default:
        this.beginWriteZeroes(request, geometry, commandFlags, fua);
    }
  }

  private beginWrite(request: number, geometry: BlockGeometry, fua: boolean): void {
    this.operation = BLOCK_OP.WRITE;
    this.pieceBytes = this.dataPieceBytes(geometry);
    if (!fua || !geometry.writeCache) return;
    if (geometry.fua) this.flags = BLOCK_FLAG.FUA;
    else this.requests.flushAfter[request] = 1;
  }

  private beginRange(request: number, geometry: BlockGeometry, max: number, fua: boolean): void {
    const unit = Math.max(geometry.logicalBlockBytes, geometry.discardGranularityBytes);
    this.pieceBytes = wholeUnits(max, max >= unit ? unit : geometry.logicalBlockBytes);
    // Whether a discard or a zeroing honours FUA is the far kernel's secret; a flush is sure.
    if (fua && geometry.writeCache) this.requests.flushAfter[request] = 1;
  }

  private beginWriteZeroes(
    request: number,
    geometry: BlockGeometry,
    commandFlags: number,
    fua: boolean,
  ): void {
    if (geometry.maxWriteZeroesBytes === 0) {
      this.beginWrite(request, geometry, fua);
      this.zeroFilled = true;
      return;
    }
    this.operation = BLOCK_OP.WRITE_ZEROES;
    if ((commandFlags & COMMAND_FLAG.NO_HOLE) !== 0) this.flags = BLOCK_FLAG.NO_UNMAP;
    this.beginRange(request, geometry, geometry.maxWriteZeroesBytes, fua);
  }

  /** Equal pieces: the longest decides when all are done. */
  private dataPieceBytes(geometry: BlockGeometry): number {
    const block = geometry.logicalBlockBytes;
    const most = wholeUnits(geometry.maxIoBytes, block);
    if (this.left <= most) return most;
    const unit = Math.max(block, PREFERRED_BLOCK_BYTES_MIN);
    const equal = Math.ceil(this.left / Math.ceil(this.left / most) / unit) * unit;
    return Math.min(equal, most);
  }

  /**
   * Submits what can be submitted of the current request.
   * @returns true when it is done with it: all pieces are at the device, or it failed
   */
  issue(): boolean {
    do {
      if (this.receiving === NONE) {
        const length = Math.min(this.left, this.pieceBytes);
        if (this.carriesPayload && length <= SMALL_PAYLOAD_BYTES_MAX) {
          if (this.receiver.available < length) return false;
        }
        if (!this.blocks.isOpen) {
          this.failRest();
          return true;
        }
        const piece = this.takePiece(length);
        if (piece === NONE) return false;
        this.receiving = piece;
        this.received = 0;
      }
      if (this.carriesPayload && !this.fill()) return false;
      this.submit();
    } while (this.left > 0);
    this.endIssue();
    return true;
  }

  private takePiece(length: number): number {
    if (this.pieces.isFull || this.waitsForPermit) return NONE;
    const permit = this.blocks.acquire(this.user);
    if (permit < 0) {
      this.waitsForPermit = true;
      return NONE;
    }
    const at = this.blocks.bufferOf(permit);
    return this.pieces.take(permit, at, this.current, this.offset, length);
  }

  /** Moves staged payload into the piece's buffer; true when it is complete. */
  private fill(): boolean {
    const { receiver, pieces } = this;
    const piece = this.receiving;
    const missing = pieces.length[piece] - this.received;
    const bytes = Math.min(missing, receiver.available);
    if (bytes > 0) {
      const to = pieces.at[piece] + this.received;
      this.executor.arena.u8.copyWithin(to, receiver.at, receiver.at + bytes);
      receiver.consume(bytes);
      this.received += bytes;
    }
    return bytes === missing;
  }

  /** Has the rest of the payload received straight into the piece's buffer. */
  armPayload(): void {
    const at = this.pieces.at[this.receiving] + this.received;
    this.receiver.armDirect(at, this.pieces.length[this.receiving] - this.received);
  }

  /** Payload arrived in the piece's buffer. */
  onPayload(bytes: number): void {
    this.received += bytes;
  }

  private submit(): void {
    const { pieces } = this;
    const piece = this.receiving;
    const length = pieces.length[piece];
    const at = pieces.at[piece];
    const withData = this.operation === BLOCK_OP.READ || this.operation === BLOCK_OP.WRITE;
    if (this.zeroFilled) this.executor.arena.u8.fill(0, at, at + length);
    this.receiving = NONE;
    this.left -= length;
    this.submitPiece(piece, this.operation, this.flags, length, withData ? at : 0);
    this.offset += length;
  }

  private submitPiece(
    piece: number,
    operation: number,
    flags: number,
    length: number,
    at: number,
  ): void {
    const { pieces } = this;
    this.requests.pending[pieces.request[piece]]++;
    this.submitted++;
    const offset = this.pieces.offset[piece];
    this.blocks.submit(
      pieces.permit[piece],
      this.user,
      operation,
      flags,
      offset,
      length,
      at,
      piece,
    );
  }

  /** Sends a flush after the last piece of a request, with that piece's permit. */
  flushAfter(piece: number): void {
    const { pieces, requests } = this;
    requests.flushAfter[pieces.request[piece]] = 0;
    pieces.offset[piece] = 0;
    pieces.length[piece] = 0;
    this.submitPiece(piece, BLOCK_OP.FLUSH, 0, 0, 0);
  }

  /** The device closed meanwhile: what was not issued has failed; its payload goes nowhere. */
  private failRest(): void {
    const { requests, current } = this;
    requests.fail(current, NBD_ERROR.EIO, this.wholePieces ? -1 : this.offset);
    requests.rejection[current] = REJECTED_DEVICE_CLOSED;
    if (this.carriesPayload) this.receiver.skipLeft = this.left;
    this.endIssue();
  }

  private endIssue(): void {
    this.requests.issuing[this.current] = 0;
  }

  /** The current request is answered by whoever called {@link issue}. */
  finish(): void {
    this.current = NONE;
    this.carriesPayload = false;
  }
}
