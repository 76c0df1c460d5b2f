/**
 * The RNBD client of one session, the control half: after each connect it greets the server and
 * opens every device anew; what cannot be opened is tried again with back-off, unless the answer
 * would be the same.
 */
import type { FabricFailure } from "../../fabric/fabric.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { backoffMs } from "../../rtrs/client/backoff.ts";
import { countdown } from "../../rtrs/countdown.ts";
import type { ClientPath } from "../../rtrs/client/path.ts";
import type { ClientSession, ClientSessionUser } from "../../rtrs/client/session.ts";
import type { AccessModeName } from "../access_mode.ts";
import type { OpenResponse } from "../codec.ts";
import type { DeviceControl } from "../lane_commands.ts";
import { AdminMessages, isConnectionErrno } from "./admin_messages.ts";
import { ClientDevice, type DeviceFailure, geometryOf, isFinalRefusal } from "./device.ts";

/** Told about devices; the appliance exposes and reports them. */
export interface RnbdClientUser {
  onDeviceOpen(device: ClientDevice): void;
  onDeviceClosed(device: ClientDevice, failure: DeviceFailure): void;
  /** The server told another size for an open device. */
  onDeviceResized(device: ClientDevice): void;
  /** An OPEN was refused, or the session could not be connected. */
  onDeviceFailed(device: ClientDevice, failure: DeviceFailure): void;
  onSession(isConnected: boolean, failure: FabricFailure | undefined): void;
  /** A path of the session was connected or lost. */
  onPath(path: ClientPath): void;
}

/** What a server answers to an OPEN only when it does not have the name open already. */
const REFUSALS_OF_UNOPENED: ReadonlySet<number> = new Set([
  ERRNO.EPERM,
  ERRNO.ENOENT,
  ERRNO.EACCES,
  ERRNO.EROFS,
]);

function closedMeanwhile({ devicePath }: ClientDevice): DeviceFailure {
  return { errno: ERRNO.EIO, reason: `${devicePath} was closed meanwhile` };
}

/** Gets why the server did not tell the size, or undefined. */
type RefreshDone = (failure: DeviceFailure | undefined) => void;

/** See the head of this file. */
export class RnbdClient implements ClientSessionUser {
  readonly devices = new Map<number, ClientDevice>();
  lastFailure: FabricFailure | undefined;
  /** Set right after construction: the session needs its user first. */
  session!: ClientSession;
  private readonly admin = new AdminMessages(() => this.session.adminLane);
  private isGreeted = false;
  /**
   * Devices that the server had open, or may have had, when the session was lost. It may still be
   * the same session to the server: then what is not wanted any more must be closed.
   */
  private readonly leftOpen = new Set<ClientDevice>();
  /** Devices whose size the server is being asked for, and who waits for that. */
  private readonly refreshing = new Map<ClientDevice, RefreshDone[]>();

  constructor(
    private readonly reactors: readonly DeviceControl[],
    private readonly user: RnbdClientUser,
  ) {}

  /** Adds a device; it is opened now or when the session is up. */
  addDevice(devicePath: string, mode: AccessModeName): ClientDevice {
    const device = new ClientDevice(this.session.environment.nextHandle(), devicePath, mode);
    this.devices.set(device.handle, device);
    if (this.isGreeted) this.openDevice(device);
    return device;
  }

  /** Disconnects the device's users, closes it at the server and forgets it. */
  removeDevice(device: ClientDevice, done: () => void): void {
    device.isRemoved = true;
    device.retryTimer?.cancel();
    device.state = "closed";
    const forget = () => {
      this.devices.delete(device.handle);
      done();
      this.openWaiting(device.devicePath);
    };
    const close = () => this.sendClose(device, forget);
    const removed = countdown(this.reactors.length, () => {
      if (device.isOpening) device.onOpeningEnded = close;
      else close();
    });
    for (const reactor of this.reactors) {
      reactor.removeDevice(this.session.handle, device.handle, removed);
    }
  }

  /** Closes it at the server, if that has it open: after a reconnect its id is another device's. */
  private sendClose(device: ClientDevice, done: () => void): void {
    if (!device.isHeld) return done();
    device.isHeld = false;
    this.admin.close(device.deviceId, (errno) => {
      if (isConnectionErrno(errno)) this.leftOpen.add(device);
      done();
    });
  }

  onConnected(): void {
    this.lastFailure = undefined;
    if (!this.session.mayOutliveOutage) this.leftOpen.clear();
    this.admin.greet((failure) => {
      if (failure === undefined) this.closeLeftOpen();
      // A dead connection reports itself; a server that refuses the greeting is no RNBD server.
      else if (this.session.isConnected) this.session.fail(failure);
    });
  }

