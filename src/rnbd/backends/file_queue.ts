/**
 * Files and block devices on one thread's ring. An operation is a row of steps (SQEs) on its slot:
 * a short read goes on where it stopped, a zeroing that the file system cannot do is written, and
 * in fileio mode everything that changes data is on the medium before it is done.
 *
 * How fileio does that: changes go through the page cache, then wait for an fdatasync; one runs at
 * a time, and it serves all who were waiting when it started. Not RWF_DSYNC on each write: the
 * kernel tells a failed write-back once per open file, to whoever syncs first, so of two such
 * writes at a time the one that was lost may be told that all is well. With one sync at a time a
 * failure is seen here, and all changes that were under way end with it. Hence also: one open file
 * (ticket) a queue.
 */
import { ERRNO } from "../../ffi/errno.ts";
import {
  BLOCK_URING_CMD_DISCARD,
  FALLOC,
  FSYNC_DATASYNC,
  RWF_DSYNC,
} from "../../ffi/file_flags.ts";
import { fileSize } from "../../ffi/statx.ts";
import type { Executor, Flushable } from "../../ring/executor.ts";
import { OP, SQE, SQE_FLAG } from "../../ring/opcodes.ts";
import type { CompletionHandler } from "../../ring/ring.ts";
import type { BackendGeometry, BackendHandler, BackendQueue, BackendTicket } from "../backend.ts";
import { currentSizeBytes, withSize } from "./current_size.ts";
import { RETRIES_MAX, ZEROES_BYTES } from "./limits.ts";

/** What the SQE in flight of a slot does. */
const STEP = {
  READ: 1,
  WRITE: 2,
  DISCARD_BY_COMMAND: 3,
  DISCARD_BY_HOLE: 4,
  ZERO_BY_HOLE: 5,
  ZERO_RANGE: 6,
  WRITE_ZEROES: 7,
  /** Waits for a sync, or is served by the one that runs. */
  SYNC: 8,
} as const;

/** Tags of completions: of a slot's step, of the sync. */
const TAG = { STEP: 0, SYNC: 1 } as const;

/** fallocate modes keep the size: a file that was shrunk underneath never grows again here. */
const HOLE = FALLOC.PUNCH_HOLE | FALLOC.KEEP_SIZE;
const ZERO = FALLOC.ZERO_RANGE | FALLOC.KEEP_SIZE;

const WORD = 2 ** 32;

/** {@link BackendQueue} over io_uring. */
export class FileQueue implements BackendQueue, CompletionHandler {
  geometry: BackendGeometry;
  inflight = 0;
  private readonly fd: number;
  private readonly isFile: boolean;
  /** fileio: no change is done before it is on the medium. */
  private readonly writesThrough: boolean;
  private readonly handlerId: number;
  private readonly step: Uint8Array;
  private readonly firstStep: Uint8Array;
  private readonly writeFlags: Uint8Array;
  private readonly retries: Uint8Array;
  private readonly offset: Float64Array;
  private readonly length: Float64Array;
  private readonly done: Float64Array;
  private readonly at: Float64Array;
  /** Slots that wait for the next sync, and those that the running one serves. */
  private waiting: Uint32Array;
  private waitingCount = 0;
  private served: Uint32Array;
  private servedCount = 0;
  private syncRetries = 0;
  /** Failed syncs so far; which errno the last one had; how many there were at a slot's start. */
  private failures = 0;
  private failureErrno = 0;
  private readonly failuresAtStart: Uint32Array;
  private commandWorks = true;
  private holesWork = true;
  private zeroRangeWorks = true;
  private sizeIsFresh = false;
  private sizeNow = 0;
  private readonly batchEnd: Flushable = {
    deferred: false,
    flush: () => {
      this.sizeIsFresh = false;
      if (this.waitingCount > 0 && this.servedCount === 0) this.startSync();
    },
  };

  refreshSize(): boolean {
    const sizeBytes = currentSizeBytes(this.ticket);
    if (sizeBytes === this.geometry.sizeBytes) return false;
    this.ticket = withSize(this.ticket, sizeBytes);
    this.geometry = this.ticket.geometry;
    return true;
  }

