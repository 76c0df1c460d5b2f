/**
 * One NBD client in the transmission phase, on the thread that owns its socket. Everything that
 * arrived is handled at once, then one send carries all replies; nothing is allocated per request.
 *
 *   OPEN ──DISC, end of file, drain()──▶ DRAINING ──all answered──▶ CLOSING ──▶ CLOSED
 *     └──────────rule broken, send failed, close()──────────────────▶┘
 */
import type { BlockQueue, BlockUser } from "../rnbd/block_queue.ts";
import type { CounterBlock } from "../ring/counters.ts";
import type { Executor, Flushable } from "../ring/executor.ts";
import { OP } from "../ring/opcodes.ts";
import type { CompletionHandler } from "../ring/ring.ts";
import { type NbdCounterName, REJECTION_COUNTERS } from "./counters.ts";
import { nbdError } from "./error_map.ts";
import { judge, REJECTED_MAGIC, REJECTIONS } from "./gate.ts";
import { GIVE_WAY_REQUESTS_MIN, SMALL_PAYLOAD_BYTES_MAX, STAGING_BYTES } from "./limits.ts";
import { TAG } from "./operation_tags.ts";
import { PieceTable } from "./piece_table.ts";
import { COMMAND, COMMAND_FLAG, MAGIC, REQUEST } from "./protocol.ts";
import { Receiver } from "./receiver.ts";
import { ENTRY } from "./reply_queue.ts";
import { ReplySender } from "./reply_sender.ts";
import { RequestIssuer } from "./request_issuer.ts";
import { RequestTable } from "./request_table.ts";
import type { NbdTicket } from "./ticket.ts";

const HIGH = 2 ** 32;
const SHUT_RDWR = 2;
const STATE = { OPEN: 0, DRAINING: 1, CLOSING: 2, CLOSED: 3 } as const;

/** A connection that serves one client from one block queue. */
export class NbdConnection implements CompletionHandler, Flushable, BlockUser {
  deferred = false;
  private state: number = STATE.OPEN;
  private readonly handlerId: number;
  private readonly requests = new RequestTable();
  private readonly pieces = new PieceTable();
  private readonly receiver: Receiver;
  private readonly sender: ReplySender;
  private readonly issuer: RequestIssuer;
  /** Payloads are long: receive only headers to staging, so that nothing has to be copied. */
  private headersOnly = false;
  /** The last request was long: batches of those gain nothing. */
  private hasLargeRequests = false;
  /** The shutdown of the socket is in flight. */
  private shuttingDown = false;
  private readonly requestsAt: number;
  private readonly readBytesAt: number;
  private readonly writtenBytesAt: number;
  private readonly failedAt: number;
  private readonly sendsAt: number;
  private readonly receivesAt: number;
  private readonly rejectedAt: number;

  /**
   * Takes over the ticket's socket and starts to serve. All calls come from one thread.
   * @param blocks the mapped disk on this thread
   * @param counters this thread's NBD_COUNTERS
   * @param onClosed called once, when the socket is closed and nothing refers to the ticket's
   *   memory any more
   */
  constructor(
    private readonly executor: Executor,
    private readonly blocks: BlockQueue,
    private readonly ticket: NbdTicket,
    private readonly counters: CounterBlock<NbdCounterName>,
    private readonly onClosed: (ticket: NbdTicket) => void,
  ) {
    const { fd, memory, structured } = ticket;
    const { requests, pieces } = this;
    const id = this.handlerId = executor.ring.addHandler(this);
    this.receiver = new Receiver(executor, fd, id, memory);
    this.sender = new ReplySender(executor, blocks, fd, id, memory, structured, requests, pieces);
    this.issuer = new RequestIssuer(executor, blocks, this, this.receiver, requests, pieces);
    this.requestsAt = counters.indexOf("nbd_requests");
    this.readBytesAt = counters.indexOf("nbd_read_bytes");
    this.writtenBytesAt = counters.indexOf("nbd_written_bytes");
    this.failedAt = counters.indexOf("nbd_failed_requests");
    this.sendsAt = counters.indexOf("nbd_sends");
    this.receivesAt = counters.indexOf("nbd_receives");
    this.rejectedAt = counters.at + REJECTION_COUNTERS;
    counters.add("nbd_connections_opened");
    executor.defer(this);
  }

  /** Reads no further request, answers those it has, then closes. Idempotent. */
  drain(): void {
    if (this.state === STATE.OPEN) this.state = STATE.DRAINING;
    this.executor.defer(this);
  }

  /** Cuts the connection; block requests at the device are waited for. Idempotent. */
  close(): void {
    if (this.state < STATE.CLOSING) this.beginClose();
    this.executor.defer(this);
  }

