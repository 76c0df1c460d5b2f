/**
 * A server session on one thread: the requests that come in on the connections of this thread,
 * from the immediate to the answer. A chunk stays in use until the back end is done with it, even
 * when its path died meanwhile: what a client re-sends on another path waits for that, whichever
 * thread has that path's connection. A word for each chunk, shared by the threads, says who has it.
 *
 * Where a path renews keys, the client can write to a chunk from the answer to the next request
 * only: nobody looks at a request before its chunk's window is closed (rtrs-srv.c:1287-1298).
 */
import type { ConnectionWindows, FabricFailure } from "../../fabric/fabric.ts";
import { ERRNO } from "../../ffi/errno.ts";
import type { Arena } from "../../ring/arena.ts";
import { IMMEDIATE } from "../constants.ts";
import {
  immediateType,
  memoryBits,
  requestBufferId,
  requestOffset,
  responseImmediate,
} from "../immediate.ts";
import { HEADER_AREA_BYTES } from "../limits.ts";
import { encodeRkeyResponse, RKEY_RSP } from "../request_codec.ts";
import type { ServerConnection } from "./connection.ts";
import { checkRequest, ParsedRequest, REJECT, REQUEST_REJECTIONS } from "./gate.ts";

/** What a lane is made of; plain data, so that main can send it to a reactor. */
export interface ServerLaneSetup {
  /** Handle of the session in this process. */
  readonly session: number;
  /** Number of this thread: 0 is main, reactor i is i + 1. */
  readonly thread: number;
  readonly queueDepth: number;
  readonly chunkBytes: number;
  /** Arena offset of chunk 0. */
  readonly chunksAt: number;
  /**
   * Index in `arena.u32` of a word for each chunk: 0, or 1 + the thread that uses it in the low
   * half, 1 + the thread with a request that waits for it in the high half.
   */
  readonly usersIndex: number;
  /** Index in `arena.f64` of the counters of REQUEST_REJECTIONS. */
  readonly rejectionsIndex: number;
}

/** The layer above: RNBD. */
export interface ServerLaneUser {
  /**
   * A request passed the gate. Exactly one `ServerLane.respond` follows, now or later. The
   * request is valid during the call; its data area starts at `chunkAt`.
   */
  onRequest(chunk: number, chunkAt: number, request: ParsedRequest): void;
  onHeartbeat(connection: ServerConnection, isAck: boolean): void;
  /** A SEND arrived on the service connection: INFO_REQ. Valid during the call. */
  onMessage(connection: ServerConnection, at: number, length: number): void;
  /** A connection cannot be used any more. */
  onConnectionBroken(connection: ServerConnection, failure: FabricFailure): void;
  /** A chunk is free that a request waits for on another thread: its lane resumes it. */
  onChunkFree(thread: number, chunk: number): void;
  /** It is closed and its last request has ended. */
  onConnectionDrained(connection: ServerConnection): void;
}

const USER_MASK = 0xffff;
const WAITER_SHIFT = 16;

/** Why a path ends whose request came again on another one (rtrs-clt.c:1315). */
const RESENT: FabricFailure = {
  errno: ERRNO.ECONNRESET,
  reason: "the client sent its requests again on another path",
};

/** See the head of this file. Every call comes from the lane's thread. */
export class ServerLane {
  private readonly bits: number;
  private readonly request = new ParsedRequest();
  /** Who gets the answer of a chunk's request; undefined = chunk not in use. */
  private readonly owner: (ServerConnection | undefined)[];
  /** A re-sent request that waits until the chunk is free: its connection and immediate. */
  private readonly waiting: (ServerConnection | undefined)[];
  private readonly waitingImmediate: Uint32Array;
  /** Chunks whose window is being closed, and the immediate that goes on then. */
  private readonly closing: Uint8Array;
  private readonly closingImmediate: Uint32Array;
  private readonly isRead: Uint8Array;
  /** Payload of a chunk's request: what a READ answers, what a WRITE brought. */
  private readonly dataLength: Uint32Array;
  private readonly addressHigh: Int32Array;
  private readonly addressLow: Int32Array;
  private readonly rkey: Int32Array;

  constructor(
    readonly arena: Arena,
    readonly setup: ServerLaneSetup,
    readonly user: ServerLaneUser,
  ) {
    const depth = setup.queueDepth;
    this.bits = memoryBits(depth);
    this.owner = new Array<ServerConnection | undefined>(depth).fill(undefined);
    this.waiting = new Array<ServerConnection | undefined>(depth).fill(undefined);
    this.waitingImmediate = new Uint32Array(depth);
    this.closing = new Uint8Array(depth);
    this.closingImmediate = new Uint32Array(depth);
    this.isRead = new Uint8Array(depth);
    this.dataLength = new Uint32Array(depth);
    this.addressHigh = new Int32Array(depth);
    this.addressLow = new Int32Array(depth);
    this.rkey = new Int32Array(depth);
  }

