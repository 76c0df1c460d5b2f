/** What `watch` draws: states, and rates since the look before. */
import {
  IO_OPERATIONS,
  type IoStatistics,
  type SessionStatus,
  type Status,
} from "../appliance/appliance_api.ts";
import { roundedSize } from "../appliance/config/units.ts";
import { pathText } from "./columns/sessions.ts";
import { durationText } from "./output/cell_text.ts";
import type { OutputOptions } from "./output/options.ts";
import { printable } from "./output/printable.ts";
import { formatAnnotated, type TextColumn } from "./output/text_table.ts";
import { configLines } from "./status_text.ts";

/** A status and when it was asked for. */
export interface Look {
  readonly status: Status;
  readonly atMs: number;
}

const RATES: readonly TextColumn[] = [
  { title: "IOPS", align: "right" },
  { title: "READ/s", align: "right" },
  { title: "WRITE/s", align: "right" },
  { title: "ERRORS", align: "right" },
];

/** Cells under {@link RATES}. */
function rates(now: IoStatistics, before: IoStatistics | undefined, seconds: number): string[] {
  const sum = (io: IoStatistics, what: "ios" | "errors") =>
    IO_OPERATIONS.reduce((total, operation) => total + io[operation][what], 0);
  const errors = String(sum(now, "errors"));
  if (before === undefined) return ["", "", "", errors];
  const rate = (later: number, earlier: number) => Math.max(0, later - earlier) / seconds;
  const bytes = (operation: "read" | "write") =>
    roundedSize(Math.round(rate(now[operation].bytes, before[operation].bytes)));
  const ios = Math.round(rate(sum(now, "ios"), sum(before, "ios")));
  return [ios.toLocaleString("en-US"), bytes("read"), bytes("write"), errors];
}

/** The whole screen. @param earlier the look before; undefined at the first one */
export function watchLines(
  { status, atMs }: Look,
  earlier: Look | undefined,
  options: OutputOptions,
): string[] {
  const seconds = earlier === undefined ? 1 : Math.max(0.001, (atMs - earlier.atMs) / 1000);
  const before = earlier?.status;
  const look = { paint: options.paint };
  const section = (title: string, lines: readonly string[], count: number) =>
    count === 0 ? [] : ["", options.paint(title, "strong"), ...lines.map((line) => `  ${line}`)];
  const mappings = formatAnnotated(
    [
      { title: "NAME" },
      { title: "STATE", isState: true },
      { title: "SIZE", align: "right" },
      { title: "SESSION" },
      ...RATES,
    ],
    status.mappings.map((mapping) => {
      const old = before?.mappings.find(({ name }) => name === mapping.name);
      const size = mapping.size_bytes === 0 ? "" : roundedSize(mapping.size_bytes);
      const own = [mapping.name, mapping.state, size, mapping.sessname];
      return [...own, ...rates(mapping.io, old?.io, seconds)];
    }),
    status.mappings.map(({ last_error }) => last_error ?? ""),
    look,
  );
  const exports = formatAnnotated(
    [{ title: "DEVICE" }, { title: "CLIENTS", align: "right" }, ...RATES],
    status.exports.map((device) => {
      const old = before?.exports.find((one) => one.device === device.device);
      const own = [device.device, String(device.clients.length)];
      return [...own, ...rates(device.io, old?.io, seconds)];
    }),
    [],
    look,
  );
  return [
    `${printable(status.node)}, up ${durationText(status.uptime_ms)}, ` +
    `${roundedSize(status.memory_bytes)} in use`,
    ...configLines(status, options.paint),
    ...section("MAPPINGS", mappings, status.mappings.length),
    ...section("SESSIONS", sessionLines(status.sessions, options), status.sessions.length),
    ...section("EXPORTS", exports, status.exports.length),
  ];
}

function sessionLines(sessions: readonly SessionStatus[], { paint }: OutputOptions): string[] {
  const rows = sessions.flatMap(({ sessname, paths }) =>
    paths.map((path, index) => [
      index === 0 ? sessname : "",
      pathText(path),
      path.state,
      String(path.inflight),
      String(path.reconnects),
    ])
  );
  return formatAnnotated(
    [
      { title: "SESSION" },
      { title: "PATH" },
      { title: "STATE", isState: true },
      { title: "INFLIGHT", align: "right" },
      { title: "RECONNECTS", align: "right" },
    ],
    rows,
    sessions.flatMap(({ paths }) => paths.map(({ last_error }) => last_error ?? "")),
    { paint },
  );
}
