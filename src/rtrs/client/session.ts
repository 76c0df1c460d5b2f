/**
 * A client session, the control half: its path, its admin lane on main, the split of buffer ids
 * between reactors, reconnecting with back-off. Synchronous, driven by callbacks and a clock.
 */
import type { Fabric, FabricAdopter, FabricFailure } from "../../fabric/fabric.ts";
import { ERRNO } from "../../ffi/errno.ts";
import type { ArenaAllocator } from "../../ring/arena.ts";
import type { Clock, Timer } from "../clock.ts";
import type { ConnectAccept } from "../connect_codec.ts";
import { countdown } from "../countdown.ts";
import { backoffMs } from "./backoff.ts";
import type { HeartbeatSettings } from "../heartbeat.ts";
import type { LaneControl } from "../lane_control.ts";
import { ClientLane, type ClientLaneUser } from "./lane.ts";
import type { ClientConnection } from "./connection.ts";
import { ClientPath, type PathTarget } from "./path.ts";
import { allotLanes, type LaneAllotment, shapeProblem } from "./shape.ts";

/** What the program gives every session. */
export interface ClientEnvironment {
  readonly clock: Clock;
  readonly memory: ArenaAllocator;
  /** Main's adopter, for the service connection. */
  readonly adopter: FabricAdopter;
  randomBytes(length: number): Uint8Array;
  /** A fresh handle: sessions and paths are named by numbers that are never used again. */
  nextHandle(): number;
}

/** Settings from the config. */
export interface ClientSessionSettings {
  readonly heartbeat: HeartbeatSettings;
  readonly connectTimeoutMs: number;
  readonly reconnectDelayMs: number;
  readonly reconnectDelayMaxMs: number;
  /** -1 = for ever. */
  readonly maxReconnectAttempts: number;
}

/** The layer above: RNBD. */
export interface ClientSessionUser {
  /** The first path is up; requests can be sent. */
  onConnected(): void;
  /** No path is left; requests fail. */
  onDisconnected(failure: FabricFailure): void;
  /** An attempt failed; the next one follows after `nextTryMs`, undefined = none. */
  onAttemptFailed(failure: FabricFailure, nextTryMs: number | undefined): void;
  /** The answer to an admin request. */
  onAdminResponse(permit: number, errno: number): void;
}

/** A range of memory that an exposure lets a lane use for requests besides its own buffers. */
export interface LaneBuffers {
  /** Reactor. */
  readonly lane: number;
  /** Arena offset and length, bytes. */
  readonly at: number;
  readonly length: number;
}

/** See the head of this file. */
export class ClientSession implements ClientLaneUser {
  readonly handle: number;
  readonly sessionUuid: Uint8Array;
  readonly path: ClientPath;
  adminLane: ClientLane | undefined;
  allotments: LaneAllotment[] = [];
  /** By their arena offset. */
  readonly buffers = new Map<number, LaneBuffers>();
  /** Times that the path came back. */
  reconnects = 0;
  /** When the next attempt is due, by the clock; undefined when none is. */
  nextTryAt: number | undefined;
  private shape: ConnectAccept | undefined;
  private failures = 0;
  private retryTimer: Timer | undefined;
  /** The next attempt follows without a delay. */
  private skipsDelay = false;
  private everConnected = false;
  /** Calls of {@link prepare}, so that one that waits knows when it has been overtaken. */
  private preparations = 0;
  /** While the reactors let go of the lanes: what follows. */
  private destroying: (() => void)[] | undefined;
  private closed = false;
  private downCallbacks: (() => void)[] = [];
  private readonly closedCallbacks = new Map<ClientConnection, () => void>();

