/** The serving half of an appliance: listeners, sessions of clients, exports. */
import type { FabricFailure } from "../../fabric/fabric.ts";
import { parseAddress } from "../../fabric/address.ts";
import { RnbdServer } from "../../rnbd/server/server.ts";
import { type ConnectRefusal, RtrsServer } from "../../rtrs/server/server.ts";
import type { ServerPath } from "../../rtrs/server/path.ts";
import {
  ApplianceError,
  type CloseExportRequest,
  type CloseExportResult,
  type PathRequest,
  type RevalidateResult,
} from "../appliance_api.ts";
import type { ExportConfig, ServerConfig } from "../config/config.ts";
import { ExportTable } from "./export_table.ts";
import { findServerPath } from "./find_server_path.ts";
import { log } from "../log.ts";
import type { NameRequest } from "../metrics/inflight.ts";
import { MeasuredExports } from "../metrics/measured_exports.ts";
import { NO_IO } from "../no_io.ts";
import { notFound } from "../not_found.ts";
import { OpenExports } from "./open_exports.ts";
import { RefusalList } from "./refusal_list.ts";
import type { Runtime } from "../runtime.ts";
import { makeConnectionLog, makeServerLog } from "./server_log.ts";
import type {
  ExportClient,
  ExportRuleStatus,
  ExportStatus,
  PathStatus,
  RefusalStatus,
  ServerSessionStatus,
} from "../status.ts";

const EXIT_FAILED = 1;

/** See the head of this file. */
export class ServerSide {
  readonly listeners: { readonly address: string; readonly port: number }[] = [];
  private readonly rtrs: RtrsServer;
  private readonly rnbd: RnbdServer;
  private readonly table: ExportTable;
  private readonly open: OpenExports;
  private readonly refused = new RefusalList();

