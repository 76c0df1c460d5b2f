/** The RNBD server's lane on guarded memory, with a back end that records and answers on demand. */
import assert from "node:assert/strict";
import type { FabricFailure } from "../../../src/fabric/fabric.ts";
import type { Arena } from "../../../src/ring/arena.ts";
import type {
  BackendGeometry,
  BackendHandler,
  BackendQueue,
  BackendTicket,
} from "../../../src/rnbd/backend.ts";
import { encodeIo } from "../../../src/rnbd/codec.ts";
import { IO_REJECT, IO_REJECTIONS, type IoRejection } from "../../../src/rnbd/server/io_gate.ts";
import { IO_COUNTERS, IoLane, type IoLaneEvents } from "../../../src/rnbd/server/io_lane.ts";
import { encodeRead, encodeReadInto, encodeWrite } from "../../../src/rtrs/request_codec.ts";
import { ServerConnection } from "../../../src/rtrs/server/connection.ts";
import { FakeConnection } from "../../rtrs/harness/fake_fabric.ts";
import {
  CHUNK_BYTES,
  chunksAt,
  guardedArena,
  immediateFor,
  laneSetup,
} from "../../rtrs/harness/lane_rig.ts";

export const GEOMETRY: BackendGeometry = {
  sizeBytes: 2 ** 20,
  logicalBlockBytes: 512,
  physicalBlockBytes: 4096,
  maxWriteZeroesSectors: 256,
  maxDiscardSectors: 1024,
  discardGranularityBytes: 4096,
  discardAlignmentBytes: 0,
  secureErase: true,
  rotational: false,
  writeCache: true,
  fua: true,
  readOnly: false,
};

/** A ticket for {@link FakeQueue}. */
export function ticketOf(
  geometry: Partial<BackendGeometry> = {},
  identity = "disk 1",
): BackendTicket {
  return { kind: "null", identity, geometry: { ...GEOMETRY, ...geometry } };
}

/** An operation that reached the back end. */
export interface Operation {
  readonly kind: string;
  readonly slot: number;
  readonly offset: number;
  readonly length: number;
  readonly at: number;
  readonly flag: boolean | undefined;
}

/** A back end whose operations end when the test says so, or at once. */
export class FakeQueue implements BackendQueue {
  readonly geometry: BackendGeometry;
  readonly operations: Operation[] = [];
  inflight = 0;
  isClosed = false;
  /** Arena offset of the disk's bytes, -1 when they have to be read. */
  place = -1;
  endsAtOnce = false;
  private readonly started = new Set<number>();

  constructor(
    ticket: BackendTicket,
    private readonly queueDepth: number,
    private readonly handler: BackendHandler,
  ) {
    this.geometry = ticket.geometry;
  }

  private start(kind: string, slot: number, offset = 0, length = 0, at = 0, flag?: boolean): void {
    assert.ok(!this.isClosed, "used after it was closed");
    assert.ok(slot >= 0 && slot < this.queueDepth, `slot ${slot}`);
    assert.ok(offset >= 0 && offset + length <= this.geometry.sizeBytes, "beyond the disk");
    assert.equal(offset % this.geometry.logicalBlockBytes, 0);
    assert.equal(length % this.geometry.logicalBlockBytes, 0);
    assert.ok(!this.started.has(slot), `slot ${slot} has an operation already`);
    this.operations.push({ kind, slot, offset, length, at, flag });
    this.started.add(slot);
    this.inflight++;
    if (this.endsAtOnce) this.end(slot);
  }

  /** Slots whose operation has not ended. */
  pending(): number[] {
    return [...this.started];
  }

  /** The operation of a slot ends. */
  end(slot: number, errno = 0): void {
    assert.ok(this.started.delete(slot), `slot ${slot} has no operation`);
    this.inflight--;
    this.handler.onBackendDone(slot, errno);
  }

  read(slot: number, offset: number, length: number, at: number): void {
    this.start("read", slot, offset, length, at);
  }

  write(slot: number, offset: number, length: number, at: number, fua: boolean): void {
    this.start("write", slot, offset, length, at, fua);
  }

  flush(slot: number): void {
    this.start("flush", slot);
  }

  discard(slot: number, offset: number, length: number): void {
    this.start("discard", slot, offset, length);
  }

  writeZeroes(slot: number, offset: number, length: number, mayUnmap: boolean): void {
    this.start("writeZeroes", slot, offset, length, 0, mayUnmap);
  }

  secureErase(slot: number, offset: number, length: number): void {
    this.start("secureErase", slot, offset, length);
  }

