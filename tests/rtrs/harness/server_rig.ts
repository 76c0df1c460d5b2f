/** An RTRS server on a fake fabric, with fake reactors, a fake clock and a small arena. */
import assert from "node:assert/strict";
import { ArenaAllocator, plainArena } from "../../../src/ring/arena.ts";
import {
  type ConnectRequest,
  decodeConnectReject,
  encodeConnectRequest,
} from "../../../src/rtrs/connect_codec.ts";
import { encodeInfoRequest, INFO_REQ } from "../../../src/rtrs/info_codec.ts";
import { REQUEST_REJECTIONS } from "../../../src/rtrs/server/gate.ts";
import {
  type ConnectRefusal,
  RtrsServer,
  type RtrsServerUser,
} from "../../../src/rtrs/server/server.ts";
import type { ServerSession } from "../../../src/rtrs/server/session.ts";
import { FakeClock } from "./fake_clock.ts";
import { FakeAdopter, type FakeConnection, FakeFabric, type RequestFate } from "./fake_fabric.ts";
import { FakeReactor } from "./fake_lanes.ts";

/** 16 bytes of a number. */
export const uuid = (number: number) => new Uint8Array(16).fill(number);

/** Where received messages lie: in the arena's first page, which is never handed out. */
const MESSAGE_AT = 64;
export const REACTORS = 2;
export const CID_NUM = REACTORS + 1;
export const HEARTBEAT = { intervalMs: 5000, missedMax: 5 };
export const QUEUE_DEPTH = 8;
export const MAX_IO_BYTES = 8192;

/** See the head of this file. */
export class ServerRig {
  readonly clock = new FakeClock();
  readonly fabric = new FakeFabric();
  readonly adopter = new FakeAdopter();
  readonly memory: ArenaAllocator;
  readonly refusals: ConnectRefusal[] = [];
  /** Why paths ended that were not refused. */
  readonly closeReasons: string[] = [];
  readonly reactors: FakeReactor[];
  readonly sessionsUp: ServerSession[] = [];
  readonly sessionsDown: ServerSession[] = [];
  /** What the user does when a session ends; by default nothing holds it up. */
  onSessionDown: (done: () => void) => void = (done) => done();
  readonly server: RtrsServer;
  /** Bytes that the rig itself has allocated. */
  readonly ownBytes: number;
  private nextHandle = 1;

  /** @param user the layer above; the rig's own recording one when it is left out */
  constructor(
    options: {
      arenaBytes?: number;
      answersAtOnce?: boolean;
      alwaysInvalidate?: boolean;
      user?: RtrsServerUser;
    } = {},
  ) {
    this.memory = new ArenaAllocator(plainArena(options.arenaBytes ?? 2 ** 22));
    const rejections = this.memory.allocate(REQUEST_REJECTIONS.length * 8, "rejections");
    this.ownBytes = this.memory.usedBytes;
    this.reactors = Array.from({ length: REACTORS }, () =>
      new FakeReactor({
        onClientBroken: () => assert.fail("no client here"),
        onServerBroken: (session, path, failure) =>
          this.server.onLaneBroken(session, path, failure.reason),
        onServerChunkFree: (session, waiter, chunk) =>
          this.server.onChunkFree(session, waiter, chunk),
      }, options.answersAtOnce ?? true));
    const user: RtrsServerUser = options.user ?? {
      onSessionUp: (session) => this.sessionsUp.push(session),
      onAdminRequest: (session, chunk) => session.respond(chunk, 0, 0),
      onSessionDown: (session, done) => {
        this.sessionsDown.push(session);
        this.onSessionDown(done);
      },
    };
    this.server = new RtrsServer(
      {
        clock: this.clock,
        memory: this.memory,
        adopter: this.adopter,
        nextHandle: () => this.nextHandle++,
        rejectionsIndex: rejections / 8,
        onRefused: (reason) => this.refusals.push(reason),
        onPathClosed: (_sessname, _address, reason) => this.closeReasons.push(reason),
      },
      {
        queueDepth: QUEUE_DEPTH,
        maxIoBytes: MAX_IO_BYTES,
        heartbeat: HEARTBEAT,
        alwaysInvalidate: options.alwaysInvalidate ?? false,
      },
      this.reactors.map((reactor) => reactor.control),
      user,
    );
    this.server.listen(this.fabric, "10.0.0.1", 1234);
  }

  /** A client's connect request, by default a right one for the first connection. */
  connect(request: Partial<ConnectRequest> = {}, remote?: string, local?: string): RequestFate {
    const whole: ConnectRequest = {
      cid: 0,
      cidNum: CID_NUM,
      reconCnt: 1,
      pathUuid: uuid(1),
      sessionUuid: uuid(2),
      firstConn: true,
      ...request,
    };
    return this.fabric.request(encodeConnectRequest(whole), remote, local);
  }

  /** The errno of a refused request, and the last reason; fails when it was accepted. */
  refusal(fate: RequestFate): [number, ConnectRefusal | undefined] {
    assert.ok(fate.rejected !== undefined, "it was accepted");
    assert.equal(fate.rejected.length, 56);
    return [decodeConnectReject(fate.rejected), this.refusals.at(-1)];
  }

  /** Connects all connections of a path; returns its service connection. */
  connectPath(request: Partial<ConnectRequest> = {}, remote?: string): FakeConnection {
    for (let cid = 0; cid < (request.cidNum ?? CID_NUM); cid++) {
      this.connect({ ...request, cid }, remote).finish();
    }
    return this.adopter.connections.at(-1)!;
  }

  /** Sends INFO_REQ on a service connection. */
  sendInfo(service: FakeConnection, name: string | Uint8Array): void {
    const bytes = this.memory.arena.u8.subarray(MESSAGE_AT, MESSAGE_AT + INFO_REQ.BYTES).fill(0);
    if (typeof name === "string") encodeInfoRequest(bytes, name);
    else bytes.set(name);
    const length = typeof name === "string" ? INFO_REQ.BYTES : name.length;
    service.handler.onSend(MESSAGE_AT, length);
  }

  /** A path from the first connection to CONNECTED. */
  establish(name = "clt@srv", request: Partial<ConnectRequest> = {}, remote?: string) {
    const service = this.connectPath(request, remote);
    this.sendInfo(service, name);
    return service;
  }

  /** Nothing is left: no session, ticket, registration, memory, timer. */
  assertEmpty(): void {
    assert.equal(this.server.sessions.size, 0, "sessions");
    assert.equal(this.fabric.tickets.size, 0, "tickets that were not released");
    assert.equal(this.fabric.windows.size, 0, "windows");
    assert.equal(this.fabric.registered.size, 0, "registrations");
    assert.equal(this.memory.usedBytes, this.ownBytes, "memory");
    assert.equal(this.clock.pending, 0, "timers");
    for (const reactor of this.reactors) {
      assert.equal(reactor.of("createServer").length, reactor.of("destroyServer").length);
    }
  }
}
