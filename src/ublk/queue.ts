/**
 * One queue of a ublk device, on the reactor that serves it. The driver hands out requests by
 * completing a FETCH; the answer goes back with the next one. A request's buffer is the memory
 * that the server reads and writes, so payload is never touched here.
 *
 * A tag's life: FETCHED ─▶ (waits for a permit) ─▶ at the server ─▶ COMMIT_AND_FETCH ─▶ FETCHED …
 * until the driver answers with an errno: the device has stopped.
 */
import { ERRNO } from "../ffi/errno.ts";
import { BLOCK_FLAG, BLOCK_OP, type BlockQueue, type BlockUser } from "../rnbd/block_queue.ts";
import type { CounterBlock } from "../ring/counters.ts";
import type { Executor, Flushable } from "../ring/executor.ts";
import { OP, SQE } from "../ring/opcodes.ts";
import type { CompletionHandler } from "../ring/ring.ts";
import { DESCRIPTOR, IO_COMMAND, IO_OPERATION, REQUEST, REQUEST_FLAG } from "./commands.ts";
import type { UblkCounterName } from "./counters.ts";
import { SECTOR_BYTES } from "./limits.ts";
import type { UblkQueueTicket } from "./queue_ticket.ts";
import { TagQueue } from "./tag_queue.ts";

const SECTORS_OF_HIGH_WORD = 2 ** 32;

/** Told once each. */
export interface UblkQueueEvents {
  /** Nothing of {@link UblkQueue.unbind}'s block queue is used any more. */
  onUnbound(): void;
  /** The device has stopped: the driver has all requests back. */
  onStopped(): void;
}

/** See the head of this file. All calls come from one thread. */
export class UblkQueue implements CompletionHandler, Flushable, BlockUser {
  deferred = false;
  private readonly handlerId: number;
  /** Native addresses of the tags' buffers. */
  private readonly bufferLow: Int32Array;
  private readonly bufferHigh: Int32Array;
  private blocks: BlockQueue | undefined;
  /** The block queue goes away: no request is given to it any more. */
  private isLeaving = false;
  /** Tags that wait for a permit, oldest first. */
  private readonly waiting: TagQueue;
  /** Tags at the server. */
  private submitted = 0;
  /** Tags that the driver has not taken back. */
  private live: number;
  private readonly requestsIndex: number;
  private readonly failedIndex: number;
  private readonly refusedIndex: number;
  private readonly readIndex: number;
  private readonly writtenIndex: number;

  /**
   * @param descriptors the queue's descriptor area, written by the driver
   * @param counters this thread's UBLK_COUNTERS
   */
  constructor(
    private readonly executor: Executor,
    private readonly ticket: UblkQueueTicket,
    private readonly descriptors: Uint32Array<ArrayBuffer>,
    counters: CounterBlock<UblkCounterName>,
    private readonly events: UblkQueueEvents,
  ) {
    this.handlerId = executor.ring.addHandler(this);
    this.live = ticket.depth;
    this.waiting = new TagQueue(ticket.depth);
    this.bufferLow = new Int32Array(ticket.depth);
    this.bufferHigh = new Int32Array(ticket.depth);
    this.requestsIndex = counters.indexOf("ublk_requests");
    this.failedIndex = counters.indexOf("ublk_failed_requests");
    this.refusedIndex = counters.indexOf("ublk_refused_commands");
    this.readIndex = counters.indexOf("ublk_read_bytes");
    this.writtenIndex = counters.indexOf("ublk_written_bytes");
    for (let tag = 0; tag < ticket.depth; tag++) {
      this.bufferLow[tag] = this.bufferOf(tag);
      this.bufferHigh[tag] = executor.arena.addressHigh(this.bufferOf(tag));
      this.post(IO_OPERATION.FETCH_REQ, tag, 0);
    }
  }

  private bufferOf(tag: number): number {
    return this.ticket.buffersAt + tag * this.ticket.bufferBytes;
  }

  private post(operation: number, tag: number, result: number): void {
    const { ring } = this.executor;
    const { fd, queue } = this.ticket;
    const at = ring.prepare(OP.URING_CMD, fd, 0, 0, 0, this.handlerId, 0, tag);
    const { sqe } = ring;
    const command = at + SQE.COMMAND;
    sqe[at + SQE.COMMAND_OPERATION] = operation;
    sqe[command + IO_COMMAND.QUEUE_AND_TAG] = queue | tag << 16;
    sqe[command + IO_COMMAND.RESULT] = result;
    sqe[command + IO_COMMAND.ADDRESS_LOW] = this.bufferLow[tag]!;
    sqe[command + IO_COMMAND.ADDRESS_HIGH] = this.bufferHigh[tag]!;
  }

