/**
 * The mapped disks of a session on one reactor: turns block requests into RNBD IO messages on the
 * session's lane, and hands permits out. Allocates nothing per I/O.
 */
import type { FabricFailure } from "../../fabric/fabric.ts";
import { ERRNO } from "../../ffi/errno.ts";
import type { Flushable } from "../../ring/executor.ts";
import type { Arena } from "../../ring/arena.ts";
import type { RequestClock } from "../../ring/turn_clock.ts";
import { ClientConnection } from "../../rtrs/client/connection.ts";
import { ClientLane, type ClientLaneSetup, type ClientLaneUser } from "../../rtrs/client/lane.ts";
import {
  BLOCK_FLAG,
  BLOCK_OP,
  type BlockGeometry,
  type BlockQueue,
  type BlockUser,
} from "../block_queue.ts";
import { encodeIo, IO, RW_FLAG } from "../codec.ts";
import { UNMEASURED_ROW } from "../io_statistics.ts";
import { type MeasuredDisk, RequestTable, type WaitingRequest } from "../request_table.ts";

/** What a block lane needs of its thread. */
export interface BlockLaneHost {
  readonly arena: Arena;
  readonly clock: RequestClock;
  defer(task: Flushable): void;
}

/** Told about the lane's connections; the reactor passes it on to main. */
export interface BlockLaneEvents {
  onConnectionBroken(connection: ClientConnection, failure: FabricFailure): void;
  onConnectionClosed(connection: ClientConnection): void;
}

/** A mapped disk on one reactor. */
export class DeviceQueue implements BlockQueue, MeasuredDisk {
  isOpen = false;
  /** The server's id of the device; changes with every OPEN. */
  deviceId = 0;
  geometry: BlockGeometry;

  /**
   * @param number handle of the device in this process
   * @param statisticsRow where its requests are counted
   */
  constructor(
    private readonly lane: BlockLane,
    readonly number: number,
    geometry: BlockGeometry,
    readonly statisticsRow: number,
  ) {
    this.geometry = geometry;
  }

  acquire(user: BlockUser): number {
    return this.lane.acquire(user);
  }

  release(permit: number): void {
    this.lane.release(permit);
  }

  bufferOf(permit: number): number {
    return this.lane.bufferOf(permit);
  }

  /** A user goes away: it waits for permits no more. */
  forget(user: BlockUser): void {
    this.lane.removeUser(user);
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
    this.lane.submit(this, permit, user, operation, flags, offset, length, at, token);
  }
}

/** See the head of this file. Owned by one reactor. */
export class BlockLane implements ClientLaneUser, Flushable {
  deferred = false;
  readonly lane: ClientLane;
  private readonly firstPermit: number;
  private readonly users: (BlockUser | undefined)[];
  private readonly tokens: Int32Array;
  private readonly requests: RequestTable;
  /** Permits whose request failed before it was sent. */
  private failed: Int32Array;
  private failing: Int32Array;
  private failedCount = 0;
  private readonly waiters: BlockUser[] = [];

  constructor(
    private readonly host: BlockLaneHost,
    setup: ClientLaneSetup,
    private readonly events: BlockLaneEvents,
  ) {
    this.lane = new ClientLane(host.arena, setup, this);
    this.firstPermit = setup.firstPermit;
    this.users = new Array<BlockUser | undefined>(setup.permits).fill(undefined);
    this.tokens = new Int32Array(setup.permits);
    this.requests = new RequestTable(setup.permits, host.arena, host.clock);
    this.failed = new Int32Array(setup.permits);
    this.failing = new Int32Array(setup.permits);
  }

  acquire(user: BlockUser): number {
    const permit = this.lane.acquire();
    if (permit < 0 && !this.waiters.includes(user)) this.waiters.push(user);
    return permit;
  }

  release(permit: number): void {
    this.lane.release(permit);
    if (this.waiters.length > 0) this.host.defer(this);
  }

  /** Forgets a user that goes away. */
  removeUser(user: BlockUser): void {
    const at = this.waiters.indexOf(user);
    if (at >= 0) this.waiters.splice(at, 1);
  }

  bufferOf(permit: number): number {
    return this.lane.bufferOf(permit);
  }

  submit(
    device: DeviceQueue,
    permit: number,
    user: BlockUser,
    operation: number,
    flags: number,
    offset: number,
    length: number,
    at: number,
    token: number,
  ): void {
    const index = permit - this.firstPermit;
    this.users[index] = user;
    this.tokens[index] = token;
    this.requests.begin(index, device, operation, offset, length);
    if (!device.isOpen || !this.send(device, permit, operation, flags, offset, length, at)) {
      this.failed[this.failedCount++] = permit;
      this.host.defer(this);
    }
  }

  private send(
    device: DeviceQueue,
    permit: number,
    operation: number,
    flags: number,
    offset: number,
    length: number,
    at: number,
  ): boolean {
    const lane = this.lane;
    const header = lane.headerOf(permit);
    let rw = operation | RW_FLAG.SYNC;
    if ((flags & BLOCK_FLAG.FUA) !== 0) rw |= RW_FLAG.FUA;
    if ((flags & BLOCK_FLAG.NO_UNMAP) !== 0) rw |= RW_FLAG.NO_UNMAP;
    encodeIo(this.host.arena.view, header, device.deviceId, rw, offset, length);
    if (operation === BLOCK_OP.READ) return lane.read(permit, IO.BYTES, at, length);
    if (operation === BLOCK_OP.FLUSH) return lane.read(permit, IO.BYTES, 0, 0);
    return lane.write(permit, IO.BYTES, at, operation === BLOCK_OP.WRITE ? length : 0);
  }

  onResponse(permit: number, errno: number, connection: ClientConnection | undefined): void {
    this.end(permit, errno, connection?.statisticsRow ?? UNMEASURED_ROW);
  }

  private end(permit: number, errno: number, pathRow: number): void {
    const index = permit - this.firstPermit;
    const user = this.users[index]!;
    this.users[index] = undefined;
    this.requests.end(index, errno, pathRow);
    user.onBlockDone(permit, this.tokens[index]!, errno);
  }

  /** Ends requests that could not be sent, and lets waiters have permits. */
  flush(): void {
    const failing = this.failed;
    const count = this.failedCount;
    this.failed = this.failing;
    this.failing = failing;
    this.failedCount = 0;
    for (let i = 0; i < count; i++) this.end(failing[i]!, ERRNO.EIO, UNMEASURED_ROW);
    for (let n = this.waiters.length; n > 0 && this.lane.freePermits > 0; n--) {
      this.waiters.shift()!.onPermits();
    }
  }

  /** The requests that wait longest, and the paths that carry them; 0 = none does. */
  oldestRequests(limit: number): (WaitingRequest & { readonly path: number })[] {
    return this.requests.oldest(limit).map((request) => {
      const slot = request.slot + this.firstPermit;
      return { ...request, slot, path: this.lane.pathOf(slot) };
    });
  }

  onHeartbeat(): void {
    // Heartbeats come on the service connection, which main has.
  }

  onMessage(): void {
    // INFO_RSP comes on the service connection, which main has.
  }

  onConnectionBroken(connection: ClientConnection, failure: FabricFailure): void {
    this.events.onConnectionBroken(connection, failure);
  }

  onConnectionClosed(connection: ClientConnection): void {
    this.events.onConnectionClosed(connection);
  }
}
