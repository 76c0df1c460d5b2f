/**
 * A lane: the part of a client session that lives on one thread. It owns a range of the session's
 * buffer ids ("permits"), their header slots and data buffers, and one connection of every path.
 * No other lane uses its ids, so fail-over stays inside it.
 */
import type { Arena } from "../../ring/arena.ts";
import type { FabricFailure } from "../../fabric/fabric.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { memoryBits, requestImmediate } from "../immediate.ts";
import { REQUEST_HEADER_SLOT_BYTES } from "../limits.ts";
import {
  encodeRead,
  encodeReadInto,
  encodeWrite,
  READ_BYTES,
  READ_WITH_BUFFER_BYTES,
  WRITE_BYTES,
} from "../request_codec.ts";
import type { ClientConnection } from "./connection.ts";

/** What a lane is made of; plain data, so that main can send it to a reactor. */
export interface ClientLaneSetup {
  /** Handle of the session in this process. */
  readonly session: number;
  readonly queueDepth: number;
  readonly chunkBytes: number;
  readonly firstPermit: number;
  readonly permits: number;
  /** Arena offset of the header slots, REQUEST_HEADER_SLOT_BYTES each. */
  readonly headersAt: number;
  /** Arena offset of the data buffers, `bufferBytes` each. */
  readonly buffersAt: number;
  readonly bufferBytes: number;
  /**
   * Index in `arena.u32` of the count of messages received, which the heartbeat watches; the
   * count of requests in flight is the next word.
   */
  readonly receivedIndex: number;
}

/** The layer above: RNBD. */
export interface ClientLaneUser {
  /** The request of `permit` ended; errno 0 or positive. The permit is held again. */
  onResponse(permit: number, errno: number): void;
  /** A heartbeat immediate arrived (service connection only). */
  onHeartbeat(isAck: boolean): void;
  /** A SEND arrived that belongs to no request: INFO_RSP. Valid during the call. */
  onMessage(at: number, length: number): void;
  /** A connection cannot be used any more; its requests end when it is closed. */
  onConnectionBroken(connection: ClientConnection, failure: FabricFailure): void;
  /** Its requests have ended and nothing refers to memory any more. */
  onConnectionClosed(connection: ClientConnection): void;
}

const PERMIT = { FREE: 0, HELD: 1, INFLIGHT: 2 } as const;

/** See the head of this file. Every call comes from the lane's thread. */
export class ClientLane {
  /** Messages received on the lane's connections, where the heartbeat sees it. */
  readonly receivedIndex: number;
  /** Index in `arena.u32` of the count of requests that wait for an answer, for `status`. */
  private readonly inflightIndex: number;
  private readonly bits: number;
  private readonly state: Uint8Array;
  /** The connection that carries a permit's request, while it is in flight. */
  private readonly carrier: (ClientConnection | undefined)[];
  private readonly freeList: Int32Array;
  private freeCount: number;
  private readonly connections: ClientConnection[] = [];

  constructor(
    readonly arena: Arena,
    readonly setup: ClientLaneSetup,
    readonly user: ClientLaneUser,
  ) {
    this.bits = memoryBits(setup.queueDepth);
    this.receivedIndex = setup.receivedIndex;
    this.inflightIndex = setup.receivedIndex + 1;
    this.state = new Uint8Array(setup.permits);
    this.carrier = new Array<ClientConnection | undefined>(setup.permits).fill(undefined);
    this.freeList = new Int32Array(setup.permits);
    this.freeCount = setup.permits;
    // A stack with the lowest id on top: few ids in use touch little memory.
    for (let i = 0; i < setup.permits; i++) {
      this.freeList[i] = setup.firstPermit + setup.permits - 1 - i;
    }
  }

  /** True while some connection can carry requests. */
  get isConnected(): boolean {
    for (let i = 0; i < this.connections.length; i++) {
      if (this.connections[i]!.isOpen) return true;
    }
    return false;
  }

  /** Permits that nobody holds. */
  get freePermits(): number {
    return this.freeCount;
  }

  /** Takes a permit; -1 when all are held. */
  acquire(): number {
    if (this.freeCount === 0) return -1;
    const permit = this.freeList[--this.freeCount]!;
    this.state[permit - this.setup.firstPermit] = PERMIT.HELD;
    return permit;
  }

