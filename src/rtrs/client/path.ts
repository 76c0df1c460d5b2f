/**
 * A path of a client session: a synchronous state machine (rtrs-clt.c:203-290) that connects all
 * its connections, exchanges INFO, watches the heartbeat, and tears everything down together.
 * The session decides when it tries again.
 */
import type {
  ConnectAttempt,
  ConnectionTicket,
  FabricFailure,
  RegisteredMemory,
} from "../../fabric/fabric.ts";
import { describeErrno, ERRNO } from "../../ffi/errno.ts";
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
import { SERVICE_POSTS_MAX } from "../limits.ts";
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

/** See the head of this file. */
export class ClientPath {
  state: ClientPathState = "CLOSED";
  sourceAddress = "";
  destinationAddress: string;
  /** Set by the last failure; cleared when connected. */
  lastFailure: FabricFailure | undefined;
  readonly heartbeat: Heartbeat;
  private readonly uuid: Uint8Array;
  private reconCnt = 0;
  private tickets: ConnectionTicket[] = [];
  /** Lanes whose connection has been handed to a reactor. */
  private attachedLanes = 0;
  private registered: RegisteredMemory[] = [];
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

  /** Leaves for good: `done` when nothing is left of the path's connections. */
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
      { ...this.target, privateData, timeoutMs: settings.connectTimeoutMs },
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
          return this.fail({ errno: ERRNO.ECONNRESET, reason: accept });
        }
        this.onEstablished(accept);
      },
    );
  }

  private onEstablished(accept: ConnectAccept): void {
    if (this.tickets.length > 1) return this.afterConnection();
    const ticket = this.tickets[0]!;
    this.sourceAddress = ticket.localAddress;
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
    const { environment, fabric, allotments, sessname, adminLane } = this.session;
    this.registered = allotments.map((lane) =>
      fabric.register(this.tickets[0]!, lane.setup.buffersAt, lane.buffersLength)
    );
    this.admin!.expose([this.registered[0]!]);
    // The first header slot: no request is built there before INFO_RSP has come.
    const at = adminLane!.setup.headersAt;
    const bytes = environment.memory.arena.u8.subarray(at, at + INFO_REQ.BYTES);
    encodeInfoRequest(bytes.fill(0), sessname);
    this.admin!.sendMessage(at, INFO_REQ.BYTES);
    this.awaitsInfo = true;
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
      return this.fail({ errno: ERRNO.EINVAL, reason: `bad INFO_RSP: ${regions}` });
    }
    const newRkeys = this.newRkeys;
    this.admin!.open({ regions, memory: [this.registered[0]!], newRkeys });
    const attached = countdown(this.session.laneControls.length, () => this.onAttached());
    this.session.laneControls.forEach((lane, i) => {
      const memory = { regions, memory: [this.registered[i + 1]!], newRkeys };
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
    this.lastFailure = failure;
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
    for (const ticket of this.tickets) fabric.release(ticket);
    for (const memory of this.registered) fabric.unregister(memory);
    this.tickets = [];
    this.registered = [];
    this.admin = undefined;
    this.attachedLanes = 0;
    this.tearing = false;
    this.session.onPathDown(this);
  }
}
