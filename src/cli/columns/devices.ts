/** Columns of mappings (devices of the client) and exports (devices of the server). */
import type {
  ExportClient,
  ExportRuleStatus,
  ExportStatus,
  MappingStatus,
  RefusalStatus,
} from "../../appliance/appliance_api.ts";
import { durationText } from "../output/cell_text.ts";
import { baseName, type ColumnSpec, ioColumns, type RowKind } from "./column.ts";

/** A mapping, and the node that has it. */
export interface MappingSource {
  readonly node: string;
  readonly mapping: MappingStatus;
}

/** Why it is not open, and when that may change. */
function mappingRemark({ mapping: { last_error, next_try_ms } }: MappingSource): string {
  const next = next_try_ms === null
    ? []
    : next_try_ms === 0
    ? ["trying now"]
    : [`next try in ${durationText(next_try_ms)}`];
  return [...(last_error === null ? [] : [last_error]), ...next].join("; ");
}

type Text<Source> = [name: string, doc: string, value: (source: Source) => string | null];

const texts = <Source>(list: readonly Text<Source>[]): ColumnSpec<Source>[] =>
  list.map(([name, doc, value]) => ({ name, kind: "text", doc, value }));

/** Mappings. */
export const MAPPINGS: RowKind<MappingSource> = {
  key: "mappings",
  singular: "mapping",
  title: "MAPPINGS",
  columns: [
    ...texts<MappingSource>([
      ["name", "name of the mapping", ({ mapping }) => mapping.name],
      ["sessname", "session that it goes over", ({ mapping }) => mapping.sessname],
    ]),
    {
      name: "mapping_path",
      aliases: ["device_path"],
      kind: "text",
      doc: "path of the device at the server",
      value: ({ mapping }) => mapping.device_path,
    },
    {
      name: "state",
      kind: "state",
      doc: "open or closed",
      value: ({ mapping }) => mapping.state,
    },
    {
      name: "size_bytes",
      aliases: ["size"],
      title: "SIZE",
      kind: "bytes",
      isSum: true,
      doc: "size; 0 while it was never open",
      value: ({ mapping }) => mapping.size_bytes,
    },
    ...texts<MappingSource>([
      ["access_mode", "ro, rw or migration", ({ mapping }) => mapping.access_mode],
      ["expose", "how it is offered here: ublk or nbd", ({ mapping }) => mapping.expose],
    ]),
    {
      name: "devpath",
      aliases: ["device"],
      kind: "text",
      doc: "block device or NBD socket",
      value: ({ mapping }) => mapping.device,
    },
    ...texts<MappingSource>([
      [
        "devname",
        "the last part of devpath",
        ({ mapping: { device } }) => device === null ? null : baseName(device),
      ],
      ["origin", "config (declared) or manual (made by map)", ({ mapping }) => mapping.origin],
    ]),
    {
      name: "logical_block_size",
      kind: "number",
      doc: "bytes of the smallest request",
      value: ({ mapping }) => mapping.logical_block_size,
    },
    ...texts<MappingSource>([
      ["last_error", "why it is not open", ({ mapping }) => mapping.last_error],
      ["last_errno", "the error's name, as ENOENT", ({ mapping }) => mapping.last_errno],
    ]),
    {
      name: "next_try_ms",
      title: "NEXT_TRY",
      kind: "milliseconds",
      doc: "milliseconds until the next try",
      value: ({ mapping }) => mapping.next_try_ms,
    },
    ...texts<MappingSource>([
      ["direction", "import", () => "import"],
      ["hostname", "name of this node", ({ node }) => node],
    ]),
    ...ioColumns<MappingSource>(({ mapping }) => mapping.io),
  ],
  usual: [
    "name",
    "sessname",
    "mapping_path",
    "state",
    "access_mode",
    "size_bytes",
    "rx_bytes",
    "tx_bytes",
    "devpath",
  ],
  remark: mappingRemark,
  data: ({ mapping }) => mapping,
};

/** An export and one client that has it open, or none. */
export interface ExportSource {
  readonly node: string;
  readonly device: ExportStatus;
  readonly client: ExportClient | undefined;
  /** A device counts once in totals, however many clients have it open. */
  readonly isFirst: boolean;
}

/** Who may write is what people want to know when a device is refused. */
function roleOf({ access_mode }: ExportClient): string {
  if (access_mode === "ro") return "reader";
  return access_mode === "rw" ? "writer" : "second writer";
}