  /**
   * Listens on every address of the config.
   * @throws SystemError when one cannot be had, RangeError when memory disks do not fit
   */
  constructor(private readonly runtime: Runtime, config: ServerConfig) {
    const lanes = runtime.reactors.map((reactor) => reactor.lanes);
    this.table = new ExportTable(runtime.loop, config, runtime.reactors.length);
    const { arena } = runtime.memory;
    const measured = new MeasuredExports(this.table, runtime.exportIo);
    const serverLog = makeServerLog(this.refused);
    this.rnbd = new RnbdServer(arena, config.maxIoBytes, measured, lanes, {
      ...serverLog,
      onSession: (session, isUp) => {
        if (!isUp) this.table.onSessionEnded(session.sessname!);
        serverLog.onSession(session, isUp);
      },
    });
    this.open = new OpenExports(this.rnbd);
    const connectionLog = makeConnectionLog(this.refused);
    const environment = {
      clock: runtime.clock,
      memory: runtime.memory,
      adopter: runtime.adopter,
      nextHandle: runtime.nextHandle,
      rejectionsIndex: runtime.counters.requestRejections.at,
      ...connectionLog,
      onRefused: (reason: ConnectRefusal, address: string, detail: string, errno: number) => {
        runtime.counters.connectRefusals.add(reason);
        connectionLog.onRefused(reason, address, detail, errno);
      },
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

  /** A reactor reports that a chunk is free that a request waits for on another thread. */
  onChunkFree(session: number, waiter: number, chunk: number): void {
    this.rtrs.onChunkFree(session, waiter, chunk);
  }

  exports(): ExportStatus[] {
    const byDevice = new Map<string, { size: number; clients: ExportClient[] }>();
    for (const { session, device } of this.open.holdings()) {
      const size = device.ticket.geometry.sizeBytes;
      const entry = byDevice.get(device.device) ?? { size, clients: [] };
      const sessname = session.sessname!;
      entry.clients.push({
        sessname,
        mapping_path: device.mappingPath,
        access_mode: device.mode,
        is_allowed: this.table.allows(sessname, device.mappingPath, device.mode),
      });
      byDevice.set(device.device, entry);
    }
    return [...byDevice].map(([device, entry]) => ({
      device,
      size_bytes: entry.size,
      clients: entry.clients,
      io: this.runtime.exportIo.totals(device) ?? NO_IO,
    }));
  }

  /** What may be opened. */
  rules(): ExportRuleStatus[] {
    return this.table.rules.map((rule) => ({
      device_path: rule.devicePath,
      sessname: rule.sessname,
      access_mode: rule.accessMode,
      backend: rule.backend,
      size_bytes: rule.sizeBytes,
    }));
  }

  clients(): ServerSessionStatus[] {
    return [...this.rtrs.sessions.values()].map((session) => ({
      sessname: session.sessname ?? "",
      devices: (this.rnbd.devices.get(session) ?? []).filter((device) => device !== undefined)
        .length,
      force_closed: this.rnbd.forceClosed(session),
      inflight: [...session.paths.values()].reduce((sum, path) => sum + path.inflight, 0),
      paths: [...session.paths.values()].map(pathStatus),
    }));
  }

  /** Who was turned away lately. */
  refusals(): RefusalStatus[] {
    return this.refused.list();
  }

  /** How many opens were refused since the start, by errno: `open_eperm`. Never goes down. */
  refusedOpens(): Record<string, number> {
    return this.refused.opens();
  }

  /** The exports of the config that are in force. */
  exportRules(): readonly ExportConfig[] {
    return this.table.rules;
  }

  /** Who has something open that this rule allowed: `SESSNAME (DEVICE_PATH, MODE)`. */
  holdersOf(rule: ExportConfig): readonly string[] {
    return this.table.holdersOf(rule);
  }

  /**
   * Exports for opens from now on; see {@link ExportTable.setRules}.
   * @throws ApplianceError ENOMEM when memory disks do not fit; nothing has changed then
   */
  setExports(rules: readonly ExportConfig[]): void {
    try {
      this.table.setRules(rules);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const message = `Cannot change the exports: ${error.message}; make the memory disks ` +
        "smaller, or raise memory_limit of [node] and restart";
      throw new ApplianceError(message, "ENOMEM", EXIT_FAILED);
    }
  }

  /** See {@link OpenExports.close}. */
  closeExport(request: CloseExportRequest): Promise<CloseExportResult> {
    return this.open.close(request);
  }

  /** See {@link OpenExports.revalidate}. */
  revalidate(device: string | undefined): Promise<RevalidateResult> {
    return this.open.revalidate(device);
  }

  /**
   * Drops a client's session, or one path of it, without waiting for the end of that. The client
   * may come back by itself: to keep it out, change the exports.
   * @throws ApplianceError ENOENT no such session or path, EINVAL the path is ambiguous
   */
  disconnectClient({ sessname, path }: PathRequest): void {
    const sessions = [...this.rtrs.sessions.values()];
    const session = sessions.find((one) => one.sessname === sessname);
    if (session === undefined) {
      const known = sessions.flatMap((one) => one.sessname ?? []);
      throw notFound(`No client has a session called ${sessname}`, sessname, known);
    }
    const reason = "it was disconnected by hand";
    if (path === undefined) session.close(reason);
    else findServerPath(sessname, [...session.paths.values()], path).close(reason);
    log.warn("client disconnected; it may come back by itself", { sessname, path });
  }

  /** What a request in flight belongs to. */
  readonly namesOf: NameRequest = ({ session, disk, path }) => {
    const open = [...this.rtrs.sessions.values()].find(({ handle }) => handle === session);
    const device = open === undefined ? undefined : this.rnbd.devices.get(open)?.[disk];
    if (open === undefined || device === undefined) return undefined;
    const carrier = open.pathByHandle(path);
    return {
      device: device.device,
      sessname: open.sessname!,
      path: carrier === undefined ? "" : `${carrier.remoteAddress},${carrier.localAddress}`,
    };
  };

  /** Disconnects all clients and closes their devices. */
  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.rtrs.close(resolve);
    return promise;
  }
}

/** As the originals show it: the source is the client. */
function pathStatus(path: ServerPath): PathStatus {
  return {
    src_addr: path.remoteAddress,
    dst_addr: path.localAddress,
    state: path.state === "CONNECTED" ? "connected" : "disconnected",
    hca_name: path.hcaName,
    hca_port: path.hcaPort,
    inflight: path.inflight,
    reconnects: path.reconCnt - 1,
    rx_bytes: path.counters.rxBytes,
    tx_bytes: path.counters.txBytes,
    latency_us: Math.round(path.heartbeat.latencyMs * 1000),
    last_error: path.closeReason === "" ? null : path.closeReason,
    last_errno: null,
  };
}
