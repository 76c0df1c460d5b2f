/**
 * The RNBD server on one reactor, for one session: IO messages in, back-end operations, answers
 * out. The chunk is the I/O buffer; payload is never touched here. Allocates nothing per I/O.
 */
import type { FabricFailure } from "../../fabric/fabric.ts";
import type { Arena } from "../../ring/arena.ts";
import type { RequestClock } from "../../ring/turn_clock.ts";
import type { ServerConnection } from "../../rtrs/server/connection.ts";
import type { ParsedRequest } from "../../rtrs/server/gate.ts";
import { ServerLane, type ServerLaneSetup, type ServerLaneUser } from "../../rtrs/server/lane.ts";
import type { BackendHandler, BackendQueue, BackendTicket, OpenBackendQueue } from "../backend.ts";
import { BLOCK_OP } from "../block_queue.ts";
import { UNMEASURED_ROW } from "../io_statistics.ts";
import { type MeasuredDisk, RequestTable, type WaitingRequest } from "../request_table.ts";
import { checkIo, IO_REJECT, ioDeviceId, ioRejectionErrno, ParsedIo } from "./io_gate.ts";

/** Told about the session's connections and devices; the reactor passes it on to main. */
export interface IoLaneEvents {
  onConnectionBroken(connection: ServerConnection, failure: FabricFailure): void;
  onChunkFree(thread: number, chunk: number): void;
  onConnectionDrained(connection: ServerConnection): void;
}

/** What an I/O lane needs of its thread. */
export interface IoLaneHost {
  readonly arena: Arena;
  readonly clock: RequestClock;
  readonly openQueue: OpenBackendQueue;
  /** Index in `arena.f64` of the counters of IO_REJECTIONS. */
  readonly ioRejectionsIndex: number;
  /** Index in `arena.f64` of IO_COUNTERS. */
  readonly ioCountersIndex: number;
}

/** What the server counts on each reactor; the order is that of the counters in memory. */
export const IO_COUNTERS = [
  "server_reads",
  "server_read_bytes",
  "server_writes",
  "server_write_bytes",
  "server_others",
  "server_errors",
] as const;
const COUNT = { READS: 0, WRITES: 2, OTHERS: 4, ERRORS: 5 } as const;

/**
 * What follows the first operation of a request: a write follows its flush (PREFLUSH), a flush
 * follows a discard or zeroing that must be on the medium (FUA).
 */
const STEP = { NONE: 0, WRITE: 1, WRITE_FUA: 2, FLUSH: 3 } as const;

/** A device that the session has open. */
interface OpenedDevice extends MeasuredDisk {
  readonly queue: BackendQueue;
  readonly readOnly: boolean;
  /** Set by {@link IoLane.closeDevice}; called once when the last operation has ended. */
  onIdle: (() => void) | undefined;
}

/** See the head of this file. Owned by one reactor. */
export class IoLane implements ServerLaneUser, BackendHandler {
  readonly lane: ServerLane;
  private readonly devices: (OpenedDevice | undefined)[] = [];
  private readonly io = new ParsedIo();
  /** By chunk. */
  private readonly requests: RequestTable;
  /** Per chunk: the device that works on it, and where a READ's data lies. */
  private readonly deviceOf: (OpenedDevice | undefined)[];
  private readonly dataAt: Float64Array;
  /** Per chunk: the second operation of a request that needs two. */
  private readonly nextStep: Uint8Array;

  constructor(
    private readonly host: IoLaneHost,
    setup: ServerLaneSetup,
    private readonly events: IoLaneEvents,
  ) {
    this.lane = new ServerLane(host.arena, setup, this);
    const depth = setup.queueDepth;
    this.requests = new RequestTable(depth, host.arena, host.clock);
    this.deviceOf = new Array<OpenedDevice | undefined>(depth).fill(undefined);
    this.dataAt = new Float64Array(depth);
    this.nextStep = new Uint8Array(depth);
  }

  /** Makes a device usable under `deviceId`. */
  openDevice(deviceId: number, ticket: BackendTicket, readOnly: boolean): void {
    const queue = this.host.openQueue(ticket, this.lane.setup.queueDepth, this);
    this.devices[deviceId] = {
      number: deviceId,
      statisticsRow: ticket.statisticsRow ?? UNMEASURED_ROW,
      queue,
      readOnly: readOnly || ticket.geometry.readOnly,
      onIdle: undefined,
    };
  }

  /** The disk below a device may have another size now. */
  refreshDevice(deviceId: number): void {
    this.devices[deviceId]?.queue.refreshSize();
  }

  /** Refuses new requests for a device; `onIdle` is called when the last one has ended. */
  closeDevice(deviceId: number, onIdle: () => void): void {
    const device = this.devices[deviceId];
    this.devices[deviceId] = undefined;
    if (device === undefined) return onIdle();
    device.onIdle = () => {
      device.queue.close();
      onIdle();
    };
    this.checkIdle(device);
  }