  inPlace(offset: number, _length: number): number {
    return this.place < 0 ? -1 : this.place + offset;
  }

  refreshSize(): boolean {
    return false;
  }

  close(): void {
    assert.equal(this.inflight, 0, "closed with operations in flight");
    assert.ok(!this.isClosed, "closed twice");
    this.isClosed = true;
  }
}

/** Arena offsets of the lane's counters, below the guarded part. */
const IO_REJECTIONS_AT = 8192 + 3072;
const IO_COUNTERS_AT = IO_REJECTIONS_AT + 512;
const RECEIVED_AT = IO_COUNTERS_AT + 256;

/** How a request is put together; what is left out is as a right client would do it. */
export interface IoRequest {
  readonly device?: number;
  readonly offset?: number;
  readonly length?: number;
  /** Room for data, or data that comes along. */
  readonly dataLength?: number;
  readonly isRead?: boolean;
  readonly hasBuffer?: boolean;
  readonly chunk?: number;
  readonly userLength?: number;
}

/** See the head of this file. */
export class IoRig implements IoLaneEvents {
  readonly queues: FakeQueue[] = [];
  readonly lane: IoLane;
  /** The test sets the time. */
  readonly clock = { us: new Float64Array(1) };
  readonly broken: string[] = [];
  readonly drained: ServerConnection[] = [];
  private nextPath = 1;

  constructor(readonly arena: Arena = guardedArena(), readonly session = 0) {
    const host = {
      arena,
      clock: this.clock,
      ioRejectionsIndex: (IO_REJECTIONS_AT + session * 128) / 8,
      ioCountersIndex: (IO_COUNTERS_AT + session * 64) / 8,
      openQueue: (ticket: BackendTicket, depth: number, handler: BackendHandler) => {
        const queue = new FakeQueue(ticket, depth, handler);
        this.queues.push(queue);
        return queue;
      },
    };
    this.lane = new IoLane(host, laneSetup(session), this);
  }

  /** Opens a device; returns its back end. */
  open(deviceId = 0, geometry: Partial<BackendGeometry> = {}, readOnly = false): FakeQueue {
    this.lane.openDevice(deviceId, ticketOf(geometry), readOnly);
    return this.queues.at(-1)!;
  }

  connect(): FakeConnection {
    const path = this.nextPath++;
    // All paths share them: nobody looks at the counts here.
    const received = RECEIVED_AT;
    const connection = new ServerConnection(this.lane.lane, path, 1, received);
    const fabric = new FakeConnection(connection);
    connection.bind(fabric);
    return fabric;
  }

  chunkAt(chunk: number): number {
    return chunksAt(this.session) + chunk * CHUNK_BYTES;
  }

  /** Writes a request into its chunk, as the peer's RDMA write does; returns the immediate. */
  put(rw: number, request: IoRequest = {}): number {
    const { device = 0, offset = 0, length = 4096, chunk = 0, userLength = 32 } = request;
    const operation = rw & 0xff;
    const isRead = request.isRead ?? (operation === 0 || operation === 2);
    const dataLength = request.dataLength ?? (operation <= 1 ? length : 0);
    const { view } = this.arena;
    const at = this.chunkAt(chunk) + dataLength;
    encodeIo(view, at, device, rw, offset, length);
    const message = at + userLength;
    const hasBuffer = request.hasBuffer ?? dataLength > 0;
    if (!isRead) encodeWrite(view, message, userLength);
    else if (!hasBuffer) encodeRead(view, message, userLength);
    else encodeReadInto(view, message, userLength, 0, 1, 2, 3, dataLength);
    return immediateFor(chunk, dataLength + userLength);
  }

  /** Refusals by reason. */
  counts(): Partial<Record<IoRejection, number>> {
    const base = (IO_REJECTIONS_AT + this.session * 128) / 8;
    return Object.fromEntries(
      IO_REJECTIONS.filter((reason) => this.arena.f64[base + IO_REJECT[reason]] !== 0)
        .map((reason) => [reason, this.arena.f64[base + IO_REJECT[reason]]!]),
    );
  }

  /** What the lane counts of the work done. */
  counter(name: (typeof IO_COUNTERS)[number]): number {
    const base = (IO_COUNTERS_AT + this.session * 64) / 8;
    return this.arena.f64[base + IO_COUNTERS.indexOf(name)]!;
  }

  onConnectionBroken(_connection: ServerConnection, failure: FabricFailure): void {
    this.broken.push(failure.reason);
  }

  onChunkFree(): void {
    // There is one thread.
  }

  onConnectionDrained(connection: ServerConnection): void {
    this.drained.push(connection);
  }
}
