/** Columns of sessions, the client's and the server's, and of their paths. */
import type {
  PathStatus,
  ServerSessionStatus,
  SessionStatus,
} from "../../appliance/appliance_api.ts";
import { type ColumnSpec, type RowKind, rowOf } from "./column.ts";

/** A path, the session that it belongs to, and the node. */
export interface PathSource {
  readonly node: string;
  readonly sessname: string;
  readonly direction: "import" | "export";
  readonly path: PathStatus;
}

/** `source,destination`, as verbs take it. */
export function pathText({ src_addr, dst_addr }: PathStatus): string {
  return src_addr === "" ? dst_addr : `${src_addr},${dst_addr}`;
}

/** `mlx5_0 port 1`; `tcp` has no ports. */
function hcaText({ hca_name, hca_port }: PathStatus): string {
  return hca_port === 0 ? hca_name : `${hca_name} port ${hca_port}`;
}

const pathColumns: readonly ColumnSpec<PathSource>[] = [
  { name: "sessname", kind: "text", doc: "session", value: ({ sessname }) => sessname },
  {
    name: "pathname",
    aliases: ["path"],
    kind: "text",
    doc: "source,destination, as the verbs about paths take it",
    value: ({ path }) => pathText(path),
  },
  { name: "state", kind: "state", doc: "connected or disconnected", value: (s) => s.path.state },
  { name: "hca_name", kind: "text", doc: "device that carries it", value: (s) => s.path.hca_name },
  {
    name: "hca_port",
    kind: "number",
    doc: "port of that device; 0 for the built-in carrier",
    value: ({ path }) => path.hca_port,
  },
  {
    name: "rx_bytes",
    title: "RX",
    kind: "bytes",
    isSum: true,
    doc: "payload received",
    value: ({ path }) => path.rx_bytes,
  },
  {
    name: "tx_bytes",
    title: "TX",
    kind: "bytes",
    isSum: true,
    doc: "payload sent",
    value: ({ path }) => path.tx_bytes,
  },
  {
    name: "inflights",
    aliases: ["inflight"],
    title: "INFLIGHT",
    kind: "number",
    isSum: true,
    doc: "requests under way",
    value: ({ path }) => path.inflight,
  },
  {
    name: "reconnects",
    kind: "number",
    isSum: true,
    doc: "times that it came back",
    value: ({ path }) => path.reconnects,
  },
  {
    name: "cur_latency",
    aliases: ["latency"],
    title: "LATENCY",
    kind: "microseconds",
    doc: "round trip of its last heartbeats, microseconds; empty: unknown",
    value: ({ path }) => path.latency_us === 0 ? null : path.latency_us,
  },
  { name: "src_addr", kind: "text", doc: "this end", value: ({ path }) => path.src_addr },
  { name: "dst_addr", kind: "text", doc: "the other end", value: ({ path }) => path.dst_addr },
  {
    name: "last_error",
    kind: "text",
    doc: "why it is not connected",
    value: ({ path }) => path.last_error,
  },
  {
    name: "last_errno",
    kind: "text",
    doc: "the error's name, as ECONNREFUSED",
    value: ({ path }) => path.last_errno,
  },
  {
    name: "direction",
    kind: "text",
    doc: "import at the client, export at the server",
    value: ({ direction }) => direction,
  },
  { name: "hostname", kind: "text", doc: "name of this node", value: ({ node }) => node },
];

const pathUsual = [
  "sessname",
  "pathname",
  "state",
  "hca_name",
  "hca_port",
  "rx_bytes",
  "tx_bytes",
  "inflights",
  "reconnects",
];

function pathKind(key: string, title: string): RowKind<PathSource> {
  return {
    key,
    singular: "path",
    title,
    columns: pathColumns,
    usual: pathUsual,
    remark: ({ path }) => path.last_error ?? "",
    label: ({ path }) => `${pathText(path)} (${hcaText(path)})`,
    data: ({ sessname, path }) => ({ sessname, ...path }),
  };
}

/** Paths of the client's sessions. */
export const PATHS = pathKind("paths", "PATHS");
/** Paths of the server's sessions. */
export const CLIENT_PATHS = pathKind("client_paths", "PATHS OF CLIENTS");

/** A session of the client. */
export interface SessionSource {
  readonly node: string;
  readonly session: SessionStatus;
}

/** A session of the server. */
export interface ClientSource {
  readonly node: string;
  readonly session: ServerSessionStatus;
}

/** Paths of sessions, one a row. */
export function pathSources(
  node: string,
  sessions: readonly (SessionStatus | ServerSessionStatus)[],
  direction: PathSource["direction"],
): PathSource[] {
  return sessions.flatMap(({ sessname, paths }) =>
    paths.map((path) => ({ node, sessname, direction, path }))
  );
}

const MP_SHORT = { "round-robin": "RR", "min-inflight": "MI", "min-latency": "ML" } as const;

const isConnected = ({ state }: PathStatus) => state === "connected";

