/**
 * A mapped disk that lives in the arena: what NBD connections are tested against. Requests end
 * later, in the executor's next flush, and on demand late, out of order or with an error.
 */
import {
  BLOCK_OP,
  type BlockGeometry,
  type BlockQueue,
  type BlockUser,
} from "../../../src/rnbd/block_queue.ts";
import type { Executor, Flushable } from "../../../src/ring/executor.ts";
import { OP } from "../../../src/ring/opcodes.ts";
import type { CompletionHandler } from "../../../src/ring/ring.ts";
import { Random } from "../../support/random.ts";

/** Fails the operations that touch a range. */
export interface PlannedFailure {
  readonly operation: number;
  readonly from: number;
  readonly to: number;
  readonly errno: number;
}

/** How a fake disk behaves; plain data. */
export interface FakeDiskOptions {
  readonly geometry: BlockGeometry;
  readonly permits: number;
  /** 0 = in the order of submission; else the seed of the disorder. */
  readonly reorderSeed: number;
  /** Every batch ends this much later; 0 = at once. */
  readonly delayUs: number;
  readonly failures: readonly PlannedFailure[];
}

/** Where a fake disk keeps its things. */
export interface FakeDiskMemory {
  /** The content. */
  readonly content: number;
  /** `permits` buffers, {@link bufferStride} bytes apart. */
  readonly buffers: number;
  /** {@link DISK_LOG}. */
  readonly log: number;
  /** 16 bytes for a timespec. */
  readonly timespec: number;
}

/** What the disk was asked, for other threads to read: a count, then four numbers each. */
export const DISK_LOG = { ENTRIES: 1024, BYTES: 8 + 1024 * 32 } as const;

/** One entry of the log. */
export interface LoggedOperation {
  readonly operation: number;
  readonly flags: number;
  readonly offset: number;
  readonly length: number;
}

/** Default options: 124 KiB I/O, every feature, a write cache with FUA. */
export function fakeDiskOptions(
  geometry: Partial<BlockGeometry> = {},
  options: Partial<Omit<FakeDiskOptions, "geometry">> = {},
): FakeDiskOptions {
  return {
    geometry: {
      sizeBytes: 64 << 20,
      logicalBlockBytes: 512,
      physicalBlockBytes: 4096,
      maxIoBytes: 126_976,
      maxDiscardBytes: 16 << 20,
      maxWriteZeroesBytes: 16 << 20,
      discardGranularityBytes: 4096,
      discardAlignmentBytes: 0,
      secureErase: false,
      readOnly: false,
      writeCache: true,
      fua: true,
      ...geometry,
    },
    permits: 256,
    reorderSeed: 0,
    delayUs: 0,
    failures: [],
    ...options,
  };
}

/** Distance of two permits' buffers. */
export function bufferStride(options: FakeDiskOptions): number {
  return Math.ceil(options.geometry.maxIoBytes / 4096) * 4096;
}

/** Reads the log of a disk, oldest entry first. */
export function readLog(f64: Float64Array, log: number): LoggedOperation[] {
  const at = log / 8;
  const count = f64[at]!;
  const entries: LoggedOperation[] = [];
  for (let i = Math.max(0, count - DISK_LOG.ENTRIES); i < count; i++) {
    const entry = at + 1 + (i % DISK_LOG.ENTRIES) * 4;
    entries.push({
      operation: f64[entry]!,
      flags: f64[entry + 1]!,
      offset: f64[entry + 2]!,
      length: f64[entry + 3]!,
    });
  }
  return entries;
}

/** The fake. Checks what its users promise: range, alignment, buffers, permits. */
export class FakeDisk implements BlockQueue, Flushable, CompletionHandler {
  deferred = false;
  isOpen = true;
  readonly geometry: BlockGeometry;
  /** Permits that are with users. */
  permitsOut = 0;
  failures: readonly PlannedFailure[];
  private readonly free: number[] = [];
  private readonly held: Uint8Array;
  private readonly operation: Uint8Array;
  private readonly flags: Uint8Array;
  private readonly offset: Float64Array;
  private readonly length: Float64Array;
  private readonly at: Float64Array;
  private readonly token: Int32Array;
  private readonly users: BlockUser[] = [];
  private readonly submitted: Int32Array;
  private submittedCount = 0;
  private readonly waiters: BlockUser[] = [];
  private readonly random: Random;
  private readonly handlerId: number;
  private timing = false;

  constructor(
    private readonly executor: Executor,
    private readonly options: FakeDiskOptions,
    private readonly memory: FakeDiskMemory,
  ) {
    this.geometry = options.geometry;
    this.failures = options.failures;
    const count = options.permits;
    for (let permit = count - 1; permit >= 0; permit--) this.free.push(permit);
    this.held = new Uint8Array(count);
    this.operation = new Uint8Array(count);
    this.flags = new Uint8Array(count);
    this.offset = new Float64Array(count);
    this.length = new Float64Array(count);
    this.at = new Float64Array(count);
    this.token = new Int32Array(count);
    // Twice: a batch being ended is still in it while its users submit anew.
    this.submitted = new Int32Array(2 * count);
    this.random = new Random(options.reorderSeed);
    this.handlerId = executor.ring.addHandler(this);
  }

  acquire(user: BlockUser): number {
    const permit = this.free.pop();
    if (permit === undefined) {
      this.waiters.push(user);
      return -1;
    }
    this.held[permit] = 1;
    this.permitsOut++;
    return permit;
  }