  /**
   * Closes what was removed while there was no connection, before anything is opened. Only the
   * names are sure, and to open one that is open changes nothing (rnbd-srv.c:711).
   */
  private closeLeftOpen(): void {
    const removed = [...this.leftOpen].filter((device) => device.isRemoved);
    const names = new Set(removed.map((device) => device.devicePath));
    if (names.size === 0) return this.openAll();
    let isLost = false;
    const closed = countdown(names.size, () => {
      if (isLost) return;
      for (const device of removed) this.leftOpen.delete(device);
      this.closeLeftOpen();
    });
    const done = (errno: number) => {
      isLost ||= isConnectionErrno(errno);
      closed();
    };
    for (const name of names) {
      this.admin.open(name, "ro", (outcome) => {
        if ("errno" in outcome) done(outcome.errno);
        else this.admin.close(outcome.deviceId, done);
      });
    }
  }

  private openAll(): void {
    this.leftOpen.clear();
    this.isGreeted = true;
    this.user.onSession(true, undefined);
    for (const device of this.devices.values()) this.openDevice(device);
  }

  onPath(path: ClientPath): void {
    this.user.onPath(path);
  }

  onDisconnected(failure: FabricFailure): void {
    this.isGreeted = false;
    this.lastFailure = failure;
    this.user.onSession(false, failure);
    for (const device of this.devices.values()) {
      device.retryTimer?.cancel();
      device.nextTryAt = undefined;
      if (device.isHeld) this.leftOpen.add(device);
      device.refusedSince = undefined;
      device.isHeld = false;
      if (device.state !== "open") continue;
      device.state = "closed";
      device.lastFailure = failure;
      this.user.onDeviceClosed(device, failure);
    }
  }

  onAttemptFailed(failure: FabricFailure, nextTryMs: number | undefined): void {
    this.lastFailure = failure;
    const now = this.session.environment.clock.now();
    for (const device of this.devices.values()) {
      device.lastFailure = failure;
      device.nextTryAt = nextTryMs === undefined ? undefined : now + nextTryMs;
      this.user.onDeviceFailed(device, failure);
    }
  }

  onAdminResponse(permit: number, errno: number): void {
    this.admin.onResponse(permit, errno);
  }

  /** Opens what was mapped again while its last mapping was being removed. */
  private openWaiting(devicePath: string): void {
    for (const device of this.devices.values()) {
      if (device.devicePath === devicePath && this.isGreeted) this.openDevice(device);
    }
  }

  /** The server takes a second OPEN of a name for the first: its CLOSE would end both. */
  private isLeaving(devicePath: string): boolean {
    for (const device of this.devices.values()) {
      if (device.isRemoved && device.devicePath === devicePath) return true;
    }
    return false;
  }

  /**
   * Closes an open device at the server and opens it anew; requests fail in between.
   */
  reopenDevice(device: ClientDevice): void {
    if (device.state !== "open" || device.isRemoved) return this.retryDevice(device);
    device.state = "closed";
    for (const reactor of this.reactors) reactor.unsetDevice(this.session.handle, device.handle);
    const failure = { errno: ERRNO.ECANCELED, reason: "it is being mapped anew" };
    this.user.onDeviceClosed(device, failure);
    this.sendClose(device, () => {
      if (!device.isRemoved) this.retryDevice(device);
    });
  }

  /** Tries to open a closed device now instead of when its back-off says. */
  retryDevice(device: ClientDevice): void {
    device.retryTimer?.cancel();
    device.refusedSince = undefined;
    device.nextTryAt = undefined;
    if (this.isGreeted) this.openDevice(device);
    // With a connection the greeting is under way, and every device is opened after it.
    else if (!this.session.isConnected) this.session.reconnect();
  }

  /**
   * Asks the server for an open device's size, by another OPEN of its name, which changes nothing
   * there (rnbd-srv.c:711). A server that took the device away tells another id, or refuses: then
   * it is closed, and stays so until somebody opens it anew.
   */
  refreshDevice(device: ClientDevice, done: RefreshDone): void {
    const others = this.refreshing.get(device);
    if (others !== undefined) {
      others.push(done);
      return;
    }
    if (device.state !== "open") return done(closedMeanwhile(device));
    const waiting = [done];
    this.refreshing.set(device, waiting);
    device.isOpening = true;
    this.sendOpen(device, (outcome) =>
      this.onRefreshed(device, outcome, (failure) => {
        this.refreshing.delete(device);
        this.endOpening(device);
        for (const callback of waiting) callback(failure);
      }));
  }

