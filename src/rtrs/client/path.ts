/**
 * A path of a client session: a synchronous state machine (rtrs-clt.c:203-290) that connects all
 * its connections, exchanges INFO, watches the heartbeat, and tears everything down together.
 * The session decides when it tries again.
 */
import type {
  ConnectAttempt,
  ConnectionTicket,
  FabricFailure,
  MemoryAccess,
  QueueLimits,
  RegisteredMemory,
} from "../../fabric/fabric.ts";
import { describeErrno, ERRNO, SystemError } from "../../ffi/errno.ts";
import type { Timer } from "../clock.ts";
import {
  type ConnectAccept,
  decodeConnectAccept,
  decodeConnectReject,
  encodeConnectRequest,
} from "../connect_codec.ts";
import { NEW_RKEY_FLAG } from "../constants.ts";
import { countdown } from "../countdown.ts";
import { Heartbeat } from "../heartbeat.ts";
import {
  decodeInfoResponse,
  encodeInfoRequest,
  INFO_REQ,
  infoResponseBytes,
} from "../info_codec.ts";
import { IO_QUEUE_SPARE, SERVICE_POSTS_MAX, SERVICE_QUEUE_LIMITS } from "../limits.ts";
import { ClientConnection } from "./connection.ts";
import type { ClientSession } from "./session.ts";
import { receivedOnAll } from "./shape.ts";

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

/** What a server says with each reject errno, in words a user can act on. */
function explainReject(errno: number, sessname: string): string {
  const hint = errno === ERRNO.EEXIST
    ? "the server still holds a path between these addresses"
    : errno === ERRNO.ECONNRESET
    ? "the server still holds this path's last incarnation, or speaks another version"
    : errno === ERRNO.ENXIO
    ? "the server does not know the session"
    : errno === ERRNO.ENOMEM
    ? "the server has no memory for another session"
    : "see the server's log";
  return `the server refused session ${sessname}: ${describeErrno(errno)}: ${hint}`;
}

/**
 * A server has only one way to refuse a session's name: it disconnects (rtrs-srv.c:821-828).
 * Its user must hear of that.
 */
