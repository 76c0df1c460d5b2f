/**
 * The connections of a client's path, from one attempt to its end: they are made one after the
 * other, INFO is exchanged on the first, reactors get the rest, and all are closed together.
 */
import type {
  ConnectAttempt,
  ConnectionTicket,
  ConnectOutcome,
  FabricFailure,
  QueueLimits,
} from "../../fabric/fabric.ts";
import { ERRNO } from "../../ffi/errno.ts";
import type { Timer } from "../clock.ts";
import {
  type ConnectAccept,
  type ConnectRequest,
  decodeConnectAccept,
  decodeConnectReject,
  encodeConnectRequest,
} from "../connect_codec.ts";
import { NEW_RKEY_FLAG } from "../constants.ts";
import { countdown } from "../countdown.ts";
import {
  decodeInfoResponse,
  encodeInfoRequest,
  INFO_REQ,
  infoResponseBytes,
} from "../info_codec.ts";
import { IO_QUEUE_SPARE, SERVICE_POSTS_MAX, SERVICE_QUEUE_LIMITS } from "../limits.ts";
import { ClientConnection } from "./connection.ts";
import { explainLostInfo, explainReject } from "./explain.ts";
import type { ClientPath } from "./path.ts";
import { PathLanes } from "./path_lanes.ts";
import type { ClientSession } from "./session.ts";
import { infoRequestAt } from "./shape.ts";

/** How an attempt presents itself to the server. */
export type AttemptIdentity = Pick<ConnectRequest, "pathUuid" | "reconCnt" | "firstConn">;

/** See the head of this file. */
export class PathConnections {
  /** What reactors may use. */
  readonly lanes: PathLanes;
  /** The service connection, once the server has taken it and the session has lanes. */
  admin: ClientConnection | undefined;
  /** Requests may have gone out. */
  hasCarried = false;
  private tickets: ConnectionTicket[] = [];
  private attempt: ConnectAttempt | undefined;
  private setupTimer: Timer | undefined;
  /** INFO_REQ was sent and not answered yet. */
  private awaitsInfo = false;
  private newRkeys = false;
  /** Nothing is made any more. */
  private isOver = false;

  /** @param path hears of what comes of it */
  constructor(
    private readonly session: ClientSession,
    private readonly path: ClientPath,
    private readonly identity: AttemptIdentity,
  ) {
    this.lanes = new PathLanes(session, path.handle, path.slot);
  }

  /** The server has the first connection, and the session. */
  get isReached(): boolean {
    return this.tickets.length > 0;
  }

  /** Begins; the path gets `onReached` and `onReady`, or `fail`. */
  connect(): void {
    const { environment, settings } = this.session;
    const timeoutMs = settings.connectTimeoutMs;
    this.setupTimer = environment.clock.after(timeoutMs, () => {
      const reason = `${this.path.destinationAddress} did not complete the set-up in ` +
        `${timeoutMs} ms`;
      this.path.fail({ errno: ERRNO.ETIMEDOUT, reason });
    });
    this.connectNext();
  }

  private connectNext(): void {
    const { settings, fabric, sessionUuid, laneControls } = this.session;
    const privateData = encodeConnectRequest({
      ...this.identity,
      cid: this.tickets.length,
      cidNum: laneControls.length + 1,
      sessionUuid,
    });
    const limits = this.queueLimits();
    const { connectTimeoutMs: timeoutMs } = settings;
    this.attempt = fabric.connect(
      { ...this.path.target, privateData, limits, timeoutMs },
      (outcome) => this.onOutcome(outcome),
    );
  }

  /** Sizes of the next connection's queue; those of the lanes are known once the first is up. */
  private queueLimits(): QueueLimits {
    const lane = this.session.allotments[this.tickets.length];
    if (this.tickets.length === 0 || lane === undefined) return SERVICE_QUEUE_LIMITS;
    const { permits } = lane.setup;
    // An answer may come with an invalidation before it.
    return { sendsMax: permits + IO_QUEUE_SPARE, receivesMax: 2 * permits + IO_QUEUE_SPARE };
  }

  private onOutcome(outcome: ConnectOutcome): void {
    const { path, session } = this;
    this.attempt = undefined;
    if (outcome.kind === "failed") return path.fail(outcome.failure);
    if (outcome.kind === "rejected") {
      const errno = decodeConnectReject(outcome.privateData);
      return path.fail({ errno, reason: explainReject(errno, session.sessname) });
    }
    this.tickets.push(outcome.ticket);
    const accept = decodeConnectAccept(outcome.privateData);
    if (typeof accept === "string") {
      const reason = `${path.destinationAddress}: ${accept}`;
      return path.fail({ errno: ERRNO.ECONNRESET, reason });
    }
    if (this.tickets.length === 1) this.onFirst(outcome.ticket, accept);
    else this.afterConnection();
  }