/** Exports; a row for each client. */
export const EXPORTS: RowKind<ExportSource> = {
  key: "exports",
  singular: "export",
  title: "EXPORTS",
  columns: [
    {
      name: "devpath",
      aliases: ["device"],
      title: "DEVICE",
      kind: "text",
      doc: "the device of this node",
      value: ({ device }) => device.device,
    },
    {
      name: "size_bytes",
      aliases: ["size"],
      title: "SIZE",
      kind: "bytes",
      isSum: true,
      doc: "size",
      value: ({ device, isFirst }) => isFirst ? device.size_bytes : null,
    },
    ...texts<ExportSource>([
      [
        "sessname",
        "session of the client that has it open",
        ({ client }) => client?.sessname ?? null,
      ],
      [
        "mapping_path",
        "the path that the client gave",
        ({ client }) => client?.mapping_path ?? null,
      ],
      ["access_mode", "what the client asked for", ({ client }) => client?.access_mode ?? null],
      [
        "role",
        "reader, writer, or second writer (migration)",
        ({ client }) => client === undefined ? null : roleOf(client),
      ],
      ["devname", "the last part of the device", ({ device }) => baseName(device.device)],
    ]),
    {
      name: "is_allowed",
      kind: "flag",
      doc: "no: the exports do not allow it any more; it lasts until the client closes it",
      value: ({ client }) => client?.is_allowed ?? null,
    },
    { name: "state", kind: "state", doc: "open", value: () => "open" },
    {
      name: "clients",
      kind: "number",
      doc: "how many clients have it open",
      value: ({ device }) => device.clients.length,
    },
    ...texts<ExportSource>([
      ["direction", "export", () => "export"],
      ["hostname", "name of this node", ({ node }) => node],
    ]),
    ...ioColumns<ExportSource>(({ device }) => device.io).map((column) => ({
      ...column,
      value: (source: ExportSource) => source.isFirst ? column.value(source) : null,
    })),
  ],
  usual: [
    "devpath",
    "size_bytes",
    "sessname",
    "mapping_path",
    "access_mode",
    "role",
    "rx_bytes",
    "tx_bytes",
  ],
  remark: ({ client }) =>
    client?.is_allowed === false ? "not allowed any more; open until the client closes it" : "",
  data: ({ device }) => device,
};

/** What may be opened. */
export const EXPORT_RULES: RowKind<ExportRuleStatus> = {
  key: "export_rules",
  singular: "export_rule",
  title: "EXPORT RULES",
  columns: [
    ...texts<ExportRuleStatus>([
      ["device_path", "path that clients may give; * is any text", (rule) => rule.device_path],
      ["sessname", "session that may open it; * is any text", (rule) => rule.sessname],
      ["access_mode", "the most that a client may ask for", (rule) => rule.access_mode],
      ["backend", "path, memory or null", (rule) => rule.backend],
    ]),
    {
      name: "size_bytes",
      aliases: ["size"],
      title: "SIZE",
      kind: "bytes",
      isSum: true,
      doc: "size of memory and null disks",
      value: ({ size_bytes }) => size_bytes,
    },
  ],
  usual: ["device_path", "sessname", "access_mode", "backend", "size_bytes"],
  data: (rule) => rule,
};

/** Clients that were turned away. */
export const REFUSALS: RowKind<RefusalStatus> = {
  key: "refusals",
  singular: "refusal",
  title: "REFUSALS",
  columns: [
    { name: "count", kind: "number", doc: "how often", value: ({ count }) => count },
    ...texts<RefusalStatus>([
      ["kind", "connect, or open (a device)", ({ kind }) => kind],
      ["client", "session, or address of a connection", ({ client }) => client],
      ["device_path", "what it wanted to open", ({ device_path }) => device_path],
      ["reason", "why it was refused", ({ reason }) => reason],
      ["errno", "what it was told", ({ errno }) => errno],
      ["first_time", "when that was first", ({ first_time }) => first_time],
      ["last_time", "when that was last", ({ last_time }) => last_time],
    ]),
  ],
  usual: ["count", "kind", "client", "device_path", "errno", "reason", "last_time"],
  data: (refusal) => refusal,
};

/** Rows of exports: each device with each of its clients. */
export function exportSources(node: string, exports: readonly ExportStatus[]): ExportSource[] {
  return exports.flatMap((device) => {
    const clients = device.clients.length === 0 ? [undefined] : device.clients;
    return clients.map((client, index) => ({ node, device, client, isFirst: index === 0 }));
  });
}
