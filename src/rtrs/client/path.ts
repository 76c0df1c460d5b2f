/**
 * A path of a client session: a synchronous state machine (rtrs-clt.c:203-290) that connects all
 * its connections, exchanges INFO, watches the heartbeat, tears everything down together, and tries
 * again after a while.
 */
import type { ConnectionTicket, FabricFailure } from "../../fabric/fabric.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { Heartbeat } from "../heartbeat.ts";
import { PATH_COUNTER_BYTES, PathCounters } from "../path_counters.ts";
import { PathConnections } from "./path_connections.ts";
import { PathFence } from "./path_fence.ts";
import { PathRetry } from "./path_retry.ts";
import type { ClientSession } from "./session.ts";

/** States by the kernel's names; DEAD has no meaning here, an object that is gone is gone. */
export type ClientPathState =
  | "CONNECTING"
  | "CONNECTING_ERR"
  | "CONNECTED"
  | "RECONNECTING"
  | "CLOSING"
  | "CLOSED";

/** Where a path leads. Addresses without the carrier's prefix. */
export interface PathTarget {
  readonly source: string | undefined;
  readonly destination: string;
  readonly port: number;
}

/** See the head of this file. */
export class ClientPath {
  state: ClientPathState = "CLOSED";
  sourceAddress = "";
  destinationAddress: string;
  /** The device that carries it; empty while it was never connected. */
  hcaName = "";
  hcaPort = 0;
  /** Set by the last failure; cleared when connected. */
  lastFailure: FabricFailure | undefined;
  /** Times that it came back. */
  reconnects = 0;
  readonly heartbeat: Heartbeat;
  readonly counters: PathCounters;
  private readonly retry: PathRetry;
  private readonly uuid: Uint8Array;
  private reconCnt = 0;
  private everConnected = false;
  /** From the start of an attempt until they are closed. */
  private connections: PathConnections | undefined;
  /** Who waits for the end of a tear-down. */
  private readonly whenDown: (() => void)[] = [];
  /** While its requests end here: it will see to it that they end at the server. */
  private fence: PathFence | undefined;
  /** Connections are being closed; {@link onDown} follows. */
  private tearing = false;
  /** A user wants it down; it is not tried again. */
  private isStopped = true;
  /** It gave up after its last attempt. */
  private hasGivenUp = false;
  /** The next attempt follows without a delay. */
  private skipsDelay = false;
  /** Requests leave it, and it is closed when the last one has ended. */
  private isDraining = false;

  /** @param handle name of the path in this process; `slot` its number in the session */
  constructor(
    private readonly session: ClientSession,
    readonly handle: number,
    readonly slot: number,
    readonly target: PathTarget,
  ) {
    const { environment } = session;
    this.uuid = environment.randomBytes(16);
    this.destinationAddress = `${session.carrierPrefix}:${target.destination}`;
    this.counters = new PathCounters(
      environment.memory.arena,
      () => session.allotments.map(({ setup }) => setup.countersAt + slot * PATH_COUNTER_BYTES),
    );
    this.retry = new PathRetry(
      environment.clock,
      environment.randomBytes,
      () => session.settings,
      () => this.connect(),
    );
    this.heartbeat = new Heartbeat(environment.clock, () => session.settings.heartbeat, {
      received: () => this.counters.received,
      sendHeartbeat: () => this.connections?.admin?.sendHeartbeat(),
      onLatency: (latencyMs) => this.counters.setLatency(Math.round(latencyMs * 1000)),
      onSilence: (silentMs) =>
        this.fail({
          errno: ERRNO.ETIMEDOUT,
          reason: `no sign of life from ${this.destinationAddress} for ${Math.round(silentMs)} ms`,
        }),
    });
  }

  /** The server has its first connection, and the session. */
  get isReached(): boolean {
    return this.connections?.isReached === true && !this.tearing;
  }

  /** Its connections are being closed. */
  get isTearing(): boolean {
    return this.tearing;
  }

  /** Calls `done` when they are; while {@link isTearing}. */
  onceDown(done: () => void): void {
    this.whenDown.push(done);
  }

  /** It is connected, and about to be closed. */
  get isLeaving(): boolean {
    return this.isDraining;
  }

  /** When the next attempt is due, by the clock; undefined when none is. */
  get nextTryAt(): number | undefined {
    return this.retry.dueAt;
  }

  /** Starts an attempt, or waits for its turn; the session hears of how it ends. */
  connect(): void {
    this.state = "CONNECTING";
    this.isStopped = false;
    this.hasGivenUp = false;
    this.session.firstTurn.request(this);
  }

  /** Its turn has come. @param firstConn the server may make the session */
  dial(firstConn: boolean): void {
    this.reconCnt++;
    const { uuid: pathUuid, reconCnt } = this;
    this.connections = new PathConnections(this.session, this, { pathUuid, reconCnt, firstConn });
    this.connections.connect();
  }

  /** Other paths have waited for long enough. */
  onTurnOver(turnMs: number): void {
    const reason = `${this.destinationAddress} did not answer in ${turnMs} ms; it is the turn of ` +
      "another path";
    this.fail({ errno: ERRNO.ETIMEDOUT, reason });
  }

