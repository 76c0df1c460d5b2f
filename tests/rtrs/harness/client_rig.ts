/** An RTRS client session on a fake fabric, with fake reactors, a fake clock and a small arena. */
import assert from "node:assert/strict";
import type { FabricFailure } from "../../../src/fabric/fabric.ts";
import type { ClientPath, PathTarget } from "../../../src/rtrs/client/path.ts";
import { ArenaAllocator, plainArena } from "../../../src/ring/arena.ts";
import {
  ClientSession,
  type ClientSessionSettings,
  type ClientSessionUser,
} from "../../../src/rtrs/client/session.ts";
import {
  type ConnectAccept,
  decodeConnectRequest,
  encodeConnectAccept,
  encodeConnectReject,
} from "../../../src/rtrs/connect_codec.ts";
import {
  type ChunkRegion,
  encodeInfoResponse,
  infoResponseBytes,
} from "../../../src/rtrs/info_codec.ts";
import { FakeClock } from "./fake_clock.ts";
import { FakeAdopter, type FakeConnection, FakeFabric } from "./fake_fabric.ts";
import { FakeReactor } from "./fake_lanes.ts";

/** Where received messages lie: in the arena's first page, which is never handed out. */
const MESSAGE_AT = 64;
export const REACTORS = 2;
export const OFFER: ConnectAccept = {
  queueDepth: 8,
  maxIoBytes: 8192,
  maxHeaderBytes: 4096,
  flags: 0,
};
export const SETTINGS: ClientSessionSettings = {
  heartbeat: { intervalMs: 5000, missedMax: 5 },
  connectTimeoutMs: 30_000,
  reconnectDelayMs: 1000,
  reconnectDelayMaxMs: 60_000,
  maxReconnectAttempts: -1,
  policy: "min-inflight",
};
export const TARGET: PathTarget = { source: undefined, destination: "10.0.0.1", port: 1234 };

/** One region with all chunks of an offer. */
export function regionsOf(offer: ConnectAccept): ChunkRegion[] {
  const length = offer.queueDepth * (offer.maxIoBytes + offer.maxHeaderBytes);
  return [{ high: 0x7fff, low: 0xffff_0000, rkey: 0x5501, length }];
}

/** See the head of this file. */
export class ClientRig {
  readonly clock = new FakeClock();
  readonly fabric = new FakeFabric();
  readonly adopter = new FakeAdopter();
  readonly memory: ArenaAllocator;
  readonly reactors: FakeReactor[];
  readonly session: ClientSession;
  /** What the session told its user. */
  readonly events: string[] = [];
  readonly failures: FabricFailure[] = [];
  /** Paths that were connected or lost, by their slot. */
  readonly pathEvents: [slot: number, state: string][] = [];
  /** Service connections, where a test keeps them by path. */
  readonly services: FakeConnection[] = [];
  readonly retries: (number | undefined)[] = [];
  private nextHandle = 1;
  private nextRandom = 0;

  constructor(
    options: {
      settings?: Partial<ClientSessionSettings>;
      answersAtOnce?: boolean;
      arenaBytes?: number;
      user?: ClientSessionUser;
      targets?: readonly PathTarget[];
    } = {},
  ) {
    this.memory = new ArenaAllocator(plainArena(options.arenaBytes ?? 2 ** 22));
    this.reactors = Array.from({ length: REACTORS }, () =>
      new FakeReactor({
        onClientBroken: (_session, path, failure) => this.session.onLaneBroken(path, failure),
        onServerBroken: () => assert.fail("no server here"),
        onServerChunkFree: () => assert.fail("no server here"),
      }, options.answersAtOnce ?? true));
    this.session = new ClientSession(
      "clt@srv",
      {
        clock: this.clock,
        memory: this.memory,
        adopter: this.adopter,
        randomBytes: (length) => new Uint8Array(length).fill(this.nextRandom++),
        nextHandle: () => this.nextHandle++,
      },
      this.fabric,
      "tcp",
      options.targets ?? [TARGET],
      { ...SETTINGS, ...options.settings },
      this.reactors.map((reactor) => reactor.control),
      options.user ?? this.recorder(),
    );
  }

