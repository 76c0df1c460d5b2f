/** The status as tables for people. */
import type { ExportStatus, MappingStatus, PathStatus } from "../appliance/appliance_api.ts";
import type { ServerSessionStatus, SessionStatus, Status } from "../appliance/appliance_api.ts";
import { roundedSize } from "../appliance/config/units.ts";
import { type Column, formatAnnotated, formatTable, printable } from "./text_table.ts";

/** The whole status. */
export function statusLines(status: Status): string[] {
  const listeners = status.listeners.map(({ address, port }) => `${address} port ${port}`);
  const sections = [
    section("MAPPINGS", mappingLines(status.mappings), status.mappings.length),
    section("SESSIONS", sessionLines(status.sessions), status.sessions.length),
    section("EXPORTS", exportLines(status.exports), status.exports.length),
    section("CLIENTS", clientLines(status.clients), status.clients.length),
    rejectionLines(status.rejections),
  ];
  return [
    `node ${printable(status.node)}, version ${status.version}, pid ${status.pid}, ` +
    `up ${duration(status.uptime_ms)}, ${counted(status.reactors.length, "reactor")}, ` +
    `${roundedSize(status.memory_bytes)} in use`,
    ...(status.config.file === null ? [] : [`config ${printable(status.config.file)}`]),
    listeners.length === 0 ? "serving nothing" : `serving on ${listeners.join(", ")}`,
    ...sections.flat(),
  ];
}

function section(title: string, lines: readonly string[], count: number): string[] {
  return count === 0 ? [] : ["", title, ...lines.map((line) => `  ${line}`)];
}

/** Mappings as a table. */
export function mappingLines(mappings: readonly MappingStatus[]): string[] {
  const columns: Column[] = [
    { title: "NAME" },
    { title: "STATE" },
    { title: "SIZE", align: "right" },
    { title: "SESSION" },
    { title: "DEVICE_PATH" },
    { title: "ACCESS" },
    { title: "EXPOSE" },
    { title: "DEVICE" },
  ];
  const rows = mappings.map((mapping) => [
    mapping.name,
    mapping.state,
    mapping.size_bytes === 0 ? "" : roundedSize(mapping.size_bytes),
    mapping.sessname,
    mapping.device_path,
    mapping.access_mode,
    mapping.expose,
    mapping.device ?? "",
  ]);
  return formatAnnotated(columns, rows, mappings.map(mappingRemark));
}

/** Why it is not open, and when that may change. */
function mappingRemark({ last_error, next_try_ms }: MappingStatus): string {
  const next = next_try_ms === null
    ? []
    : next_try_ms === 0
    ? ["trying now"]
    : [`next try in ${duration(next_try_ms)}`];
  return [...(last_error === null ? [] : [last_error]), ...next].join("; ");
}

function pathText({ src_addr, dst_addr }: PathStatus): string {
  return src_addr === "" ? dst_addr : `${src_addr},${dst_addr}`;
}

/** `mlx5_0 port 1`; `tcp` has no ports. */
function hcaText({ hca_name, hca_port }: PathStatus): string {
  return hca_port === 0 ? hca_name : `${hca_name} port ${hca_port}`;
}

/** Sessions as a table. */
export function sessionLines(sessions: readonly SessionStatus[]): string[] {
  const columns: Column[] = [
    { title: "SESSNAME" },
    { title: "STATE" },
    { title: "DEPTH", align: "right" },
    { title: "MAX_IO", align: "right" },
    { title: "RECONNECTS", align: "right" },
    { title: "PATH" },
    { title: "PATH_STATE" },
    { title: "HCA" },
    { title: "INFLIGHT", align: "right" },
  ];
  const rows = sessions.flatMap((session) => {
    const own = [
      session.sessname,
      session.state,
      // The server says them when it answers for the first time.
      session.queue_depth === 0 ? "" : String(session.queue_depth),
      session.max_io_size === 0 ? "" : roundedSize(session.max_io_size),
      String(session.reconnects),
    ];
    const paths = session.paths.map((path) => [
      pathText(path),
      path.state,
      hcaText(path),
      String(path.inflight),
    ]);
    if (paths.length === 0) return [[...own, "", "", "", ""]];
    return paths.map((path, index) => [...(index === 0 ? own : own.map(() => "")), ...path]);
  });
  const remarks = sessions.flatMap(({ paths }) =>
    paths.length === 0 ? [""] : paths.map(({ last_error }) => last_error ?? "")
  );
  return formatAnnotated(columns, rows, remarks);
}

function exportLines(exports: readonly ExportStatus[]): string[] {
  const columns: Column[] = [
    { title: "DEVICE" },
    { title: "SIZE", align: "right" },
    { title: "SESSNAME" },
    { title: "MAPPING_PATH" },
    { title: "ACCESS" },
  ];
  const rows = exports.flatMap(({ device, size_bytes, clients }) => {
    const own = [device, roundedSize(size_bytes)];
    if (clients.length === 0) return [[...own, "", "", ""]];
    return clients.map((client, index) => [
      ...(index === 0 ? own : ["", ""]),
      client.sessname,
      client.mapping_path,
      client.access_mode,
    ]);
  });
  return formatTable(columns, rows);
}

function clientLines(clients: readonly ServerSessionStatus[]): string[] {
  const columns: Column[] = [
    { title: "SESSNAME" },
    { title: "DEVICES", align: "right" },
    { title: "INFLIGHT", align: "right" },
    { title: "PATHS" },
  ];
  const rows = clients.map(({ sessname, devices, inflight, paths }) => [
    sessname,
    String(devices),
    String(inflight),
    paths.map(pathText).join(" "),
  ]);
  return formatTable(columns, rows);
}

function rejectionLines(rejections: Status["rejections"]): string[] {
  const some = Object.entries(rejections).filter(([, count]) => count > 0);
  const columns: Column[] = [{ title: "COUNT", align: "right" }, { title: "REASON" }];
  const lines = formatTable(columns, some.map(([reason, count]) => [String(count), reason]));
  return section("REJECTIONS", lines, some.length);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** "2h 5m", "5m 3s", "3.2 s". */
function duration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${(milliseconds / 1000).toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}
