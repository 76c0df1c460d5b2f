/**
 * The verify load on one reactor: writes a pattern that is different in every 512 bytes, flushes,
 * reads it all back and compares. First it proves that its checker notices a planted corruption.
 */
import type { Executor, Flushable } from "../../ring/executor.ts";
import type { BlockQueue, BlockUser } from "../../rnbd/block_queue.ts";
import { type Load, LOAD_OP, type LoadDone, type LoadPlan } from "./load.ts";

type VerifyPlan = LoadPlan & { kind: "verify" };

const SECTOR_BYTES = 512;
const WORDS_PER_SECTOR = SECTOR_BYTES / 4;
const BAD_OFFSETS_MAX = 8;
const PHASE = { WRITE: 0, FLUSH: 1, READ: 2, END: 3 } as const;

/** First word of a sector's pattern: seed and sector number, mixed. */
function sectorHash(seed: number, sector: number): number {
  let x = Math.imul((sector >>> 0) ^ seed, 0x9e3779b1) ^ Math.floor(sector / 4294967296);
  x = Math.imul(x ^ (x >>> 15), 0x85ebca6b);
  x ^= x >>> 13;
  return x | 1;
}

/** See the head of this file. */
export class VerifyLoad implements BlockUser, Flushable, Load {
  deferred = false;
  private phase: number = PHASE.WRITE;
  private nextOffset = 0;
  private readonly end: number;
  private readonly pieceBytes: number;
  private inflight = 0;
  private isStopping = false;
  private isDone = false;
  private isFlushSent = false;
  private bytesWritten = 0;
  private bytesRead = 0;
  private badBlocks = 0;
  private readonly badOffsets: number[] = [];
  private errors = 0;
  private firstErrno = 0;
  private checkerProven = false;
  private readonly beginMs = performance.now();
  private readonly offsets: Float64Array;
  private readonly lengths: Uint32Array;
  private readonly freeSlots: Int32Array;
  private freeCount: number;

  constructor(
    private readonly executor: Executor,
    private readonly queue: BlockQueue,
    private readonly plan: VerifyPlan,
    private readonly done: LoadDone,
  ) {
    const { geometry } = queue;
    const wanted = plan.bytes === 0 ? geometry.sizeBytes : Math.min(plan.bytes, geometry.sizeBytes);
    this.end = wanted - wanted % geometry.logicalBlockBytes;
    this.pieceBytes = Math.min(plan.blockBytes, geometry.maxIoBytes);
    this.offsets = new Float64Array(plan.iodepth);
    this.lengths = new Uint32Array(plan.iodepth);
    this.freeSlots = Int32Array.from({ length: plan.iodepth }, (_, i) => i);
    this.freeCount = plan.iodepth;
    executor.defer(this);
  }

  stop(): void {
    this.isStopping = true;
    this.executor.defer(this);
  }

  private fill(at: number, offset: number, length: number): void {
    const words = this.executor.arena.i32;
    let word = at / 4;
    for (let sector = offset / SECTOR_BYTES; length > 0; sector++, length -= SECTOR_BYTES) {
      const hash = sectorHash(this.plan.seed, sector);
      for (let i = 0; i < WORDS_PER_SECTOR; i++) words[word++] = hash + Math.imul(i, 0x01000193);
    }
  }

  private isRight(at: number, offset: number, length: number): boolean {
    const words = this.executor.arena.i32;
    let word = at / 4;
    for (let sector = offset / SECTOR_BYTES; length > 0; sector++, length -= SECTOR_BYTES) {
      const hash = sectorHash(this.plan.seed, sector);
      for (let i = 0; i < WORDS_PER_SECTOR; i++) {
        if (words[word++] !== ((hash + Math.imul(i, 0x01000193)) | 0)) return false;
      }
    }
    return true;
  }