  /** An immediate arrived on `connection`. */
  receive(connection: ServerConnection, immediate: number): void {
    if (!connection.isOpen) return;
    const type = immediateType(immediate);
    if (type === IMMEDIATE.IO_REQUEST) this.receiveRequest(connection, immediate);
    else if (type === IMMEDIATE.HEARTBEAT || type === IMMEDIATE.HEARTBEAT_ACK) {
      if (connection.cid !== 0) this.cutOff(connection, REJECT.heartbeat_on_io_connection);
      else this.user.onHeartbeat(connection, type === IMMEDIATE.HEARTBEAT_ACK);
    } else this.cutOff(connection, REJECT.immediate_type_unknown);
  }

  private receiveRequest(connection: ServerConnection, immediate: number): void {
    if (!connection.takesRequests) return this.cutOff(connection, REJECT.path_not_connected);
    const chunk = requestBufferId(immediate, this.bits);
    if (chunk >= this.setup.queueDepth) {
      return this.cutOff(connection, REJECT.buffer_id_out_of_range);
    }
    const owner = this.owner[chunk];
    if (owner !== undefined) return this.hold(connection, chunk, owner, immediate);
    if (!this.claim(chunk)) return this.wait(connection, chunk, immediate);
    if (connection.windows === undefined) this.admit(connection, chunk, immediate);
    else this.closeWindow(connection, connection.windows, chunk, immediate);
  }

  /** Takes the chunk from the client; {@link onWindowClosed} goes on. */
  private closeWindow(
    connection: ServerConnection,
    windows: ConnectionWindows,
    chunk: number,
    immediate: number,
  ): void {
    this.owner[chunk] = connection;
    connection.beginRequest();
    this.closing[chunk] = 1;
    this.closingImmediate[chunk] = immediate;
    windows.close(chunk);
  }

  /** The client cannot write to the chunk any more. */
  onWindowClosed(connection: ServerConnection, chunk: number): void {
    if (!connection.isOpen) return;
    this.endClosing(connection, chunk);
    this.admit(connection, chunk, this.closingImmediate[chunk]!);
  }

  private endClosing(connection: ServerConnection, chunk: number): void {
    this.closing[chunk] = 0;
    this.owner[chunk] = undefined;
    connection.endRequest();
  }

  /** Takes a chunk for this thread; false when another one has it, which tells when it is free. */
  private claim(chunk: number): boolean {
    const { u32 } = this.arena;
    const index = this.setup.usersIndex + chunk;
    const user = this.setup.thread + 1;
    for (;;) {
      const word = Atomics.compareExchange(u32, index, 0, user);
      if (word === 0) return true;
      const asking = (word & USER_MASK) | (user << WAITER_SHIFT);
      if (Atomics.compareExchange(u32, index, word, asking) === word) return false;
    }
  }

  private unclaim(chunk: number): void {
    const word = Atomics.exchange(this.arena.u32, this.setup.usersIndex + chunk, 0);
    const waiter = word >>> WAITER_SHIFT;
    if (waiter !== 0) this.user.onChunkFree(waiter - 1, chunk);
  }

  /** `connection` is closed: its windows will not be, and those requests are forgotten. */
  dropClosing(connection: ServerConnection): void {
    for (let chunk = 0; chunk < this.setup.queueDepth; chunk++) {
      if (this.closing[chunk] === 0 || this.owner[chunk] !== connection) continue;
      this.endClosing(connection, chunk);
      this.unclaim(chunk);
      this.resume(chunk);
    }
  }

  /** The gate, and what comes behind it. */
  private admit(connection: ServerConnection, chunk: number, immediate: number): void {
    const { chunkBytes, chunksAt } = this.setup;
    const chunkAt = chunksAt + chunk * chunkBytes;
    const offset = requestOffset(immediate, this.bits);
    const request = this.request;
    const reason = checkRequest(
      this.arena.view,
      chunkAt,
      chunkBytes,
      HEADER_AREA_BYTES,
      offset,
      request,
    );
    if (reason !== 0) {
      this.unclaim(chunk);
      return this.cutOff(connection, reason);
    }
    this.owner[chunk] = connection;
    connection.beginRequest();
    this.isRead[chunk] = request.isRead ? 1 : 0;
    this.dataLength[chunk] = request.isRead && !request.hasBuffer ? 0 : request.dataLength;
    this.addressHigh[chunk] = request.addressHigh;
    this.addressLow[chunk] = request.addressLow;
    this.rkey[chunk] = request.rkey;
    this.user.onRequest(chunk, chunkAt, request);
  }

