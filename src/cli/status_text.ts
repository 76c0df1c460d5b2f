/** The status as text for people. */
import type { Status } from "../appliance/appliance_api.ts";
import { roundedSize } from "../appliance/config/units.ts";
import { type RowSet, rowSet } from "./columns/column.ts";
import { EXPORTS, exportSources } from "./columns/devices.ts";
import { atClient } from "./grammar/words.ts";
import { counted, durationText } from "./output/cell_text.ts";
import type { OutputOptions } from "./output/options.ts";
import type { Paint } from "./output/paint.ts";
import { printable } from "./output/printable.ts";
import { tablesLines } from "./output/rows.ts";
import { formatTable } from "./output/text_table.ts";
import { planLines } from "./plan_text.ts";
import { otherRows, rowsOf } from "./status_rows.ts";

/** The tables of a status. */
export function statusSets(status: Status): RowSet[] {
  const { node } = status;
  return [
    ...atClient("device", "session").map((target) => rowsOf(target, status)),
    rowSet(EXPORTS, exportSources(node, status.exports), status.exports),
    rowsOf({ mode: "server", thing: "session" }, status),
    ...otherRows(status),
  ];
}

/** The whole status. */
export function statusLines(status: Status, options: OutputOptions): string[] {
  const listeners = status.listeners.map(({ address, port }) => `${address} port ${port}`);
  const sets = statusSets(status).filter(({ rows }) => rows.length > 0);
  // One table alone would have no heading.
  const tables = sets.flatMap((set) => ["", ...headed(set, options)]);
  return [
    `node ${printable(status.node)}, version ${status.version}, pid ${status.pid}, ` +
    `up ${durationText(status.uptime_ms)}, ${counted(status.reactors.length, "reactor")}, ` +
    `${roundedSize(status.memory_bytes)} in use`,
    ...configLines(status, options.paint),
    listeners.length === 0 ? "serving nothing" : `serving on ${listeners.join(", ")}`,
    ...tables,
    ...rejectionLines(status.rejections, options),
  ];
}

function headed(set: RowSet, options: OutputOptions): string[] {
  return [
    options.paint(set.title, "strong"),
    ...tablesLines([set], options).map((line) => `  ${line}`),
  ];
}

/** How the node stands to its config. */
export function configLines({ config }: Status, paint: Paint): string[] {
  if (config.file === null) return [];
  const more = config.files.length > 1
    ? ` and ${counted(config.files.length - 1, "more file")}`
    : "";
  const pending = counted(config.pending.length, "step");
  const state = config.state === "stale"
    ? paint(`stale since ${config.stale_since}, because`, "bad")
    : config.pending.length === 0
    ? paint("current", "good")
    : paint(`current, ${pending} pending`, "warning");
  return [
    `config ${printable(config.file)}${more}: ${state}`,
    ...config.stale_because.map((line) => `  ${printable(line)}`),
    ...planLines(config.pending, paint).map((line) => `  ${line}`),
  ];
}

function rejectionLines(rejections: Status["rejections"], { paint }: OutputOptions): string[] {
  const some = Object.entries(rejections).filter(([, count]) => count > 0);
  if (some.length === 0) return [];
  const lines = formatTable(
    [{ title: "COUNT", align: "right" }, { title: "REASON" }],
    some.map(([reason, count]) => [String(count), reason]),
    { paint },
  );
  return ["", paint("REJECTIONS", "strong"), ...lines.map((line) => `  ${line}`)];
}
