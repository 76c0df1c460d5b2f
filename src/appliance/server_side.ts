/** The serving half of an appliance: listeners, sessions of clients, exports. */
import { describeErrno } from "../ffi/errno.ts";
import type { FabricFailure } from "../fabric/fabric.ts";
import { parseAddress } from "../fabric/address.ts";
import { RnbdServer, type ServerDevice } from "../rnbd/server/server.ts";
import { type ConnectRefusal, RtrsServer } from "../rtrs/server/server.ts";
import type { ServerSession } from "../rtrs/server/session.ts";
import type { ExportClient, ExportStatus, ServerSessionStatus } from "./appliance_api.ts";
import type { ServerConfig } from "./config/config.ts";
import { ExportTable } from "./export_table.ts";
import { log } from "./log.ts";
import type { Runtime } from "./runtime.ts";

/** See the head of this file. */
export class ServerSide {
  readonly listeners: { readonly address: string; readonly port: number }[] = [];
  private readonly rtrs: RtrsServer;
  private readonly rnbd: RnbdServer;

  /**
   * Listens on every address of the config.
   * @throws SystemError when one cannot be had, RangeError when memory disks do not fit
   */
  constructor(runtime: Runtime, config: ServerConfig) {
    const lanes = runtime.reactors.map((reactor) => reactor.lanes);
    const exports = new ExportTable(runtime.loop, config, runtime.reactors.length);
    const { arena } = runtime.memory;
    this.rnbd = new RnbdServer(arena, config.maxIoBytes, exports, lanes, serverLog);
    const environment = {
      clock: runtime.clock,
      memory: runtime.memory,
      adopter: runtime.adopter,
      nextHandle: runtime.nextHandle,
      rejectionsIndex: runtime.counters.requestRejections.at,
      onRefused: (reason: ConnectRefusal, detail: string) => {
        runtime.counters.connectRefusals.add(reason);
        log.warn("client refused", { reason, detail });
      },
      onPathClosed: (sessname: string | undefined, path: string, reason: string) =>
        log.info("path closed", { sessname, path, reason }),
    };
    const settings = {
      queueDepth: config.queueDepth,
      maxIoBytes: config.maxIoBytes,
      alwaysInvalidate: config.alwaysInvalidate,
      heartbeat: {
        intervalMs: config.heartbeatIntervalMs,
        missedMax: config.heartbeatMissedMax,
      },
    };
    this.rtrs = new RtrsServer(environment, settings, lanes, this.rnbd);
    for (const text of config.listen) {
      const { kind, host } = parseAddress(text);
      const listener = this.rtrs.listen(runtime.fabric(kind, config.crc), host, config.port);
      this.listeners.push({ address: text, port: listener.port });
      log.info("listening", { address: text, port: listener.port });
    }
  }

  /** A reactor reports that a client's connection broke. */
  onBroken(session: number, path: number, failure: FabricFailure): void {
    this.rtrs.onLaneBroken(session, path, failure.reason);
  }

  exports(): ExportStatus[] {
    const byDevice = new Map<string, { size: number; clients: ExportClient[] }>();
    for (const [session, devices] of this.rnbd.devices) {
      for (const device of devices) {
        if (device === undefined) continue;
        const size = device.ticket.geometry.sizeBytes;
        const entry = byDevice.get(device.device) ?? { size, clients: [] };
        entry.clients.push({
          sessname: session.sessname!,
          mapping_path: device.mappingPath,
          access_mode: device.mode,
        });
        byDevice.set(device.device, entry);
      }
    }
    return [...byDevice].map(([device, entry]) => ({
      device,
      size_bytes: entry.size,
      clients: entry.clients,
    }));
  }

  clients(): ServerSessionStatus[] {
    return [...this.rtrs.sessions.values()].map((session) => ({
      sessname: session.sessname ?? "",
      devices: (this.rnbd.devices.get(session) ?? []).filter((device) => device !== undefined)
        .length,
      inflight: [...session.paths.values()].reduce((sum, path) => sum + path.inflight, 0),
      paths: [...session.paths.values()].map((path) => ({
        // As the originals show it: the source is the client.
        src_addr: path.remoteAddress,
        dst_addr: path.localAddress,
        state: path.state === "CONNECTED" ? "connected" as const : "disconnected" as const,
        hca_name: path.hcaName,
        hca_port: path.hcaPort,
        inflight: path.inflight,
        last_error: path.closeReason === "" ? null : path.closeReason,
      })),
    }));
  }

  /** Disconnects all clients and closes their devices. */
  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.rtrs.close(resolve);
    return promise;
  }
}

const serverLog = {
  onOpened: (session: ServerSession, device: ServerDevice) =>
    log.info("device opened", {
      sessname: session.sessname,
      mapping_path: device.mappingPath,
      access_mode: device.mode,
      device: device.device,
    }),
  onClosed: (session: ServerSession, device: ServerDevice) =>
    log.info("device closed", { sessname: session.sessname, mapping_path: device.mappingPath }),
  onResized: (session: ServerSession, device: ServerDevice) =>
    log.info("device has another size", {
      sessname: session.sessname,
      mapping_path: device.mappingPath,
      size_bytes: device.ticket.geometry.sizeBytes,
    }),
  onOpenRefused: (session: ServerSession, mappingPath: string, errno: number, reason: string) =>
    log.warn("open refused", {
      sessname: session.sessname,
      mapping_path: mappingPath,
      errno: describeErrno(errno),
      reason,
    }),
  onSession: (session: ServerSession, isUp: boolean) =>
    log.info(isUp ? "client connected" : "client gone", { sessname: session.sessname }),
};
