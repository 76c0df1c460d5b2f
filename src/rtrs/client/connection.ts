/** One connection of a client's path, the data half: chunk addresses, keys, answers. */
import type {
  FabricConnection,
  FabricConnectionHandler,
  FabricFailure,
  RegisteredMemory,
} from "../../fabric/fabric.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { IMMEDIATE, RTRS_MESSAGE } from "../constants.ts";
import type { ChunkRegion } from "../info_codec.ts";
import {
  HEARTBEAT_ACK_IMMEDIATE,
  HEARTBEAT_IMMEDIATE,
  immediateType,
  responseBufferId,
  responseErrno,
} from "../immediate.ts";
import { PATH_COUNTER_BYTES, PATH_FLOAT, PATH_WORD } from "../path_counters.ts";
import { RKEY_RSP } from "../request_codec.ts";
import type { ClientLane } from "./lane.ts";

const TWO_32 = 2 ** 32;

/** What INFO_RSP and the registration told about a path. */
export interface ClientPathMemory {
  readonly regions: readonly ChunkRegion[];
  /** Local ranges that requests may use: the lane's own, and those added for exposures. */
  readonly memory: readonly RegisteredMemory[];
  /** The server sends a new key for the chunk with every answer. */
  readonly newRkeys: boolean;
}

/** Made before its fabric connection is: it is the handler that adoption needs. */
export class ClientConnection implements FabricConnectionHandler {
  /** Carries requests: after {@link open} and until it breaks. */
  isOpen = false;
  /** It is about to be closed: other connections are better. */
  isDraining = false;
  /** Requests that wait for an answer. */
  inflight = 0;
  /** Index in `arena.u32` of this path's counters on this thread. */
  private readonly line: number;
  private onDrained: (() => void) | undefined;
  /** Where the layer above counts what it carries. */
  statisticsRow = 0;
  private fabric!: FabricConnection;
  private readonly memory: RegisteredMemory[] = [];
  /** Where the last look-up in `memory` ended: neighbours mostly use the same range. */
  private lastMemory = 0;
  private readonly chunkHigh: Uint32Array;
  private readonly chunkLow: Uint32Array;
  private readonly chunkKey: Uint32Array;
  private newRkeys = false;
  /** Chunk that the last rkey_rsp named, -1 for none: its immediate must follow. */
  private refreshed = -1;
  private closing = false;
  private broken = false;

  /**
   * @param path handle of the path in this process; `slot` its number in the session
   * @param cid number of this connection on it
   */
  constructor(
    private readonly lane: ClientLane,
    readonly path: number,
    slot: number,
    readonly cid: number,
  ) {
    this.line = (lane.setup.countersAt + slot * PATH_COUNTER_BYTES) / 4;
    lane.arena.u32[this.line + PATH_WORD.INFLIGHT] = 0;
    this.chunkHigh = new Uint32Array(lane.setup.permits);
    this.chunkLow = new Uint32Array(lane.setup.permits);
    this.chunkKey = new Uint32Array(lane.setup.permits);
  }

  /** Round trip of the path in microseconds; 0 while it is not known. */
  get latencyUs(): number {
    return this.lane.arena.u32[this.line + PATH_WORD.LATENCY_US]!;
  }

  /** It carries one more request. */
  begin(): void {
    this.inflight++;
    this.lane.arena.u32[this.line + PATH_WORD.INFLIGHT]!++;
  }

  /** It carries one less. */
  end(): void {
    this.inflight--;
    this.lane.arena.u32[this.line + PATH_WORD.INFLIGHT]!--;
  }

  /** A request of so many payload bytes has succeeded. */
  count(isRead: number, lengthBytes: number): void {
    const float = isRead === 0 ? PATH_FLOAT.TX : PATH_FLOAT.RX;
    this.lane.arena.f64[this.line / 2 + float]! += lengthBytes;
  }

  /** Takes no more requests while there are other connections; `done` when it carries none. */
  drain(done: () => void): void {
    this.isDraining = true;
    this.onDrained = done;
    this.checkDrained();
  }

  /** Ends {@link drain} when there is nothing left to wait for. */
  checkDrained(): void {
    if (this.onDrained === undefined || this.inflight > 0) return;
    const done = this.onDrained;
    this.onDrained = undefined;
    done();
  }

  /** Gives it the adopted fabric connection. */
  bind(fabric: FabricConnection): void {
    this.fabric = fabric;
  }

  /** Lets requests use `memory`. */
  expose(memory: RegisteredMemory): void {
    this.memory.push(memory);
    this.fabric.expose(memory);
  }

  /** Undoes {@link expose}; no request uses it any more. */
  conceal(memory: RegisteredMemory): void {
    const at = this.memory.findIndex((range) => range.at === memory.at);
    if (at < 0) return;
    this.memory.splice(at, 1);
    this.lastMemory = 0;
    this.fabric.conceal(memory);
  }

  /** The path is connected: computes where the lane's chunks lie and carries requests. */
  open(path: ClientPathMemory): void {
    this.newRkeys = path.newRkeys;
    const { chunkBytes, firstPermit, permits } = this.lane.setup;
    let first = 0;
    for (const region of path.regions) {
      const chunks = region.length / chunkBytes;
      for (let i = 0; i < chunks; i++) {
        const index = first + i - firstPermit;
        if (index < 0 || index >= permits) continue;
        const low = region.low + i * chunkBytes;
        this.chunkLow[index] = low % TWO_32;
        this.chunkHigh[index] = region.high + Math.floor(low / TWO_32);
        this.chunkKey[index] = region.rkey;
      }
      first += chunks;
    }
    this.isOpen = !this.broken && !this.closing;
    if (this.isOpen) this.lane.onOpened();
  }