  /**
   * @param laneControls the reactors, in order: reactor i carries connection i + 1
   * @param carrierPrefix `tcp`, `ip`, … as addresses are printed
   */
  constructor(
    readonly sessname: string,
    readonly environment: ClientEnvironment,
    readonly fabric: Fabric,
    readonly carrierPrefix: string,
    target: PathTarget,
    readonly settings: ClientSessionSettings,
    readonly laneControls: readonly LaneControl[],
    private readonly user: ClientSessionUser,
  ) {
    this.handle = environment.nextHandle();
    this.sessionUuid = environment.randomBytes(16);
    this.path = new ClientPath(this, environment.nextHandle(), target);
  }

  get isConnected(): boolean {
    return this.path.state === "CONNECTED";
  }

  /** What the server offered; undefined before the first connection. */
  get offer(): ConnectAccept | undefined {
    return this.shape;
  }

  /**
   * Lets requests of reactor `lane` use an arena range as data buffer, now and after every
   * reconnect.
   * @throws SystemError when the device does not take it; nothing is added then
   */
  addBuffers(lane: number, at: number, length: number): void {
    this.path.addBuffers(lane, at, length);
    this.buffers.set(at, { lane, at, length });
  }

  /** Undoes {@link addBuffers}; `done` when the range may be used for something else. */
  removeBuffers(at: number, done: () => void): void {
    const range = this.buffers.get(at);
    if (range === undefined) return done();
    this.buffers.delete(at);
    this.path.removeBuffers(range.lane, at, done);
  }

  /** Starts connecting; goes on by itself until {@link close}. */
  start(): void {
    this.path.connect();
  }

  /** Tries now instead of when the back-off says; does nothing while connected or connecting. */
  retryNow(): void {
    if (this.retryTimer === undefined) return;
    this.retryTimer.cancel();
    this.retry();
  }

  /**
   * Drops the connection, or gives up making it, and leaves it so until {@link reconnect}.
   * @param done called when the path is down
   */
  disconnect(done: () => void): void {
    this.retryTimer?.cancel();
    this.retryTimer = undefined;
    this.nextTryAt = undefined;
    this.path.disconnect(done);
  }

  /** Connects now: a path that is up is dropped first. False while a connect is under way. */
  reconnect(): boolean {
    const { state } = this.path;
    if (this.closed || state === "CONNECTING" || state === "CLOSING") return false;
    this.failures = 0;
    if (state === "CONNECTED") {
      this.skipsDelay = true;
      this.path.fail({ errno: ERRNO.ECONNABORTED, reason: "a reconnect was asked for" });
    } else if (this.retryTimer !== undefined) {
      this.retryNow();
    } else if (state === "CLOSED") {
      this.path.connect();
    } else {
      // Its tear-down is under way; the next attempt follows at once.
      this.skipsDelay = true;
    }
    return true;
  }

  /** Disconnects and frees everything; `done` at the end. The user has closed its devices. */
  close(done: () => void): void {
    this.closed = true;
    this.retryTimer?.cancel();
    this.nextTryAt = undefined;
    this.path.disconnect(() => this.destroyLanes(done));
  }

  /**
   * The server offered its shape: makes lanes for it, or anew when it differs from the last.
   * @param ready gets the reason when the offer cannot be used; not called when a later call or
   *   {@link close} came in between
   */
  prepare(offer: ConnectAccept, ready: (failure: FabricFailure | undefined) => void): void {
    const problem = shapeProblem(offer, this.laneControls.length);
    if (problem !== undefined) return ready({ errno: ERRNO.EPROTO, reason: problem });
    const same = this.shape !== undefined && this.shape.queueDepth === offer.queueDepth &&
      this.shape.maxIoBytes === offer.maxIoBytes &&
      this.shape.maxHeaderBytes === offer.maxHeaderBytes;
    const preparation = ++this.preparations;
    if (same && this.adminLane !== undefined) return ready(undefined);
    this.destroyLanes(() => {
      if (this.closed || preparation !== this.preparations) return;
      ready(this.createLanes(offer));
    });
  }

