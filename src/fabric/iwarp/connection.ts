/**
 * One iWARP connection on the thread that adopted it: a socket, a {@link Receiver}, a
 * {@link Sender}, and at most one receive and one send in flight on the ring.
 *
 * Life: open → (broken →) closing → closed. Closing cancels what is in flight, waits for every
 * completion, sends a Terminate if one is due, and only then closes the descriptor.
 */
import { describeErrno, ERRNO } from "../../ffi/errno.ts";
import { close, shutdownSocket } from "../../ffi/libc.ts";
import type { Arena } from "../../ring/arena.ts";
import type { Executor, Flushable } from "../../ring/executor.ts";
import { MSG, OP, RECVSEND_POLL_FIRST, SQE } from "../../ring/opcodes.ts";
import type { CompletionHandler, Ring } from "../../ring/ring.ts";
import type {
  ConnectionLimits,
  ConnectionTicket,
  FabricConnection,
  FabricConnectionHandler,
  RegisteredMemory,
} from "../fabric.ts";
import { PostRing } from "../post_ring.ts";
import { CONNECTION_LAYOUT, IOVEC, MSGHDR } from "./connection_memory.ts";
import { Receiver } from "./receiver.ts";
import type { ReceiverFaults } from "./receiver_events.ts";
import { GATHER_MESSAGES_MIN } from "./limits.ts";
import { rejectionOf } from "./rejection.ts";
import { Sender } from "./sender.ts";
import { TaggedMemory } from "./tagged_memory.ts";
import { decodeTerminateControl, describeTerminate, encodeTerminate } from "./terminate.ts";
import { readTicket } from "./ticket.ts";
import { WORK } from "./work.ts";

/** Kinds of operation in flight. */
const TAG = { RECEIVE: 1, SEND: 2, TERMINATE: 3 } as const;

const STATE = { OPEN: 0, CLOSING: 1, CLOSED: 2 } as const;

const MSG_DONTWAIT = 0x40;
const SEND_FLAGS = MSG.WAITALL | MSG.NOSIGNAL;
/** Waiting first spares a try that nearly always finds nothing. */
const RECEIVE_OPCODE = OP.RECV | RECVSEND_POLL_FIRST << 16;
const NO_REASON = -1;

