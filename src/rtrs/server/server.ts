/**
 * The RTRS server, the control half: takes connection requests through the checks of the
 * kernel's server, in its order (rtrs-srv.c:1866-1987), and keeps sessions by their uuid.
 */
import type {
  ConnectionRequest,
  Fabric,
  FabricAdopter,
  FabricListener,
} from "../../fabric/fabric.ts";
import { ERRNO } from "../../ffi/errno.ts";
import type { ArenaAllocator } from "../../ring/arena.ts";
import type { Clock } from "../clock.ts";
import {
  type ConnectRequest,
  decodeConnectRequest,
  encodeConnectAccept,
  encodeConnectReject,
} from "../connect_codec.ts";
import { NEW_RKEY_FLAG } from "../constants.ts";
import type { HeartbeatSettings } from "../heartbeat.ts";
import type { LaneControl } from "../lane_control.ts";
import { HEADER_AREA_BYTES, PATHS_MAX, SERVER_SESSIONS_MAX } from "../limits.ts";
import type { ParsedRequest } from "./gate.ts";
import { ServerPath } from "./path.ts";
import { ServerSession } from "./session.ts";

/** What the program gives the server. */
export interface ServerEnvironment {
  readonly clock: Clock;
  readonly memory: ArenaAllocator;
  /** Main's adopter, for service connections. */
  readonly adopter: FabricAdopter;
  nextHandle(): number;
  /** Index in `arena.f64` of the counters of REQUEST_REJECTIONS that main owns. */
  readonly rejectionsIndex: number;
  /**
   * Counts a refused connection and logs it.
   * @param errno what the client is told; 0: it is disconnected without a word
   */
  onRefused(reason: ConnectRefusal, address: string, detail: string, errno: number): void;
  /** Logs why a path ends that was not refused; `sessname` is undefined before INFO. */
  onPathClosed(sessname: string | undefined, address: string, reason: string): void;
}

/** Why a connection request was refused, for the counters. */
export const CONNECT_REFUSALS = [
  "connect_request_invalid",
  "connect_session_unknown",
  "connect_no_memory",
  "connect_path_state",
  "connect_cid_num_differs",
  "connect_cid_taken",
  "connect_too_many_paths",
  "connect_path_exists",
  "info_invalid",
  "info_too_early",
  "info_name_taken",
  "setup_timeout",
] as const;
export type ConnectRefusal = (typeof CONNECT_REFUSALS)[number];

/** Settings from the config. */
export interface ServerSettings {
  readonly queueDepth: number;
  /** Data bytes of a chunk. */
  readonly maxIoBytes: number;
  readonly heartbeat: HeartbeatSettings;
  /** Where the carrier can: a client's key for a chunk is good for one request. */
  readonly alwaysInvalidate: boolean;
}

/** The layer above: RNBD. */
export interface RtrsServerUser {
  /** A session got its name: its first path is connected. */
  onSessionUp(session: ServerSession): void;
  /** A request on the service connection; `session.respond(chunk, …)` answers it. */
  onAdminRequest(
    session: ServerSession,
    chunk: number,
    chunkAt: number,
    request: ParsedRequest,
  ): void;
  /** The last path is gone; `done` when the session's devices are closed. */
  onSessionDown(session: ServerSession, done: () => void): void;
}

const hex = (bytes: Uint8Array) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Whether one count of 16 bits comes after another; they wrap. */
function isNewer(count: number, than: number): boolean {
  const steps = (count - than) & 0xffff;
  return steps > 0 && steps < 0x8000;
}

/** See the head of this file. */
export class RtrsServer {
  readonly sessions = new Map<string, ServerSession>();
  private readonly listeners: FabricListener[] = [];

  constructor(
    readonly environment: ServerEnvironment,
    readonly settings: ServerSettings,
    /** The reactors, in order; connection c > 0 goes to reactor (c - 1) mod their number. */
    readonly laneControls: readonly LaneControl[],
    readonly user: RtrsServerUser,
  ) {}

  /** Bytes of a chunk: data, then headers. */
  get chunkBytes(): number {
    return this.settings.maxIoBytes + HEADER_AREA_BYTES;
  }

  /** Serves an address. @throws SystemError when it cannot be had */
  listen(fabric: Fabric, address: string, port: number): FabricListener {
    const listener = fabric.listen(address, port, (request) => this.onRequest(fabric, request));
    this.listeners.push(listener);
    return listener;
  }

  /** Stops listening and disconnects everybody; `done` when all devices are closed. */
  close(done: () => void): void {
    for (const listener of this.listeners.splice(0)) listener.close();
    this.whenEmpty = done;
    for (const session of [...this.sessions.values()]) session.close("the server shuts down");
    this.checkEmpty();
  }

  private whenEmpty: (() => void) | undefined;

  private checkEmpty(): void {
    if (this.sessions.size > 0 || this.whenEmpty === undefined) return;
    const done = this.whenEmpty;
    this.whenEmpty = undefined;
    done();
  }

