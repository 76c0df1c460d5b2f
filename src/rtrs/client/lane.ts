/**
 * A lane: the part of a client session that lives on one thread. It owns a range of the session's
 * buffer ids ("permits"), their header slots and data buffers, and one connection of every path.
 * No other lane uses its ids, so fail-over stays inside it.
 *
 * A request whose connection is gone waits until main says that nothing sent on that path can
 * still take effect at the server, and is then sent on another one: under the same id, from the
 * same memory. Without that a late write could undo a newer one (protocol.md, "Fail-over").
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
import type { MpathPolicy } from "./policy.ts";

/** What a lane is made of; plain data, so that main can send it to a reactor. */
export interface ClientLaneSetup {
  /** Handle of the session in this process. */
  readonly session: number;
  readonly policy: MpathPolicy;
  readonly queueDepth: number;
  readonly chunkBytes: number;
  readonly firstPermit: number;
  readonly permits: number;
  /** Arena offset of the header slots, REQUEST_HEADER_SLOT_BYTES each. */
  readonly headersAt: number;
  /** Arena offset of the data buffers, `bufferBytes` each. */
  readonly buffersAt: number;
  readonly bufferBytes: number;
  /** Arena offset of the lane's counters: PATH_COUNTER_BYTES for each slot of a path. */
  readonly countersAt: number;
}

/** The layer above: RNBD. */
export interface ClientLaneUser {
  /**
   * The request of `permit` ended; errno 0 or positive. The permit is held again.
   * @param connection what carried it last; undefined when it waited for another path in vain
   */
  onResponse(permit: number, errno: number, connection: ClientConnection | undefined): void;
  /** A heartbeat immediate arrived (service connection only). */
  onHeartbeat(connection: ClientConnection, isAck: boolean): void;
  /** A SEND arrived that belongs to no request: INFO_RSP. Valid during the call. */
  onMessage(connection: ClientConnection, at: number, length: number): void;
  /** A connection cannot be used any more; its requests end when it is closed. */
  onConnectionBroken(connection: ClientConnection, failure: FabricFailure): void;
  /** Its requests have ended and nothing refers to memory any more. */
  onConnectionClosed(connection: ClientConnection): void;
}

/** WAITING: it was sent, or was to be, and no connection carries it. */
const PERMIT = { FREE: 0, HELD: 1, INFLIGHT: 2, WAITING: 3 } as const;

/** Added to the cost of a path that is being drained: it is used when there is no other. */
const DRAINING_COST = 2 ** 30;
const COST_MAX = DRAINING_COST - 1;

/** See the head of this file. Every call comes from the lane's thread. */
export class ClientLane {
  policy: MpathPolicy;
  private readonly bits: number;
  private readonly state: Uint8Array;
  /** The connection that carries a permit's request, while it is in flight. */
  private readonly carrier: (ClientConnection | undefined)[];
  /** What was asked for, for sending it again. */
  private readonly isRead: Uint8Array;
  private readonly userLength: Uint16Array;
  private readonly dataAt: Float64Array;
  private readonly dataLength: Uint32Array;
  /** Of a request that waits: the path whose end at the server is awaited; 0 = none. */
  private readonly awaited: Int32Array;
  private waitingCount = 0;
  private readonly freeList: Int32Array;
  private freeCount: number;
  private readonly connections: ClientConnection[] = [];
  /** Where round-robin goes on. */
  private cursor = 0;
  /** The session has a path: requests wait for another when theirs is gone. */
  private isUp = false;

  constructor(
    readonly arena: Arena,
    readonly setup: ClientLaneSetup,
    readonly user: ClientLaneUser,
  ) {
    const { permits } = setup;
    this.policy = setup.policy;
    this.bits = memoryBits(setup.queueDepth);
    this.state = new Uint8Array(permits);
    this.carrier = new Array<ClientConnection | undefined>(permits).fill(undefined);
    this.isRead = new Uint8Array(permits);
    this.userLength = new Uint16Array(permits);
    this.dataAt = new Float64Array(permits);
    this.dataLength = new Uint32Array(permits);
    this.awaited = new Int32Array(permits);
    this.freeList = new Int32Array(permits);
    this.freeCount = permits;
    // A stack with the lowest id on top: few ids in use touch little memory.
    for (let i = 0; i < permits; i++) this.freeList[i] = setup.firstPermit + permits - 1 - i;
  }