  /**
   * Stops connecting or drops the path, and leaves it so until {@link reconnect}. While there is
   * another path its requests end before, and new ones go there.
   * @param done called when nothing is left of its connections
   */
  disconnect(done: () => void): void {
    this.isStopped = true;
    this.retry.cancel();
    const isIdle = !this.tearing && this.state !== "CONNECTING" && this.state !== "CONNECTED";
    if (isIdle) {
      this.state = "CLOSED";
      return done();
    }
    this.whenDown.push(done);
    this.leave(() => this.tearDown("CLOSING"));
  }

  /** Connects now: a path that is up is dropped first. False while a connect is under way. */
  reconnect(): boolean {
    if (this.state === "CONNECTING" || this.state === "CLOSING" || this.isDraining) return false;
    this.retry.reset();
    if (this.state === "CONNECTED") {
      this.skipsDelay = true;
      const reason = "a reconnect was asked for";
      this.leave(() => this.fail({ errno: ERRNO.ECONNABORTED, reason }));
    } else if (this.retry.dueAt !== undefined) {
      this.retry.now();
    } else if (this.tearing) {
      // The next attempt follows at once.
      this.skipsDelay = true;
    } else {
      this.connect();
    }
    return true;
  }

  /** Tries now instead of when the back-off says; does nothing while no attempt is due. */
  retryNow(): void {
    this.retry.now();
  }

  /** The number of attempts has changed: it goes on if it has given up and may try again. */
  reconsider(): void {
    if (this.hasGivenUp && this.retry.isAllowed) this.connect();
  }

  /** Has `drop` happen once requests have left the path, or at once when there is no other. */
  private leave(drop: () => void): void {
    const isLeft = this.state !== "CONNECTED" || this.isDraining;
    if (isLeft || !this.session.hasOther(this)) return drop();
    this.isDraining = true;
    this.connections!.drain(() => {
      // It may have broken meanwhile.
      if (this.isDraining) drop();
    });
  }

  /**
   * Reactor `lane` may use another range from now on; nothing to do while the path is down.
   * @throws SystemError when it cannot be registered
   */
  addBuffers(lane: number, at: number, length: number): void {
    if (!this.tearing) this.connections?.lanes.addBuffers(lane, at, length);
  }

  /** Takes back {@link addBuffers}; `done` when no device refers to the range any more. */
  removeBuffers(lane: number, at: number, done: () => void): void {
    const lanes = this.connections?.lanes;
    if (lanes?.hasBuffers(lane, at) !== true) return done();
    if (this.tearing) this.whenDown.push(done);
    else lanes.removeBuffers(lane, at, done);
  }

  /** INFO_RSP arrived on the service connection. */
  onInfo(bytes: Uint8Array): void {
    this.connections?.onInfo(bytes);
  }

  /** The server has taken the first connection. */
  onReached({ localAddress, remoteAddress, hcaName, hcaPort }: ConnectionTicket): void {
    this.sourceAddress = localAddress;
    this.destinationAddress = remoteAddress;
    this.hcaName = hcaName;
    this.hcaPort = hcaPort;
  }

  /** All connections are made, and the lanes have them. */
  onReady(): void {
    this.state = "CONNECTED";
    this.lastFailure = undefined;
    this.retry.reset();
    if (this.everConnected) this.reconnects++;
    this.everConnected = true;
    this.heartbeat.start();
    this.session.onPathConnected(this);
  }

  /** Something went wrong: everything of the path is torn down, then the session is told. */
  fail(failure: FabricFailure): void {
    if (this.state !== "CONNECTING" && this.state !== "CONNECTED") return;
    this.lastFailure = this.connections?.explain(failure) ?? failure;
    if (this.isStopped) this.tearDown("CLOSING");
    else this.tearDown(this.state === "CONNECTED" ? "RECONNECTING" : "CONNECTING_ERR");
  }

  private tearDown(state: "RECONNECTING" | "CONNECTING_ERR" | "CLOSING"): void {
    const { connections, session } = this;
    const wasConnected = this.state === "CONNECTED";
    this.state = state;
    // A tear-down under way goes on; only what follows it is different now.
    if (this.tearing) return;
    if (connections?.hasCarried === true) this.fence = session.fence(this.makeFence());
    this.isDraining = false;
    this.heartbeat.stop();
    connections?.stop();
    if (wasConnected) session.onPathLost(this);
    this.tearing = true;
    session.firstTurn.leave(this);
    if (connections === undefined) this.onDown();
    else connections.close(() => this.onDown());
  }

  private onDown(): void {
    const { session } = this;
    this.connections = undefined;
    this.tearing = false;
    const isWanted = !this.isStopped;
    this.state = isWanted ? "RECONNECTING" : "CLOSED";
    this.fence?.arm();
    this.fence = undefined;
    for (const callback of this.whenDown.splice(0)) callback();
    if (!isWanted || this.state !== "RECONNECTING") return;
    if (this.skipsDelay) {
      this.skipsDelay = false;
      return this.connect();
    }
    this.retry.schedule();
    if (this.retry.dueAt === undefined) {
      this.state = "CLOSED";
      this.hasGivenUp = true;
    }
    session.onPathFailed(this);
  }

  private makeFence(): PathFence {
    const { session, handle, uuid } = this;
    const reached = () => session.onPathEnded(handle);
    return new PathFence(session, handle, uuid, this.reconCnt + 1, reached);
  }
}