  private onRequest(fabric: Fabric, request: ConnectionRequest): void {
    const refuse = (errno: number, reason: ConnectRefusal, detail: string) => {
      this.environment.onRefused(reason, request.remoteAddress, detail, errno);
      request.reject(encodeConnectReject(errno));
    };
    const connect = decodeConnectRequest(request.privateData);
    if (typeof connect === "string") {
      return refuse(ERRNO.ECONNRESET, "connect_request_invalid", connect);
    }
    const session = this.findSession(connect);
    if (typeof session === "number") {
      const reason = session === ERRNO.ENXIO ? "connect_session_unknown" : "connect_no_memory";
      return refuse(session, reason, `session ${hex(connect.sessionUuid)}`);
    }
    const path = this.findPath(session, fabric, connect, request);
    if (!(path instanceof ServerPath)) {
      if (session.paths.size === 0) session.close("its first connection was refused");
      return refuse(path.errno, path.reason, path.detail);
    }
    path.accept(
      connect.cid,
      request,
      encodeConnectAccept({
        queueDepth: this.settings.queueDepth,
        maxIoBytes: this.settings.maxIoBytes,
        maxHeaderBytes: HEADER_AREA_BYTES,
        flags: path.renewsKeys ? NEW_RKEY_FLAG : 0,
      }),
    );
  }

  private findSession(connect: ConnectRequest): ServerSession | number {
    const uuid = hex(connect.sessionUuid);
    const known = this.sessions.get(uuid);
    if (known !== undefined) return known;
    if (!connect.firstConn) return ERRNO.ENXIO;
    if (this.sessions.size >= SERVER_SESSIONS_MAX || this.whenEmpty !== undefined) {
      return ERRNO.ENOMEM;
    }
    try {
      const session = new ServerSession(this, uuid);
      this.sessions.set(uuid, session);
      return session;
    } catch (error) {
      if (error instanceof RangeError) return ERRNO.ENOMEM;
      throw error;
    }
  }

  private findPath(
    session: ServerSession,
    fabric: Fabric,
    connect: ConnectRequest,
    request: ConnectionRequest,
  ): ServerPath | { errno: number; reason: ConnectRefusal; detail: string } {
    const reset = (reason: ConnectRefusal, detail: string) => ({
      errno: ERRNO.ECONNRESET,
      reason,
      detail,
    });
    const uuid = hex(connect.pathUuid);
    const known = session.paths.get(uuid);
    if (known !== undefined) {
      if (isNewer(connect.reconCnt, known.reconCnt)) {
        // The client has no connection of it any more, and waits for its end.
        known.close("its client has given it up");
        return reset("connect_path_state", known.state);
      }
      if (known.state !== "CONNECTING") return reset("connect_path_state", known.state);
      if (known.cidNum !== connect.cidNum) {
        return reset("connect_cid_num_differs", `${connect.cidNum}, was ${known.cidNum}`);
      }
      if (known.hasConnection(connect.cid)) return reset("connect_cid_taken", `${connect.cid}`);
      return known;
    }
    if (session.isClosing || this.whenEmpty !== undefined) {
      return reset("connect_path_state", "the session is closing");
    }
    if (session.paths.size >= PATHS_MAX) return reset("connect_too_many_paths", `${PATHS_MAX}`);
    for (const path of session.paths.values()) {
      if (path.isBetween(request.remoteAddress, request.localAddress)) {
        return { errno: ERRNO.EEXIST, reason: "connect_path_exists", detail: path.remoteAddress };
      }
    }
    try {
      const path = new ServerPath(
        session,
        uuid,
        fabric,
        connect.cidNum,
        connect.reconCnt,
        request,
      );
      session.paths.set(uuid, path);
      return path;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return { errno: ERRNO.ENOMEM, reason: "connect_no_memory", detail: error.message };
    }
  }

  /** A reactor reports that a connection of a path broke. */
  onLaneBroken(session: number, path: number, reason: string): void {
    for (const candidate of this.sessions.values()) {
      if (candidate.handle === session) candidate.pathByHandle(path)?.close(reason);
    }
  }

  /** A reactor is through with a chunk that a request waits for on thread `waiter`. */
  onChunkFree(session: number, waiter: number, chunk: number): void {
    for (const candidate of this.sessions.values()) {
      if (candidate.handle === session) candidate.onChunkFree(waiter, chunk);
    }
  }

  /** The session that holds `name`, other than `except`. */
  nameHolder(name: string, except: ServerSession): ServerSession | undefined {
    for (const session of this.sessions.values()) {
      if (session !== except && session.sessname === name) return session;
    }
    return undefined;
  }

  /** The session has ended and its memory is free. */
  forget(session: ServerSession): void {
    this.sessions.delete(session.uuid);
    for (const other of this.sessions.values()) {
      for (const path of [...other.paths.values()]) path.checkInfo();
    }
    this.checkEmpty();
  }
}