  /**
   * @param zeroesAt arena offset of the shared zeroes, ZEROES_BYTES long
   */
  constructor(
    private readonly executor: Executor,
    private readonly zeroesAt: number,
    private ticket: Extract<BackendTicket, { fd: number }>,
    queueDepth: number,
    private readonly handler: BackendHandler,
  ) {
    this.geometry = ticket.geometry;
    this.fd = ticket.fd;
    this.isFile = ticket.kind === "file";
    this.writesThrough = ticket.ioMode === "fileio";
    this.step = new Uint8Array(queueDepth);
    this.firstStep = new Uint8Array(queueDepth);
    this.writeFlags = new Uint8Array(queueDepth);
    this.retries = new Uint8Array(queueDepth);
    this.offset = new Float64Array(queueDepth);
    this.length = new Float64Array(queueDepth);
    this.done = new Float64Array(queueDepth);
    this.at = new Float64Array(queueDepth);
    this.waiting = new Uint32Array(queueDepth);
    this.served = new Uint32Array(queueDepth);
    this.failuresAtStart = new Uint32Array(queueDepth);
    this.handlerId = executor.ring.addHandler(this);
  }

  read(slot: number, offset: number, length: number, at: number): void {
    this.start(slot, STEP.READ, offset, length, at);
  }

  write(slot: number, offset: number, length: number, at: number, fua: boolean): void {
    this.writeFlags[slot] = fua && !this.writesThrough ? RWF_DSYNC : 0;
    this.change(slot, STEP.WRITE, offset, length, at);
  }

  flush(slot: number): void {
    this.start(slot, STEP.SYNC, 0, 0, 0);
  }

  discard(slot: number, offset: number, length: number): void {
    const byHole = this.isFile || !this.commandWorks;
    const step = byHole ? STEP.DISCARD_BY_HOLE : STEP.DISCARD_BY_COMMAND;
    this.change(slot, step, offset, length, 0);
  }

  writeZeroes(slot: number, offset: number, length: number, mayUnmap: boolean): void {
    const step = mayUnmap && this.holesWork
      ? STEP.ZERO_BY_HOLE
      : this.zeroRangeWorks
      ? STEP.ZERO_RANGE
      : STEP.WRITE_ZEROES;
    this.writeFlags[slot] = 0;
    this.change(slot, step, offset, length, 0);
  }

  secureErase(slot: number, _offset: number, _length: number): void {
    this.handler.onBackendDone(slot, ERRNO.EOPNOTSUPP);
  }

  inPlace(_offset: number, _length: number): number {
    return -1;
  }

  close(): void {
    if (this.inflight !== 0) throw new Error(`Back end closed with ${this.inflight} operations`);
    this.executor.ring.removeHandler(this.handlerId);
  }

  /**
   * Starts what changes data. A file that was shrunk underneath must not be extended again: all
   * that was cut off would read as zero. So the size is looked at, once a batch.
   */
  private change(slot: number, step: number, offset: number, length: number, at: number): void {
    if (this.isFile) {
      if (!this.sizeIsFresh) {
        this.sizeNow = fileSize(this.fd);
        this.sizeIsFresh = true;
        this.executor.defer(this.batchEnd);
      }
      if (offset + length > this.sizeNow) {
        this.handler.onBackendDone(slot, ERRNO.EIO);
        return;
      }
    }
    this.start(slot, step, offset, length, at);
  }

  private start(slot: number, step: number, offset: number, length: number, at: number): void {
    this.inflight++;
    this.firstStep[slot] = step;
    this.offset[slot] = offset;
    this.length[slot] = length;
    this.at[slot] = at;
    this.restart(slot);
  }

  private restart(slot: number): void {
    this.step[slot] = this.firstStep[slot]!;
    this.done[slot] = 0;
    this.retries[slot] = 0;
    this.failuresAtStart[slot] = this.failures;
    if (this.step[slot] === STEP.SYNC) this.awaitSync(slot);
    else this.submit(slot, 0);
  }