  onCompletion(tag: number, _argument: number, result: number): void {
    switch (tag) {
      case TAG.RECEIVE:
        this.executor.arena.f64[this.receivesAt]++;
        this.issuer.onPayload(this.receiver.onReceived(result));
        break;
      case TAG.SEND:
        if (!this.sender.onSent(result) && this.state < STATE.CLOSING) this.beginClose();
        break;
      case TAG.SHUTDOWN:
        this.shuttingDown = false;
        break;
      case TAG.CLOSE:
        this.finishClose();
        return;
    }
    this.executor.defer(this);
  }

  onPermits(): void {
    this.issuer.waitsForPermit = false;
    if (this.state < STATE.CLOSING) return this.executor.defer(this);
    // The chance came too late for this connection: pass it on to whoever waits next.
    const permit = this.blocks.acquire(this);
    if (permit >= 0) this.blocks.release(permit);
  }

  onBlockDone(_permit: number, piece: number, errno: number): void {
    const { requests, pieces, issuer } = this;
    const request = pieces.request[piece];
    issuer.submitted--;
    requests.pending[request]--;
    this.executor.defer(this);
    if (this.state >= STATE.CLOSING) return this.sender.releasePiece(piece);
    const command = requests.command[request];
    if (errno !== 0) {
      const offset = command === COMMAND.FLUSH ? -1 : pieces.offset[piece];
      requests.fail(request, nbdError(errno), offset);
    }
    if (command === COMMAND.READ) return this.onReadDone(request, piece, errno);
    const complete = requests.isComplete(request);
    const flush = complete && requests.error[request] === 0 && requests.flushAfter[request] !== 0;
    if (flush) return issuer.flushAfter(piece);
    this.sender.releasePiece(piece);
    if (complete) this.answer(request);
  }

  private onReadDone(request: number, piece: number, errno: number): void {
    const { requests, sender } = this;
    const complete = requests.isComplete(request);
    const clean = requests.error[request] === 0;
    if (requests.assembled[request] !== 0) {
      if (errno === 0) this.assemble(request, piece);
      sender.releasePiece(piece);
      if (complete) this.answer(request);
    } else if (errno !== 0) {
      sender.releasePiece(piece);
      if (complete) this.answer(request);
    } else if (complete && clean) {
      this.executor.arena.f64[this.readBytesAt] += requests.length[request];
      sender.queue.push(ENTRY.LAST_DATA | piece);
    } else {
      sender.queue.push(ENTRY.DATA | piece);
      if (complete) this.answer(request);
    }
  }

  private assemble(request: number, piece: number): void {
    const { pieces } = this;
    const to = this.sender.assembly + (pieces.offset[piece] - this.requests.offset[request]);
    const from = pieces.at[piece];
    this.executor.arena.u8.copyWithin(to, from, from + pieces.length[piece]);
  }

  /** Queues the reply of a request that is over; its data, if any, has been queued before. */
  private answer(request: number): void {
    const { requests, sender } = this;
    const { f64 } = this.executor.arena;
    const command = requests.command[request];
    const failed = requests.error[request] !== 0;
    if (failed) f64[this.failedAt]++;
    else if (command === COMMAND.WRITE) f64[this.writtenBytesAt] += requests.length[request];
    if (requests.assembled[request] !== 0 && !failed) {
      f64[this.readBytesAt] += requests.length[request];
      sender.queue.push(ENTRY.ASSEMBLED | request);
      return;
    }
    if (requests.assembled[request] !== 0) sender.assemblyBusy = false;
    sender.queue.push(ENTRY.STATUS | request);
  }

  flush(): void {
    if (this.state < STATE.CLOSING) this.advance();
    if (this.state < STATE.CLOSING) this.post();
    if (this.state === STATE.CLOSING) this.tryClose();
  }

  private post(): void {
    const { sender, receiver, issuer } = this;
    if (!sender.isIdle && !sender.sending) {
      sender.send();
      this.executor.arena.f64[this.sendsAt]++;
    }
    if (!receiver.armed && !receiver.ended) {
      if (issuer.receiving >= 0) issuer.armPayload();
      else if (this.state === STATE.OPEN || issuer.wantsPayload) {
        const headers = this.headersOnly && !issuer.wantsPayload;
        receiver.armStaging(headers ? REQUEST.BYTES : STAGING_BYTES);
      }
    }
    if (this.hasLargeRequests) this.executor.sleepAtOnce();
    else if (this.requests.used >= GIVE_WAY_REQUESTS_MIN) this.executor.giveWay();
    const answered = this.requests.used === 0 && sender.isIdle;
    if (this.state === STATE.DRAINING && answered) this.beginClose();
  }

  /** Handles everything that was received, until something is missing. */
  private advance(): void {
    const { receiver, issuer, requests } = this;
    for (;;) {
      if (issuer.current >= 0) {
        if (!issuer.issue()) break;
        this.finishIssue();
      } else if (receiver.skipLeft > 0) {
        if (!receiver.skip()) break;
      } else if (this.state !== STATE.OPEN || requests.isFull) {
        return;
      } else if (receiver.available < REQUEST.BYTES || !this.parse(receiver.at)) {
        break;
      }
    }
    if (receiver.ended && this.state < STATE.CLOSING) this.onInputEnded();
  }

