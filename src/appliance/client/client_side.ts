/** The mapping half of an appliance: sessions to servers, and the devices mapped through them. */
import { errnoName } from "../../ffi/errno.ts";
import type { FabricFailure } from "../../fabric/fabric.ts";
import type { ClientDevice, DeviceFailure } from "../../rnbd/client/device.ts";
import type { ClientPath } from "../../rtrs/client/path.ts";
import { ApplianceError, type MappingStatus, type SessionStatus } from "../appliance_api.ts";
import type { MappingConfig, NodeConfig, SessionConfig } from "../config/config.ts";
import { log } from "../log.ts";
import { Mapping } from "./mapping.ts";
import type { NameRequest } from "../metrics/inflight.ts";
import { OpenSession } from "./open_session.ts";
import { deviceKey, type Origin } from "../reconcile/desired.ts";
import type { Actual } from "../reconcile/actual.ts";
import type { Runtime } from "../runtime.ts";
import { SizeWatch } from "./size_watch.ts";

/** Told when something happened that may ask for action. */
export interface ClientSideUser {
  /** A mapping or session came, went, opened or closed. */
  onChange(): void;
  /** A session is connected: what its server refused before may be there now. */
  onConnected(mappings: readonly string[]): void;
}

function logSession(
  sessname: string,
  isConnected: boolean,
  failure: FabricFailure | undefined,
): void {
  if (isConnected) log.info("session connected", { sessname });
  else if (failure === undefined || failure.errno === 0) log.info("session ended", { sessname });
  else log.warn("session lost", { sessname, reason: failure.reason });
}

/** See the head of this file. */
export class ClientSide {
  private readonly sessions = new Map<string, OpenSession>();
  private readonly mappings = new Map<string, Mapping>();
  /** Mappings that are being removed count until their NBD clients are gone. */
  private readonly byDevice = new Map<number, Mapping>();
  /** Mappings that are being removed: their names and devices are not free yet. */
  private readonly leaving = new Set<MappingConfig>();
  /** Names of the mappings of devices, also of those that are being removed. */
  private readonly takenDevices = new Map<string, string>();
  /** Follows the sizes that servers have. */
  readonly sizes = new SizeWatch(this.mappings, (name) => this.resize(name));

  constructor(
    private readonly runtime: Runtime,
    private readonly node: NodeConfig,
    private readonly user: ClientSideUser,
  ) {}

  /** How the session of that name was opened, if some mapping uses it. */
  sessionConfig(sessname: string): SessionConfig | undefined {
    return this.sessions.get(sessname)?.config;
  }

  /** The same, of a session that has to be open. @throws ApplianceError ENOENT */
  openSessionConfig(sessname: string): SessionConfig {
    return this.findSession(sessname).config;
  }

  mapping(name: string): Mapping {
    const mapping = this.mappings.get(name);
    if (mapping !== undefined) return mapping;
    const known = [...this.mappings.keys()].join(", ") || "none";
    throw new ApplianceError(`No mapping is called ${name}; there are: ${known}`, "ENOENT", 1);
  }

  /** Handles by which reactors know the mapping's device. */
  deviceOf(mapping: Mapping): { session: number; device: number } {
    const session = this.sessions.get(mapping.config.sessname)!;
    return { session: session.rtrs.handle, device: mapping.device.handle };
  }

  /**
   * Maps a device; `mapping.firstTry` tells how it went, and it goes on trying until unmapped.
   * @throws ApplianceError EEXIST when the name or the device is taken, ENXIO without its session
   */
  map(config: MappingConfig, origin: Origin): Mapping {
    this.assertFree(config);
    const { name, sessname, devicePath } = config;
    const session = this.sessions.get(sessname);
    if (session === undefined || session.isClosing) {
      throw new ApplianceError(`The session ${sessname} is not open`, "ENXIO", 75);
    }
    const device = session.rnbd.addDevice(devicePath, config.accessMode);
    const mapping = new Mapping(this.runtime, this.node, config, origin, session.rtrs, device);
    this.mappings.set(name, mapping);
    this.takenDevices.set(deviceKey(config), name);
    this.byDevice.set(device.handle, mapping);
    mapping.onChange = () => this.user.onChange();
    return mapping;
  }

  /** @throws ApplianceError EEXIST when the name or the device is taken */
  assertFree(config: MappingConfig): void {
    const { name, sessname, devicePath } = config;
    if (this.mappings.has(name) || [...this.leaving].some((gone) => gone.name === name)) {
      throw new ApplianceError(`A mapping called ${name} exists`, "EEXIST", 1);
    }
    const other = this.takenDevices.get(deviceKey(config));
    if (other === undefined) return;
    const where = `${devicePath} of session ${sessname}`;
    throw new ApplianceError(`${where} is mapped as ${other}`, "EEXIST", 1);
  }

