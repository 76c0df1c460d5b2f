/**
 * The RNBD server, the control half: SESS_INFO, OPEN and CLOSE, the rules of sharing, device ids.
 * Disks are opened by an {@link ExportOpener}; the reactors do the I/O.
 */
import { ERRNO } from "../../ffi/errno.ts";
import type { Arena } from "../../ring/arena.ts";
import { countdown } from "../../rtrs/countdown.ts";
import type { ParsedRequest } from "../../rtrs/server/gate.ts";
import type { RtrsServerUser } from "../../rtrs/server/server.ts";
import type { ServerSession } from "../../rtrs/server/session.ts";
import { type AccessModeName, accessModeName, sharingProblem } from "../access_mode.ts";
import type { BackendTicket } from "../backend.ts";
import { withSize } from "../backends/current_size.ts";
import {
  CACHE_POLICY,
  CLOSE,
  decodeOpen,
  encodeOpenResponse,
  encodeSessionInfo,
  messageType,
  OPEN_RSP,
  RNBD_MESSAGE,
  SECTOR_BYTES,
  SESS_INFO,
} from "../codec.ts";
import type { DeviceControl } from "../lane_commands.ts";
import { SESSION_DEVICES_MAX } from "../limits.ts";

/** A disk that was opened for a client, or why it was not. */
export type OpenOutcome =
  | {
    /** One ticket for each reactor, in their order; all name the same disk. */
    readonly tickets: readonly BackendTicket[];
    /** The real device's name. */
    readonly device: string;
  }
  | { readonly errno: number; readonly reason: string };

/** Finds and opens what a client asks for. */
export interface ExportOpener {
  open(
    sessname: string,
    devicePath: string,
    mode: AccessModeName,
    done: (outcome: OpenOutcome) => void,
  ): void;
  /** The size of an opened disk now, bytes. */
  currentSizeBytes(ticket: BackendTicket): number;
  /** No reactor uses the tickets any more. */
  close(tickets: readonly BackendTicket[]): void;
}

/** A device that a session has open. */
export interface ServerDevice {
  readonly id: number;
  readonly mappingPath: string;
  readonly mode: AccessModeName;
  /** One for each reactor. */
  readonly tickets: readonly BackendTicket[];
  /** The first of them: what does not depend on the reactor. */
  ticket: BackendTicket;
  /** The real device's name. */
  readonly device: string;
}

/** What the server logs. */
export interface RnbdServerLog {
  onOpened(session: ServerSession, device: ServerDevice): void;
  onClosed(session: ServerSession, device: ServerDevice): void;
  onResized(session: ServerSession, device: ServerDevice): void;
  onOpenRefused(session: ServerSession, mappingPath: string, errno: number, reason: string): void;
  onSession(session: ServerSession, isUp: boolean): void;
}

const MAX_SEGMENTS = 128;

/** See the head of this file. */
export class RnbdServer implements RtrsServerUser {
  /** Devices of each session by id. */
  readonly devices = new Map<ServerSession, (ServerDevice | undefined)[]>();
  /** Ids of devices that {@link forceClose} closed, and their clients may still use. */
  private readonly reservedIds = new Map<ServerSession, Map<number, string>>();
  /** Devices that are being closed, and what waits for the end of that. */
  private readonly closing = new Map<ServerDevice, (() => void)[]>();

  constructor(
    private readonly arena: Arena,
    private readonly maxIoBytes: number,
    private readonly opener: ExportOpener,
    private readonly reactors: readonly DeviceControl[],
    private readonly log: RnbdServerLog,
  ) {}

  onSessionUp(session: ServerSession): void {
    this.devices.set(session, []);
    this.log.onSession(session, true);
  }

  onAdminRequest(
    session: ServerSession,
    chunk: number,
    chunkAt: number,
    request: ParsedRequest,
  ): void {
    const { view } = this.arena;
    const type = messageType(view, request.userAt);
    if (!this.devices.has(session)) return session.respond(chunk, ERRNO.ENODEV, 0);
    if (type === RNBD_MESSAGE.SESS_INFO) {
      if (request.dataLength !== SESS_INFO.BYTES || !request.hasBuffer) {
        return session.respond(chunk, ERRNO.EINVAL, 0);
      }
      encodeSessionInfo(view, chunkAt, RNBD_MESSAGE.SESS_INFO_RSP);
      return session.respond(chunk, 0, chunkAt);
    }
    if (type === RNBD_MESSAGE.OPEN) return this.onOpen(session, chunk, chunkAt, request);
    if (type === RNBD_MESSAGE.CLOSE && request.userLength >= CLOSE.BYTES && !request.hasBuffer) {
      const id = view.getUint32(request.userAt + CLOSE.DEVICE_ID, true);
      return this.closeDevice(session, id, () => {
        this.reservedIds.get(session)?.delete(id);
        session.respond(chunk, 0, 0);
      });
    }
    session.respond(chunk, ERRNO.EINVAL, 0);
  }