  /** Uses `blocks` from now on; until then, and without any, requests fail. */
  bind(blocks: BlockQueue): void {
    this.blocks = blocks;
    this.isLeaving = false;
  }

  /** Uses its block queue no more: ends with `onUnbound`, once the server has answered. */
  unbind(): void {
    this.isLeaving = true;
    this.executor.defer(this);
  }

  /** A request came, or the driver took the tag back. */
  onCompletion(_kind: number, tag: number, result: number): void {
    if (result === 0) return this.begin(tag);
    if (result !== -ERRNO.ENODEV) this.executor.arena.f64[this.refusedIndex]!++;
    this.live--;
    if (this.live === 0) this.executor.defer(this);
  }

  private begin(tag: number): void {
    this.executor.arena.f64[this.requestsIndex]!++;
    if (this.waiting.length > 0 || !this.issue(tag)) this.waiting.push(tag);
  }

  /** Gives a request to the server, or fails it; false when there is no permit for it. */
  private issue(tag: number): boolean {
    const blocks = this.blocks;
    if (blocks === undefined || this.isLeaving || !blocks.isOpen) {
      this.commit(tag, -ERRNO.EIO);
      return true;
    }
    const operation = this.descriptors[tag * DESCRIPTOR.WORDS]! & 0xff;
    if (operation > REQUEST.WRITE_ZEROES || operation === REQUEST.WRITE_SAME) {
      this.commit(tag, -ERRNO.EOPNOTSUPP);
      return true;
    }
    const length = this.lengthOf(tag);
    const hasData = operation === REQUEST.READ || operation === REQUEST.WRITE;
    // After a reconnect the server may allow less than the device was started with.
    if (hasData && length > blocks.geometry.maxIoBytes) {
      this.commit(tag, -ERRNO.EIO);
      return true;
    }
    const permit = blocks.acquire(this);
    if (permit < 0) return false;
    this.submitted++;
    blocks.submit(
      permit,
      this,
      operation,
      this.flagsOf(tag),
      operation === BLOCK_OP.FLUSH ? 0 : this.offsetOf(tag),
      operation === BLOCK_OP.FLUSH ? 0 : length,
      hasData ? this.bufferOf(tag) : 0,
      tag,
    );
    return true;
  }

  private lengthOf(tag: number): number {
    return this.descriptors[tag * DESCRIPTOR.WORDS + DESCRIPTOR.SECTORS]! * SECTOR_BYTES;
  }

  private offsetOf(tag: number): number {
    const at = tag * DESCRIPTOR.WORDS;
    const low = this.descriptors[at + DESCRIPTOR.START_LOW]!;
    const high = this.descriptors[at + DESCRIPTOR.START_HIGH]!;
    return (low + high * SECTORS_OF_HIGH_WORD) * SECTOR_BYTES;
  }

  private flagsOf(tag: number): number {
    const word = this.descriptors[tag * DESCRIPTOR.WORDS]!;
    let flags = 0;
    if ((word & REQUEST_FLAG.FUA) !== 0) flags |= BLOCK_FLAG.FUA;
    if ((word & REQUEST_FLAG.NO_UNMAP) !== 0) flags |= BLOCK_FLAG.NO_UNMAP;
    return flags;
  }

  onBlockDone(permit: number, tag: number, errno: number): void {
    this.submitted--;
    this.blocks!.release(permit);
    this.commit(tag, errno === 0 ? this.bytesDone(tag) : -errno);
    if (this.isLeaving) this.executor.defer(this);
  }

  /** Bytes moved: 0 for what moves none, which the driver wants so (ublk_drv.c:1064). */
  private bytesDone(tag: number): number {
    const operation = this.descriptors[tag * DESCRIPTOR.WORDS]! & 0xff;
    if (operation > REQUEST.WRITE) return 0;
    const length = this.lengthOf(tag);
    const index = operation === REQUEST.READ ? this.readIndex : this.writtenIndex;
    this.executor.arena.f64[index]! += length;
    return length;
  }

  private commit(tag: number, result: number): void {
    if (result < 0) this.executor.arena.f64[this.failedIndex]!++;
    this.post(IO_OPERATION.COMMIT_AND_FETCH_REQ, tag, result);
  }

  onPermits(): void {
    this.executor.defer(this);
  }

  flush(): void {
    while (this.waiting.length > 0 && this.issue(this.waiting.first)) this.waiting.shift();
    if (this.isLeaving && this.submitted === 0) this.leave();
    if (this.live === 0) this.stop();
  }

  private leave(): void {
    this.isLeaving = false;
    this.blocks = undefined;
    this.events.onUnbound();
  }

  private stop(): void {
    this.live = -1;
    this.executor.ring.removeHandler(this.handlerId);
    this.events.onStopped();
  }
}