  private configs(): MappingConfig[] {
    return [...this.mappings.values()].map(({ config }) => config);
  }

  private onSession(
    { sessname }: SessionConfig,
    isConnected: boolean,
    failure: FabricFailure | undefined,
  ): void {
    logSession(sessname, isConnected, failure);
    if (isConnected) this.user.onConnected(this.mappingsOf(sessname));
    else this.user.onChange();
  }

  private onPath({ sessname }: SessionConfig, path: ClientPath): void {
    const fields = { sessname, path: `${path.sourceAddress},${path.destinationAddress}` };
    const reason = path.lastFailure?.reason;
    if (path.state === "CONNECTED") log.info("path connected", fields);
    else if (reason === undefined) log.info("path disconnected", fields);
    else log.warn("path lost", { ...fields, reason });
    this.user.onChange();
  }

  /** Names of the mappings that use a session. */
  mappingsOf(sessname: string): string[] {
    return this.configs().filter((config) => config.sessname === sessname)
      .map(({ name }) => name);
  }

  /** Opens a session; it connects, and reconnects, by itself. It must not be open. */
  openSession(config: SessionConfig, origin: Origin): void {
    const session = new OpenSession(this.runtime, config, origin, {
      onDeviceOpen: (device) => this.byDevice.get(device.handle)?.onOpen(),
      onDeviceClosed: (device, { reason }) => this.byDevice.get(device.handle)?.onClosed(reason),
      onDeviceResized: (device) => this.byDevice.get(device.handle)?.onResized(),
      onDeviceFailed: (device, { errno, reason }) => this.onFailed(device, errno, reason),
      onSession: (isConnected, failure) => this.onSession(config, isConnected, failure),
      onPath: (path) => this.onPath(config, path),
    });
    this.sessions.set(config.sessname, session);
  }

  /** The canonical text of a path of a session. @throws ApplianceError ENOENT, EINVAL */
  pathText(sessname: string, path: string): string {
    return this.findSession(sessname).paths.textOf(path);
  }

  /** Takes over what can be changed while it is in use: all but its port, carrier and crc. */
  changeSession(config: SessionConfig, origin: Origin): void {
    this.findSession(config.sessname).change(config, origin);
    this.user.onChange();
  }

  /** Closes a session that no mapping uses. */
  async closeSession(sessname: string): Promise<void> {
    await this.findSession(sessname).close();
    this.sessions.delete(sessname);
    log.info("session closed", { sessname });
    this.user.onChange();
  }

  private onFailed(device: ClientDevice, errno: number, reason: string): void {
    this.byDevice.get(device.handle)?.onFailed(errno, reason);
  }

  /** Unmaps: hides it, disconnects its users, closes it at the server. Its session stays. */
  async unmap(name: string): Promise<void> {
    const mapping = this.mapping(name);
    const { config } = mapping;
    const session = this.sessionOf(mapping);
    this.mappings.delete(name);
    this.leaving.add(config);
    await mapping.hide();
    await new Promise<void>((resolve) => session.rnbd.removeDevice(mapping.device, resolve));
    this.byDevice.delete(mapping.device.handle);
    mapping.removed();
    this.leaving.delete(config);
    this.takenDevices.delete(deviceKey(config));
    log.info("mapping removed", { name });
    this.user.onChange();
  }

  /** Tries now to open a mapping that is closed, or to expose one that is open. */
  reopen(name: string): void {
    const mapping = this.mapping(name);
    if (mapping.device.state === "open") mapping.exposeAgain();
    else this.sessionOf(mapping).rnbd.retryDevice(mapping.device);
  }

  /**
   * Tries to open a closed mapping now; with `force` one that is open is closed at the server
   * first.
   * @throws ApplianceError ENOENT, EALREADY when it is open (rnbd-clt.c: remap of a mapped
   *   device), or why it did not open
   */
  async remap(name: string, force: boolean): Promise<void> {
    const mapping = this.mapping(name);
    if (mapping.device.state === "open" && !force) {
      const message =
        `${name} is open: there is nothing to remap; --force closes it and opens it anew`;
      throw new ApplianceError(message, "EALREADY", 1);
    }
    const tried = mapping.nextTry();
    this.sessionOf(mapping).rnbd.reopenDevice(mapping.device);
    const result = await tried;
    if (result.isOpen) return;
    const message = `Cannot remap ${name}: ${result.reason}`;
    throw new ApplianceError(message, result.errno, 1);
  }