  /**
   * The chunk is in use. That is right only when the path that used it is of no use any more to the
   * client, even if this side has not noticed: then it ends now, and what it brought is waited for.
   */
  private hold(
    connection: ServerConnection,
    chunk: number,
    owner: ServerConnection,
    immediate: number,
  ): void {
    if (owner.isOpen && owner.path === connection.path) {
      return this.cutOff(connection, REJECT.buffer_id_in_flight);
    }
    owner.onBroken(RESENT);
    this.wait(connection, chunk, immediate);
  }

  private wait(connection: ServerConnection, chunk: number, immediate: number): void {
    const waiting = this.waiting[chunk];
    if (waiting?.isOpen === true && waiting.path === connection.path) {
      return this.cutOff(connection, REJECT.buffer_id_in_flight);
    }
    this.waiting[chunk] = connection;
    this.waitingImmediate[chunk] = immediate;
    connection.beginRequest();
    if (waiting === undefined) return;
    // It died as well, and the client re-sent once more.
    waiting.onBroken(RESENT);
    waiting.endRequest();
    this.checkDrained(waiting);
  }

  /** Handle of the path that a chunk's request came on; 0 = the chunk is not in use. */
  pathOf(chunk: number): number {
    return this.owner[chunk]?.path ?? 0;
  }

  /** True when the answer to a chunk's request can be sent from `at` as it lies there. */
  reaches(chunk: number, at: number, length: number): boolean {
    const connection = this.owner[chunk]!;
    return connection.isOpen && connection.fabric.reaches(at, length);
  }

  /**
   * Answers a chunk's request.
   * @param errno 0 or positive
   * @param dataAt arena offset of a READ's data: the chunk, or where a memory back end has it
   */
  respond(chunk: number, errno: number, dataAt: number): void {
    const connection = this.owner[chunk];
    if (connection === undefined) throw new Error(`Chunk ${chunk} has no request to answer`);
    this.owner[chunk] = undefined;
    connection.endRequest();
    if (errno === 0) connection.count(this.isRead[chunk]!, this.dataLength[chunk]!);
    if (connection.isOpen) {
      const immediate = responseImmediate(chunk, errno, false);
      const length = errno === 0 && this.isRead[chunk] === 1 ? this.dataLength[chunk]! : 0;
      if (connection.windows !== undefined) {
        this.answerWithKey(connection, connection.windows, chunk, immediate, dataAt, length);
      } else if (length === 0) connection.fabric.immediate(immediate);
      else {
        connection.fabric.writeImmediate(
          dataAt,
          length,
          0,
          0,
          this.rkey[chunk]!,
          this.addressHigh[chunk]!,
          this.addressLow[chunk]!,
          immediate,
        );
      }
    } else this.checkDrained(connection);
    this.unclaim(chunk);
    this.resume(chunk);
  }

  /** Gives the chunk back to the client, with the key that lets it write there. */
  private answerWithKey(
    connection: ServerConnection,
    windows: ConnectionWindows,
    chunk: number,
    immediate: number,
    dataAt: number,
    length: number,
  ): void {
    const { fabric } = connection;
    if (length > 0) {
      const high = this.addressHigh[chunk]!;
      fabric.write(dataAt, length, this.rkey[chunk]!, high, this.addressLow[chunk]!);
    }
    const at = connection.keyMessagesAt + chunk * RKEY_RSP.BYTES;
    encodeRkeyResponse(this.arena.view, at, chunk, windows.open(chunk));
    fabric.sendImmediate(at, RKEY_RSP.BYTES, immediate);
  }

  /** A chunk that was in use may be free: what waits for it is tried again. */
  resume(chunk: number): void {
    const connection = this.waiting[chunk];
    if (connection === undefined || this.owner[chunk] !== undefined) return;
    this.waiting[chunk] = undefined;
    connection.endRequest();
    if (connection.isOpen) this.receiveRequest(connection, this.waitingImmediate[chunk]!);
    else this.checkDrained(connection);
  }

  /** The client broke a rule: counts it, reports the connection broken, closes it. */
  cutOff(connection: ServerConnection, reason: number): void {
    if (!connection.isOpen) return;
    this.arena.f64[this.setup.rejectionsIndex + reason]!++;
    connection.onBroken({
      errno: ERRNO.EPROTO,
      reason: `the client broke the protocol: ${REQUEST_REJECTIONS[reason]}`,
    });
  }

  /** Reports the connection once it is closed and its requests have ended. */
  checkDrained(connection: ServerConnection): void {
    if (!connection.isClosed || connection.inflight > 0 || connection.isDrained) return;
    connection.isDrained = true;
    this.user.onConnectionDrained(connection);
  }
}