  private finishIssue(): void {
    const request = this.issuer.current;
    this.issuer.finish();
    // Its last piece came back before the rest failed, so nobody else will answer it.
    if (this.requests.isComplete(request)) this.answer(request);
  }

  /** The client sends no more: what it asked for completely is still answered. */
  private onInputEnded(): void {
    const { issuer, receiver } = this;
    if (issuer.current >= 0) {
      const starved = issuer.receiving >= 0 ||
        (issuer.wantsPayload && !issuer.waitsForPermit && !this.pieces.isFull);
      if (starved) this.beginClose();
      return;
    }
    // A request that waits for the assembly buffer is complete and must not be lost.
    if (receiver.skipLeft > 0 || receiver.available < REQUEST.BYTES) this.state = STATE.DRAINING;
  }

  /** Handles the request at arena offset `at`; false when it has to wait or was the last. */
  private parse(at: number): boolean {
    const { arena } = this.executor;
    const { view } = arena;
    if (view.getUint32(at + REQUEST.MAGIC) !== MAGIC.REQUEST) return this.cut(REJECTED_MAGIC);
    const flags = view.getUint16(at + REQUEST.FLAGS);
    const command = view.getUint16(at + REQUEST.COMMAND);
    if (command === COMMAND.DISC) {
      this.state = STATE.DRAINING;
      return false;
    }
    const offset = view.getUint32(at + REQUEST.OFFSET) * HIGH +
      view.getUint32(at + REQUEST.OFFSET + 4);
    const length = view.getUint32(at + REQUEST.LENGTH);
    const { blocks, requests, receiver } = this;
    const geometry = blocks.geometry;
    const offered = this.ticket.transmissionFlags;
    const rejection = judge(command, flags, offset, length, offered, geometry, blocks.isOpen);
    if (rejection !== 0 && REJECTIONS[rejection]!.error === 0) return this.cut(rejection);
    const whole = rejection === 0 && command === COMMAND.READ && length > geometry.maxIoBytes &&
      (!this.ticket.structured || (flags & COMMAND_FLAG.DF) !== 0);
    if (whole && this.sender.assemblyBusy) return false;
    const cookieHigh = view.getUint32(at + REQUEST.COOKIE);
    const cookieLow = view.getUint32(at + REQUEST.COOKIE + 4);
    const request = requests.take(cookieHigh, cookieLow, command, offset, length);
    receiver.consume(REQUEST.BYTES);
    arena.f64[this.requestsAt]++;
    if (rejection !== 0) {
      this.reject(request, rejection);
      return true;
    }
    if (whole) requests.assembled[request] = 1;
    if (whole) this.sender.assemblyBusy = true;
    this.hasLargeRequests = length > SMALL_PAYLOAD_BYTES_MAX;
    this.headersOnly = command === COMMAND.WRITE && this.hasLargeRequests;
    this.issuer.begin(request, flags);
    return true;
  }

  private reject(request: number, rejection: number): void {
    const { requests } = this;
    this.executor.arena.f64[this.rejectedAt + rejection]++;
    requests.rejection[request] = rejection;
    requests.fail(request, REJECTIONS[rejection]!.error, -1);
    if (requests.command[request] === COMMAND.WRITE) {
      this.receiver.skipLeft = requests.length[request];
    }
    this.answer(request);
  }

  /** Nothing that follows in the stream can be trusted. */
  private cut(rejection: number): boolean {
    this.executor.arena.f64[this.rejectedAt + rejection]++;
    this.beginClose();
    return false;
  }

  private beginClose(): void {
    const { ring } = this.executor;
    const { fd } = this.ticket;
    this.state = STATE.CLOSING;
    this.sender.dropQueued();
    if (this.receiver.armed) ring.cancel(this.handlerId, TAG.RECEIVE, 0);
    if (this.sender.sending) ring.cancel(this.handlerId, TAG.SEND, 0);
    // The shutdown ends what the cancellation came too early or too late for.
    ring.prepare(OP.SHUTDOWN, fd, 0, 0, SHUT_RDWR, this.handlerId, TAG.SHUTDOWN, 0);
    this.shuttingDown = true;
    this.executor.defer(this);
  }

  private tryClose(): void {
    const { receiver, sender, issuer } = this;
    const busy = receiver.armed || sender.sending || this.shuttingDown || issuer.submitted > 0;
    if (busy) return;
    if (issuer.receiving >= 0) sender.releasePiece(issuer.receiving);
    this.state = STATE.CLOSED;
    this.executor.ring.prepare(OP.CLOSE, this.ticket.fd, 0, 0, 0, this.handlerId, TAG.CLOSE, 0);
  }

  private finishClose(): void {
    this.executor.ring.removeHandler(this.handlerId);
    this.counters.add("nbd_connections_closed");
    this.onClosed(this.ticket);
  }
}
