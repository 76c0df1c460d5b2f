/** One connection of a server's path, the data half. */
import type {
  ConnectionWindows,
  FabricConnection,
  FabricConnectionHandler,
  FabricFailure,
  MemoryWindows,
  RegisteredMemory,
  WindowHandler,
} from "../../fabric/fabric.ts";
import { HEARTBEAT_ACK_IMMEDIATE, HEARTBEAT_IMMEDIATE } from "../immediate.ts";
import { PATH_FLOAT, PATH_WORD } from "../path_counters.ts";
import { REJECT } from "./gate.ts";
import type { ServerLane } from "./lane.ts";

/** How a path gives the client a new key for a chunk with every answer. Plain data. */
export interface KeyRenewal {
  /** One a chunk. */
  readonly windows: MemoryWindows;
  /** Holds one rkey_rsp a chunk, RKEY_RSP.BYTES apart from arena offset `messagesAt` on. */
  readonly messages: RegisteredMemory;
  readonly messagesAt: number;
}

/** What connections of a path use of the session's memory. Plain data. */
export interface ServerPathMemory {
  readonly chunks: RegisteredMemory;
  /** Undefined: keys stay for as long as the path does. */
  readonly renewal: KeyRenewal | undefined;
}

/** Made before its fabric connection is: it is the handler that adoption needs. */
export class ServerConnection implements FabricConnectionHandler, WindowHandler {
  /** Answers can be posted. */
  isOpen = true;
  /** The fabric has let go of memory. */
  isClosed = false;
  /** Its end was reported. */
  isDrained = false;
  /**
   * Requests are taken: on a service connection, once INFO_RSP was sent. I/O connections take them
   * at once; no client has a key before INFO_RSP.
   */
  takesRequests: boolean;
  /** Requests of this connection that the back end works on. */
  inflight = 0;
  fabric!: FabricConnection;
  /** Where keys are renewed: the windows, one a chunk. */
  windows: ConnectionWindows | undefined;
  /** Arena offset of the rkey_rsp of chunk 0. */
  keyMessagesAt = 0;
  private closing = false;
  /** Index in `arena.u32` of the path's counters on this thread. */
  private readonly line: number;

  /**
   * @param path handle of the path in this process; `cid` number of this connection on it
   * @param countersAt arena offset of the path's counters on this thread
   */
  constructor(
    readonly lane: ServerLane,
    readonly path: number,
    readonly cid: number,
    countersAt: number,
  ) {
    this.line = countersAt / 4;
    this.takesRequests = cid !== 0;
  }

  /** A request of this connection is in the hands of the back end. */
  beginRequest(): void {
    this.inflight++;
    this.lane.arena.u32[this.line + PATH_WORD.INFLIGHT]!++;
  }

  /** It has ended. */
  endRequest(): void {
    this.inflight--;
    this.lane.arena.u32[this.line + PATH_WORD.INFLIGHT]!--;
  }

  /** A request of so many payload bytes has succeeded. */
  count(isRead: number, lengthBytes: number): void {
    const float = isRead === 0 ? PATH_FLOAT.RX : PATH_FLOAT.TX;
    this.lane.arena.f64[this.line / 2 + float]! += lengthBytes;
  }

  /** Gives it the adopted fabric connection. */
  bind(fabric: FabricConnection): void {
    this.fabric = fabric;
  }

  /** Lets the client write to the path's memory; after {@link bind}. */
  useMemory({ chunks, renewal }: ServerPathMemory): void {
    this.fabric.expose(chunks);
    if (renewal === undefined) return;
    this.fabric.expose(renewal.messages);
    this.keyMessagesAt = renewal.messagesAt;
    this.windows = this.fabric.useWindows!(renewal.windows, this);
  }

  onWindowClosed(chunk: number): void {
    this.lane.onWindowClosed(this, chunk);
  }

  onImmediate(immediate: number): void {
    this.lane.arena.u32[this.line + PATH_WORD.RECEIVED]!++;
    this.lane.receive(this, immediate);
  }

  onSend(at: number, length: number): void {
    this.lane.arena.u32[this.line + PATH_WORD.RECEIVED]!++;
    if (this.cid === 0) this.lane.user.onMessage(this, at, length);
    else this.lane.cutOff(this, REJECT.message_unexpected);
  }

  onInvalidated(): void {
    this.lane.cutOff(this, REJECT.invalidation_unexpected);
  }

  onBroken(failure: FabricFailure): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.lane.user.onConnectionBroken(this, failure);
    this.close();
  }

  onClosed(): void {
    this.isOpen = false;
    this.isClosed = true;
    if (this.windows !== undefined) this.lane.dropClosing(this);
    this.lane.checkDrained(this);
  }

  sendMessage(at: number, length: number): void {
    this.fabric.send(at, length);
  }

  sendHeartbeat(): void {
    this.fabric.immediate(HEARTBEAT_IMMEDIATE);
  }

  sendHeartbeatAck(): void {
    this.fabric.immediate(HEARTBEAT_ACK_IMMEDIATE);
  }

  /** Starts closing; the lane reports when it and its requests are through. */
  close(): void {
    if (this.closing) return;
    this.closing = true;
    this.isOpen = false;
    this.fabric.close();
  }
}
