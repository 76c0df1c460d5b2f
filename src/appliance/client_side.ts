/** The mapping half of an appliance: sessions to servers, and the devices mapped through them. */
import { formatAddress, parsePath } from "../fabric/address.ts";
import type { FabricFailure } from "../fabric/fabric.ts";
import { RnbdClient } from "../rnbd/client/client.ts";
import type { ClientDevice } from "../rnbd/client/device.ts";
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

  /** The session of that name, if some mapping uses it. */
  hasSession(sessname: string): boolean {
    return this.sessions.has(sessname);
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
    const mapping = new Mapping(this.runtime, this.node, config, session.rtrs.handle, device);
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
      runtime.fabric(config.crc),
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
          hca_name: "tcp",
          inflight: inflightOnAll(this.runtime.memory.arena, rtrs.allotments),
          last_error: failure === undefined ? null : failure.reason,
        }],
      };
    });
  }

  /** Unmaps everything. */
  async close(): Promise<void> {
    await Promise.all([...this.mappings.keys()].map((name) => this.unmap(name)));
  }
}