/** What both sides' sessions have. */
function commonColumns<Source extends SessionSource | ClientSource>(
  direction: PathSource["direction"],
): ColumnSpec<Source>[] {
  const sum = (what: "rx_bytes" | "tx_bytes" | "inflight") => ({ session }: Source) =>
    session.paths.reduce((total, path) => total + path[what], 0);
  return [
    { name: "sessname", kind: "text", doc: "session", value: ({ session }) => session.sessname },
    {
      name: "state",
      kind: "state",
      doc: "connected or disconnected",
      value: ({ session }) =>
        "state" in session
          ? session.state
          : session.paths.some(isConnected)
          ? "connected"
          : "disconnected",
    },
    {
      name: "path_cnt",
      title: "PATHS",
      kind: "number",
      isSum: true,
      doc: "number of paths",
      value: ({ session }) => session.paths.length,
    },
    {
      name: "act_path_cnt",
      title: "ACTIVE",
      kind: "number",
      isSum: true,
      doc: "number of paths that are connected",
      value: ({ session }) => session.paths.filter(isConnected).length,
    },
    {
      name: "path_uu",
      kind: "text",
      doc: "a letter a path: U is up, _ is down",
      value: ({ session }) => session.paths.map((path) => isConnected(path) ? "U" : "_").join(""),
    },
    {
      name: "rx_bytes",
      title: "RX",
      kind: "bytes",
      isSum: true,
      doc: "payload received on all paths",
      value: sum("rx_bytes"),
    },
    {
      name: "tx_bytes",
      title: "TX",
      kind: "bytes",
      isSum: true,
      doc: "payload sent on all paths",
      value: sum("tx_bytes"),
    },
    {
      name: "inflights",
      aliases: ["inflight"],
      title: "INFLIGHT",
      kind: "number",
      isSum: true,
      doc: "requests under way on all paths",
      value: ({ session }) =>
        "inflight" in session ? session.inflight : sum("inflight")({ session } as Source),
    },
    { name: "direction", kind: "text", doc: "import or export", value: () => direction },
    { name: "hostname", kind: "text", doc: "name of this node", value: ({ node }) => node },
  ];
}

/** Sessions of the client. */
export const SESSIONS: RowKind<SessionSource> = {
  key: "sessions",
  singular: "session",
  title: "SESSIONS",
  columns: [
    ...commonColumns<SessionSource>("import"),
    {
      name: "mp",
      aliases: ["mpath_policy"],
      kind: "text",
      doc: "how requests are spread over paths",
      value: ({ session }) => session.mpath_policy,
    },
    {
      name: "mp_short",
      title: "MP",
      kind: "text",
      doc: "the same, short: RR, MI or ML",
      value: ({ session }) => MP_SHORT[session.mpath_policy],
    },
    {
      name: "reconnects",
      kind: "number",
      isSum: true,
      doc: "times that a path came back",
      value: ({ session }) => session.reconnects,
    },
    {
      name: "srvname",
      kind: "text",
      doc: "what follows @ in the session's name",
      value: ({ session: { sessname } }) =>
        sessname.includes("@") ? sessname.slice(sessname.indexOf("@") + 1) : null,
    },
    {
      name: "origin",
      kind: "text",
      doc: "config (declared) or manual (made by map)",
      value: ({ session }) => session.origin,
    },
    {
      name: "dest_port",
      kind: "number",
      doc: "port of the server",
      value: ({ session }) => session.dest_port,
    },
    {
      name: "max_reconnect_attempts",
      kind: "number",
      doc: "tries before a path is given up; -1: for ever",
      value: ({ session }) => session.max_reconnect_attempts,
    },
    {
      name: "queue_depth",
      kind: "number",
      doc: "requests that can be under way; 0 while never connected",
      value: ({ session }) => session.queue_depth,
    },
    {
      name: "max_io_size",
      title: "MAX_IO",
      kind: "bytes",
      doc: "largest single transfer; 0 while never connected",
      value: ({ session }) => session.max_io_size,
    },
  ],
  usual: [
    "sessname",
    "state",
    "path_cnt",
    "path_uu",
    "mp_short",
    "rx_bytes",
    "tx_bytes",
    "inflights",
    "reconnects",
  ],
  branches: ({ node, session }) =>
    pathSources(node, [session], "import").map((path) => rowOf(PATHS, path)),
  data: ({ session }) => session,
};

/** Sessions of the server: its clients. */
export const CLIENTS: RowKind<ClientSource> = {
  key: "clients",
  singular: "client",
  title: "CLIENTS",
  columns: [
    ...commonColumns<ClientSource>("export"),
    {
      name: "devices",
      kind: "number",
      isSum: true,
      doc: "devices that it has open",
      value: ({ session }) => session.devices,
    },
    {
      name: "force_closed",
      kind: "text",
      doc: "devices that close took away, and that it has not let go of yet",
      value: ({ session }) => session.force_closed.join(" "),
    },
    {
      name: "reconnects",
      kind: "number",
      isSum: true,
      doc: "times that a path came back",
      value: ({ session }) => session.paths.reduce((total, path) => total + path.reconnects, 0),
    },
  ],
  usual: [
    "sessname",
    "state",
    "devices",
    "path_cnt",
    "path_uu",
    "rx_bytes",
    "tx_bytes",
    "inflights",
  ],
  remark: ({ session: { force_closed } }) =>
    force_closed.length === 0 ? "" : `taken away by force: ${force_closed.join(", ")}`,
  branches: ({ node, session }) =>
    pathSources(node, [session], "export").map((path) => rowOf(CLIENT_PATHS, path)),
  data: ({ session }) => session,
};