  /** Gives a held permit back. */
  release(permit: number): void {
    const index = permit - this.setup.firstPermit;
    if (this.state[index] !== PERMIT.HELD) throw new Error(`Permit ${permit} is not held`);
    this.state[index] = PERMIT.FREE;
    this.freeList[this.freeCount++] = permit;
  }

  /** Arena offset where the user message of a permit's next request is built. */
  headerOf(permit: number): number {
    return this.setup.headersAt + (permit - this.setup.firstPermit) * REQUEST_HEADER_SLOT_BYTES;
  }

  /** Arena offset of the data buffer of a permit. */
  bufferOf(permit: number): number {
    return this.setup.buffersAt + (permit - this.setup.firstPermit) * this.setup.bufferBytes;
  }

  /**
   * Sends a READ: the user message at `headerOf(permit)`, room for `dataLength` bytes that the
   * server writes to arena offset `dataAt`. Without data (a flush) no descriptor goes along.
   * @returns false when no connection is open; the permit stays held
   */
  read(permit: number, userLength: number, dataAt: number, dataLength: number): boolean {
    const connection = this.pick();
    if (connection === undefined) return false;
    const header = this.headerOf(permit);
    const message = header + userLength;
    let length = userLength + READ_BYTES;
    if (dataLength === 0) {
      encodeRead(this.arena.view, message, userLength);
    } else {
      length = userLength + READ_WITH_BUFFER_BYTES;
      const index = connection.memoryIndexOf(dataAt);
      encodeReadInto(
        this.arena.view,
        message,
        userLength,
        0,
        connection.memoryHigh(index, dataAt),
        connection.memoryLow(index, dataAt),
        connection.memoryKey(index),
        dataLength,
      );
    }
    const immediate = requestImmediate(permit, dataLength + userLength, this.bits);
    this.start(permit, connection);
    connection.post(permit, dataLength, header, length, 0, 0, immediate);
    return true;
  }

  /**
   * Sends a WRITE: `dataLength` bytes at `dataAt` and the user message at `headerOf(permit)`.
   * @returns false when no connection is open; the permit stays held
   */
  write(permit: number, userLength: number, dataAt: number, dataLength: number): boolean {
    const connection = this.pick();
    if (connection === undefined) return false;
    const header = this.headerOf(permit);
    encodeWrite(this.arena.view, header + userLength, userLength);
    const immediate = requestImmediate(permit, dataLength + userLength, this.bits);
    this.start(permit, connection);
    const length = userLength + WRITE_BYTES;
    if (dataLength === 0) connection.post(permit, 0, header, length, 0, 0, immediate);
    else connection.post(permit, 0, dataAt, dataLength, header, length, immediate);
    return true;
  }

  /** Adds a connection; it carries requests from now on. */
  attach(connection: ClientConnection): void {
    this.connections.push(connection);
  }

  /** An answer for `permit` came in on `connection`; false when it waits for none there. */
  complete(connection: ClientConnection, permit: number, errno: number): boolean {
    const index = permit - this.setup.firstPermit;
    if (index < 0 || index >= this.setup.permits) return false;
    if (this.carrier[index] !== connection) return false;
    this.finish(index, permit, errno);
    return true;
  }

  /** `connection` is closed: what it carried fails, and it is forgotten. */
  detach(connection: ClientConnection): void {
    const at = this.connections.indexOf(connection);
    if (at >= 0) this.connections.splice(at, 1);
    for (let index = 0; index < this.setup.permits; index++) {
      if (this.carrier[index] !== connection) continue;
      this.finish(index, this.setup.firstPermit + index, ERRNO.ECONNABORTED);
    }
    this.user.onConnectionClosed(connection);
  }

  private pick(): ClientConnection | undefined {
    for (let i = 0; i < this.connections.length; i++) {
      const connection = this.connections[i]!;
      if (connection.isOpen) return connection;
    }
    return undefined;
  }

  private start(permit: number, connection: ClientConnection): void {
    const index = permit - this.setup.firstPermit;
    if (this.state[index] !== PERMIT.HELD) throw new Error(`Permit ${permit} is not held`);
    this.state[index] = PERMIT.INFLIGHT;
    this.carrier[index] = connection;
    this.arena.u32[this.inflightIndex]!++;
  }

  private finish(index: number, permit: number, errno: number): void {
    this.state[index] = PERMIT.HELD;
    this.carrier[index] = undefined;
    this.arena.u32[this.inflightIndex]!--;
    this.user.onResponse(permit, errno);
  }
}
