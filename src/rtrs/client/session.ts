/**
 * A client session, the control half: its paths, its lanes, fail-over between paths. Synchronous,
 * driven by callbacks and a clock.
 */
import type { Fabric, FabricAdopter, FabricFailure } from "../../fabric/fabric.ts";
import { ERRNO } from "../../ffi/errno.ts";
import type { ArenaAllocator } from "../../ring/arena.ts";
import type { Clock } from "../clock.ts";
import type { ConnectAccept } from "../connect_codec.ts";
import { countdown } from "../countdown.ts";
import type { HeartbeatSettings } from "../heartbeat.ts";
import type { LaneControl } from "../lane_control.ts";
import { PATHS_MAX } from "../limits.ts";
import type { ClientConnection } from "./connection.ts";
import { FirstTurn } from "./first_turn.ts";
import type { ClientLane, ClientLaneUser } from "./lane.ts";
import { ClientPath, type PathTarget } from "./path.ts";
import type { PathFence } from "./path_fence.ts";
import type { RetrySettings } from "./path_retry.ts";
import type { MpathPolicy } from "./policy.ts";
import { SessionBuffers } from "./session_buffers.ts";
import { SessionLanes, type ShapeReady } from "./session_lanes.ts";
import type { LaneAllotment } from "./shape.ts";

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
export interface ClientSessionSettings extends RetrySettings {
  readonly heartbeat: HeartbeatSettings;
  readonly connectTimeoutMs: number;
  readonly policy: MpathPolicy;
}

/** The layer above: RNBD. */
export interface ClientSessionUser {
  /** There is a path; requests can be sent. */
  onConnected(): void;
  /** No path is left; requests fail. */
  onDisconnected(failure: FabricFailure): void;
  /**
   * No path could be connected; the next attempt follows after `nextTryMs`, undefined = none. Not
   * told while another path is still being connected.
   */
  onAttemptFailed(failure: FabricFailure, nextTryMs: number | undefined): void;
  /** A path was connected or lost; the session may have others. */
  onPath(path: ClientPath): void;
  /** The answer to an admin request. */
  onAdminResponse(permit: number, errno: number): void;
}

/** See the head of this file. */
export class ClientSession implements ClientLaneUser {
  readonly handle: number;
  readonly sessionUuid: Uint8Array;
  readonly paths: ClientPath[] = [];
  /** Those whose removal is under way: they are no reason to let another one go. */
  private readonly removing = new Set<ClientPath>();
  readonly firstTurn: FirstTurn;
  readonly buffers = new SessionBuffers(() => this.paths);
  settings: ClientSessionSettings;
  private readonly lanes: SessionLanes;
  /** Paths that are down here and perhaps not at the server, by their handle. */
  private readonly fences = new Map<number, PathFence>();
  /** Requests can be sent: a path is connected, and of those that are not nothing is left. */
  private isUp = false;
  private pathsMade = 0;
  private isStarted = false;
  private isClosed = false;
  private readonly closedCallbacks = new Map<ClientConnection, () => void>();

  /**
   * @param laneControls the reactors, in order: reactor i carries connection i + 1
   * @param carrierPrefix `tcp`, `ip`, … as addresses are printed
   * @param targets of its paths: one at least
   */
  constructor(
    readonly sessname: string,
    readonly environment: ClientEnvironment,
    readonly fabric: Fabric,
    readonly carrierPrefix: string,
    targets: readonly PathTarget[],
    settings: ClientSessionSettings,
    readonly laneControls: readonly LaneControl[],
    private readonly user: ClientSessionUser,
  ) {
    this.settings = settings;
    this.handle = environment.nextHandle();
    this.sessionUuid = environment.randomBytes(16);
    this.firstTurn = new FirstTurn(
      environment.clock,
      (path) => this.paths.some((other) => other !== path && other.isReached),
    );
    this.lanes = new SessionLanes(
      this.handle,
      environment.memory,
      laneControls,
      () => this.settings.policy,
      this,
      () => {
        for (const path of this.paths) path.counters.keepTotals();
      },
    );
    for (const target of targets) this.addPath(target);
  }

  /** Requests can be sent. */
  get isConnected(): boolean {
    return this.isUp;
  }

