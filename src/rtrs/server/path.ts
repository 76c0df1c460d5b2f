/**
 * A path of a server session: connections come in one by one, INFO makes it CONNECTED, and
 * whatever breaks one connection closes them all (rtrs-srv.c:66-97, 1562-1615).
 */
import type {
  ConnectionRequest,
  ConnectionTicket,
  Fabric,
  QueueLimits,
} from "../../fabric/fabric.ts";
import type { Timer } from "../clock.ts";
import { countdown } from "../countdown.ts";
import { Heartbeat } from "../heartbeat.ts";
import { decodeInfoRequest } from "../info_codec.ts";
import {
  INFO_REQUEST_BYTES,
  IO_QUEUE_SPARE,
  PATH_SETUP_TIMEOUT_MS,
  POSTS_PER_REQUEST_MAX,
  RENEWED_ANSWER_POSTS,
  SERVICE_POSTS_MAX,
  SERVICE_QUEUE_LIMITS,
  WINDOW_CHANGES_PER_CHUNK,
} from "../limits.ts";
import { PATH_COUNTER_BYTES, PathCounters } from "../path_counters.ts";
import { ServerConnection } from "./connection.ts";
import { ServerPathRegistrations } from "./path_memory.ts";
import type { ConnectRefusal } from "./server.ts";
import type { ServerSession } from "./session.ts";

/** States by the kernel's names; a path that is CLOSED is gone. */
export type ServerPathState = "CONNECTING" | "CONNECTED" | "CLOSING";

/** See the head of this file. */
export class ServerPath {
  state: ServerPathState = "CONNECTING";
  readonly handle: number;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly heartbeat: Heartbeat;
  readonly counters: PathCounters;
  /** Why it was closed. */
  closeReason = "";
  private readonly tickets = new Map<number, ConnectionTicket>();
  /** Connections that were accepted and whose ticket has not come yet. */
  private readonly accepting = new Set<number>();
  private service: ServerConnection | undefined;
  private serviceDrained: (() => void) | undefined;
  /** The client gets a new key for a chunk with every answer. */
  readonly renewsKeys: boolean;
  private readonly memory: ServerPathRegistrations;
  private attachesPending = 0;
  private infoPending: string | undefined;
  /** Arena offset of the counters: main's, then one line a reactor. */
  private readonly countersAt: number;
  private readonly setupTimer: Timer;

  /** @throws RangeError when the arena has no room */
  constructor(
    private readonly session: ServerSession,
    readonly uuid: string,
    private readonly fabric: Fabric,
    readonly cidNum: number,
    /** Which attempt of the client made it. */
    readonly reconCnt: number,
    request: ConnectionRequest,
  ) {
    const { environment, laneControls, settings } = session.server;
    this.handle = environment.nextHandle();
    this.localAddress = request.localAddress;
    this.remoteAddress = request.remoteAddress;
    const countersBytes = (laneControls.length + 1) * PATH_COUNTER_BYTES;
    const { memory } = environment;
    this.renewsKeys = settings.alwaysInvalidate && fabric.makeWindows !== undefined;
    const chunks = {
      at: session.chunksAt,
      chunkBytes: session.server.chunkBytes,
      count: settings.queueDepth,
    };
    this.countersAt = memory.allocate(countersBytes, "a server path");
    try {
      this.memory = new ServerPathRegistrations(memory, fabric, chunks, this.renewsKeys);
    } catch (error) {
      memory.release(this.countersAt);
      throw error;
    }
    const lines = [null, ...laneControls].map((_, thread) => this.countersOf(thread));
    this.counters = new PathCounters(memory.arena, () => lines);
    this.heartbeat = new Heartbeat(environment.clock, () => settings.heartbeat, {
      received: () => this.counters.received,
      sendHeartbeat: () => this.service?.sendHeartbeat(),
      onSilence: (silentMs) => this.close(`no sign of life for ${Math.round(silentMs)} ms`),
    });
    this.setupTimer = environment.clock.after(PATH_SETUP_TIMEOUT_MS, () => {
      this.refuse("setup_timeout", `not complete after ${PATH_SETUP_TIMEOUT_MS} ms`);
    });
  }

  private countersOf(thread: number): number {
    return this.countersAt + thread * PATH_COUNTER_BYTES;
  }

  /** The device that carries it; empty before the first connection. */
  get hcaName(): string {
    for (const { hcaName } of this.tickets.values()) return hcaName;
    return "";
  }

  /** Port of that device. */
  get hcaPort(): number {
    for (const { hcaPort } of this.tickets.values()) return hcaPort;
    return 0;
  }

  /** Requests that the back end works on. */
  get inflight(): number {
    return this.counters.inflight;
  }

  hasConnection(cid: number): boolean {
    return this.tickets.has(cid) || this.accepting.has(cid);
  }

  /** The same pair of addresses; ports do not count (rtrs-srv.c:1781). */
  isBetween(remoteAddress: string, localAddress: string): boolean {
    return this.remoteAddress === remoteAddress && this.localAddress === localAddress;
  }

  /** Accepts connection `cid`. */
  accept(cid: number, request: ConnectionRequest, privateData: Uint8Array): void {
    this.accepting.add(cid);
    request.accept(privateData, this.queueLimits(cid), (outcome) => {
      this.accepting.delete(cid);
      if ("failure" in outcome) return this.close(outcome.failure.reason);
      if (this.state !== "CONNECTING") {
        this.session.server.environment.adopter.discard(outcome.ticket);
        this.fabric.release(outcome.ticket);
        return this.checkAccepted();
      }
      this.adopt(cid, outcome.ticket);
    });
  }

