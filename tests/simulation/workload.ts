/**
 * Somebody who uses a mapped disk on one reactor: several requests at a time in bursts, everything
 * checked. It keeps each permit for a while after its request and looks whether the buffer stays
 * as it is.
 */
import type { SimProcess } from "../../src/fabric/sim/process.ts";
import type { SimEvent } from "../../src/fabric/sim/scheduler.ts";
import { ERRNO, errnoName } from "../../src/ffi/errno.ts";
import { BLOCK_FLAG, BLOCK_OP, type BlockUser } from "../../src/rnbd/block_queue.ts";
import type { DeviceQueue } from "../../src/rnbd/client/block_lane.ts";
import { blockId, fillBlock } from "./block_pattern.ts";
import type { DiskModel, ModelWrite } from "./disk_model.ts";
import { expect } from "./world_parts.ts";

/** The client whose workload it is. */
export interface WorkloadClient {
  /** Its number, for the model. */
  readonly index: number;
  /** True when its session has been connected since a time, without a break. */
  hasBeenUpSince(time: number): boolean;
}

/** How a workload behaves. */
export interface WorkloadShape {
  /** Requests at a time. */
  readonly depth: number;
  /** Mean of the pauses between bursts. */
  readonly pauseMs: number;
}

/** What all workloads of a world count and share. */
export interface WorkloadTotals {
  submitted: number;
  ended: number;
  succeeded: number;
  /** Starts of the requests that have not ended, for {@link DiskModel.forget}. */
  readonly open: Set<Request>;
  /** Gets a line for every request and its end; undefined = nobody wants to know. */
  readonly trace: ((line: string) => void) | undefined;
  /** Nothing goes wrong but on paths other than each client's first. */
  readonly isSpared: boolean;
  /** A bug to be found: chance that a permit is not given back. */
  leakPermitChance: number;
}

/** A request from its submit to the release of its permit. */
export interface Request {
  readonly process: SimProcess;
  readonly operation: number;
  readonly flags: number;
  readonly first: number;
  readonly count: number;
  readonly permit: number;
  readonly at: number;
  readonly start: number;
  readonly write: ModelWrite | undefined;
  readonly model: DiskModel;
  /** Sum over the buffer when it was last right. */
  bufferSum: number;
}

const OPERATIONS = Object.keys(BLOCK_OP).map((name) => name.toLowerCase());
const HOT_BLOCKS = 6;
const RANGE_BLOCKS_MAX = 16;
const BURST_CHANCE = 0.9;
/** A permit is kept this long after its request, at most: most of them, and some. */
const HOLD_MS = 20;
const LONG_HOLD_MS = 5_000;
/** Disks and holders are well when this is asked. */
const WAIT_MS_MAX = 4 * LONG_HOLD_MS;
/** Some take their time to leave when they are disconnected. */
const SLOW_STOP_CHANCE = 0.3;
const SLOW_STOP_MS = 3_000;
const GARBAGE = 0xa5;
/** Waits for permits do not end, or the submit of a closed queue is tried now and then. */
const CLOSED_PAUSE_MS = 50;

/** See the head of this file. */
export class Workload implements BlockUser {
  private readonly requests = new Map<number, Request>();
  private nextToken = 1;
  private isSubmitting = false;
  private readonly pausing = new Set<SimEvent>();
  /** Slots that wait for a permit. */
  private waiting = 0;
  private waitsSince = 0;
  private whenIdle: (() => void)[] | undefined;

  constructor(
    private readonly process: SimProcess,
    private readonly queue: DeviceQueue,
    private readonly client: WorkloadClient,
    private readonly model: DiskModel,
    private readonly shape: WorkloadShape,
    private readonly totals: WorkloadTotals,
  ) {
    for (let i = 0; i < shape.depth; i++) this.pause();
  }

  /** Starts nothing more; `done` when nothing of it is left. */
  stop(done: () => void): void {
    this.whenIdle ??= [];
    const { random } = this.process;
    const isSlow = random.chance(SLOW_STOP_CHANCE);
    const slowly = () => void this.process.schedule(random.spread(1, SLOW_STOP_MS), done);
    this.whenIdle.push(isSlow ? slowly : done);
    this.queue.forget(this);
    this.checkIdle();
  }