  /**
   * The server may have kept the session, with its devices, though all paths were down here: when
   * one came back before the server had ended the others.
   */
  get mayOutliveOutage(): boolean {
    return this.pathsMade > 1;
  }

  /** What the server offered; undefined before the first connection. */
  get offer(): ConnectAccept | undefined {
    return this.lanes.offer;
  }

  get adminLane(): ClientLane | undefined {
    return this.lanes.admin;
  }

  get allotments(): readonly LaneAllotment[] {
    return this.lanes.allotments;
  }

  /** Times that paths came back. */
  get reconnects(): number {
    return this.paths.reduce((sum, path) => sum + path.reconnects, 0);
  }

  /** When the next attempt of a path is due, by the clock; undefined when none is. */
  get nextTryAt(): number | undefined {
    const dues = this.paths.flatMap(({ nextTryAt }) => nextTryAt === undefined ? [] : [nextTryAt]);
    return dues.length === 0 ? undefined : Math.min(...dues);
  }

  /**
   * Adds a path; it is connected at once if the session was started.
   * @throws RangeError when there are too many, or one to the same place
   */
  addPath(target: PathTarget): ClientPath {
    const isTaken = this.paths.some(({ target: { source, destination, port } }) =>
      source === target.source && destination === target.destination && port === target.port
    );
    const name = target.source === undefined
      ? target.destination
      : `${target.source},${target.destination}`;
    if (isTaken) throw new RangeError(`Session ${this.sessname} has a path ${name} already`);
    const used = new Set(this.paths.map((path) => path.slot));
    let slot = 0;
    while (used.has(slot)) slot++;
    if (slot >= PATHS_MAX) {
      throw new RangeError(`Session ${this.sessname} has ${PATHS_MAX} paths; more are impossible`);
    }
    const path = new ClientPath(this, this.environment.nextHandle(), slot, target);
    path.counters.keepTotals();
    this.pathsMade++;
    this.paths.push(path);
    if (this.isStarted) path.connect();
    return path;
  }

  /**
   * Removes a path: its requests end or go to another one, then it is closed.
   * @param done called when nothing is left of it
   * @returns why not: a session keeps its last path, and the only one that is connected
   */
  removePath(path: ClientPath, done: () => void): FabricFailure | undefined {
    const others = this.paths.filter((other) => other !== path && !this.removing.has(other));
    if (others.length === 0) {
      const reason = `it is the only path of session ${this.sessname}`;
      return { errno: ERRNO.EINVAL, reason };
    }
    const isNeeded = path.state === "CONNECTED" && !this.hasOther(path);
    if (isNeeded) {
      const reason = `it is the only path of session ${this.sessname} that is connected`;
      return { errno: ERRNO.EBUSY, reason };
    }
    this.removing.add(path);
    path.disconnect(() => {
      this.removing.delete(path);
      const at = this.paths.indexOf(path);
      if (at >= 0) this.paths.splice(at, 1);
      done();
    });
    return undefined;
  }

  /** Another path is connected and stays so. */
  hasOther(path: ClientPath): boolean {
    return !this.isClosed &&
      this.paths.some((other) => other !== path && other.state === "CONNECTED" && !other.isLeaving);
  }

  /** Changes settings while the session is there. */
  update(settings: ClientSessionSettings): void {
    const isOtherPolicy = settings.policy !== this.settings.policy;
    this.settings = settings;
    if (isOtherPolicy) this.lanes.updatePolicy();
    for (const path of this.paths) path.reconsider();
  }

  /** Starts connecting; goes on by itself until {@link close}. */
  start(): void {
    this.isStarted = true;
    for (const path of [...this.paths]) path.connect();
  }

  /** Tries now instead of when the back-off says, on all paths. */
  retryNow(): void {
    for (const path of [...this.paths]) path.retryNow();
  }

  /** Connects now every path that is not connected, whatever has ended it. */
  reconnect(): void {
    if (this.isClosed) return;
    for (const path of [...this.paths]) if (path.state !== "CONNECTED") path.reconnect();
  }

  /** Drops all paths; each is tried again. */
  fail(failure: FabricFailure): void {
    for (const path of [...this.paths]) path.fail(failure);
  }