  private queueLimits(cid: number): QueueLimits {
    const { queueDepth } = this.session.server.settings;
    const windowChangesMax = this.renewsKeys ? queueDepth * WINDOW_CHANGES_PER_CHUNK : 0;
    if (cid === 0) return { ...SERVICE_QUEUE_LIMITS, windowChangesMax };
    const sends = this.renewsKeys ? queueDepth * RENEWED_ANSWER_POSTS : queueDepth;
    return {
      sendsMax: sends + IO_QUEUE_SPARE,
      receivesMax: queueDepth + IO_QUEUE_SPARE,
      windowChangesMax,
    };
  }

  private adopt(cid: number, ticket: ConnectionTicket): void {
    const { session, fabric } = this;
    const { environment, laneControls } = session.server;
    const failure = this.memory.register(ticket);
    if (failure !== undefined) {
      environment.adopter.discard(ticket);
      fabric.release(ticket);
      return this.refuse("connect_no_memory", failure);
    }
    this.tickets.set(cid, ticket);
    if (cid === 0) {
      const connection = new ServerConnection(
        session.adminLane,
        this.handle,
        0,
        this.countersOf(0),
      );
      const limits = {
        postsMax: session.server.settings.queueDepth * POSTS_PER_REQUEST_MAX + SERVICE_POSTS_MAX,
        receiveBytesMax: INFO_REQUEST_BYTES,
      };
      this.service = connection;
      connection.bind(environment.adopter.adopt(ticket, limits, connection));
      connection.useMemory(this.memory.shared);
      if (!this.renewsKeys) connection.fabric.expose(this.memory.forInfo);
      return;
    }
    const reactor = (cid - 1) % laneControls.length;
    this.attachesPending++;
    laneControls[reactor]!.attachServer(
      session.handle,
      this.handle,
      cid,
      ticket,
      this.memory.shared,
      this.countersOf(reactor + 1),
      () => {
        this.attachesPending--;
        this.checkInfo();
      },
    );
  }

  /** INFO_REQ arrived on the service connection. */
  onInfo(bytes: Uint8Array): void {
    if (this.state !== "CONNECTING" || this.infoPending !== undefined) {
      return this.refuse("info_invalid", "a second INFO_REQ");
    }
    const name = decodeInfoRequest(bytes);
    if (typeof name !== "string") return this.refuse("info_invalid", name.problem);
    // The client may know that its last connection is accepted before our own accept returns.
    const connections = this.tickets.size + this.accepting.size;
    if (connections !== this.cidNum) {
      return this.refuse("info_too_early", `${connections} of ${this.cidNum} connections`);
    }
    this.infoPending = name;
    this.checkInfo();
  }

  /** Goes on when INFO_REQ is there and nothing is in the way; called whenever that may be so. */
  checkInfo(): void {
    const name = this.infoPending;
    const isComplete = this.tickets.size === this.cidNum && this.attachesPending === 0;
    if (this.state !== "CONNECTING" || name === undefined || !isComplete) return;
    const { session } = this;
    const holder = session.server.nameHolder(name, session);
    // A client that left and came back has the name as soon as its last session is through.
    if (holder?.isEnding === true) return;
    if (holder !== undefined) {
      return this.refuse("info_name_taken", `${name} is held by another client`);
    }
    if (session.sessname !== undefined && session.sessname !== name) {
      return this.refuse("info_invalid", `${name} for a session called ${session.sessname}`);
    }
    this.setupTimer.cancel();
    this.state = "CONNECTED";
    const isFirst = session.sessname === undefined;
    session.sessname = name;
    if (isFirst) session.server.user.onSessionUp(session);
    const service = this.service!;
    const { at, length } = this.memory.buildInfo(service.windows);
    service.takesRequests = true;
    service.sendMessage(at, length);
    this.heartbeat.start();
  }

  private refuse(reason: ConnectRefusal, detail: string): void {
    this.session.server.environment.onRefused(reason, this.remoteAddress, detail, 0);
    this.end(detail);
  }

  /** The service connection is closed and its requests have ended. */
  onServiceDrained(): void {
    const done = this.serviceDrained;
    this.serviceDrained = undefined;
    done?.();
  }

  /** Closes all connections; the session hears of it when their last I/O has ended. */
  close(reason: string): void {
    if (this.state !== "CLOSING") {
      const { server, sessname } = this.session;
      server.environment.onPathClosed(sessname, this.remoteAddress, reason);
    }
    this.end(reason);
  }

  private end(reason: string): void {
    if (this.state === "CLOSING") return this.checkAccepted();
    this.state = "CLOSING";
    this.closeReason = reason;
    this.heartbeat.stop();
    this.setupTimer.cancel();
    const lanes = this.session.server.laneControls;
    const used = lanes.filter((_, reactor) =>
      [...this.tickets.keys()].some((cid) => cid > 0 && (cid - 1) % lanes.length === reactor)
    );
    const drained = countdown(used.length + 1, () => {
      this.isDrained = true;
      this.checkAccepted();
    });
    for (const lane of used) lane.detachServer(this.session.handle, this.handle, drained);
    if (this.service === undefined) return drained();
    if (this.service.isDrained) return drained();
    this.serviceDrained = drained;
    this.service.close();
  }

  private isDrained = false;
  private isFreed = false;

  /** Frees the path once nothing is under way: accepts that have not ended count too. */
  private checkAccepted(): void {
    if (!this.isDrained || this.accepting.size > 0 || this.isFreed) return;
    this.isFreed = true;
    this.memory.free();
    for (const ticket of this.tickets.values()) this.fabric.release(ticket);
    this.session.server.environment.memory.release(this.countersAt);
    this.session.onPathClosed(this);
  }
}