  private onFirst(ticket: ConnectionTicket, accept: ConnectAccept): void {
    const { path, session } = this;
    path.onReached(ticket);
    this.newRkeys = (accept.flags & NEW_RKEY_FLAG) !== 0;
    session.onPathReached(path, accept, () => !this.isOver, (failure) => {
      if (this.isOver) return;
      if (failure !== undefined) return path.fail(failure);
      this.adoptAdmin(ticket, accept.queueDepth);
      this.afterConnection();
    });
  }

  private adoptAdmin(ticket: ConnectionTicket, queueDepth: number): void {
    const { adminLane, environment } = this.session;
    const connection = new ClientConnection(adminLane!, this.path.handle, this.path.slot, 0);
    const limits = {
      postsMax: SERVICE_POSTS_MAX,
      receiveBytesMax: infoResponseBytes(queueDepth),
    };
    connection.bind(environment.adopter.adopt(ticket, limits, connection));
    adminLane!.attach(connection);
    this.admin = connection;
  }

  private afterConnection(): void {
    const { environment, sessname, adminLane, laneControls } = this.session;
    if (this.tickets.length <= laneControls.length) return this.connectNext();
    const failure = this.lanes.register(this.tickets[0]!);
    if (failure !== undefined) return this.path.fail(failure);
    for (const memory of this.lanes.ofMain) this.admin!.expose(memory);
    const at = infoRequestAt(adminLane!.setup);
    const bytes = environment.memory.arena.u8.subarray(at, at + INFO_REQ.BYTES);
    encodeInfoRequest(bytes.fill(0), sessname);
    this.admin!.sendMessage(at, INFO_REQ.BYTES);
    this.awaitsInfo = true;
  }

  /** INFO_RSP arrived on the service connection. */
  onInfo(bytes: Uint8Array): void {
    const { path, session, newRkeys } = this;
    if (!this.awaitsInfo) {
      return path.fail({ errno: ERRNO.EPROTO, reason: "a message that nobody asked for" });
    }
    this.awaitsInfo = false;
    const { queueDepth, chunkBytes } = session.adminLane!.setup;
    const regions = decodeInfoResponse(bytes, queueDepth, chunkBytes);
    if (typeof regions === "string") {
      const reason = `${path.destinationAddress}: bad INFO_RSP: ${regions}`;
      return path.fail({ errno: ERRNO.EINVAL, reason });
    }
    this.hasCarried = true;
    path.counters.setLatency(0);
    this.admin!.open({ regions, memory: this.lanes.ofMain, newRkeys });
    this.lanes.attach(this.tickets, regions, newRkeys, () => {
      if (this.isOver) return;
      this.setupTimer?.cancel();
      path.onReady();
    });
  }

  /** A failure, with what the server may have meant by it. */
  explain(failure: FabricFailure): FabricFailure {
    return this.awaitsInfo ? explainLostInfo(failure, this.session.sessname) : failure;
  }

  /** Has requests take other paths; `done` when none is under way here. */
  drain(done: () => void): void {
    const drained = countdown(this.lanes.attachedCount + 1, done);
    this.lanes.drain(drained);
    this.admin!.drain(drained);
  }

  /** Nothing more is made; {@link close} follows. */
  stop(): void {
    this.isOver = true;
    this.awaitsInfo = false;
    this.setupTimer?.cancel();
    this.attempt?.cancel();
    this.attempt = undefined;
  }

  /** Closes what was made, after {@link stop}; `done` when nothing is left of it. */
  close(done: () => void): void {
    const { admin, lanes, session } = this;
    const closed = countdown(lanes.attachedCount + 1, () => {
      lanes.release();
      for (const ticket of this.tickets) session.fabric.release(ticket);
      done();
    });
    const unadopted = this.tickets.splice(admin === undefined ? 0 : lanes.attachedCount + 1);
    for (const ticket of unadopted) {
      session.environment.adopter.discard(ticket);
      session.fabric.release(ticket);
    }
    lanes.detach(closed);
    if (admin === undefined) return closed();
    session.onceClosed(admin, closed);
    admin.close();
  }
}