  /** Prepares the SQE of the slot's step. */
  private submit(slot: number, sqeFlags: number): void {
    this.executor.defer(this.batchEnd);
    const flags = sqeFlags << 8;
    switch (this.step[slot]) {
      case STEP.READ:
        this.submitTransfer(slot, OP.READ | flags, this.at[slot]! + this.done[slot]!, 0);
        break;
      case STEP.WRITE: {
        const from = this.at[slot]! + this.done[slot]!;
        this.submitTransfer(slot, OP.WRITE | flags, from, this.writeFlags[slot]!);
        break;
      }
      case STEP.WRITE_ZEROES:
        this.submitTransfer(slot, OP.WRITE | flags, this.zeroesAt, 0);
        break;
      case STEP.DISCARD_BY_COMMAND:
        this.submitDiscardCommand(slot, flags);
        break;
      case STEP.DISCARD_BY_HOLE:
      case STEP.ZERO_BY_HOLE:
        this.submitFallocate(slot, flags, HOLE);
        break;
      default:
        this.submitFallocate(slot, flags, ZERO);
    }
  }

  private submitTransfer(slot: number, opcodeFlags: number, at: number, writeFlags: number): void {
    const { ring, arena } = this.executor;
    const left = this.length[slot]! - this.done[slot]!;
    const length = this.step[slot] === STEP.WRITE_ZEROES ? Math.min(left, ZEROES_BYTES) : left;
    const offset = this.offset[slot]! + this.done[slot]!;
    const high = arena.addressHigh(at);
    const i = ring.prepare(
      opcodeFlags,
      this.fd,
      at >>> 0,
      high,
      length,
      this.handlerId,
      TAG.STEP,
      slot,
    );
    ring.sqe[i + SQE.OFFSET_LOW] = offset >>> 0;
    ring.sqe[i + SQE.OFFSET_HIGH] = Math.floor(offset / WORD);
    ring.sqe[i + SQE.OP_FLAGS] = writeFlags;
  }

  /** fallocate(2): the length goes into the address field, the mode into the length. */
  private submitFallocate(slot: number, flags: number, mode: number): void {
    const { ring } = this.executor;
    const offset = this.offset[slot]!;
    const length = this.length[slot]!;
    const high = Math.floor(length / WORD);
    const opcodeFlags = OP.FALLOCATE | flags;
    const low = length >>> 0;
    const i = ring.prepare(opcodeFlags, this.fd, low, high, mode, this.handlerId, TAG.STEP, slot);
    ring.sqe[i + SQE.OFFSET_LOW] = offset >>> 0;
    ring.sqe[i + SQE.OFFSET_HIGH] = Math.floor(offset / WORD);
  }

  /** BLOCK_URING_CMD_DISCARD: start in the address field, length in `addr3` (words 12 and 13). */
  private submitDiscardCommand(slot: number, flags: number): void {
    const { ring } = this.executor;
    const ADDRESS_3 = 12;
    const offset = this.offset[slot]!;
    const length = this.length[slot]!;
    const high = Math.floor(offset / WORD);
    const opcodeFlags = OP.URING_CMD | flags;
    const low = offset >>> 0;
    const i = ring.prepare(opcodeFlags, this.fd, low, high, 0, this.handlerId, TAG.STEP, slot);
    ring.sqe[i + SQE.OFFSET_LOW] = BLOCK_URING_CMD_DISCARD;
    ring.sqe[i + ADDRESS_3] = length >>> 0;
    ring.sqe[i + ADDRESS_3 + 1] = Math.floor(length / WORD);
  }

  private awaitSync(slot: number): void {
    this.step[slot] = STEP.SYNC;
    this.waiting[this.waitingCount++] = slot;
    this.executor.defer(this.batchEnd);
  }

  /** Starts a sync for all who wait. */
  private startSync(): void {
    const slots = this.waiting;
    this.waiting = this.served;
    this.served = slots;
    this.servedCount = this.waitingCount;
    this.waitingCount = 0;
    this.syncRetries = 0;
    this.submitSync(0);
  }