  /** Which registered range holds arena offset `at`. */
  memoryIndexOf(at: number): number {
    const count = this.memory.length;
    for (let n = 0, i = this.lastMemory; n < count; n++) {
      const range = this.memory[i]!;
      if (at >= range.at && at < range.at + range.length) {
        this.lastMemory = i;
        return i;
      }
      i = i + 1 === count ? 0 : i + 1;
    }
    throw new RangeError(`Arena offset ${at} is not registered for this path`);
  }

  // Words of names and keys go on signed: a number from 2^31 on that is handed to a function which
  // the compiler did not take in costs an allocation, and keys are random.

  /** High word of the remote name of `at`, signed. */
  memoryHigh(index: number, at: number): number {
    const range = this.memory[index]!;
    return (range.address.high + Math.floor((range.address.low + (at - range.at)) / TWO_32)) | 0;
  }

  /** Low word of the remote name of `at`, signed. */
  memoryLow(index: number, at: number): number {
    const range = this.memory[index]!;
    return (range.address.low + (at - range.at)) | 0;
  }

  /** Its key, signed. */
  memoryKey(index: number): number {
    return this.memory[index]!.rkey | 0;
  }

  /** Writes two gathered ranges to `offset` of the permit's chunk, then the immediate. */
  post(
    permit: number,
    offset: number,
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
    immediate: number,
  ): void {
    const index = permit - this.lane.setup.firstPermit;
    const low = this.chunkLow[index]! + offset;
    const high = this.chunkHigh[index]! + (low >= TWO_32 ? 1 : 0);
    this.fabric.writeImmediate(
      first,
      firstLength,
      second,
      secondLength,
      this.chunkKey[index]! | 0,
      high | 0,
      low | 0,
      immediate,
    );
  }

  /** Sends INFO_REQ (service connection only). */
  sendMessage(at: number, length: number): void {
    this.fabric.send(at, length);
  }

  sendHeartbeat(): void {
    this.fabric.immediate(HEARTBEAT_IMMEDIATE);
  }

  /** Starts closing; ends with the lane's `onConnectionClosed`. */
  close(): void {
    if (this.closing) return;
    this.closing = true;
    this.isOpen = false;
    this.fabric.close();
  }

  onImmediate(immediate: number): void {
    this.lane.arena.u32[this.line + PATH_WORD.RECEIVED]!++;
    const type = immediateType(immediate);
    if (type === IMMEDIATE.IO_RESPONSE || type === IMMEDIATE.IO_RESPONSE_INVALIDATED) {
      const permit = responseBufferId(immediate);
      if (this.newRkeys) {
        if (this.refreshed !== permit) return this.violate(`answer ${permit} without a new key`);
        this.refreshed = -1;
      }
      if (!this.lane.complete(this, permit, responseErrno(immediate))) {
        this.violate(`answer for buffer ${permit}, which waits for none`);
      }
    } else if (type === IMMEDIATE.HEARTBEAT && this.cid === 0) {
      this.fabric.immediate(HEARTBEAT_ACK_IMMEDIATE);
      this.lane.user.onHeartbeat(this, false);
    } else if (type === IMMEDIATE.HEARTBEAT_ACK && this.cid === 0) {
      this.lane.user.onHeartbeat(this, true);
    } else {
      this.violate(`immediate of type ${type} on connection ${this.cid}`);
    }
  }

  onSend(at: number, length: number): void {
    this.lane.arena.u32[this.line + PATH_WORD.RECEIVED]!++;
    if (!this.newRkeys) {
      if (this.cid === 0) this.lane.user.onMessage(this, at, length);
      else this.violate(`message of ${length} bytes on connection ${this.cid}`);
      return;
    }
    const view = this.lane.arena.view;
    const index = length < RKEY_RSP.BYTES
      ? -1
      : view.getUint16(at + RKEY_RSP.BUF_ID, true) - this.lane.setup.firstPermit;
    const type = length < RKEY_RSP.BYTES ? -1 : view.getUint16(at + RKEY_RSP.TYPE, true);
    if (type !== RTRS_MESSAGE.RKEY_RESPONSE || index < 0 || index >= this.lane.setup.permits) {
      return this.violate(`bad rkey_rsp of ${length} bytes, type ${type}`);
    }
    this.chunkKey[index] = view.getUint32(at + RKEY_RSP.RKEY, true);
    this.refreshed = index + this.lane.setup.firstPermit;
  }

  onInvalidated(): void {
    // Keys of this client are never invalidatable, so NEED_INVAL is never asked for.
    this.violate("invalidation that nobody asked for");
  }

  onBroken(failure: FabricFailure): void {
    if (this.broken) return;
    this.broken = true;
    this.isOpen = false;
    this.lane.user.onConnectionBroken(this, failure);
    this.close();
  }

  onClosed(): void {
    this.isOpen = false;
    this.lane.detach(this);
  }

  private violate(what: string): void {
    this.onBroken({ errno: ERRNO.EPROTO, reason: `the server broke the protocol: ${what}` });
  }
}