function explainLostInfo(failure: FabricFailure, sessname: string): FabricFailure {
  if (failure.errno !== ERRNO.ECONNRESET) return failure;
  const hint = `when it was told the session's name, ${sessname}: another client may have a ` +
    "session of this name there, or this client's last one has not ended yet; see its log";
  return { errno: failure.errno, reason: `${failure.reason} ${hint}` };
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
  readonly heartbeat: Heartbeat;
  private readonly uuid: Uint8Array;
  private reconCnt = 0;
  private tickets: ConnectionTicket[] = [];
  /** Lanes whose connection has been handed to a reactor. */
  private attachedLanes = 0;
  /** What is registered for each lane, main's first; empty while there is no connection. */
  private lanesMemory: RegisteredMemory[][] = [];
  /** Who waits for the end of a tear-down. */
  private readonly whenDown: (() => void)[] = [];
  private admin: ClientConnection | undefined;
  private attempt: ConnectAttempt | undefined;
  private setupTimer: Timer | undefined;
  /** INFO_REQ was sent and not answered yet. */
  private awaitsInfo = false;
  private newRkeys = false;
  /** Connections are being closed; {@link onDown} follows. */
  private tearing = false;

  /** @param handle name of the path in this process */
  constructor(
    private readonly session: ClientSession,
    readonly handle: number,
    readonly target: PathTarget,
  ) {
    this.uuid = session.environment.randomBytes(16);
    this.destinationAddress = `${session.carrierPrefix}:${target.destination}`;
    this.heartbeat = new Heartbeat(session.environment.clock, session.settings.heartbeat, {
      received: () => receivedOnAll(session.environment.memory.arena, session.allotments),
      sendHeartbeat: () => this.admin?.sendHeartbeat(),
      onSilence: (silentMs) =>
        this.fail({
          errno: ERRNO.ETIMEDOUT,
          reason: `no sign of life from ${this.destinationAddress} for ${Math.round(silentMs)} ms`,
        }),
    });
  }

  /** Starts an attempt; the session hears of its end by onPathConnected or onPathDown. */
  connect(): void {
    this.state = "CONNECTING";
    this.reconCnt++;
    const { clock } = this.session.environment;
    const timeoutMs = this.session.settings.connectTimeoutMs;
    this.setupTimer = clock.after(timeoutMs, () =>
      this.fail({
        errno: ERRNO.ETIMEDOUT,
        reason: `${this.destinationAddress} did not complete the set-up in ${timeoutMs} ms`,
      }));
    this.connectNext();
  }

  /** Stops connecting or drops the path: `done` when nothing is left of its connections. */
  disconnect(done: () => void): void {
    const isIdle = !this.tearing && this.state !== "CONNECTING" && this.state !== "CONNECTED";
    if (isIdle) {
      this.state = "CLOSED";
      return done();
    }
    this.session.onceDown(this, done);
    this.tearDown("CLOSING");
  }

  private connectNext(): void {
    const { settings, fabric, sessionUuid } = this.session;
    const privateData = encodeConnectRequest({
      cid: this.tickets.length,
      cidNum: this.session.laneControls.length + 1,
      reconCnt: this.reconCnt,
      pathUuid: this.uuid,
      sessionUuid,
      firstConn: true,
    });
    this.attempt = fabric.connect(
      {
        ...this.target,
        privateData,
        limits: this.queueLimits(),
        timeoutMs: settings.connectTimeoutMs,
      },
      (outcome) => {
        this.attempt = undefined;
        if (outcome.kind === "failed") return this.fail(outcome.failure);
        if (outcome.kind === "rejected") {
          const errno = decodeConnectReject(outcome.privateData);
          return this.fail({ errno, reason: explainReject(errno, this.session.sessname) });
        }
        this.tickets.push(outcome.ticket);
        const accept = decodeConnectAccept(outcome.privateData);
        if (typeof accept === "string") {
          return this.fail({
            errno: ERRNO.ECONNRESET,
            reason: `${this.destinationAddress}: ${accept}`,
          });
        }
        this.onEstablished(accept);
      },
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

  private onEstablished(accept: ConnectAccept): void {
    if (this.tickets.length > 1) return this.afterConnection();
    const ticket = this.tickets[0]!;
    this.sourceAddress = ticket.localAddress;
    this.hcaName = ticket.hcaName;
    this.hcaPort = ticket.hcaPort;
    this.destinationAddress = ticket.remoteAddress;
    this.newRkeys = (accept.flags & NEW_RKEY_FLAG) !== 0;
    this.session.prepare(accept, (failure) => {
      // The attempt may have ended meanwhile, and another one begun.
      if (this.state !== "CONNECTING" || this.tickets[0] !== ticket) return;
      if (failure !== undefined) return this.fail(failure);
      this.adoptAdmin(ticket, accept.queueDepth);
      this.afterConnection();
    });
  }

  private adoptAdmin(ticket: ConnectionTicket, queueDepth: number): void {
    const connection = new ClientConnection(this.session.adminLane!, this.handle, 0);
    const limits = {
      postsMax: SERVICE_POSTS_MAX,
      receiveBytesMax: infoResponseBytes(queueDepth),
    };
    connection.bind(this.session.environment.adopter.adopt(ticket, limits, connection));
    this.session.adminLane!.attach(connection);
    this.admin = connection;
  }

  private afterConnection(): void {
    if (this.tickets.length <= this.session.laneControls.length) return this.connectNext();
    const { environment, sessname, adminLane } = this.session;
    const failure = this.registerLanes();
    if (failure !== undefined) return this.fail(failure);
    for (const memory of this.lanesMemory[0]!) this.admin!.expose(memory);
    // The first header slot: no request is built there before INFO_RSP has come.
    const at = adminLane!.setup.headersAt;
    const bytes = environment.memory.arena.u8.subarray(at, at + INFO_REQ.BYTES);
    encodeInfoRequest(bytes.fill(0), sessname);
    this.admin!.sendMessage(at, INFO_REQ.BYTES);
    this.awaitsInfo = true;
  }

  /** Registers what the lanes use, and what exposures have added. */
  private registerLanes(): FabricFailure | undefined {
    const { allotments, buffers } = this.session;
    this.lanesMemory = allotments.map(() => []);
    try {
      allotments.forEach((lane, i) => {
        const { buffersAt, headersAt } = lane.setup;
        this.register(i, buffersAt, lane.buffersLength, "remote");
        this.register(i, headersAt, lane.headersLength, "local");
      });
      for (const range of buffers.values()) {
        this.register(range.lane + 1, range.at, range.length, "remote");
      }
    } catch (error) {
      if (error instanceof SystemError) return { errno: error.errno, reason: error.message };
      throw error;
    }
    return undefined;
  }

  private register(lane: number, at: number, length: number, access: MemoryAccess) {
    const memory = this.session.fabric.register(this.tickets[0]!, at, length, access);
    this.lanesMemory[lane]!.push(memory);
    return memory;
  }

  /**
   * Reactor `lane` may use another range from now on; nothing to do while the path is down.
   * @throws SystemError when it cannot be registered
   */
  addBuffers(lane: number, at: number, length: number): void {
    if (this.lanesMemory.length === 0 || this.tearing) return;
    const memory = this.register(lane + 1, at, length, "remote");
    if (lane >= this.attachedLanes) return;
    this.session.laneControls[lane]!.exposeClient(this.session.handle, this.handle, memory);
  }

  /** Takes back {@link addBuffers}; `done` when no device refers to the range any more. */
  removeBuffers(lane: number, at: number, done: () => void): void {
    const ranges = this.lanesMemory[lane + 1] ?? [];
    const index = ranges.findIndex((memory) => memory.at === at);
    if (index < 0) return done();
    if (this.tearing) {
      this.whenDown.push(done);
      return;
    }
    const [memory] = ranges.splice(index, 1);
    const { session } = this;
    const concealed = () => {
      session.fabric.unregister(memory!);
      done();
    };
    if (lane >= this.attachedLanes) return concealed();
    session.laneControls[lane]!.concealClient(session.handle, this.handle, memory!, concealed);
  }

  /** INFO_RSP arrived on the service connection. */
  onInfo(bytes: Uint8Array): void {
    if (!this.awaitsInfo) {
      return this.fail({ errno: ERRNO.EPROTO, reason: "a message that nobody asked for" });
    }
    this.awaitsInfo = false;
    const { queueDepth, chunkBytes } = this.session.adminLane!.setup;
    const regions = decodeInfoResponse(bytes, queueDepth, chunkBytes);
    if (typeof regions === "string") {
      const reason = `${this.destinationAddress}: bad INFO_RSP: ${regions}`;
      return this.fail({ errno: ERRNO.EINVAL, reason });
    }
    const newRkeys = this.newRkeys;
    this.admin!.open({ regions, memory: this.lanesMemory[0]!, newRkeys });
    const attached = countdown(this.session.laneControls.length, () => this.onAttached());
    this.session.laneControls.forEach((lane, i) => {
      // A copy: ranges added later are exposed by messages of their own.
      const memory = { regions, memory: [...this.lanesMemory[i + 1]!], newRkeys };
      const { handle } = this.session;
      this.attachedLanes++;
      lane.attachClient(handle, this.handle, i + 1, this.tickets[i + 1]!, memory, attached);
    });
  }

  private onAttached(): void {
    if (this.state !== "CONNECTING") return;
    this.setupTimer?.cancel();
    this.state = "CONNECTED";
    this.lastFailure = undefined;
    this.heartbeat.start();
    this.session.onPathConnected(this);
  }

  /** Something went wrong: everything of the path is torn down, then the session is told. */
  fail(failure: FabricFailure): void {
    if (this.state !== "CONNECTING" && this.state !== "CONNECTED") return;
    this.lastFailure = this.awaitsInfo ? explainLostInfo(failure, this.session.sessname) : failure;
    this.tearDown(this.state === "CONNECTED" ? "RECONNECTING" : "CONNECTING_ERR");
  }

  private tearDown(state: "RECONNECTING" | "CONNECTING_ERR" | "CLOSING"): void {
    const wasConnected = this.state === "CONNECTED";
    this.state = state;
    this.awaitsInfo = false;
    this.heartbeat.stop();
    this.setupTimer?.cancel();
    this.attempt?.cancel();
    this.attempt = undefined;
    if (wasConnected) this.session.onPathLost(this);
    // A tear-down under way goes on; only what follows it is different now.
    if (this.tearing) return;
    this.tearing = true;
    const { admin, attachedLanes, session } = this;
    const down = countdown(attachedLanes + 1, () => this.onDown());
    const unadopted = this.tickets.splice(admin === undefined ? 0 : attachedLanes + 1);
    for (const ticket of unadopted) {
      session.environment.adopter.discard(ticket);
      session.fabric.release(ticket);
    }
    for (const lane of session.laneControls.slice(0, attachedLanes)) {
      lane.detachClient(session.handle, this.handle, down);
    }
    if (admin === undefined) return down();
    session.onceClosed(admin, down);
    admin.close();
  }

  private onDown(): void {
    const { fabric } = this.session;
    for (const memory of this.lanesMemory.flat()) fabric.unregister(memory);
    for (const ticket of this.tickets) fabric.release(ticket);
    this.tickets = [];
    this.lanesMemory = [];
    this.admin = undefined;
    this.attachedLanes = 0;
    this.tearing = false;
    for (const callback of this.whenDown.splice(0)) callback();
    this.session.onPathDown(this);
  }
}
