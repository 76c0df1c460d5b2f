/** Descriptions of what `status` tells: see status.ts. */
import type { AccessMode } from "../config/config.ts";
import type {
  ConfigStatus,
  ExportClient,
  ExportRuleStatus,
  ExportStatus,
  IoStatistics,
  IoTotals,
  MappingStatus,
  PathStatus,
  PlanAction,
  PlanChange,
  PlanKind,
  PlanStep,
  ReactorStatus,
  RefusalStatus,
  ServerSessionStatus,
  SessionStatus,
  Status,
} from "../status.ts";
import {
  choice,
  flag,
  integer,
  list,
  mapOf,
  nullable,
  number,
  object,
  type Schema,
  shared,
  text,
} from "./api_schema.ts";

/** What a mapping may do. */
export const ACCESS_MODES: readonly AccessMode[] = ["ro", "rw", "migration"];
/** How requests are spread over paths. */
export const POLICIES: readonly SessionStatus["mpath_policy"][] = [
  "round-robin",
  "min-inflight",
  "min-latency",
];
const ORIGINS: readonly MappingStatus["origin"][] = ["config", "manual"];
const PLAN_ACTIONS: readonly PlanAction[] = ["add", "change", "remake", "remove", "restart"];
const PLAN_KINDS: readonly PlanKind[] = ["node", "server", "export", "session", "mapping"];

const origin = (what: string) =>
  choice(`\`config\`: ${what} the files name; \`manual\`: made by \`map\``, ORIGINS);

const planChange = object<PlanChange>("a difference", {
  key: text("key of the config file"),
  from: text("what it is"),
  to: text("what it should be"),
});

/** A step of a plan. */
export const PLAN_STEP: Schema<PlanStep> = shared<PlanStep>("PlanStep", "one step to be done", {
  action: choice(
    "`change` goes on while it is in use, `remake` makes it anew, `restart` needs a new process",
    PLAN_ACTIONS,
  ),
  kind: choice("what it is about", PLAN_KINDS),
  name: text("of that"),
  reason: text("why, in words"),
  changes: list("what differs", planChange),
  waits_for: nullable(text("what it waits for, as `in use by fio (pid 7)`, or null")),
  last_error: nullable(text("why its last try failed, or null")),
  next_try_ms: nullable(integer("time until the next try; null: none is due before a change")),
});

const configStatus = object<ConfigStatus>("how the node stands to its config", {
  file: nullable(text("path of the main config file, or null")),
  files: list("every file that was read, the main one first", text("a path")),
  state: choice(
    "`current`: the node works towards what the files said when they were last read; `stale`: " +
      "they have errors since, and the config before them goes on",
    ["current", "stale"],
  ),
  stale_since: nullable(text("ISO 8601; null while `current`")),
  stale_because: list("the errors, one a line", text("`FILE:line:column: key: message`")),
  applied_at: text("when the config in force was taken over; ISO 8601"),
  pending: list("what is missing until the node is as the config says", PLAN_STEP),
});

const ioTotals = shared<IoTotals>("IoTotals", "requests of one operation since the start", {
  ios: integer("how many ended"),
  bytes: integer("what they moved"),
  errors: integer("how many of them failed"),
});

const ioStatistics = shared<IoStatistics>("IoStatistics", "requests by operation", {
  read: ioTotals,
  write: ioTotals,
  flush: ioTotals,
  discard: ioTotals,
  write_zeroes: ioTotals,
});

/** A mapping. */
export const MAPPING: Schema<MappingStatus> = shared<MappingStatus>(
  "Mapping",
  "a device of a server that is mapped here",
  {
    name: text("name of the mapping"),
    sessname: text("its session"),
    device_path: text("what it maps, as the server knows it"),
    access_mode: choice("what it may do", ACCESS_MODES),
    origin: origin("one that"),
    state: choice("whether it can be used", ["open", "closed"]),
    expose: choice("what `auto` became", ["nbd", "ublk"]),
    device: nullable(
      text("block device (link in `node.dev_dir`) or NBD socket; null while it was never open"),
    ),
    size_bytes: integer("0 while it was never open"),
    logical_block_size: integer("bytes; 0 while it was never open"),
    last_error: nullable(text("why it is closed; null when it is open")),
    last_errno: nullable(text("the errno of `last_error`, as `ENOENT`; null when it is open")),
    next_try_ms: nullable(
      integer("time until the next try; 0: one is under way or about to start; null: none is due"),
    ),
    io: ioStatistics,
  },
);

