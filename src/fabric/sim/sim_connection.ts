/**
 * One end of a simulated connection: the data half. Writes land in the peer's arena when they
 * arrive, after the checks that a real carrier makes; payload may be read from the sender's memory
 * as late as that, and the peer's memory may be written to until `onClosed`, as on real hardware.
 */
import { ERRNO } from "../../ffi/errno.ts";
import type {
  ConnectionLimits,
  ConnectionWindows,
  FabricConnection,
  FabricConnectionHandler,
  FabricFailure,
  MemoryWindows,
  RegisteredMemory,
  RemoteAddress,
  WindowHandler,
} from "../fabric.ts";
import { SimChannel } from "./channel.ts";
import { makeMessage, MESSAGE, payloadLength, readPayload, type SimMessage } from "./message.ts";
import type { SimNetwork } from "./network.ts";
import type { SimProcess } from "./process.ts";
import { SimConnectionWindows } from "./sim_windows.ts";

const TWO_32 = 2 ** 32;
/** Time from the start of closing to `onClosed`, at most. */
const CLOSE_MS_MAX = 3;
/** Chance that a payload is read from the sender's memory only when it arrives. */
const LATE_READ_CHANCE = 0.5;

type State = "waiting" | "open" | "closing" | "closed";

const unsignedAddress = (high: number, low: number) => ({ high: high >>> 0, low: low >>> 0 });

/** See the head of this file. */
export class SimConnection implements FabricConnection {
  /** `waiting`: nobody adopted it yet. */
  state: State = "waiting";
  peer!: SimConnection;
  outbound!: SimChannel;
  private handler: FabricConnectionHandler | undefined;
  private limits: ConnectionLimits | undefined;
  /** What arrived before the owner looked. */
  private inbox: SimMessage[] = [];
  private readonly exposed = new Map<number, RegisteredMemory>();
  private windows: SimConnectionWindows | undefined;

  /**
   * @param address of its host that it uses
   * @param page arena offset of a page in which SENDs are put
   */
  constructor(
    private readonly network: SimNetwork,
    readonly id: number,
    readonly process: SimProcess,
    readonly address: string,
    readonly page: number,
  ) {}

  /** Connects two ends. */
  static join(network: SimNetwork, a: SimConnection, b: SimConnection): void {
    a.peer = b;
    b.peer = a;
    a.outbound = new SimChannel(network, a, b);
    b.outbound = new SimChannel(network, b, a);
  }

  /** Somebody takes it over. */
  adopt(limits: ConnectionLimits, handler: FabricConnectionHandler): void {
    if (this.state !== "waiting") throw new Error(`Connection ${this.id} is ${this.state}`);
    this.state = "open";
    this.limits = limits;
    this.handler = handler;
    this.process.schedule(this.network.random.between(0, 0.05), () => this.drainInbox());
  }

  /** Closes it though nobody adopted it. */
  discard(): void {
    if (this.state !== "waiting") throw new Error(`Connection ${this.id} is ${this.state}`);
    this.state = "closed";
    this.outbound.end({ errno: ERRNO.ECONNRESET, reason: "the peer closed the connection" });
  }

  writeImmediate(
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
    rkey: number,
    addressHigh: number,
    addressLow: number,
    immediate: number,
  ): void {
    const target = { rkey: rkey >>> 0, address: unsignedAddress(addressHigh, addressLow) };
    const ranges = { first, firstLength, second, secondLength };
    this.post(MESSAGE.WRITE, { ...ranges, ...target, immediate, hasImmediate: true });
  }

  write(at: number, length: number, rkey: number, addressHigh: number, addressLow: number): void {
    const target = { rkey: rkey >>> 0, address: unsignedAddress(addressHigh, addressLow) };
    this.post(MESSAGE.WRITE, { first: at, firstLength: length, ...target });
  }

  immediate(immediate: number): void {
    this.post(MESSAGE.WRITE, { immediate, hasImmediate: true });
  }

  send(at: number, length: number): void {
    this.post(MESSAGE.SEND, { first: at, firstLength: length });
  }

  sendImmediate(at: number, length: number, immediate: number): void {
    this.post(MESSAGE.SEND, { first: at, firstLength: length, immediate, hasImmediate: true });
  }

  sendInvalidate(rkey: number): void {
    this.post(MESSAGE.INVALIDATE, { rkey: rkey >>> 0 });
  }

  expose(memory: RegisteredMemory): void {
    this.exposed.set(memory.rkey, memory);
  }

  conceal(memory: RegisteredMemory): void {
    this.exposed.delete(memory.rkey);
  }

  useWindows(windows: MemoryWindows, handler: WindowHandler): ConnectionWindows {
    this.windows = new SimConnectionWindows(this.network, this, windows, handler);
    return this.windows;
  }