  private createLanes(offer: ConnectAccept): FabricFailure | undefined {
    const { memory } = this.environment;
    try {
      this.allotments = allotLanes(memory, this.handle, offer, this.laneControls.length);
    } catch (error) {
      if (error instanceof RangeError) return { errno: ERRNO.ENOMEM, reason: error.message };
      throw error;
    }
    this.shape = offer;
    this.adminLane = new ClientLane(memory.arena, this.allotments[0]!.setup, this);
    this.laneControls.forEach((lane, i) => lane.createClient(this.allotments[i + 1]!.setup));
    return undefined;
  }

  private destroyLanes(done: () => void): void {
    if (this.destroying !== undefined) {
      this.destroying.push(done);
      return;
    }
    if (this.adminLane === undefined) return done();
    this.adminLane = undefined;
    const callbacks = [done];
    this.destroying = callbacks;
    const destroyed = countdown(this.laneControls.length, () => {
      for (const lane of this.allotments) this.environment.memory.release(lane.at);
      this.allotments = [];
      this.destroying = undefined;
      for (const callback of callbacks) callback();
    });
    for (const lane of this.laneControls) lane.destroyClient(this.handle, destroyed);
  }

  /** Calls `done` when the path is down for good. */
  onceDown(_path: ClientPath, done: () => void): void {
    this.downCallbacks.push(done);
  }

  /** Calls `done` when the service connection is closed. */
  onceClosed(connection: ClientConnection, done: () => void): void {
    this.closedCallbacks.set(connection, done);
  }

  onPathConnected(_path: ClientPath): void {
    this.failures = 0;
    this.nextTryAt = undefined;
    if (this.everConnected) this.reconnects++;
    this.everConnected = true;
    this.user.onConnected();
  }

  onPathLost(path: ClientPath): void {
    this.user.onDisconnected(path.lastFailure ?? { errno: 0, reason: "disconnected on request" });
  }

  onPathDown(path: ClientPath): void {
    if (this.closed || path.state === "CLOSING") {
      path.state = "CLOSED";
      const callbacks = this.downCallbacks;
      this.downCallbacks = [];
      for (const callback of callbacks) callback();
      return;
    }
    path.state = "RECONNECTING";
    if (this.skipsDelay) {
      this.skipsDelay = false;
      return this.path.connect();
    }
    this.scheduleRetry(path.lastFailure!);
  }

  private scheduleRetry(failure: FabricFailure): void {
    const { settings, environment } = this;
    this.failures++;
    const isLast = settings.maxReconnectAttempts >= 0 &&
      this.failures > settings.maxReconnectAttempts;
    if (isLast) {
      this.path.state = "CLOSED";
      this.nextTryAt = undefined;
      return this.user.onAttemptFailed(failure, undefined);
    }
    const jitter = 0.75 + environment.randomBytes(1)[0]! / 1024;
    const delayMs = backoffMs(settings, this.failures) * jitter;
    this.nextTryAt = environment.clock.now() + delayMs;
    this.retryTimer = environment.clock.after(delayMs, () => this.retry());
    this.user.onAttemptFailed(failure, delayMs);
  }

  private retry(): void {
    this.retryTimer = undefined;
    this.nextTryAt = undefined;
    if (!this.closed) this.path.connect();
  }

  /** A reactor reports that its connection broke. */
  onLaneBroken(path: number, failure: FabricFailure): void {
    if (path === this.path.handle) this.path.fail(failure);
  }

  onResponse(permit: number, errno: number): void {
    this.user.onAdminResponse(permit, errno);
  }

  onHeartbeat(isAck: boolean): void {
    if (isAck) this.path.heartbeat.onAck();
  }

  onMessage(at: number, length: number): void {
    this.path.onInfo(this.environment.memory.arena.u8.slice(at, at + length));
  }

  onConnectionBroken(connection: ClientConnection, failure: FabricFailure): void {
    if (connection.path === this.path.handle) this.path.fail(failure);
  }

  onConnectionClosed(connection: ClientConnection): void {
    const done = this.closedCallbacks.get(connection);
    this.closedCallbacks.delete(connection);
    done?.();
  }
}