  private submitSync(flags: number): void {
    const { ring } = this.executor;
    const i = ring.prepare(OP.FSYNC | flags, this.fd, 0, 0, 0, this.handlerId, TAG.SYNC, 0);
    ring.sqe[i + SQE.OP_FLAGS] = FSYNC_DATASYNC;
  }

  private synced(result: number): void {
    const errno = result < 0 ? -result : 0;
    if ((errno === ERRNO.EAGAIN || errno === ERRNO.EINTR) && this.syncRetries++ < RETRIES_MAX) {
      this.submitSync(SQE_FLAG.ASYNC << 8);
      this.executor.defer(this.batchEnd);
      return;
    }
    if (errno !== 0) {
      this.failures = (this.failures + 1) >>> 0;
      this.failureErrno = errno;
    }
    const count = this.servedCount;
    for (let i = 0; i < count; i++) this.settle(this.served[i]!, errno);
    this.servedCount = 0;
    if (this.waitingCount > 0) this.executor.defer(this.batchEnd);
  }

  onCompletion(tag: number, slot: number, result: number): void {
    const step = this.step[slot]!;
    if (tag === TAG.SYNC) this.synced(result);
    else if (result < 0) this.stepFailed(slot, step, -result);
    else if (step === STEP.READ || step === STEP.WRITE || step === STEP.WRITE_ZEROES) {
      this.transferred(slot, step, result);
    } else this.stepDone(slot, step);
  }

  private transferred(slot: number, step: number, count: number): void {
    this.retries[slot] = 0;
    const done = this.done[slot]! + count;
    this.done[slot] = done;
    if (done === this.length[slot]) this.stepDone(slot, step);
    // Nothing, or less than O_DIRECT can go on from: shrunk underneath, the data ends here.
    else if (
      count === 0 || (!this.writesThrough && count % this.geometry.logicalBlockBytes !== 0)
    ) {
      this.settle(slot, ERRNO.EIO);
    } else this.submit(slot, 0);
  }

  private stepDone(slot: number, step: number): void {
    if (this.writesThrough && step !== STEP.READ) this.awaitSync(slot);
    else this.settle(slot, 0);
  }

  private stepFailed(slot: number, step: number, errno: number): void {
    if (errno === ERRNO.EAGAIN || errno === ERRNO.EINTR) {
      if (this.retries[slot]!++ < RETRIES_MAX) {
        // On a helper thread of the kernel's, which may wait for what is short now.
        this.submit(slot, SQE_FLAG.ASYNC);
        return;
      }
    }
    const instead = this.alternative(step, errno);
    if (instead === 0) this.settle(slot, errno);
    else {
      this.firstStep[slot] = instead;
      this.restart(slot);
    }
  }

  /** The step that does the same where `step` is not supported; 0 when there is none. */
  private alternative(step: number, errno: number): number {
    if (step === STEP.DISCARD_BY_COMMAND && errno === ERRNO.EINVAL) return STEP.DISCARD_BY_HOLE;
    if (errno !== ERRNO.EOPNOTSUPP) return 0;
    switch (step) {
      case STEP.DISCARD_BY_COMMAND:
        this.commandWorks = false;
        return STEP.DISCARD_BY_HOLE;
      case STEP.ZERO_BY_HOLE:
        this.holesWork = false;
        return this.zeroRangeWorks ? STEP.ZERO_RANGE : STEP.WRITE_ZEROES;
      case STEP.ZERO_RANGE:
        this.zeroRangeWorks = false;
        return STEP.WRITE_ZEROES;
      default:
        return 0;
    }
  }

  /** Ends the operation; a change that a failed sync may have lost ends with its errno. */
  private settle(slot: number, errno: number): void {
    const isChange = this.firstStep[slot] !== STEP.READ && this.firstStep[slot] !== STEP.SYNC;
    const isLost = errno === 0 && isChange && this.writesThrough &&
      this.failuresAtStart[slot] !== this.failures;
    this.inflight--;
    this.handler.onBackendDone(slot, isLost ? this.failureErrno : errno);
  }
}