  private refuseOpen(
    session: ServerSession,
    chunk: number,
    name: string,
    errno: number,
    reason: string,
  ): void {
    this.log.onOpenRefused(session, name, errno, reason);
    session.respond(chunk, errno, 0);
  }

  private onOpen(
    session: ServerSession,
    chunk: number,
    chunkAt: number,
    request: ParsedRequest,
  ): void {
    const refuse = (name: string, errno: number, reason: string) =>
      this.refuseOpen(session, chunk, name, errno, reason);
    if (request.dataLength !== OPEN_RSP.BYTES || !request.hasBuffer) {
      return refuse("", ERRNO.EINVAL, "an OPEN without room for its answer");
    }
    const open = decodeOpen(this.arena.view, request.userAt, request.userLength);
    if (typeof open === "string") return refuse("", ERRNO.EINVAL, open);
    const mode = accessModeName(open.mode);
    if (mode === undefined) return refuse(open.name, ERRNO.EINVAL, `access mode ${open.mode}`);
    this.openDevice(session, chunk, chunkAt, open.name, mode);
  }

  private openDevice(
    session: ServerSession,
    chunk: number,
    chunkAt: number,
    name: string,
    mode: AccessModeName,
  ): void {
    const known = this.devices.get(session)?.find((device) => device?.mappingPath === name);
    if (known !== undefined) {
      const closing = this.closing.get(known);
      // The same name again is the same mapping: that makes a re-OPEN harmless (rnbd-srv.c:711).
      if (closing === undefined) return this.reopenDevice(session, chunk, chunkAt, known);
      closing.push(() => this.openDevice(session, chunk, chunkAt, name, mode));
      return;
    }
    this.opener.open(session.sessname!, name, mode, (outcome) => {
      if ("errno" in outcome) {
        return this.refuseOpen(session, chunk, name, outcome.errno, outcome.reason);
      }
      const result = this.admit(session, name, mode, outcome);
      if (!("id" in result)) {
        this.opener.close(outcome.tickets);
        return this.refuseOpen(session, chunk, name, result.errno, result.reason);
      }
      const opened = countdown(this.reactors.length, () => {
        this.log.onOpened(session, result);
        this.answerOpen(session, chunk, chunkAt, result);
      });
      this.reactors.forEach((reactor, i) => {
        const readOnly = mode === "ro";
        reactor.openDevice(session.handle, result.id, outcome.tickets[i]!, readOnly, opened);
      });
    });
  }

  /** The client asks again: the disk may have grown or shrunk since. */
  private reopenDevice(
    session: ServerSession,
    chunk: number,
    chunkAt: number,
    device: ServerDevice,
  ): void {
    this.revalidate(session, device, () => this.answerOpen(session, chunk, chunkAt, device));
  }

  /** Looks how long an open disk is now; `done` when the reactors serve that much. */
  revalidate(session: ServerSession, device: ServerDevice, done: () => void): void {
    const sizeBytes = this.opener.currentSizeBytes(device.ticket);
    if (sizeBytes === device.ticket.geometry.sizeBytes) return done();
    device.ticket = withSize(device.ticket, sizeBytes);
    const refreshed = countdown(this.reactors.length, () => {
      this.log.onResized(session, device);
      done();
    });
    for (const reactor of this.reactors) {
      reactor.refreshDevice(session.handle, device.id, refreshed);
    }
  }

  private admit(
    session: ServerSession,
    mappingPath: string,
    mode: AccessModeName,
    opened: { readonly tickets: readonly BackendTicket[]; readonly device: string },
  ): ServerDevice | { errno: number; reason: string } {
    const devices = this.devices.get(session);
    if (devices === undefined || session.isClosing) {
      return { errno: ERRNO.ENODEV, reason: "the session is gone" };
    }
    const ticket = opened.tickets[0]!;
    if (ticket.geometry.readOnly && mode !== "ro") {
      return { errno: ERRNO.EROFS, reason: `${opened.device} is read-only` };
    }
    const problem = sharingProblem(mode, this.writersOf(ticket.identity));
    if (problem !== undefined) return { errno: ERRNO.EPERM, reason: problem };
    const id = this.freeId(session, devices);
    if (id >= SESSION_DEVICES_MAX) {
      return { errno: ERRNO.EMFILE, reason: `${SESSION_DEVICES_MAX} devices are open` };
    }
    const device = { id, mappingPath, mode, ticket, ...opened };
    devices[id] = device;
    return device;
  }