  release(permit: number): void {
    if (this.held[permit] !== 1) throw new Error(`Permit ${permit} released in the wrong state`);
    this.held[permit] = 0;
    this.permitsOut--;
    this.free.push(permit);
    this.executor.defer(this);
  }

  bufferOf(permit: number): number {
    return this.memory.buffers + permit * bufferStride(this.options);
  }

  submit(
    permit: number,
    user: BlockUser,
    operation: number,
    flags: number,
    offset: number,
    length: number,
    at: number,
    token: number,
  ): void {
    if (this.held[permit] !== 1) throw new Error(`Permit ${permit} submitted in the wrong state`);
    this.check(permit, operation, offset, length, at);
    this.held[permit] = 2;
    this.operation[permit] = operation;
    this.flags[permit] = flags;
    this.offset[permit] = offset;
    this.length[permit] = length;
    this.at[permit] = at;
    this.token[permit] = token;
    this.users[permit] = user;
    this.submitted[this.submittedCount++] = permit;
    this.executor.defer(this);
  }

  flush(): void {
    while (this.waiters.length > 0 && this.free.length > 0) {
      const count = Math.min(this.waiters.length, this.free.length);
      for (const user of this.waiters.splice(0, count)) user.onPermits();
    }
    if (this.submittedCount === 0 || this.timing) return;
    if (this.options.delayUs > 0) this.startTimer();
    else this.complete();
  }

  onCompletion(): void {
    this.timing = false;
    this.complete();
  }

  private startTimer(): void {
    const { arena, ring } = this.executor;
    const { timespec } = this.memory;
    arena.u32[timespec / 4 + 2] = this.options.delayUs * 1000;
    const high = arena.addressHigh(timespec);
    ring.prepare(OP.TIMEOUT, -1, timespec >>> 0, high, 1, this.handlerId, 0, 0);
    this.timing = true;
  }

  /** Ends what was submitted; in disorder, about half of it in any order. */
  private complete(): void {
    const disorder = this.options.reorderSeed !== 0;
    let left = this.submittedCount;
    const batch = disorder ? Math.ceil(left / 2) : left;
    for (let i = 0; i < batch; i++) {
      const pick = disorder ? this.random.below(left) : i;
      const permit = this.submitted[pick]!;
      if (disorder) this.submitted[pick] = this.submitted[--left]!;
      const errno = this.carryOut(permit);
      this.held[permit] = 1;
      this.users[permit]!.onBlockDone(permit, this.token[permit]!, errno);
    }
    if (disorder) {
      // New ones may have been appended behind the old end while users were called.
      const added = this.submittedCount - (left + batch);
      this.submitted.copyWithin(left, left + batch, left + batch + added);
      this.submittedCount = left + added;
    } else {
      this.submitted.copyWithin(0, batch, this.submittedCount);
      this.submittedCount -= batch;
    }
    if (this.submittedCount > 0) this.executor.defer(this);
  }

  private carryOut(permit: number): number {
    const operation = this.operation[permit]!;
    const offset = this.offset[permit]!;
    const length = this.length[permit]!;
    const at = this.at[permit]!;
    this.note(operation, this.flags[permit]!, offset, length);
    if (!this.isOpen) return 5;
    for (const failure of this.failures) {
      const touches = offset < failure.to && offset + Math.max(length, 1) > failure.from;
      if (failure.operation === operation && touches) return failure.errno;
    }
    const { u8 } = this.executor.arena;
    const content = this.memory.content + offset;
    if (operation === BLOCK_OP.READ) u8.copyWithin(at, content, content + length);
    else if (operation === BLOCK_OP.WRITE) u8.copyWithin(content, at, at + length);
    else if (operation !== BLOCK_OP.FLUSH) u8.fill(0, content, content + length);
    return 0;
  }

  private note(operation: number, flags: number, offset: number, length: number): void {
    const { f64 } = this.executor.arena;
    const log = this.memory.log / 8;
    const entry = log + 1 + (f64[log]! % DISK_LOG.ENTRIES) * 4;
    f64[entry] = operation;
    f64[entry + 1] = flags;
    f64[entry + 2] = offset;
    f64[entry + 3] = length;
    f64[log]!++;
  }

  private check(permit: number, operation: number, offset: number, length: number, at: number) {
    const { geometry } = this;
    const block = geometry.logicalBlockBytes;
    const data = operation === BLOCK_OP.READ || operation === BLOCK_OP.WRITE;
    const most = data
      ? geometry.maxIoBytes
      : operation === BLOCK_OP.DISCARD
      ? geometry.maxDiscardBytes
      : operation === BLOCK_OP.WRITE_ZEROES
      ? geometry.maxWriteZeroesBytes
      : 0;
    const buffer = this.bufferOf(permit);
    const sound = offset % block === 0 && length % block === 0 && length <= most &&
      offset >= 0 && offset + length <= geometry.sizeBytes &&
      (operation === BLOCK_OP.FLUSH || length > 0) &&
      (operation === BLOCK_OP.READ || operation === BLOCK_OP.FLUSH || !geometry.readOnly) &&
      (!data || (at >= buffer && at + length <= buffer + geometry.maxIoBytes));
    if (!sound) {
      throw new Error(`Wrong block request: ${operation} at ${offset} of ${length} in ${at}`);
    }
  }
}
