/** The mapping half of an appliance: sessions to servers, and the devices mapped through them. */
import { errnoName } from "../ffi/errno.ts";
import { formatAddress, formatPath, parsePath } from "../fabric/address.ts";
import type { FabricFailure } from "../fabric/fabric.ts";
import { RnbdClient } from "../rnbd/client/client.ts";
import type { ClientDevice, DeviceFailure } from "../rnbd/client/device.ts";
import { ClientSession } from "../rtrs/client/session.ts";
import { inflightOnAll } from "../rtrs/client/shape.ts";
import { ApplianceError, type MappingStatus, type SessionStatus } from "./appliance_api.ts";
import type { MappingConfig, NodeConfig, SessionConfig } from "./config/config.ts";
import { normalDevicePath } from "./config/names.ts";
import { log } from "./log.ts";
import { type FirstTry, Mapping } from "./mapping.ts";
import type { Runtime } from "./runtime.ts";

/** A session that is in use: it lives from its first mapping to its last. */
interface OpenSession {
  readonly config: SessionConfig;
  readonly rtrs: ClientSession;
  readonly rnbd: RnbdClient;
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

  constructor(private readonly runtime: Runtime, private readonly node: NodeConfig) {}

  /** How the session of that name was opened, if some mapping uses it. */
  sessionConfig(sessname: string): SessionConfig | undefined {
    return this.sessions.get(sessname)?.config;
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
   * @throws ApplianceError EEXIST when the name or the device is taken
   */
  map(config: MappingConfig, sessionConfig: SessionConfig): Mapping {
    if (this.mappings.has(config.name)) {
      throw new ApplianceError(`A mapping called ${config.name} exists`, "EEXIST", 1);
    }
    for (const other of this.mappings.values()) {
      const isSame = other.config.sessname === config.sessname &&
        normalDevicePath(other.config.devicePath) === normalDevicePath(config.devicePath);
      if (!isSame) continue;
      const where = `${config.devicePath} of session ${config.sessname}`;
      throw new ApplianceError(`${where} is mapped as ${other.config.name}`, "EEXIST", 1);
    }
    const session = this.sessions.get(config.sessname) ?? this.openSession(sessionConfig);
    const device = session.rnbd.addDevice(config.devicePath, config.accessMode);
    const mapping = new Mapping(this.runtime, this.node, config, session.rtrs, device);
    this.mappings.set(config.name, mapping);
    this.byDevice.set(device.handle, mapping);
    return mapping;
  }

  private openSession(config: SessionConfig): OpenSession {
    const { runtime } = this;
    const { source, destination } = parsePath(config.paths[0]!);
    const lanes = runtime.reactors.map((reactor) => reactor.lanes);
    const rnbd = new RnbdClient(lanes, {
      onDeviceOpen: (device) => this.byDevice.get(device.handle)?.onOpen(),
      onDeviceClosed: (device, { reason }) => this.byDevice.get(device.handle)?.onClosed(reason),
      onDeviceResized: (device) => this.byDevice.get(device.handle)?.onResized(),
      onDeviceFailed: (device, { errno, reason }) => this.onFailed(device, errno, reason),
      onSession: (isConnected, failure) => logSession(config.sessname, isConnected, failure),
    });
    const rtrs = new ClientSession(
      config.sessname,
      {
        clock: runtime.clock,
        memory: runtime.memory,
        adopter: runtime.adopter,
        randomBytes: runtime.randomBytes,
        nextHandle: runtime.nextHandle,
      },
      runtime.fabric(destination.kind, config.crc),
      destination.kind,
      { source: source?.host, destination: destination.host, port: config.destPort },
      {
        heartbeat: {
          intervalMs: config.heartbeatIntervalMs,
          missedMax: config.heartbeatMissedMax,
        },
        connectTimeoutMs: config.connectTimeoutMs,
        reconnectDelayMs: config.reconnectDelayMs,
        reconnectDelayMaxMs: config.reconnectDelayMaxMs,
        maxReconnectAttempts: config.maxReconnectAttempts,
      },
      lanes,
      rnbd,
    );
    rnbd.session = rtrs;
    const session = { config, rtrs, rnbd };
    this.sessions.set(config.sessname, session);
    rtrs.start();
    return session;
  }

  private onFailed(device: ClientDevice, errno: number, reason: string): void {
    this.byDevice.get(device.handle)?.onFailed(errno, reason);
  }

  /** Unmaps: hides it, disconnects its users, closes it at the server. */
  async unmap(name: string): Promise<void> {
    const mapping = this.mapping(name);
    const { sessname } = mapping.config;
    const session = this.sessions.get(sessname)!;
    this.mappings.delete(name);
    await mapping.hide();
    await new Promise<void>((resolve) => session.rnbd.removeDevice(mapping.device, resolve));
    this.byDevice.delete(mapping.device.handle);
    log.info("mapping removed", { name });
    const isUsed = [...this.mappings.values()].some((other) => other.config.sessname === sessname);
    if (isUsed || this.sessions.get(sessname) !== session) return;
    this.sessions.delete(sessname);
    await new Promise<void>((resolve) => session.rtrs.close(resolve));
    log.info("session closed", { sessname });
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
   * Drops a session's path, or stops making it, until {@link reconnectPath}; its mappings are
   * closed meanwhile.
   * @throws ApplianceError ENOENT
   */
  async disconnectPath(sessname: string, path?: string): Promise<void> {
    const { rtrs } = this.findPath(sessname, path);
    await new Promise<void>((resolve) => rtrs.disconnect(resolve));
    log.info("path disconnected", { sessname, path: rtrs.path.destinationAddress });
  }

  /**
   * Connects a session's path now; one that is connected is dropped first.
   * @throws ApplianceError ENOENT, EBUSY while it is being connected
   */
  reconnectPath(sessname: string, path?: string): Promise<void> {
    const { rtrs } = this.findPath(sessname, path);
    if (!rtrs.reconnect()) {
      const message = `The path of session ${sessname} is ${rtrs.path.state.toLowerCase()}`;
      throw new ApplianceError(`${message}; try again later`, "EBUSY", 75);
    }
    return Promise.resolve();
  }

  private sessionOf(mapping: Mapping): OpenSession {
    return this.sessions.get(mapping.config.sessname)!;
  }

  private findPath(sessname: string, path: string | undefined): OpenSession {
    const session = this.sessions.get(sessname);
    if (session === undefined) {
      const known = [...this.sessions.keys()].join(", ") || "none";
      throw new ApplianceError(
        `No session is called ${sessname}; there are: ${known}`,
        "ENOENT",
        1,
      );
    }
    const configured = parsePath(session.config.paths[0]!);
    const { sourceAddress, destinationAddress } = session.rtrs.path;
    const names = [
      formatPath(configured),
      formatAddress(configured.destination),
      `${sourceAddress},${destinationAddress}`,
    ];
    if (path !== undefined && !names.includes(path)) {
      const message = `Session ${sessname} has no path ${path}; it has ${names[0]}`;
      throw new ApplianceError(message, "ENOENT", 1);
    }
    return session;
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

  /** What became of every mapping's first try. */
  async firstTries(): Promise<FirstTry[]> {
    return await Promise.all([...this.mappings.values()].map((mapping) => mapping.firstTry));
  }

  mappingStatus(): MappingStatus[] {
    return [...this.mappings.values()].map((mapping) => mapping.status());
  }

  sessionStatus(): SessionStatus[] {
    return [...this.sessions.values()].map(({ config, rtrs }) => {
      const { path } = rtrs;
      const state = rtrs.isConnected ? "connected" as const : "disconnected" as const;
      const failure = path.lastFailure;
      return {
        sessname: config.sessname,
        state,
        queue_depth: rtrs.offer?.queueDepth ?? 0,
        max_io_size: rtrs.offer?.maxIoBytes ?? 0,
        reconnects: rtrs.reconnects,
        paths: [{
          src_addr: path.sourceAddress,
          dst_addr: path.destinationAddress ||
            formatAddress(parsePath(config.paths[0]!).destination),
          state,
          hca_name: path.hcaName,
          hca_port: path.hcaPort,
          inflight: inflightOnAll(this.runtime.memory.arena, rtrs.allotments),
          last_error: failure === undefined ? null : failure.reason,
        }],
      };
    });
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
    return left.includes(true);
  }
}