  /** The lowest id that names nothing, and will not be taken for another device's. */
  private freeId(session: ServerSession, devices: readonly (ServerDevice | undefined)[]): number {
    const reserved = this.reservedIds.get(session);
    let id = 0;
    while (devices[id] !== undefined || reserved?.has(id) === true) id++;
    return id;
  }

  private writersOf(identity: string): number {
    let writers = 0;
    for (const devices of this.devices.values()) {
      for (const device of devices) {
        if (device?.ticket.identity === identity && device.mode !== "ro") writers++;
      }
    }
    return writers;
  }

  private answerOpen(
    session: ServerSession,
    chunk: number,
    chunkAt: number,
    device: ServerDevice,
  ): void {
    const { geometry } = device.ticket;
    const cachePolicy = (geometry.fua ? CACHE_POLICY.FUA : 0) |
      (geometry.writeCache ? CACHE_POLICY.WRITEBACK : 0);
    encodeOpenResponse(this.arena.view, chunkAt, {
      deviceId: device.id,
      sizeSectors: Math.floor(geometry.sizeBytes / SECTOR_BYTES),
      maxHwSectors: Math.floor(this.maxIoBytes / SECTOR_BYTES),
      maxWriteZeroesSectors: geometry.maxWriteZeroesSectors,
      maxDiscardSectors: geometry.maxDiscardSectors,
      discardGranularityBytes: geometry.discardGranularityBytes,
      discardAlignmentBytes: geometry.discardAlignmentBytes,
      physicalBlockBytes: geometry.physicalBlockBytes,
      logicalBlockBytes: geometry.logicalBlockBytes,
      maxSegments: MAX_SEGMENTS,
      secureDiscard: geometry.secureErase ? 1 : 0,
      cachePolicy,
    });
    session.respond(chunk, 0, chunkAt);
  }

  /** Closes a device at the server; an id that is not open is fine (rnbd-srv.c:361). */
  private closeDevice(session: ServerSession, id: number, done: () => void): void {
    const devices = this.devices.get(session);
    const device = devices?.[id];
    if (devices === undefined || device === undefined) return done();
    const others = this.closing.get(device);
    if (others !== undefined) {
      others.push(done);
      return;
    }
    const callbacks = [done];
    this.closing.set(device, callbacks);
    const closed = countdown(this.reactors.length, () => {
      devices[id] = undefined;
      this.closing.delete(device);
      this.opener.close(device.tickets);
      this.log.onClosed(session, device);
      for (const callback of callbacks) callback();
    });
    for (const reactor of this.reactors) reactor.closeDevice(session.handle, id, closed);
  }

  /**
   * Takes a device away from its client (rnbd-srv.c `rnbd_srv_sess_dev_force_close`): requests that
   * run are finished, later ones get ENOTCONN. The id stays reserved until the client says CLOSE or
   * its session ends; an OPEN of the name makes a device of its own.
   * @param done the disk is not used any more
   */
  forceClose(session: ServerSession, device: ServerDevice, done: () => void): void {
    if (this.devices.get(session)?.[device.id] !== device) return done();
    const reserved = this.reservedIds.get(session) ?? new Map<number, string>();
    this.reservedIds.set(session, reserved.set(device.id, device.mappingPath));
    this.closeDevice(session, device.id, done);
  }

  /** Names of what {@link forceClose} closed, and the client has not let go of. */
  forceClosed(session: ServerSession): string[] {
    return [...this.reservedIds.get(session)?.values() ?? []];
  }

  onSessionDown(session: ServerSession, done: () => void): void {
    const devices = this.devices.get(session) ?? [];
    const ids = devices.flatMap((device) => device === undefined ? [] : [device.id]);
    const closed = countdown(ids.length, () => {
      this.devices.delete(session);
      this.reservedIds.delete(session);
      this.log.onSession(session, false);
      done();
    });
    for (const id of ids) this.closeDevice(session, id, closed);
  }
}