  reaches(at: number, length: number): boolean {
    for (const memory of this.exposed.values()) {
      if (at >= memory.at && at + length <= memory.at + memory.length) return true;
    }
    return false;
  }

  /** True while the peer can write to the memory with this key. */
  exposes(rkey: number): boolean {
    return this.state !== "closed" && this.exposed.has(rkey);
  }

  close(): void {
    if (this.state === "open") this.startClosing();
  }

  /** Arena offset of what the peer calls `address`, if all `length` bytes of it are exposed. */
  locate(rkey: number, address: RemoteAddress, length: number): number | undefined {
    const memory = this.windows?.find(rkey) ?? this.exposed.get(rkey);
    if (memory === undefined || memory.access !== "remote") return undefined;
    const relative = (address.high - memory.address.high) * TWO_32 + address.low -
      memory.address.low;
    if (relative < 0 || relative + length > memory.length) return undefined;
    return memory.at + relative;
  }

  /** A message arrives. */
  deliver(message: SimMessage): void {
    if (!this.process.isAlive) {
      // The host that has a new process knows nothing of this connection; a dead one is silent.
      if (this.network.processAt(this.process.address) !== undefined) {
        this.outbound.end({ errno: ERRNO.ECONNRESET, reason: "the peer has been restarted" });
      }
    } else if (this.state === "waiting" || this.inbox.length > 0) {
      this.inbox.push(message);
    } else if (this.state === "open") {
      this.receive(message);
    } else if (this.state === "closing") {
      this.placeStray(message);
    }
  }

  private drainInbox(): void {
    while (this.inbox.length > 0 && this.state === "open") this.receive(this.inbox.shift()!);
    this.inbox = [];
  }

  private receive(message: SimMessage): void {
    const handler = this.handler!;
    if (message.kind === MESSAGE.SEND || message.hasImmediate) {
      this.process.heardFrom.set(this.peer.address, this.network.scheduler.now());
    }
    if (message.kind === MESSAGE.END) return this.break(message.failure!);
    if (message.kind === MESSAGE.INVALIDATE) return handler.onInvalidated(message.rkey);
    const length = payloadLength(message);
    if (message.kind === MESSAGE.SEND) {
      if (length > this.limits!.receiveBytesMax) {
        return this.refuse(ERRNO.EMSGSIZE, `a SEND of ${length} bytes`);
      }
      this.process.memory.arena.u8.set(message.bytes!, this.page);
      handler.onSend(this.page, length);
    } else if (length > 0) {
      const at = this.locate(message.rkey, message.address, length);
      if (at === undefined) {
        return this.refuse(ERRNO.EACCES, `a write of ${length} bytes outside exposed memory`);
      }
      this.process.memory.arena.u8.set(message.bytes!, at);
    }
    if (message.hasImmediate && this.state === "open") handler.onImmediate(message.immediate);
  }

  /** Until it is closed, memory may still be written to, but nobody hears of it. */
  private placeStray(message: SimMessage): void {
    if (message.kind !== MESSAGE.WRITE || this.network.random.chance(0.5)) return;
    const at = this.locate(message.rkey, message.address, payloadLength(message));
    if (at !== undefined) this.process.memory.arena.u8.set(message.bytes!, at);
  }

  private refuse(errno: number, what: string): void {
    const reason = `${this.peer.address} sent ${what}`;
    this.network.violations.push(reason);
    this.break({ errno, reason });
  }

  private break(failure: FabricFailure): void {
    this.startClosing();
    this.handler!.onBroken(failure);
  }

  private startClosing(): void {
    this.state = "closing";
    this.outbound.cutUnread();
    this.outbound.end({ errno: ERRNO.ECONNRESET, reason: "the peer closed the connection" });
    this.process.schedule(this.network.random.between(0, CLOSE_MS_MAX), () => {
      this.state = "closed";
      this.handler!.onClosed();
    });
  }

  private post(kind: number, fields: Partial<SimMessage>): void {
    if (this.state !== "open") return;
    const message = makeMessage(kind, fields);
    this.checkReach(message.first, message.firstLength);
    this.checkReach(message.second, message.secondLength);
    if (!this.network.random.chance(LATE_READ_CHANCE)) {
      readPayload(message, this.process.memory.arena);
    }
    this.outbound.post(message);
    if (this.outbound.length > this.limits!.postsMax) {
      this.network.violations.push(
        `${this.process.address} posted more than ${this.limits!.postsMax} messages`,
      );
    }
  }

  /** What is posted must have been registered, as a device demands it. */
  private checkReach(at: number, length: number): void {
    if (length === 0 || this.reaches(at, length)) return;
    this.network.violations.push(
      `${this.process.address} posted ${length} bytes at ${at}, which it did not register`,
    );
  }
}
