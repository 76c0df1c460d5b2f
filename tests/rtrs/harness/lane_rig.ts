/**
 * Server lanes of two sessions in one small arena, with guard bytes around each session's chunks.
 * The first session is the offender's, the second a bystander's.
 */
import assert from "node:assert/strict";
import type { FabricFailure } from "../../../src/fabric/fabric.ts";
import { type Arena, plainArena } from "../../../src/ring/arena.ts";
import { memoryBits, requestImmediate } from "../../../src/rtrs/immediate.ts";
import { encodeRead, encodeReadInto, encodeWrite } from "../../../src/rtrs/request_codec.ts";
import { ServerConnection } from "../../../src/rtrs/server/connection.ts";
import {
  type ParsedRequest,
  REJECT,
  REQUEST_REJECTIONS,
  type RequestRejection,
} from "../../../src/rtrs/server/gate.ts";
import {
  ServerLane,
  type ServerLaneSetup,
  type ServerLaneUser,
} from "../../../src/rtrs/server/lane.ts";
import { FakeConnection } from "./fake_fabric.ts";

export const CHUNK_BYTES = 12_288;
export const HEADER_BYTES = 4096;
export const GUARD = 0xa5;
/** Where things are in the arena; bytes. What lies between is guard. */
const AT = {
  // Behind the rows at the start of the arena, where those count whom nobody asks.
  USERS: 3072,
  REJECTIONS: 4096,
  COUNTERS: 8192,
  CHUNKS: 65_536,
  STRIDE: 131_072,
  END: 327_680,
};
/** Three of four ids that the immediate can name, so that there is one that is out of range. */
export const DEPTH = 3;

/** A request as the user of the lane saw it. */
export type SeenRequest = { readonly chunk: number; readonly chunkAt: number } & ParsedRequest;

/** Guarded memory for two sessions. */
export function guardedArena(): Arena {
  const arena = plainArena(AT.END);
  arena.u8.fill(GUARD, AT.COUNTERS + 4096);
  for (const session of [0, 1]) {
    const at = chunksAt(session);
    arena.u8.fill(0, at, at + DEPTH * CHUNK_BYTES);
  }
  return arena;
}

/** Arena offset of a session's chunks. */
export const chunksAt = (session: number) => AT.CHUNKS + session * AT.STRIDE;

/** Index in `arena.f64` of the rejection counters. */
export const rejectionsIndex = (session: number) => (AT.REJECTIONS + session * 512) / 8;

/** Index in `arena.u32` of the words that tell which thread uses each chunk. */
export const usersIndex = (session: number) => (AT.USERS + session * 64) / 4;

/** Nothing was written but into chunks and counters. */
export function assertGuards(arena: Arena): void {
  const ends = [AT.COUNTERS + 4096, chunksAt(0), chunksAt(1), AT.END];
  const starts = [0, chunksAt(0) + DEPTH * CHUNK_BYTES, chunksAt(1) + DEPTH * CHUNK_BYTES];
  const ranges = [[ends[0]!, ends[1]!], [starts[1]!, ends[2]!], [starts[2]!, ends[3]!]];
  for (const [from, to] of ranges as [number, number][]) {
    const at = arena.u8.subarray(from, to).findIndex((byte) => byte !== GUARD);
    if (at >= 0) assert.fail(`guard byte ${from + at} was overwritten`);
  }
}

/** What one lane's setup is. */
export function laneSetup(session: number, thread = 1): ServerLaneSetup {
  return {
    session,
    thread,
    usersIndex: usersIndex(session),
    queueDepth: DEPTH,
    chunkBytes: CHUNK_BYTES,
    chunksAt: chunksAt(session),
    rejectionsIndex: rejectionsIndex(session),
  };
}

/** The IO_REQUEST immediate for an offset in a chunk. */
export const immediateFor = (chunk: number, offset: number) =>
  requestImmediate(chunk, offset, memoryBits(DEPTH));

/** One session's lane, its connections, and all that the lane said. */
export class LaneRig implements ServerLaneUser {
  readonly lane: ServerLane;
  readonly requests: SeenRequest[] = [];
  readonly heartbeats: boolean[] = [];
  readonly messages: Uint8Array[] = [];
  readonly broken: string[] = [];
  readonly drained: ServerConnection[] = [];
  readonly chunksFree: [thread: number, chunk: number][] = [];
  private nextPath = 1;

  constructor(readonly arena: Arena = guardedArena(), readonly session = 0, thread = 1) {
    this.lane = new ServerLane(arena, laneSetup(session, thread), this);
  }

  /** A connection, by default of a path of its own. */
  connect(
    cid = 1,
    path = this.nextPath++,
  ): { connection: ServerConnection; fabric: FakeConnection } {
    const received = AT.COUNTERS + this.session * 2048 + path * 64;
    const connection = new ServerConnection(this.lane, path, cid, received);
    const fabric = new FakeConnection(connection);
    connection.bind(fabric);
    return { connection, fabric };
  }

  /** Arena offset of a chunk. */
  chunkAt(chunk: number): number {
    return chunksAt(this.session) + chunk * CHUNK_BYTES;
  }

  /** What the peer RDMA-writes: a READ with one descriptor, or without (`dataLength` 0). */
  putRead(chunk: number, dataLength: number, userLength: number, length = dataLength): number {
    const at = this.chunkAt(chunk) + dataLength + userLength;
    if (length === 0) encodeRead(this.arena.view, at, userLength);
    else encodeReadInto(this.arena.view, at, userLength, 0, 0x7f00, 0x1000, 77, length);
    return immediateFor(chunk, dataLength + userLength);
  }

  /** What the peer RDMA-writes: a WRITE. Returns its immediate. */
  putWrite(chunk: number, dataLength: number, userLength: number): number {
    encodeWrite(this.arena.view, this.chunkAt(chunk) + dataLength + userLength, userLength);
    return immediateFor(chunk, dataLength + userLength);
  }

  /** Counter of a reason. */
  count(reason: RequestRejection): number {
    return this.arena.f64[rejectionsIndex(this.session) + REJECT[reason]]!;
  }

  /** All reasons that were counted. */
  counts(): Partial<Record<RequestRejection, number>> {
    return Object.fromEntries(
      REQUEST_REJECTIONS.filter((reason) => this.count(reason) !== 0)
        .map((reason) => [reason, this.count(reason)]),
    );
  }

  onRequest(chunk: number, chunkAt: number, request: ParsedRequest): void {
    this.requests.push({ chunk, chunkAt, ...request });
  }

  onHeartbeat(_connection: ServerConnection, isAck: boolean): void {
    this.heartbeats.push(isAck);
  }

  onMessage(_connection: ServerConnection, at: number, length: number): void {
    this.messages.push(this.arena.u8.slice(at, at + length));
  }

  onConnectionBroken(_connection: ServerConnection, failure: FabricFailure): void {
    this.broken.push(failure.reason);
  }

  onChunkFree(thread: number, chunk: number): void {
    this.chunksFree.push([thread, chunk]);
  }

  onConnectionDrained(connection: ServerConnection): void {
    this.drained.push(connection);
  }
}