/** The data half of one connection. Made by the adopter. */
export class IwarpConnection
  implements FabricConnection, CompletionHandler, Flushable, ReceiverFaults {
  deferred = false;
  private readonly ring: Ring;
  private readonly arena: Arena;
  private readonly fd: number;
  private readonly crc: boolean;
  private readonly memoryAt: number;
  private readonly remoteAddress: string;
  private readonly handlerId: number;
  private readonly queue: PostRing;
  private readonly memory = new TaggedMemory();
  private readonly receiver: Receiver;
  private readonly sender: Sender;
  private state: number = STATE.OPEN;
  private receiving = false;
  private sending = false;
  private queueOverran = false;
  /** What to tell the peer before the socket is closed: an index of REJECT. */
  private terminateReason = NO_REASON;

  /**
   * @param rejections index in `arena.f64` of the first of REJECTION_NAMES' counters
   */
  constructor(
    private readonly executor: Executor,
    ticket: ConnectionTicket,
    limits: ConnectionLimits,
    private readonly handler: FabricConnectionHandler,
    private readonly rejections: number,
  ) {
    const { fd, crc, memory } = readTicket(ticket);
    this.ring = executor.ring;
    this.arena = executor.arena;
    this.fd = fd;
    this.crc = crc;
    this.memoryAt = memory;
    this.remoteAddress = ticket.remoteAddress;
    this.queue = new PostRing(limits.postsMax);
    this.sender = new Sender(this.arena, memory, crc, this.queue);
    this.receiver = new Receiver(
      this.arena,
      memory + CONNECTION_LAYOUT.STAGING,
      memory + CONNECTION_LAYOUT.REASSEMBLY,
      crc,
      limits.receiveBytesMax,
      this.memory,
      handler,
      this,
    );
    this.prepareReceiveMessage();
    this.handlerId = this.ring.addHandler(this);
    executor.defer(this);
  }

  private prepareReceiveMessage(): void {
    const words = this.arena.u32;
    const message = (this.memoryAt + CONNECTION_LAYOUT.RECEIVE_MESSAGE) / 4;
    const pieces = this.memoryAt + CONNECTION_LAYOUT.RECEIVE_PIECES;
    words[message + MSGHDR.PIECES / 4] = pieces >>> 0;
    words[message + MSGHDR.PIECES / 4 + 1] = this.arena.addressHigh(pieces);
    words[message + MSGHDR.PIECE_COUNT / 4] = 2;
  }

  // Posts.

  writeImmediate(
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
    rkey: number,
    addressHigh: number,
    addressLow: number,
    immediate: number,
  ): void {
    const kind = firstLength + secondLength > 0 ? WORK.WRITE | WORK.IMMEDIATE : WORK.IMMEDIATE;
    this.post(
      kind,
      first,
      firstLength,
      second,
      secondLength,
      rkey,
      addressHigh,
      addressLow,
      immediate,
    );
  }

  write(at: number, length: number, rkey: number, addressHigh: number, addressLow: number): void {
    if (length > 0) this.post(WORK.WRITE, at, length, 0, 0, rkey, addressHigh, addressLow, 0);
  }

  immediate(immediate: number): void {
    this.post(WORK.IMMEDIATE, 0, 0, 0, 0, 0, 0, 0, immediate);
  }

  send(at: number, length: number): void {
    this.post(WORK.SEND, at, length, 0, 0, 0, 0, 0, 0);
  }

  sendImmediate(at: number, length: number, immediate: number): void {
    this.post(WORK.SEND | WORK.IMMEDIATE, at, length, 0, 0, 0, 0, 0, immediate);
  }

  sendInvalidate(rkey: number): void {
    this.post(WORK.SEND | WORK.INVALIDATE, 0, 0, 0, 0, rkey, 0, 0, 0);
  }

  private post(
    kind: number,
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
    rkey: number,
    addressHigh: number,
    addressLow: number,
    immediate: number,
  ): void {
    if (this.state !== STATE.OPEN) return;
    const isQueued = this.queue.push(
      kind,
      first,
      firstLength,
      second,
      secondLength,
      rkey,
      addressHigh,
      addressLow,
      immediate,
    );
    if (!isQueued) this.queueOverran = true;
    if (!this.deferred) this.executor.defer(this);
  }

  expose(memory: RegisteredMemory): void {
    if (memory.access === "remote") this.memory.expose(memory);
  }

  conceal(memory: RegisteredMemory): void {
    if (memory.access === "remote") this.memory.invalidate(memory.rkey);
  }

  /** A socket sends from anywhere. */
  reaches(): boolean {
    return true;
  }

  close(): void {
    if (this.state !== STATE.OPEN) return;
    this.startClosing();
  }

  // The end of a batch.

  flush(): void {
    if (this.state === STATE.OPEN && this.queueOverran) {
      this.break(ERRNO.ENOBUFS, "more messages were posted than the connection was set up for");
    }
    if (this.state !== STATE.OPEN) {
      this.continueClosing();
      return;
    }
    if (!this.sending) this.startSend();
    if (!this.receiving) this.startReceive();
  }

  private startSend(): void {
    const sender = this.sender;
    if (sender.pendingBytes === 0) {
      if (this.queue.isEmpty) return;
      if (this.queue.length >= GATHER_MESSAGES_MIN) this.executor.gather();
      sender.encode();
    }
    const arena = this.arena;
    let opcode: number = OP.SENDMSG;
    let address = sender.messageAt;
    let addressHigh = arena.addressHigh(address);
    let length = 1;
    if (sender.piecesLeft === 1) {
      // A single piece needs no message header.
      const piece = sender.pieceOffset / 4;
      opcode = OP.SEND;
      address = arena.u32[piece]!;
      addressHigh = arena.u32[piece + 1]!;
      length = arena.u32[piece + 2]!;
    }
    const sqe = this.ring.prepare(
      opcode,
      this.fd,
      address >>> 0,
      addressHigh,
      length,
      this.handlerId,
      TAG.SEND,
      0,
    );
    this.ring.sqe[sqe + SQE.OP_FLAGS] = SEND_FLAGS;
    this.sending = true;
  }

  private startReceive(): void {
    const receiver = this.receiver;
    receiver.plan();
    this.receiving = true;
    if (receiver.directBytes > 0) {
      this.executor.sleepAtOnce();
      this.startDirectReceive();
      return;
    }
    const at = receiver.stagingAt;
    this.ring.prepare(
      RECEIVE_OPCODE,
      this.fd,
      at >>> 0,
      this.arena.addressHigh(at),
      receiver.stagingBytes,
      this.handlerId,
      TAG.RECEIVE,
      0,
    );
  }

  private startDirectReceive(): void {
    const receiver = this.receiver;
    const arena = this.arena;
    const words = arena.u32;
    const pieces = (this.memoryAt + CONNECTION_LAYOUT.RECEIVE_PIECES) / 4;
    const tail = pieces + IOVEC.BYTES / 4;
    words[pieces] = receiver.directAt >>> 0;
    words[pieces + 1] = arena.addressHigh(receiver.directAt);
    words[pieces + 2] = receiver.directBytes;
    words[tail] = receiver.stagingAt >>> 0;
    words[tail + 1] = arena.addressHigh(receiver.stagingAt);
    words[tail + 2] = receiver.stagingBytes;
    const message = this.memoryAt + CONNECTION_LAYOUT.RECEIVE_MESSAGE;
    this.ring.prepare(
      OP.RECVMSG,
      this.fd,
      message >>> 0,
      arena.addressHigh(message),
      1,
      this.handlerId,
      TAG.RECEIVE,
      0,
    );
  }

  // Completions.

  onCompletion(tag: number, _argument: number, result: number): void {
    if (tag === TAG.RECEIVE) this.onReceived(result);
    else if (tag === TAG.SEND) this.onSent(result);
    // A Terminate may go out or not.
    else this.sending = false;
    if (!this.deferred) this.executor.defer(this);
  }

  private onReceived(result: number): void {
    this.receiving = false;
    if (this.state !== STATE.OPEN) return;
    if (result > 0) this.receiver.received(result);
    else if (result === 0) this.break(ERRNO.ECONNRESET, "the peer closed the connection");
    else if (result !== -ERRNO.EINTR && result !== -ERRNO.EAGAIN) {
      this.break(-result, `receiving failed: ${describeErrno(-result)}`);
    }
  }

  private onSent(result: number): void {
    this.sending = false;
    if (result > 0) this.sender.sent(result);
    if (this.state !== STATE.OPEN || result >= 0) return;
    if (result !== -ERRNO.EINTR && result !== -ERRNO.EAGAIN) {
      this.break(-result, `sending failed: ${describeErrno(-result)}`);
    }
  }

  // What the receiver cannot go on from.

  onTerminate(control: number): void {
    const meaning = describeTerminate(decodeTerminateControl(control));
    this.break(ERRNO.ECONNABORTED, `the peer gave up with a Terminate: ${meaning}`);
  }

  onRejected(reason: number): void {
    this.arena.f64[this.rejections + reason]! += 1;
    this.terminateReason = reason;
    const { errno, sentence } = rejectionOf(reason);
    this.break(errno, `the peer was cut off: ${sentence}`);
  }

  // The end.

  private break(errno: number, reason: string): void {
    this.startClosing();
    this.handler.onBroken({ errno, reason: `${this.remoteAddress}: ${reason}` });
  }

  private startClosing(): void {
    this.state = STATE.CLOSING;
    this.receiver.stop();
    this.queue.clear();
    if (this.receiving) this.ring.cancel(this.handlerId, TAG.RECEIVE, 0);
    if (this.sending) this.ring.cancel(this.handlerId, TAG.SEND, 0);
    // With a Terminate due, the way out stays open for it.
    if (this.terminateReason === NO_REASON) shutdownSocket(this.fd);
    this.executor.defer(this);
  }

  private continueClosing(): void {
    if (this.state === STATE.CLOSED || this.receiving || this.sending) return;
    if (this.terminateReason !== NO_REASON && this.sender.pendingBytes === 0) {
      this.sendTerminate();
      return;
    }
    this.state = STATE.CLOSED;
    shutdownSocket(this.fd);
    close(this.fd);
    this.ring.removeHandler(this.handlerId);
    this.handler.onClosed();
  }

  /** Only between frames, and only if the socket takes it at once: this must not wait. */
  private sendTerminate(): void {
    const frame = encodeTerminate(rejectionOf(this.terminateReason).error, this.crc);
    this.terminateReason = NO_REASON;
    const at = this.memoryAt + CONNECTION_LAYOUT.TERMINATE;
    this.arena.u8.set(frame, at);
    const sqe = this.ring.prepare(
      OP.SEND,
      this.fd,
      at >>> 0,
      this.arena.addressHigh(at),
      frame.length,
      this.handlerId,
      TAG.TERMINATE,
      0,
    );
    this.ring.sqe[sqe + SQE.OP_FLAGS] = MSG_DONTWAIT | MSG.NOSIGNAL;
    this.sending = true;
  }
}