  onRequest(chunk: number, chunkAt: number, request: ParsedRequest): void {
    const view = this.host.arena.view;
    const id = ioDeviceId(view, request);
    if (id < 0) {
      const reason = id === -1 ? IO_REJECT.io_message_unknown : IO_REJECT.io_message_short;
      return this.reject(chunk, reason);
    }
    const device = this.devices[id];
    if (device === undefined) return this.reject(chunk, IO_REJECT.io_device_unknown);
    const { queue, readOnly } = device;
    let reason = checkIo(view, request, queue.geometry, readOnly, this.io);
    // A client that was told of a growth on another way than ours is right.
    if (reason === IO_REJECT.io_out_of_range && queue.refreshSize()) {
      reason = checkIo(view, request, queue.geometry, readOnly, this.io);
    }
    if (reason !== 0) return this.reject(chunk, reason);
    const { operation, offset, length } = this.io;
    this.deviceOf[chunk] = device;
    this.requests.begin(chunk, device, operation, offset, length);
    this.dataAt[chunk] = chunkAt;
    this.start(chunk, chunkAt, queue);
  }

  private start(chunk: number, chunkAt: number, queue: BackendQueue): void {
    const { operation, offset, length, fua, mayUnmap } = this.io;
    const counters = this.host.arena.f64;
    const at = this.host.ioCountersIndex;
    if (operation === BLOCK_OP.READ) {
      counters[at + COUNT.READS]!++;
      counters[at + COUNT.READS + 1]! += length;
      const place = queue.inPlace(offset, length);
      if (place < 0 || !this.lane.reaches(chunk, place, length)) {
        return queue.read(chunk, offset, length, chunkAt);
      }
      this.dataAt[chunk] = place;
      return this.onBackendDone(chunk, 0);
    }
    if (operation === BLOCK_OP.WRITE) {
      counters[at + COUNT.WRITES]!++;
      counters[at + COUNT.WRITES + 1]! += length;
      if (!this.io.preflush) return queue.write(chunk, offset, length, chunkAt, fua);
      this.nextStep[chunk] = fua ? STEP.WRITE_FUA : STEP.WRITE;
      return queue.flush(chunk);
    }
    counters[at + COUNT.OTHERS]!++;
    if (operation === BLOCK_OP.FLUSH) return queue.flush(chunk);
    if (fua) this.nextStep[chunk] = STEP.FLUSH;
    if (operation === BLOCK_OP.DISCARD) return queue.discard(chunk, offset, length);
    if (operation === BLOCK_OP.WRITE_ZEROES) {
      return queue.writeZeroes(chunk, offset, length, mayUnmap);
    }
    queue.secureErase(chunk, offset, length);
  }

  onBackendDone(slot: number, errno: number): void {
    const device = this.deviceOf[slot]!;
    const step = this.nextStep[slot]!;
    this.nextStep[slot] = STEP.NONE;
    if (step !== STEP.NONE && errno === 0) {
      if (step === STEP.FLUSH) return device.queue.flush(slot);
      const at = this.dataAt[slot]!;
      const isFua = step === STEP.WRITE_FUA;
      const { requests } = this;
      return device.queue.write(slot, requests.offsetOf(slot), requests.lengthOf(slot), at, isFua);
    }
    this.deviceOf[slot] = undefined;
    this.requests.end(slot, errno, UNMEASURED_ROW);
    if (errno !== 0) this.host.arena.f64[this.host.ioCountersIndex + COUNT.ERRORS]!++;
    this.lane.respond(slot, errno, this.dataAt[slot]!);
    this.checkIdle(device);
  }

  private checkIdle(device: OpenedDevice): void {
    const { onIdle } = device;
    if (onIdle === undefined || device.queue.inflight > 0) return;
    device.onIdle = undefined;
    onIdle();
  }

  private reject(chunk: number, reason: number): void {
    this.host.arena.f64[this.host.ioRejectionsIndex + reason]!++;
    this.lane.respond(chunk, ioRejectionErrno(reason), 0);
  }

  /** The requests that are worked on longest, and the paths that they came on; 0 = it is gone. */
  oldestRequests(limit: number): (WaitingRequest & { readonly path: number })[] {
    return this.requests.oldest(limit).map((request) => ({
      ...request,
      path: this.lane.pathOf(request.slot),
    }));
  }

  onHeartbeat(): void {
    // Heartbeats come on the service connection, which main has; the RTRS gate refuses others.
  }

  onMessage(): void {
    // INFO_REQ comes on the service connection, which main has.
  }

  onConnectionBroken(connection: ServerConnection, failure: FabricFailure): void {
    this.events.onConnectionBroken(connection, failure);
  }

  onChunkFree(thread: number, chunk: number): void {
    this.events.onChunkFree(thread, chunk);
  }

  onConnectionDrained(connection: ServerConnection): void {
    this.events.onConnectionDrained(connection);
  }
}