  private onRefreshed(
    device: ClientDevice,
    outcome: OpenResponse | DeviceFailure,
    done: RefreshDone,
  ): void {
    const isRefused = "errno" in outcome;
    if (isRefused && !REFUSALS_OF_UNOPENED.has(outcome.errno)) return done(outcome);
    const isTaken = device.isHeld && (isRefused || outcome.deviceId !== device.deviceId);
    if (isTaken) {
      // The CLOSE of the old id frees it; that of a new one is due when the device is closed.
      this.sendClose(device, () => {});
      if (!isRefused) this.takeOver(device, outcome);
    }
    if (device.isRemoved || device.state !== "open") return done(closedMeanwhile(device));
    if (isTaken) return done(this.onTakenAway(device));
    if (isRefused) return done(outcome);
    const earlier = device.geometry!.sizeBytes;
    this.takeOver(device, outcome);
    // Nearly always: the reactors know it already.
    if (device.geometry!.sizeBytes === earlier) return done(undefined);
    const told = countdown(this.reactors.length, () => {
      this.user.onDeviceResized(device);
      done(undefined);
    });
    this.setOnReactors(device, told);
  }

  private onTakenAway(device: ClientDevice): DeviceFailure {
    const reason = `the server has taken ${device.devicePath} away from this client`;
    const failure = { errno: ERRNO.ENOTCONN, reason };
    device.state = "closed";
    device.lastFailure = failure;
    for (const reactor of this.reactors) reactor.unsetDevice(this.session.handle, device.handle);
    this.user.onDeviceClosed(device, failure);
    this.sendClose(device, () => {});
    return failure;
  }

  private openDevice(device: ClientDevice): void {
    if (device.isRemoved || device.state === "open") return;
    if (device.isOpening) {
      this.refreshing.get(device)?.push(() => this.openDevice(device));
      return;
    }
    if (this.isLeaving(device.devicePath)) return;
    device.isOpening = true;
    device.nextTryAt = undefined;
    this.sendOpen(device, (outcome) => {
      if ("errno" in outcome) return this.onOpenFailed(device, outcome);
      this.takeOver(device, outcome);
      this.setOpen(device);
    });
  }

  private sendOpen(
    device: ClientDevice,
    done: (outcome: OpenResponse | DeviceFailure) => void,
  ): void {
    this.admin.open(device.devicePath, device.mode, (outcome) => {
      // The server may have opened it all the same.
      if ("errno" in outcome && isConnectionErrno(outcome.errno)) this.leftOpen.add(device);
      done(outcome);
    });
  }

  private takeOver(device: ClientDevice, response: OpenResponse): void {
    device.geometry = geometryOf(response, device.mode, this.session.offer!.maxIoBytes);
    device.deviceId = response.deviceId;
    device.isHeld = true;
  }

  private setOnReactors(device: ClientDevice, done: () => void): void {
    for (const reactor of this.reactors) {
      const { handle } = this.session;
      reactor.setDevice(handle, device.handle, device.deviceId, device.geometry!, done);
    }
  }

  private setOpen(device: ClientDevice): void {
    // Unmapped while the OPEN was on its way: the removal goes on and closes it.
    if (device.isRemoved) return this.endOpening(device);
    const ready = countdown(this.reactors.length, () => {
      this.endOpening(device);
      // Disconnected meanwhile: it is opened anew after the next connect.
      if (device.isRemoved || !device.isHeld) return;
      device.state = "open";
      device.failures = 0;
      device.refusedSince = undefined;
      device.lastFailure = undefined;
      this.user.onDeviceOpen(device);
    });
    this.setOnReactors(device, ready);
  }

  private endOpening(device: ClientDevice): void {
    device.isOpening = false;
    const { onOpeningEnded } = device;
    device.onOpeningEnded = undefined;
    onOpeningEnded?.();
  }

  private onOpenFailed(device: ClientDevice, failure: DeviceFailure): void {
    this.endOpening(device);
    if (device.isRemoved || !this.session.isConnected) return;
    device.lastFailure = failure;
    const { settings, environment } = this.session;
    const now = environment.clock.now();
    device.refusedSince ??= now;
    if (isFinalRefusal(failure.errno, device.mode, now - device.refusedSince)) {
      return this.user.onDeviceFailed(device, failure);
    }
    device.failures++;
    const delayMs = backoffMs(settings, device.failures);
    device.nextTryAt = now + delayMs;
    device.retryTimer = environment.clock.after(delayMs, () => {
      if (this.isGreeted) this.openDevice(device);
    });
    this.user.onDeviceFailed(device, failure);
  }
}