  /** Disconnects and frees everything; `done` at the end. The user has closed its devices. */
  close(done: () => void): void {
    this.isClosed = true;
    for (const fence of this.fences.values()) fence.cancel();
    this.fences.clear();
    const closed = countdown(this.paths.length, () => this.lanes.close(done));
    for (const path of [...this.paths]) path.disconnect(closed);
  }

  // What paths tell.

  /**
   * The server has taken a path's first connection.
   * @param isCurrent whether the path still wants to know
   */
  onPathReached(
    path: ClientPath,
    offer: ConnectAccept,
    isCurrent: () => boolean,
    ready: ShapeReady,
  ): void {
    // Its last incarnation was gone, or the server would not have taken it.
    this.fences.get(path.handle)?.end();
    this.firstTurn.onReached(path);
    if (!this.lanes.mustChange(offer)) return this.prepare(path, offer, ready);
    // Paths that are on their way down still have the lanes' memory registered.
    const leaving = this.paths.filter((other) => other.isTearing);
    const left = countdown(leaving.length, () => {
      if (isCurrent()) this.prepare(path, offer, ready);
    });
    for (const other of leaving) other.onceDown(left);
  }

  private prepare(path: ClientPath, offer: ConnectAccept, ready: ShapeReady): void {
    const isShared = this.paths.some((other) => other !== path && other.isReached);
    this.lanes.prepare(offer, isShared, ready);
  }

  onPathConnected(path: ClientPath): void {
    for (const fence of this.fences.values()) fence.start();
    this.checkUp();
    this.user.onPath(path);
  }

  private checkUp(): void {
    const hasPath = this.paths.some((path) => path.state === "CONNECTED");
    if (this.isUp || !hasPath || this.fences.size > 0) return;
    this.isUp = true;
    this.lanes.setUp(true);
    this.user.onConnected();
  }

  onPathLost(path: ClientPath): void {
    const isLast = !this.paths.some((other) => other.state === "CONNECTED");
    if (this.isUp && isLast) {
      this.isUp = false;
      this.lanes.setUp(false);
      this.user.onDisconnected(path.lastFailure ?? { errno: 0, reason: "disconnected on request" });
    }
    this.user.onPath(path);
  }

  /** A path is down that was not asked to be; it is tried again, or not any more. */
  onPathFailed(path: ClientPath): void {
    const isHopeful = this.paths.some(({ state }) =>
      state === "CONNECTING" || state === "CONNECTED"
    );
    if (isHopeful) return;
    const { nextTryAt } = this;
    const nextTryMs = nextTryAt === undefined
      ? undefined
      : nextTryAt - this.environment.clock.now();
    this.user.onAttemptFailed(path.lastFailure!, nextTryMs);
  }

  /** A path goes down: what was sent on it may still be under way when it is. */
  fence(fence: PathFence): PathFence {
    if (!this.isClosed) this.fences.set(fence.path, fence);
    else fence.cancel();
    return fence;
  }

  /** Nothing that was sent on a path can take effect at the server any more. */
  onPathEnded(path: number): void {
    this.fences.delete(path);
    this.lanes.onPathEnded(path);
    this.checkUp();
  }

  // What connections tell.

  /** Calls `done` when the service connection is closed. */
  onceClosed(connection: ClientConnection, done: () => void): void {
    this.closedCallbacks.set(connection, done);
  }

  private pathOf(handle: number): ClientPath | undefined {
    return this.paths.find((path) => path.handle === handle);
  }

  /** A reactor reports that its connection broke. */
  onLaneBroken(path: number, failure: FabricFailure): void {
    this.pathOf(path)?.fail(failure);
  }

  onResponse(permit: number, errno: number): void {
    this.user.onAdminResponse(permit, errno);
  }

  onHeartbeat(connection: ClientConnection, isAck: boolean): void {
    if (isAck) this.pathOf(connection.path)?.heartbeat.onAck();
  }

  onMessage(connection: ClientConnection, at: number, length: number): void {
    const bytes = this.environment.memory.arena.u8.slice(at, at + length);
    this.pathOf(connection.path)?.onInfo(bytes);
  }

  onConnectionBroken(connection: ClientConnection, failure: FabricFailure): void {
    this.pathOf(connection.path)?.fail(failure);
  }

  onConnectionClosed(connection: ClientConnection): void {
    const done = this.closedCallbacks.get(connection);
    this.closedCallbacks.delete(connection);
    done?.();
  }
}
