/** The bench load on one reactor: keeps `iodepth` requests in flight. Allocates nothing per I/O. */
import type { Executor, Flushable } from "../../ring/executor.ts";
import { TurnClock } from "../../ring/turn_clock.ts";
import type { BlockQueue, BlockUser } from "../../rnbd/block_queue.ts";
import {
  LATENCY_BUCKETS,
  latencyBucket,
  type Load,
  LOAD_OP,
  type LoadDone,
  type LoadPlan,
} from "./load.ts";

type BenchPlan = LoadPlan & { kind: "bench" };

/** Xorshift keeps its state in 32 bits that must not be 0. */
const SEED_FALLBACK = 0x9e3779b9 | 0;

const LATENCY = { SUM: 0, MINIMUM: 1, MAXIMUM: 2 } as const;

/** See the head of this file. */
export class BenchLoad implements BlockUser, Flushable, Load {
  deferred = false;
  private readonly histogram = new Uint32Array(LATENCY_BUCKETS);
  private readonly startedAt: Float64Array;
  private readonly freeSlots: Int32Array;
  private freeCount: number;
  private readonly blocks: number;
  /** Pieces of a block: the server takes at most maxIoBytes at a time. */
  private readonly pieces: number;
  private readonly piecesLeft: Int32Array;
  private readonly pieceBytes: number;
  private random: number;
  private nextBlock = 0;
  private ios = 0;
  private errors = 0;
  private firstErrno = 0;
  /** Microseconds, by {@link LATENCY}; a field of the object would cost an allocation a store. */
  private readonly latencyUs = Float64Array.of(0, Infinity, 0);
  private inflight = 0;
  private isStopping = false;
  private isDone = false;
  /** Element 0 of its `us` is the time now, once it was asked in this batch. */
  private readonly clock = new TurnClock();
  private nowIsFresh = true;
  private readonly beginUs: number;
  private readonly endUs: number;
  private readonly entersBefore: number;
  /** A block whose pieces are partly submitted: waits for a permit. */
  private pendingSlot = -1;
  private pendingPiece = 0;
  private pendingOffset = 0;
  private pendingOperation = 0;

  constructor(
    private readonly executor: Executor,
    private readonly queue: BlockQueue,
    private readonly plan: BenchPlan,
    private readonly done: LoadDone,
  ) {
    const { geometry } = queue;
    this.startedAt = new Float64Array(plan.iodepth);
    this.piecesLeft = new Int32Array(plan.iodepth);
    this.freeSlots = Int32Array.from({ length: plan.iodepth }, (_, i) => i);
    this.freeCount = plan.iodepth;
    this.blocks = Math.floor(geometry.sizeBytes / plan.blockBytes);
    this.pieceBytes = Math.min(plan.blockBytes, geometry.maxIoBytes);
    this.pieces = Math.ceil(plan.blockBytes / this.pieceBytes);
    this.random = (plan.seed | 0) || SEED_FALLBACK;
    this.clock.beginTurn();
    this.beginUs = this.clock.us[0]!;
    this.endUs = this.beginUs + plan.runtimeMs * 1000;
    this.entersBefore = executor.ring.enters;
    executor.defer(this);
  }

  stop(): void {
    this.isStopping = true;
    this.executor.defer(this);
  }

  private nextRandom(): number {
    let x = this.random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.random = x;
    return x >>> 0;
  }

  /** Ends the batch: submits as much as the depth allows. */
  flush(): void {
    if (!this.nowIsFresh) this.clock.beginTurn();
    this.nowIsFresh = false;
    if (this.clock.us[0]! >= this.endUs) this.isStopping = true;
    for (;;) {
      if (this.pendingSlot < 0) {
        if (this.isStopping || this.freeCount === 0) break;
        this.begin(this.freeSlots[--this.freeCount]!);
      }
      if (!this.submitPieces()) return;
    }
    if (this.isStopping && this.inflight === 0) this.finish();
  }

  private begin(slot: number): void {
    const { plan } = this;
    const block = plan.random ? this.nextRandom() % this.blocks : this.nextBlock;
    if (!plan.random) this.nextBlock = (this.nextBlock + 1) % this.blocks;
    const isRead = plan.readShare === 1 ||
      (plan.readShare > 0 && this.nextRandom() < plan.readShare * 4294967296);
    this.pendingSlot = slot;
    this.pendingPiece = 0;
    this.pendingOffset = block * plan.blockBytes;
    this.pendingOperation = isRead ? LOAD_OP.READ : LOAD_OP.WRITE;
    this.piecesLeft[slot] = this.pieces;
    this.startedAt[slot] = this.clock.us[0]!;
    this.inflight++;
  }

  /** Submits the pieces of the pending block; false when permits ran out. */
  private submitPieces(): boolean {
    const { queue, plan } = this;
    while (this.pendingPiece < this.pieces) {
      const permit = queue.acquire(this);
      if (permit < 0) return false;
      const offset = this.pendingPiece * this.pieceBytes;
      const length = Math.min(this.pieceBytes, plan.blockBytes - offset);
      this.pendingPiece++;
      queue.submit(
        permit,
        this,
        this.pendingOperation,
        0,
        this.pendingOffset + offset,
        length,
        queue.bufferOf(permit),
        this.pendingSlot,
      );
    }
    this.pendingSlot = -1;
    return true;
  }

  onBlockDone(permit: number, token: number, errno: number): void {
    this.queue.release(permit);
    if (errno !== 0) {
      this.errors++;
      if (this.firstErrno === 0) this.firstErrno = errno;
      this.isStopping = true;
    }
    const left = this.piecesLeft[token]! - 1;
    this.piecesLeft[token] = left;
    if (left === 0) this.onBlockComplete(token);
    this.executor.defer(this);
  }

  private onBlockComplete(slot: number): void {
    // One look at the clock a batch: all its completions came with the same system call.
    if (!this.nowIsFresh) {
      this.clock.beginTurn();
      this.nowIsFresh = true;
    }
    const latencyUs = this.clock.us[0]! - this.startedAt[slot]!;
    this.histogram[latencyBucket(latencyUs * 16)]!++;
    const sums = this.latencyUs;
    sums[LATENCY.SUM]! += latencyUs;
    if (latencyUs < sums[LATENCY.MINIMUM]!) sums[LATENCY.MINIMUM] = latencyUs;
    if (latencyUs > sums[LATENCY.MAXIMUM]!) sums[LATENCY.MAXIMUM] = latencyUs;
    this.ios++;
    this.inflight--;
    this.freeSlots[this.freeCount++] = slot;
  }

  onPermits(): void {
    this.executor.defer(this);
  }

  private finish(): void {
    if (this.isDone) return;
    this.clock.beginTurn();
    this.isDone = true;
    this.done({
      kind: "bench",
      ios: this.ios,
      errors: this.errors,
      firstErrno: this.firstErrno,
      durationMs: (this.clock.us[0]! - this.beginUs) / 1000,
      enters: this.executor.ring.enters - this.entersBefore,
      histogram: Array.from(this.histogram),
      latencySumUs: this.latencyUs[LATENCY.SUM]!,
      latencyMinUs: this.latencyUs[LATENCY.MINIMUM]!,
      latencyMaxUs: this.latencyUs[LATENCY.MAXIMUM]!,
    });
  }
}
