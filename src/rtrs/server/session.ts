/**
 * A server session, the control half: chunk memory shared by all its paths, its lane on main for
 * the service connections, its name. It lives from the first connection to the end of its last
 * path's last I/O.
 */
import type { FabricFailure } from "../../fabric/fabric.ts";
import { countdown } from "../countdown.ts";
import type { ServerConnection } from "./connection.ts";
import type { ParsedRequest } from "./gate.ts";
import { ServerLane, type ServerLaneUser } from "./lane.ts";
import type { ServerPath } from "./path.ts";
import type { RtrsServer } from "./server.ts";

/** See the head of this file. */
export class ServerSession implements ServerLaneUser {
  readonly handle: number;
  /** Paths by their uuid in hex. */
  readonly paths = new Map<string, ServerPath>();
  /** Undefined until INFO_REQ named it. */
  sessname: string | undefined;
  isClosing = false;
  /** Arena offset of chunk 0. */
  readonly chunksAt: number;
  readonly chunksLength: number;
  /** Arena offset of the words that tell which thread uses each chunk. */
  private readonly usersAt: number;
  readonly adminLane: ServerLane;

  /** @throws RangeError when the arena has no room for the chunks */
  constructor(readonly server: RtrsServer, readonly uuid: string) {
    const { environment, settings, chunkBytes } = server;
    this.handle = environment.nextHandle();
    this.chunksLength = settings.queueDepth * chunkBytes;
    this.chunksAt = environment.memory.allocate(this.chunksLength, "the chunks of a session");
    try {
      this.usersAt = environment.memory.allocate(settings.queueDepth * 4, "the users of chunks");
    } catch (error) {
      environment.memory.release(this.chunksAt);
      throw error;
    }
    const setup = {
      session: this.handle,
      thread: 0,
      queueDepth: settings.queueDepth,
      chunkBytes,
      chunksAt: this.chunksAt,
      usersIndex: this.usersAt / 4,
      rejectionsIndex: environment.rejectionsIndex,
    };
    this.adminLane = new ServerLane(environment.memory.arena, setup, this);
    // Each reactor replaces the counters' place by its own.
    server.laneControls.forEach((lane, i) => lane.createServer({ ...setup, thread: i + 1 }));
  }

  /** No path is left but those that are closing. */
  get isEnding(): boolean {
    if (this.isClosing) return true;
    for (const path of this.paths.values()) if (path.state !== "CLOSING") return false;
    return this.paths.size > 0;
  }

  pathByHandle(handle: number): ServerPath | undefined {
    for (const path of this.paths.values()) if (path.handle === handle) return path;
    return undefined;
  }

  /** Disconnects all paths; the session ends when they have. */
  close(reason: string): void {
    if (this.paths.size === 0) return this.end();
    for (const path of [...this.paths.values()]) path.close(reason);
  }

  /** A path's last connection and I/O have ended. */
  onPathClosed(path: ServerPath): void {
    this.paths.delete(path.uuid);
    if (this.paths.size === 0) this.end();
  }

  private end(): void {
    if (this.isClosing) return;
    this.isClosing = true;
    const { server } = this;
    const destroy = () => {
      const destroyed = countdown(server.laneControls.length, () => {
        server.environment.memory.release(this.chunksAt);
        server.environment.memory.release(this.usersAt);
        server.forget(this);
      });
      for (const lane of server.laneControls) lane.destroyServer(this.handle, destroyed);
    };
    if (this.sessname === undefined) destroy();
    else server.user.onSessionDown(this, destroy);
  }

  /** Answers an admin request; `dataAt` is the answer's place (in the chunk). */
  respond(chunk: number, errno: number, dataAt: number): void {
    this.adminLane.respond(chunk, errno, dataAt);
  }

  onRequest(chunk: number, chunkAt: number, request: ParsedRequest): void {
    this.server.user.onAdminRequest(this, chunk, chunkAt, request);
  }

  /** A thread is through with a chunk that a request waits for on another one. */
  onChunkFree(thread: number, chunk: number): void {
    if (thread === 0) this.adminLane.resume(chunk);
    else this.server.laneControls[thread - 1]!.resumeServer(this.handle, chunk);
  }

  onHeartbeat(connection: ServerConnection, isAck: boolean): void {
    if (isAck) this.pathByHandle(connection.path)?.heartbeat.onAck();
    else connection.sendHeartbeatAck();
  }

  onMessage(connection: ServerConnection, at: number, length: number): void {
    const bytes = this.adminLane.arena.u8.slice(at, at + length);
    this.pathByHandle(connection.path)?.onInfo(bytes);
  }

  onConnectionBroken(connection: ServerConnection, failure: FabricFailure): void {
    this.pathByHandle(connection.path)?.close(failure.reason);
  }

  onConnectionDrained(connection: ServerConnection): void {
    this.pathByHandle(connection.path)?.onServiceDrained();
  }
}