  /** Plants a flipped bit, a stale block and a misplaced block in a buffer; all must be seen. */
  private proveChecker(at: number): boolean {
    const { u8 } = this.executor.arena;
    const length = Math.min(this.pieceBytes, this.end);
    this.fill(at, 0, length);
    if (!this.isRight(at, 0, length)) return false;
    u8[at + length - 1]! ^= 0x10;
    const flipped = !this.isRight(at, 0, length);
    this.fill(at, this.end, length);
    const misplaced = !this.isRight(at, 0, length);
    u8.fill(0, at, at + length);
    return flipped && misplaced && !this.isRight(at, 0, length);
  }

  flush(): void {
    if (this.isDone) return;
    for (;;) {
      if (this.isStopping) break;
      if (this.phase === PHASE.FLUSH) {
        if (this.inflight > 0 || !this.submitFlush()) return;
        return;
      }
      if (this.nextOffset >= this.end) {
        if (this.inflight > 0) return;
        if (this.phase === PHASE.READ) break;
        this.phase = PHASE.FLUSH;
        continue;
      }
      if (this.freeCount === 0 || !this.submitNext()) return;
    }
    if (this.inflight === 0) this.finish();
  }

  private submitFlush(): boolean {
    if (this.isFlushSent) return true;
    const permit = this.queue.acquire(this);
    if (permit < 0) return false;
    this.isFlushSent = true;
    this.inflight++;
    this.queue.submit(permit, this, LOAD_OP.FLUSH, 0, 0, 0, 0, -1);
    return true;
  }

  private submitNext(): boolean {
    const permit = this.queue.acquire(this);
    if (permit < 0) return false;
    const at = this.queue.bufferOf(permit);
    if (!this.checkerProven) {
      this.checkerProven = this.proveChecker(at);
      if (!this.checkerProven) {
        this.queue.release(permit);
        this.isStopping = true;
        return true;
      }
    }
    const slot = this.freeSlots[--this.freeCount]!;
    const offset = this.nextOffset;
    const length = Math.min(this.pieceBytes, this.end - offset);
    this.nextOffset += length;
    this.offsets[slot] = offset;
    this.lengths[slot] = length;
    const isWrite = this.phase === PHASE.WRITE;
    if (isWrite) this.fill(at, offset, length);
    // A read that returns without writing to the buffer must not find the right content there.
    else this.executor.arena.u8.fill(0, at, at + length);
    this.inflight++;
    const operation = isWrite ? LOAD_OP.WRITE : LOAD_OP.READ;
    this.queue.submit(permit, this, operation, 0, offset, length, at, slot);
    return true;
  }

  onBlockDone(permit: number, token: number, errno: number): void {
    this.inflight--;
    if (errno !== 0) {
      this.errors++;
      if (this.firstErrno === 0) this.firstErrno = errno;
      this.isStopping = true;
    }
    if (token < 0) {
      this.phase = PHASE.READ;
      this.nextOffset = 0;
    } else {
      this.freeSlots[this.freeCount++] = token;
      if (errno === 0) this.onTransferred(permit, this.offsets[token]!, this.lengths[token]!);
    }
    this.queue.release(permit);
    this.executor.defer(this);
  }

  private onTransferred(permit: number, offset: number, length: number): void {
    if (this.phase === PHASE.WRITE) {
      this.bytesWritten += length;
      return;
    }
    this.bytesRead += length;
    if (this.isRight(this.queue.bufferOf(permit), offset, length)) return;
    this.badBlocks++;
    if (this.badOffsets.length < BAD_OFFSETS_MAX) this.badOffsets.push(offset);
  }

  onPermits(): void {
    this.executor.defer(this);
  }

  private finish(): void {
    this.isDone = true;
    this.done({
      kind: "verify",
      bytesWritten: this.bytesWritten,
      bytesRead: this.bytesRead,
      badBlocks: this.badBlocks,
      firstBadOffsets: this.badOffsets,
      errors: this.errors,
      firstErrno: this.firstErrno,
      durationMs: performance.now() - this.beginMs,
      checkerProven: this.checkerProven,
    });
  }
}