  /**
   * Takes over the size that the server's device has now.
   * @returns that size in bytes
   * @throws ApplianceError ENOENT, EIO when the mapping is closed, or why the exposure cannot
   */
  async resize(name: string): Promise<number> {
    const mapping = this.mapping(name);
    if (mapping.device.state !== "open") {
      throw new ApplianceError(`${name} is closed: its server cannot be asked`, "EIO", 1);
    }
    const { rnbd } = this.sessionOf(mapping);
    const failure = await new Promise<DeviceFailure | undefined>((resolve) =>
      rnbd.refreshDevice(mapping.device, resolve)
    );
    if (failure !== undefined) {
      throw new ApplianceError(
        `Cannot resize ${name}: ${failure.reason}`,
        errnoName(failure.errno),
        1,
      );
    }
    await mapping.resized();
    return mapping.device.geometry!.sizeBytes;
  }

  /**
   * Drops a session's path, or all of them, until {@link reconnectPath}. Requests go on on other
   * paths; without any its mappings are closed.
   * @throws ApplianceError ENOENT
   */
  async disconnectPath(sessname: string, path?: string): Promise<void> {
    await this.findSession(sessname).paths.disconnect(path);
    log.info("path disconnected", { sessname, path });
  }

  /**
   * Connects a session's path now, or all of them; what is connected is dropped first.
   * @throws ApplianceError ENOENT, EBUSY while it is being connected
   */
  reconnectPath(sessname: string, path?: string): Promise<void> {
    return new Promise((resolve) => resolve(this.findSession(sessname).paths.reconnect(path)));
  }

  /**
   * Connects now what is down of a session.
   * @returns the destinations of those paths
   * @throws ApplianceError ENOENT
   */
  reconnectDown(sessname: string): string[] {
    return this.findSession(sessname).paths.reconnectDown();
  }

  private sessionOf(mapping: Mapping): OpenSession {
    return this.sessions.get(mapping.config.sessname)!;
  }

  private findSession(sessname: string): OpenSession {
    const session = this.sessions.get(sessname);
    if (session !== undefined) return session;
    const known = [...this.sessions.keys()].join(", ") || "none";
    const message = `No session is called ${sessname}; there are: ${known}`;
    throw new ApplianceError(message, "ENOENT", 1);
  }

  /** A reactor reports that a connection of a session broke. */
  onBroken(handle: number, path: number, failure: FabricFailure): void {
    for (const session of this.sessions.values()) {
      if (session.rtrs.handle === handle) session.rtrs.onLaneBroken(path, failure);
    }
  }

  onNbdClosed(device: number, ticket: number): void {
    this.byDevice.get(device)?.onNbdClosed(ticket);
  }

  /** What a request in flight belongs to. */
  readonly namesOf: NameRequest = ({ session, disk, path }) => {
    const mapping = this.byDevice.get(disk);
    const open = [...this.sessions.values()].find(({ rtrs }) => rtrs.handle === session);
    if (mapping === undefined || open === undefined) return undefined;
    const carrier = open.rtrs.paths.find(({ handle }) => handle === path);
    return {
      device: mapping.config.name,
      sessname: open.config.sessname,
      path: carrier === undefined ? "" : `${carrier.sourceAddress},${carrier.destinationAddress}`,
    };
  };

  has(name: string): boolean {
    return this.mappings.has(name);
  }

  /** Names of all mappings. */
  names(): string[] {
    return [...this.mappings.keys()];
  }

  /** What there is, for the reconciler. */
  actual(): Pick<Actual, "mappings" | "leaving" | "sessions"> {
    return {
      mappings: [...this.mappings.values()].map((mapping) =>
        mapping.actual(this.sessionOf(mapping).isConnecting)
      ),
      leaving: [...this.leaving],
      sessions: [...this.sessions.values()].map((session) => session.actual()),
    };
  }

  /** Numbers of the ublk devices that mappings serve, or are about to let go of. */
  servedDevices(): Set<number> {
    return new Set([...this.byDevice.values()].flatMap(({ ublkId }) => ublkId ?? []));
  }

  mappingStatus(): MappingStatus[] {
    return [...this.mappings.values()].map((mapping) => mapping.status());
  }

  sessionStatus(): SessionStatus[] {
    return [...this.sessions.values()].map((session) => session.status());
  }

  /**
   * Unmaps everything but the block devices that are in use and can wait: to stop them would fail
   * their users' I/O, a mounted file system's for one.
   * @returns true when some were left
   */
  async close(): Promise<boolean> {
    const left = await Promise.all([...this.mappings.values()].map(async (mapping) => {
      const { name } = mapping.config;
      const users = await mapping.waitingUsers();
      if (users.length === 0) await this.unmap(name);
      else log.warn("block device waits for the next start", { name, users: users.join(", ") });
      return users.length > 0;
    }));
    const unused = [...this.sessions.keys()].filter((name) => this.mappingsOf(name).length === 0);
    await Promise.all(unused.map((sessname) => this.closeSession(sessname)));
    return left.includes(true);
  }
}