  private recorder(): ClientSessionUser {
    return {
      onConnected: () => this.events.push("connected"),
      onDisconnected: (failure) => {
        this.events.push("disconnected");
        this.failures.push(failure);
      },
      onAttemptFailed: (failure, nextTryMs) => {
        this.events.push("failed");
        this.failures.push(failure);
        this.retries.push(nextTryMs);
      },
      onPath: (path) => this.pathEvents.push([path.slot, path.state]),
      onAdminResponse: () => this.events.push("response"),
    };
  }

  /** The session's first path. */
  get path(): ClientPath {
    return this.session.paths[0]!;
  }

  /** The server accepts the connect that is under way. */
  accept(offer: ConnectAccept = OFFER): void {
    const connect = this.fabric.takeConnect();
    const ticket = this.fabric.ticket("tcp:10.0.0.2", "tcp:10.0.0.1");
    connect.done({ kind: "established", ticket, privateData: encodeConnectAccept(offer) });
  }

  /** The server refuses the connect that is under way. */
  reject(errno: number): void {
    const privateData = encodeConnectReject(errno);
    this.fabric.takeConnect().done({ kind: "rejected", privateData });
  }

  /** What the connect that is under way says. */
  get request() {
    const request = decodeConnectRequest(this.fabric.connects.at(-1)!.target.privateData);
    assert.ok(typeof request === "object");
    return request;
  }

  /** The newest service connection. */
  get service(): FakeConnection {
    return this.adopter.connections.at(-1)!;
  }

  /** The server accepts all connections of an attempt; INFO_REQ is on its way then. */
  acceptAll(offer: ConnectAccept = OFFER): void {
    for (let i = 0; i <= REACTORS; i++) this.accept(offer);
  }

  /** The server accepts what is left after the first connection, and sends INFO_RSP. */
  acceptRest(offer: ConnectAccept): void {
    for (let i = 0; i < REACTORS; i++) this.accept(offer);
    this.sendInfo(regionsOf(offer));
  }

  /** A SEND arrives on the service connection. */
  receive(bytes: Uint8Array): void {
    this.memory.arena.u8.set(bytes, MESSAGE_AT);
    this.service.handler.onSend(MESSAGE_AT, bytes.length);
  }

  /** INFO_RSP arrives on a service connection. */
  sendInfoOn(service: FakeConnection, offer: ConnectAccept): void {
    const regions = regionsOf(offer);
    const bytes = new Uint8Array(infoResponseBytes(regions.length));
    encodeInfoResponse(bytes, regions);
    this.memory.arena.u8.set(bytes, MESSAGE_AT);
    service.handler.onSend(MESSAGE_AT, bytes.length);
  }

  /** INFO_RSP arrives. */
  sendInfo(regions: readonly ChunkRegion[] = regionsOf(OFFER)): void {
    const bytes = new Uint8Array(infoResponseBytes(regions.length));
    encodeInfoResponse(bytes, regions);
    this.receive(bytes);
  }

  /** From the start of an attempt to CONNECTED. */
  establish(offer: ConnectAccept = OFFER): void {
    this.acceptAll(offer);
    this.sendInfo(regionsOf(offer));
  }

  /** Reactors answer and closing connections end until nothing moves. */
  settle(): void {
    for (let round = 0; round < 10; round++) {
      for (const reactor of this.reactors) reactor.answer();
      this.adopter.settle();
    }
  }

  /** Nothing is left: no ticket, registration, memory, timer. */
  assertEmpty(): void {
    assert.equal(this.fabric.tickets.size, 0, "tickets that were not released");
    assert.equal(this.fabric.registered.size, 0, "registrations");
    assert.equal(this.memory.usedBytes, 0, "memory");
    assert.equal(this.clock.pending, 0, "timers");
    assert.ok(this.fabric.connects.every((connect) => connect.isCancelled), "a connect goes on");
    for (const reactor of this.reactors) {
      assert.equal(reactor.of("createClient").length, reactor.of("destroyClient").length);
      assert.equal(reactor.of("attachClient").length, reactor.of("detachClient").length);
    }
  }
}