  /** True while requests are taken: they go out, or wait for a path that is on its way. */
  get isConnected(): boolean {
    return this.isUp;
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
   * @returns false when the session has no path; the permit stays held
   */
  read(permit: number, userLength: number, dataAt: number, dataLength: number): boolean {
    return this.submit(permit, 1, userLength, dataAt, dataLength);
  }

  /**
   * Sends a WRITE: `dataLength` bytes at `dataAt` and the user message at `headerOf(permit)`.
   * @returns false when the session has no path; the permit stays held
   */
  write(permit: number, userLength: number, dataAt: number, dataLength: number): boolean {
    return this.submit(permit, 0, userLength, dataAt, dataLength);
  }

  private submit(
    permit: number,
    isRead: number,
    userLength: number,
    dataAt: number,
    dataLength: number,
  ): boolean {
    const index = permit - this.setup.firstPermit;
    if (this.state[index] !== PERMIT.HELD) throw new Error(`Permit ${permit} is not held`);
    const connection = this.pick();
    if (connection === undefined && !this.isUp) return false;
    this.isRead[index] = isRead;
    this.userLength[index] = userLength;
    this.dataAt[index] = dataAt;
    this.dataLength[index] = dataLength;
    if (connection === undefined) this.park(index, 0);
    else this.transmit(index, connection, dataAt);
    return true;
  }

  private transmit(index: number, connection: ClientConnection, dataAt: number): void {
    const permit = this.setup.firstPermit + index;
    const userLength = this.userLength[index]!;
    const dataLength = this.dataLength[index]!;
    const header = this.headerOf(permit);
    const message = header + userLength;
    const immediate = requestImmediate(permit, dataLength + userLength, this.bits);
    const { view } = this.arena;
    if (this.isRead[index] === 0) {
      encodeWrite(view, message, userLength);
      this.start(index, connection);
      const length = userLength + WRITE_BYTES;
      if (dataLength === 0) connection.post(permit, 0, header, length, 0, 0, immediate);
      else connection.post(permit, 0, dataAt, dataLength, header, length, immediate);
      return;
    }
    let length = userLength + READ_BYTES;
    if (dataLength === 0) {
      encodeRead(view, message, userLength);
    } else {
      length = userLength + READ_WITH_BUFFER_BYTES;
      const range = connection.memoryIndexOf(dataAt);
      const high = connection.memoryHigh(range, dataAt);
      const low = connection.memoryLow(range, dataAt);
      const key = connection.memoryKey(range);
      encodeReadInto(view, message, userLength, 0, high, low, key, dataLength);
    }
    this.start(index, connection);
    connection.post(permit, dataLength, header, length, 0, 0, immediate);
  }

  private start(index: number, connection: ClientConnection): void {
    this.state[index] = PERMIT.INFLIGHT;
    this.carrier[index] = connection;
    connection.begin();
  }

  /** Handle of the path that carries a permit's request; 0 = none does. */
  pathOf(permit: number): number {
    return this.carrier[permit - this.setup.firstPermit]?.path ?? 0;
  }

  /** Adds a connection; it carries requests once it is open. */
  attach(connection: ClientConnection): void {
    this.connections.push(connection);
  }

  /** A connection carries requests from now on: those that have no other are sent. */
  onOpened(): void {
    this.sendWaiting();
  }

  /** An answer for `permit` came in on `connection`; false when it waits for none there. */
  complete(connection: ClientConnection, permit: number, errno: number): boolean {
    const index = permit - this.setup.firstPermit;
    if (index < 0 || index >= this.setup.permits) return false;
    if (this.carrier[index] !== connection) return false;
    if (errno === 0) connection.count(this.isRead[index]!, this.dataLength[index]!);
    this.carrier[index] = undefined;
    connection.end();
    this.finish(index, errno, connection);
    if (connection.isDraining) connection.checkDrained();
    return true;
  }

  /**
   * `connection` is closed and forgotten: what it carried waits for {@link onPathEnded}, or fails
   * when the session has no path any more.
   */
  detach(connection: ClientConnection): void {
    const at = this.connections.indexOf(connection);
    if (at >= 0) this.connections.splice(at, 1);
    for (let index = 0; index < this.setup.permits; index++) {
      if (this.carrier[index] !== connection) continue;
      this.carrier[index] = undefined;
      connection.end();
      if (this.isUp) this.park(index, connection.path);
      else this.finish(index, ERRNO.ECONNABORTED, connection);
    }
    connection.checkDrained();
    this.user.onConnectionClosed(connection);
  }

  /** Nothing that was sent on a path can take effect at the server any more: it is sent again. */
  onPathEnded(path: number): void {
    if (this.waitingCount === 0) return;
    for (let index = 0; index < this.setup.permits; index++) {
      if (this.state[index] === PERMIT.WAITING && this.awaited[index] === path) {
        this.awaited[index] = 0;
      }
    }
    this.sendWaiting();
  }

  /** The session has a path, or has none any more: then what waits fails. */
  setUp(isUp: boolean): void {
    this.isUp = isUp;
    if (isUp || this.waitingCount === 0) return;
    for (let index = 0; index < this.setup.permits; index++) {
      if (this.state[index] !== PERMIT.WAITING) continue;
      this.waitingCount--;
      this.finish(index, ERRNO.ECONNABORTED, undefined);
    }
  }

  private park(index: number, path: number): void {
    this.state[index] = PERMIT.WAITING;
    this.awaited[index] = path;
    this.waitingCount++;
  }

  private sendWaiting(): void {
    if (this.waitingCount === 0) return;
    for (let index = 0; index < this.setup.permits; index++) {
      if (this.state[index] !== PERMIT.WAITING || this.awaited[index] !== 0) continue;
      const connection = this.pick();
      if (connection === undefined) return;
      this.waitingCount--;
      this.transmit(index, connection, this.dataAt[index]!);
    }
  }

  private pick(): ClientConnection | undefined {
    const { connections, policy } = this;
    const count = connections.length;
    const first = policy === "round-robin" && this.cursor < count ? this.cursor : 0;
    let best: ClientConnection | undefined;
    let bestCost = 2 * DRAINING_COST;
    for (let n = 0, i = first; n < count; n++, i = i + 1 === count ? 0 : i + 1) {
      const connection = connections[i]!;
      if (!connection.isOpen) continue;
      let cost = 0;
      if (policy === "min-inflight") cost = connection.inflight;
      else if (policy === "min-latency") cost = Math.min(connection.latencyUs, COST_MAX);
      if (connection.isDraining) cost += DRAINING_COST;
      if (cost >= bestCost) continue;
      best = connection;
      bestCost = cost;
      this.cursor = i + 1;
    }
    return best;
  }

  private finish(index: number, errno: number, connection: ClientConnection | undefined): void {
    this.state[index] = PERMIT.HELD;
    this.user.onResponse(this.setup.firstPermit + index, errno, connection);
  }
}