const pathStatus = shared<PathStatus>("Path", "one path of a session", {
  src_addr: text(
    "address of the client; empty while it was never connected and none is configured",
  ),
  dst_addr: text("address of the server"),
  state: choice("whether it carries requests", ["connected", "disconnected"]),
  hca_name: text(
    "RDMA device that carries it; `tcp`: the built-in carrier; empty while it was never connected",
  ),
  hca_port: integer("port of that device; 0 for `tcp`"),
  inflight: integer("requests that wait for an answer"),
  reconnects: integer("how often it came back"),
  rx_bytes: integer("payload that came in: of reads at a client, of writes at a server"),
  tx_bytes: integer("payload that went out: of writes at a client, of reads at a server"),
  latency_us: integer("round trip of its last heartbeats; 0: unknown, as while it is down"),
  last_error: nullable(text("why the last connection or attempt ended, or null")),
  last_errno: nullable(text("the errno of `last_error`, as `ECONNREFUSED`; null when it has none")),
});

/** A session to a server. */
export const SESSION: Schema<SessionStatus> = shared<SessionStatus>(
  "Session",
  "a session to a server",
  {
    sessname: text("its name"),
    origin: origin("one that"),
    state: choice("whether it has a path that carries requests", ["connected", "disconnected"]),
    dest_port: integer("port of the server", { minimum: 1, maximum: 65_535 }),
    mpath_policy: choice("how requests are spread over its paths", POLICIES),
    max_reconnect_attempts: integer("tries to reconnect a path; -1: for ever", { minimum: -1 }),
    queue_depth: integer("requests in flight that the server takes; 0: it was never connected"),
    max_io_size: integer("bytes of the longest request; 0: it was never connected"),
    reconnects: integer("how often it was connected again"),
    paths: list("its paths", pathStatus),
  },
);

const exportClient = object<ExportClient>("a client that has it open", {
  sessname: text("session that has it open"),
  mapping_path: text("what that session calls it"),
  access_mode: choice("what it may do", ACCESS_MODES),
  is_allowed: flag(
    "false: the exports do not allow it any more; it stays open until the client closes it",
  ),
});

/** A device that clients have open. */
export const EXPORT: Schema<ExportStatus> = shared<ExportStatus>(
  "Export",
  "a device of this server that is open",
  {
    device: text("the device"),
    size_bytes: integer("its size"),
    clients: list("who has it open", exportClient),
    io: ioStatistics,
  },
);

/** A `[[server.export]]`. */
export const EXPORT_RULE: Schema<ExportRuleStatus> = shared<ExportRuleStatus>(
  "ExportRule",
  "what may be opened",
  {
    device_path: text("pattern that the device path must match"),
    sessname: text("pattern that the session must match"),
    access_mode: choice("the most that a client may ask for", ACCESS_MODES),
    backend: choice("where the data is", ["path", "memory", "null"]),
    size_bytes: integer("of memory and null disks; else 0"),
  },
);

/** A session that a client opened here. */
export const CLIENT: Schema<ServerSessionStatus> = shared<ServerSessionStatus>(
  "Client",
  "a session that a client opened here",
  {
    sessname: text("its name"),
    devices: integer("number of devices that it has open"),
    force_closed: list("what `close` took away and the client still holds", text("a device path")),
    inflight: integer("requests that are being carried out"),
    paths: list("its paths, as those of a session", pathStatus),
  },
);

const refusal = shared<RefusalStatus>(
  "Refusal",
  "a client that was turned away, and how often for the same reason",
  {
    kind: choice("`connect`: a connection or its session; `open`: a device", ["connect", "open"]),
    client: text("the session's name; of a connection, the client's address"),
    device_path: nullable(text("what it wanted to open; null for a connection")),
    reason: text("why"),
    errno: nullable(text("what it was told, as `EPERM`; null: it was dropped without a word")),
    count: integer("how often"),
    first_time: text("ISO 8601"),
    last_time: text("ISO 8601"),
  },
);

const reactorStatus = object<ReactorStatus>("a thread that carries I/O", {
  index: integer("its number"),
  counters: mapOf("what it did so far, by name; of each carrier and exposure it has", number("")),
});

const listener = object<Status["listeners"][number]>("where the server listens", {
  address: text("`ip:`, `gid:` or `tcp:` address that the server listens on"),
  port: integer("and its port", { minimum: 1, maximum: 65_535 }),
});

/** Everything. */
export const STATUS: Schema<Status> = shared<Status>("Status", "everything that is known", {
  version: text("of the program"),
  node: text("name of the node"),
  pid: integer("process id"),
  uptime_ms: integer("since the start"),
  config: configStatus,
  reactors: list("threads that carry I/O", reactorStatus),
  memory_bytes: integer("memory in use for chunks, buffers and memory disks"),
  listeners: list("where the server listens", listener),
  mappings: list("devices that are mapped here", MAPPING),
  sessions: list("sessions to servers", SESSION),
  exports: list("devices that clients have open", EXPORT),
  export_rules: list("what may be opened; empty: everything below dev_search_path", EXPORT_RULE),
  clients: list("sessions of clients", CLIENT),
  refusals: list("who was turned away lately, the last one first", refusal),
  rejections: mapOf("refused messages by reason; reasons without any are left out", integer("")),
});