  /** Nobody waits for permits longer than others can keep them. */
  checkWaiting(): void {
    const waitedMs = this.process.scheduler.now() - this.waitsSince;
    expect(
      this.waiting === 0 || waitedMs < WAIT_MS_MAX,
      () => `client${this.client.index} has waited ${waitedMs} ms for a permit`,
    );
  }

  /** Ends all pauses now, so that there is traffic. */
  kick(): void {
    for (const event of this.pausing) {
      event.cancelled = true;
      this.begin();
    }
    this.pausing.clear();
  }

  private checkIdle(): void {
    if (this.whenIdle === undefined || this.requests.size > 0) return;
    const callbacks = this.whenIdle.splice(0);
    for (const callback of callbacks) callback();
  }

  private pause(): void {
    const { random } = this.process;
    const isBurst = random.chance(BURST_CHANCE);
    const pauseMs = isBurst ? random.spread(0.01, 5) : -Math.log(1 - random.unit()) *
      this.shape.pauseMs;
    const event = this.process.schedule(pauseMs, () => {
      this.pausing.delete(event);
      this.begin();
    });
    this.pausing.add(event);
  }

  private begin(): void {
    if (this.whenIdle !== undefined) return;
    if (!this.queue.isOpen && this.process.random.chance(0.9)) {
      return void this.process.schedule(CLOSED_PAUSE_MS, () => this.begin());
    }
    const permit = this.queue.acquire(this);
    if (permit >= 0) return this.submit(permit);
    if (this.waiting++ === 0) this.waitsSince = this.process.scheduler.now();
  }

  onPermits(): void {
    const waiting = this.waiting;
    this.waiting = 0;
    for (let i = 0; i < waiting; i++) this.begin();
  }

  private submit(permit: number): void {
    const { random, memory } = this.process;
    const { geometry } = this.queue;
    const operation = this.pickOperation();
    const blockBytes = geometry.logicalBlockBytes;
    const isData = operation === BLOCK_OP.READ || operation === BLOCK_OP.WRITE;
    const room = isData ? geometry.maxIoBytes / blockBytes : RANGE_BLOCKS_MAX;
    const first = random.below(random.chance(0.6) ? HOT_BLOCKS : this.model.blockCount);
    const left = Math.min(room, this.model.blockCount - first);
    const count = operation === BLOCK_OP.FLUSH ? 0 : 1 + random.below(Math.min(left, 8));
    const at = this.queue.bufferOf(permit) +
      (isData ? random.below(room - count + 1) * blockBytes : 0);
    const isFua = operation !== BLOCK_OP.READ && operation !== BLOCK_OP.FLUSH &&
      geometry.fua && random.chance(0.2);
    const start = this.process.scheduler.now();
    const isWrite = operation !== BLOCK_OP.READ && operation !== BLOCK_OP.FLUSH;
    const write = isWrite && !geometry.readOnly
      ? this.model.begin(
        this.client.index,
        first,
        count,
        operation !== BLOCK_OP.WRITE,
        isFua,
        start,
      )
      : undefined;
    if (operation === BLOCK_OP.READ) memory.arena.u8.fill(GARBAGE, at, at + count * blockBytes);
    if (operation === BLOCK_OP.WRITE) {
      for (let i = 0; i < count; i++) {
        const id = write?.id ?? 0xdead;
        fillBlock(memory.arena.u32, at + i * blockBytes, blockBytes, id, first + i);
      }
    }
    const flags = isFua ? BLOCK_FLAG.FUA : 0;
    const { process } = this;
    const request: Request = {
      process,
      operation,
      flags,
      first,
      count,
      permit,
      at,
      start,
      write,
      model: this.model,
      bufferSum: 0,
    };
    request.bufferSum = this.sum(request);
    const token = this.nextToken++;
    this.requests.set(token, request);
    this.totals.open.add(request);
    this.totals.submitted++;
    this.trace(request, "submitted");
    this.isSubmitting = true;
    const [offset, length] = [first * blockBytes, count * blockBytes];
    const isEmpty = operation === BLOCK_OP.FLUSH;
    this.queue.submit(
      permit,
      this,
      operation,
      flags,
      isEmpty ? 0 : offset,
      length,
      isData ? at : 0,
      token,
    );
    this.isSubmitting = false;
  }

