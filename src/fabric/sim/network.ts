/**
 * The simulated network: hosts by their address, connections between them, and everything that
 * can go wrong with those.
 */
import { ERRNO } from "../../ffi/errno.ts";
import type { Arena } from "../../ring/arena.ts";
import type { ConnectionRequest } from "../fabric.ts";
import { MESSAGE, readPayload, type SimMessage } from "./message.ts";
import type { SimProcess } from "./process.ts";
import type { SimRandom } from "./random.ts";
import type { SimScheduler } from "./scheduler.ts";
import type { SimConnection } from "./sim_connection.ts";
import type { SimWindow } from "./sim_windows.ts";

/** How well the network works at the moment. */
export interface NetworkConditions {
  /** A message takes between these, every order of magnitude alike. */
  delayMinMs: number;
  delayMaxMs: number;
  /** Chance that a connect is refused, and that it is lost and times out. */
  refuseChance: number;
  loseConnectChance: number;
}

/** Somebody who accepts connections. */
export interface ListeningProcess {
  readonly process: SimProcess;
  onRequest(request: ConnectionRequest): void;
}

/** Longest time until a write that {@link SimNetwork.plantLateWrites} asks for arrives. */
const LATE_WRITE_MS_MAX = 3_000;

/** See the head of this file. */
export class SimNetwork {
  readonly conditions: NetworkConditions = {
    delayMinMs: 0.02,
    delayMaxMs: 0.5,
    refuseChance: 0,
    loseConnectChance: 0,
  };
  /** Connections whose ticket was not released, by their id. */
  readonly connections = new Map<number, SimConnection>();
  /** Memory windows by their handle. */
  readonly windows = new Map<number, SimWindow>();
  /** By `address port`. */
  readonly listeners = new Map<string, ListeningProcess>();
  /** What no correct program does: writes outside exposed memory, too many posts, … */
  readonly violations: string[] = [];
  /** A bug to be found: writes of a broken connection land, once more, after it was closed. */
  plantLateWrites = false;
  private readonly processes = new Map<string, SimProcess>();
  /** Partitions, past ones too: from when to when. */
  private readonly blocked = new Map<string, { readonly from: number; readonly until: number }>();
  private connectionIds = 0;
  private windowHandles = 0;

  constructor(readonly scheduler: SimScheduler, readonly random: SimRandom) {}

  /** A number for a new connection. */
  nextConnectionId(): number {
    return ++this.connectionIds;
  }

  /** A new window, closed. Its key is like no other window's but for the byte that counts. */
  addWindow(): number {
    const handle = ++this.windowHandles;
    this.windows.set(handle, { rkey: (handle << 8 | this.random.below(256)) >>> 0, isOpen: false });
    return handle;
  }

  /** A host starts a process; one at a time. */
  addProcess(process: SimProcess): void {
    if (this.processes.get(process.address)?.isAlive) {
      throw new Error(`Host ${process.address} runs a process already`);
    }
    this.processes.set(process.address, process);
  }

  /** The process that lives on the host with this address. */
  processAt(address: string): SimProcess | undefined {
    const process = this.processes.get(hostOf(address));
    return process?.isAlive === true ? process : undefined;
  }

  /** How long a message that is sent now takes. */
  delayMs(): number {
    return this.random.spread(this.conditions.delayMinMs, this.conditions.delayMaxMs);
  }

  /** For how long nothing gets through between two addresses, from now; 0 = it does. */
  blockedMs(from: string, to: string): number {
    const now = this.scheduler.now();
    let untilMs = now;
    for (const { until } of this.partitionsOf(from, to)) untilMs = Math.max(untilMs, until);
    return untilMs - now;
  }

  /** For how long nothing has got through between two addresses, at least; 0 = it does. */
  silentMs(a: string, b: string): number {
    const now = this.scheduler.now();
    let silentMs = 0;
    for (const { from, until } of this.partitionsOf(a, b)) {
      if (until > now) silentMs = Math.max(silentMs, now - from);
    }
    return silentMs;
  }

  /** Of the addresses themselves, and of their hosts. */
  private partitionsOf(a: string, b: string): { readonly from: number; readonly until: number }[] {
    const names = new Set([pairName(a, b), pairName(hostOf(a), hostOf(b))]);
    return [...names].flatMap((name) => this.blocked.get(name) ?? []);
  }

  /**
   * Nothing gets through between two hosts for a while, at least, or between two addresses of
   * theirs; nobody is told.
   */
  partition(a: string, b: string, durationMs: number): void {
    const now = this.scheduler.now();
    const name = pairName(a, b);
    const earlier = this.blocked.get(name);
    const isOn = earlier !== undefined && earlier.until > now;
    const until = Math.max(now + durationMs, isOn ? earlier.until : 0);
    this.blocked.set(name, { from: isOn ? earlier.from : now, until });
  }

  /** When the last partition ends. */
  get lastBlockedUntil(): number {
    return Math.max(0, ...[...this.blocked.values()].map(({ until }) => until));
  }

  /** Breaks a connection: part of what is under way is lost, both ends hear of it in their time. */
  reset(connection: SimConnection): void {
    for (const end of [connection, connection.peer]) {
      this.hangUp(end, this.random.below(end.outbound.length + 1));
    }
  }

  /** Breaks a connection; all that is under way arrives before the ends hear of it. */
  breakLate(connection: SimConnection): void {
    for (const end of [connection, connection.peer]) this.hangUp(end, end.outbound.length);
  }

  private hangUp(end: SimConnection, keep: number): void {
    if (!end.process.isAlive) return;
    end.outbound.cut(keep);
    end.outbound.end({ errno: ERRNO.ECONNRESET, reason: "the connection was reset" });
  }

  /**
   * A process stops at once.
   * @param isSilent its peers hear nothing (the host lost power); else their connections are reset
   * @param keepsSent what it had sent may still arrive; else all of it is lost
   */
  crash(process: SimProcess, isSilent: boolean, keepsSent: boolean): void {
    process.kill();
    for (const [id, connection] of [...this.connections]) {
      if (connection.process !== process) continue;
      const { outbound } = connection;
      outbound.cut(keepsSent ? this.random.below(outbound.length + 1) : 0);
      if (!isSilent) outbound.end({ errno: ERRNO.ECONNRESET, reason: "the peer is gone" });
      this.connections.delete(id);
    }
    for (const [name, listener] of [...this.listeners]) {
      if (listener.process === process) this.listeners.delete(name);
    }
  }

  /** Has `action` happen at `to` when a packet that leaves `from` now arrives. */
  travel(from: string, to: string, action: () => void): void {
    this.scheduler.after(this.delayMs(), () => {
      const waitMs = this.blockedMs(from, to);
      if (waitMs > 0) this.scheduler.after(waitMs, () => this.travel(from, to, action));
      else action();
    });
  }

  /** The planted bug: a write of a connection that has just been cut lands some time later. */
  writeLate(to: SimConnection, message: SimMessage, arena: Arena): void {
    if (message.kind !== MESSAGE.WRITE) return;
    const bytes = readPayload(message, arena);
    const at = to.locate(message.rkey, message.address, bytes.length);
    if (at === undefined) return;
    to.process.schedule(this.random.between(0, LATE_WRITE_MS_MAX), () => {
      to.process.memory.arena.u8.set(bytes, at);
    });
  }
}

/** The host of an address: `client/2` is the second further address of the host `client`. */
export function hostOf(address: string): string {
  return address.split("/", 1)[0]!;
}

function pairName(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
