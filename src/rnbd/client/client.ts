/**
 * The RNBD client of one session, the control half: after each connect it greets the server and
 * opens every device anew; what cannot be opened is tried again with back-off.
 */
import type { FabricFailure } from "../../fabric/fabric.ts";
import { describeErrno, ERRNO } from "../../ffi/errno.ts";
import { backoffMs } from "../../rtrs/client/backoff.ts";
import { countdown } from "../../rtrs/countdown.ts";
import type { ClientSession, ClientSessionUser } from "../../rtrs/client/session.ts";
import { accessModeCode, type AccessModeName } from "../access_mode.ts";
import {
  CLOSE,
  decodeOpenResponse,
  encodeClose,
  encodeOpen,
  encodeSessionInfo,
  OPEN,
  OPEN_RSP,
  type OpenResponse,
  RNBD_MESSAGE,
  SESS_INFO,
} from "../codec.ts";
import type { DeviceControl } from "../lane_commands.ts";
import { AdminQueue } from "./admin_queue.ts";
import { ClientDevice, type DeviceFailure, explainOpenErrno, geometryOf } from "./device.ts";

/** Told about devices; the appliance exposes and reports them. */
export interface RnbdClientUser {
  onDeviceOpen(device: ClientDevice): void;
  onDeviceClosed(device: ClientDevice, failure: DeviceFailure): void;
  /** The server told another size for an open device. */
  onDeviceResized(device: ClientDevice): void;
  /** An OPEN was refused, or the session could not be connected. */
  onDeviceFailed(device: ClientDevice, failure: DeviceFailure): void;
  onSession(isConnected: boolean, failure: FabricFailure | undefined): void;
}

/** See the head of this file. */
export class RnbdClient implements ClientSessionUser {
  readonly devices = new Map<number, ClientDevice>();
  lastFailure: FabricFailure | undefined;
  /** Set right after construction: the session needs its user first. */
  session!: ClientSession;
  private readonly admin = new AdminQueue(() => this.session.adminLane);
  private isGreeted = false;

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
    this.admin.send({
      answerBytes: 0,
      build: (view, at) => {
        encodeClose(view, at, device.deviceId);
        return CLOSE.BYTES;
      },
      // Without a connection the server closes the device by itself.
      done,
    });
  }

  onConnected(): void {
    this.lastFailure = undefined;
    this.admin.send({
      answerBytes: SESS_INFO.BYTES,
      build: (view, at) => {
        encodeSessionInfo(view, at, RNBD_MESSAGE.SESS_INFO);
        return SESS_INFO.BYTES;
      },
      done: (errno) => {
        if (errno !== 0) return this.onGreetingFailed(errno);
        this.isGreeted = true;
        this.user.onSession(true, undefined);
        for (const device of this.devices.values()) this.openDevice(device);
      },
    });
  }

  private onGreetingFailed(errno: number): void {
    // A dead connection reports itself; a server that refuses the greeting is no RNBD server.
    if (!this.session.isConnected) return;
    const reason = `the server refused the greeting (SESS_INFO): ${describeErrno(errno)}: ` +
      "is it an RNBD server?";
    this.session.path.fail({ errno, reason });
  }

  onDisconnected(failure: FabricFailure): void {
    this.isGreeted = false;
    this.lastFailure = failure;
    this.user.onSession(false, failure);
    for (const device of this.devices.values()) {
      device.retryTimer?.cancel();
      device.nextTryAt = undefined;
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
    device.nextTryAt = undefined;
    if (this.isGreeted) this.openDevice(device);
    else this.session.reconnect();
  }

  /**
   * Asks the server for an open device's size, by another OPEN of its name, which changes nothing
   * there (rnbd-srv.c:711).
   * @param done gets why it could not be told
   */
  refreshDevice(device: ClientDevice, done: (failure: DeviceFailure | undefined) => void): void {
    const earlier = device.geometry?.sizeBytes;
    this.sendOpen(device, (outcome) => {
      if ("errno" in outcome) return done(outcome);
      if (device.isRemoved || device.state !== "open") {
        return done({ errno: ERRNO.EIO, reason: `${device.devicePath} was closed meanwhile` });
      }
      this.takeOver(device, outcome);
      const told = countdown(this.reactors.length, () => {
        if (device.geometry!.sizeBytes !== earlier) this.user.onDeviceResized(device);
        done(undefined);
      });
      this.setOnReactors(device, told);
    });
  }

  private openDevice(device: ClientDevice): void {
    if (device.isOpening || device.isRemoved || device.state === "open") return;
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
    this.admin.send({
      answerBytes: OPEN_RSP.BYTES,
      build: (view, at) => {
        encodeOpen(view, at, accessModeCode(device.mode), device.devicePath);
        return OPEN.BYTES;
      },
      done: (errno, answerAt) => {
        if (errno !== 0) {
          const reason = explainOpenErrno(errno, device.devicePath, device.mode);
          return done({ errno, reason });
        }
        const response = decodeOpenResponse(this.session.adminLane!.arena.view, answerAt);
        if (typeof response === "string") {
          const reason = `the server's answer to OPEN makes no sense: ${response}`;
          return done({ errno: ERRNO.EPROTO, reason });
        }
        done(response);
      },
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
    device.failures++;
    const { settings, environment } = this.session;
    const delayMs = backoffMs(settings, device.failures);
    device.nextTryAt = environment.clock.now() + delayMs;
    device.retryTimer = environment.clock.after(delayMs, () => {
      if (this.isGreeted) this.openDevice(device);
    });
    this.user.onDeviceFailed(device, failure);
  }
}