  private pickOperation(): number {
    const { random } = this.process;
    const dice = random.below(100);
    if (this.queue.geometry.readOnly) return dice < 3 ? BLOCK_OP.WRITE : BLOCK_OP.READ;
    if (dice < 45) return BLOCK_OP.READ;
    if (dice < 82) return BLOCK_OP.WRITE;
    if (dice < 88) return BLOCK_OP.FLUSH;
    return dice < 93 ? BLOCK_OP.DISCARD : BLOCK_OP.WRITE_ZEROES;
  }

  onBlockDone(permit: number, token: number, errno: number): void {
    const request = this.requests.get(token);
    expect(!this.isSubmitting, () => "a request ended within its submit");
    expect(
      request !== undefined && request.permit === permit && this.totals.open.has(request),
      () => `request ${token} of permit ${permit} ended, but it is not under way`,
    );
    this.totals.open.delete(request!);
    this.totals.ended++;
    if (errno === 0) this.totals.succeeded++;
    this.trace(request!, errnoName(errno));
    this.judge(request!, errno);
    request!.bufferSum = this.sum(request!);
    const { random } = this.process;
    const holdMsMax = random.chance(0.03) ? LONG_HOLD_MS : HOLD_MS;
    this.process.schedule(random.spread(0.01, holdMsMax), () => {
      this.requests.delete(token);
      this.finish(request!);
    });
  }

  /** Compares the result with what the model allows. */
  private judge(request: Request, errno: number): void {
    const { operation, write, start } = request;
    const now = this.process.scheduler.now();
    const isRead = operation === BLOCK_OP.READ;
    if (!isRead) this.expectBuffer(request, "while its request was under way");
    const isReadOnlyWrite = !isRead && operation !== BLOCK_OP.FLUSH && write === undefined;
    const known = [0, ERRNO.EIO, ERRNO.ENOSPC, ERRNO.ECONNABORTED, ERRNO.EROFS];
    expect(known.includes(errno), () => `operation ${operation} ended with ${errnoName(errno)}`);
    expect(
      errno !== (isReadOnlyWrite ? 0 : ERRNO.EROFS),
      () =>
        `operation ${operation} on a ${isReadOnlyWrite ? "read-only" : "writable"} mapping ` +
        `ended with errno ${errno}`,
    );
    const isLost = errno === ERRNO.ECONNABORTED || (errno !== 0 && this.totals.isSpared);
    expect(
      !isLost || isReadOnlyWrite || !this.client.hasBeenUpSince(start),
      () => `operation ${operation} ended with ${errnoName(errno)} though a path was alive`,
    );
    if (write !== undefined) {
      if (errno === 0) this.model.succeed(write, now);
      else this.model.fail(write, now, errno !== ERRNO.ECONNABORTED);
    }
    if (errno !== 0) return;
    if (operation === BLOCK_OP.FLUSH) this.model.flushed(start);
    if (!isRead) return;
    const blockBytes = this.queue.geometry.logicalBlockBytes;
    const words = this.process.memory.arena.u32;
    for (let i = 0; i < request.count; i++) {
      const block = request.first + i;
      const id = blockId(words, request.at + i * blockBytes, blockBytes, block);
      this.model.read(block, id, start, now);
    }
  }

  private trace({ operation, flags, first, count, permit, write }: Request, what: string): void {
    this.totals.trace?.(
      `client${this.client.index} ${this.model.name} permit ${permit}: ${OPERATIONS[operation]}` +
        `${flags === 0 ? "" : " FUA"} ${first}+${count} #${write?.id ?? "-"} ${what}`,
    );
  }

  private finish(request: Request): void {
    this.expectBuffer(request, "after its request had ended");
    const isLeaked = this.process.random.chance(this.totals.leakPermitChance);
    if (!isLeaked) this.queue.release(request.permit);
    if (this.whenIdle === undefined) this.pause();
    else this.checkIdle();
  }

  private expectBuffer(request: Request, when: string): void {
    expect(
      this.sum(request) === request.bufferSum,
      () => `somebody wrote to the buffer of permit ${request.permit} ${when}`,
    );
  }

  private sum({ operation, at, count }: Request): number {
    if (operation !== BLOCK_OP.READ && operation !== BLOCK_OP.WRITE) return 0;
    const words = this.process.memory.arena.u32;
    const end = (at + count * this.queue.geometry.logicalBlockBytes) / 4;
    let sum = 0;
    for (let i = at / 4; i < end; i++) sum = Math.imul(sum ^ words[i]!, 0x0100_0193);
    return sum;
  }
}
