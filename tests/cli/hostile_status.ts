/** A status in which everything has something, and names are as bad as other machines make them. */
import type {
  ApplianceEvent,
  Explanation,
  InflightRequest,
  IoStatistics,
  MappingStatus,
  PathStatus,
  Plan,
  SessionStatus,
  Status,
} from "../../src/appliance/appliance_api.ts";
import { MAPPING } from "../control_api/fake_status.ts";

const NONE = { ios: 0, bytes: 0, errors: 0 };

const IO: IoStatistics = {
  read: { ios: 1000, bytes: 4_096_000, errors: 1 },
  write: { ios: 500, bytes: 2_048_000, errors: 0 },
  flush: { ios: 3, bytes: 0, errors: 0 },
  discard: NONE,
  write_zeroes: NONE,
};

const NO_IO: IoStatistics = {
  read: NONE,
  write: NONE,
  flush: NONE,
  discard: NONE,
  write_zeroes: NONE,
};

const MIB = 2 ** 20;

/** Control characters, quotes, commas, markup, marks that turn text around, wide letters. */
export const HOSTILE = "e\u001b[31mvil\r\n\"<a>,&'\u202etxt\u0000\u009b2J\ufffe;\u{1f4a9}漢";

/** A mapping as it should be. */
export const SCRATCH: MappingStatus = { ...MAPPING, io: IO };

const PATH: PathStatus = {
  src_addr: "tcp:127.0.0.1",
  dst_addr: "tcp:127.0.0.2",
  state: "connected",
  hca_name: "tcp",
  hca_port: 0,
  inflight: 3,
  reconnects: 1,
  rx_bytes: 4_096_000,
  tx_bytes: 2_048_000,
  latency_us: 183,
  last_error: null,
  last_errno: null,
};

const RDMA_PATH: PathStatus = {
  ...PATH,
  src_addr: "ip:192.0.2.2",
  dst_addr: "ip:192.0.2.1",
  hca_name: "mlx5_0",
  hca_port: 2,
};

/** A session with a path that is lost. */
export const BACKUP: SessionStatus = {
  sessname: "backup",
  origin: "config",
  state: "connected",
  dest_port: 1234,
  mpath_policy: "min-inflight",
  max_reconnect_attempts: -1,
  queue_depth: 512,
  max_io_size: 131_072,
  reconnects: 2,
  paths: [PATH, {
    ...PATH,
    dst_addr: "tcp:127.0.0.3",
    state: "disconnected",
    latency_us: 0,
    inflight: 0,
    rx_bytes: 0,
    tx_bytes: 0,
    last_error: "ETIMEDOUT: no answer",
    last_errno: "ETIMEDOUT",
  }],
};

/** The status. */
export const HOSTILE_STATUS: Status = {
  version: "0.1.0",
  node: "store-1",
  pid: 4711,
  uptime_ms: 63_000,
  config: {
    file: "/etc/rnbd.toml",
    files: ["/etc/rnbd.toml", "/etc/conf.d/a.toml"],
    state: "stale",
    stale_since: "2026-01-02T03:04:05.000Z",
    stale_because: ['/etc/rnbd.toml:3:1: node.nam: is unknown; did you mean "name"?'],
    applied_at: "2026-01-02T03:00:00.000Z",
    pending: [{
      action: "remove",
      kind: "mapping",
      name: HOSTILE,
      reason: "no file names it any more",
      changes: [],
      waits_for: "in use by fio (pid 7)",
      last_error: null,
      next_try_ms: 1500,
    }],
  },
  reactors: [
    { index: 0, counters: { io_uring_enters: 7 } },
    { index: 1, counters: { io_uring_enters: 8 } },
  ],
  memory_bytes: 68 * MIB,
  listeners: [{ address: "tcp:127.0.0.1", port: 1234 }],
  mappings: [
    SCRATCH,
    {
      ...SCRATCH,
      name: HOSTILE,
      device_path: `vm/${HOSTILE}`,
      access_mode: "ro",
      origin: "manual",
      state: "closed",
      device: null,
      size_bytes: 0,
      last_error: `ENOENT: the server has no vm/${HOSTILE}`,
      last_errno: "ENOENT",
      next_try_ms: 1500,
      io: NO_IO,
    },
    {
      ...SCRATCH,
      name: "fast",
      sessname: "rdma",
      device_path: "vm/2",
      origin: "manual",
      expose: "ublk",
      device: "/dev/rnbd/fast",
      size_bytes: 3 * MIB / 2,
    },
  ],
  sessions: [BACKUP, {
    ...BACKUP,
    sessname: "rdma",
    origin: "manual",
    mpath_policy: "round-robin",
    reconnects: 0,
    paths: [RDMA_PATH],
  }],
  exports: [
    {
      device: "/srv/disk0.img",
      size_bytes: 2 ** 30,
      clients: [
        { sessname: "store-2", mapping_path: "disk0.img", access_mode: "rw", is_allowed: true },
        { sessname: HOSTILE, mapping_path: "disk0.img", access_mode: "ro", is_allowed: false },
        { sessname: "rdma", mapping_path: "disk0.img", access_mode: "migration", is_allowed: true },
      ],
      io: IO,
    },
    { device: "/srv/disk1.img", size_bytes: 1536, clients: [], io: NO_IO },
  ],
  export_rules: [
    { device_path: "vm-*", sessname: "*", access_mode: "ro", backend: "path", size_bytes: 0 },
    {
      device_path: "ram",
      sessname: "store-*",
      access_mode: "rw",
      backend: "memory",
      size_bytes: 16 * MIB,
    },
  ],
  clients: [
    { sessname: "store-2", devices: 1, force_closed: [], inflight: 4, paths: [PATH, RDMA_PATH] },
    { sessname: HOSTILE, devices: 1, force_closed: ["disk9.img"], inflight: 0, paths: [] },
    { sessname: "rdma", devices: 1, force_closed: [], inflight: 0, paths: [RDMA_PATH] },
  ],
  refusals: [{
    kind: "open",
    client: HOSTILE,
    device_path: "vm/3",
    reason: "it is open for writing by store-2",
    errno: "EPERM",
    count: 3,
    first_time: "2026-01-02T03:00:00.000Z",
    last_time: "2026-01-02T03:04:00.000Z",
  }],
  rejections: { io_device_unknown: 2, mpa_key: 0 },
};

/** A plan with a step of each kind. */
export const PLAN: Plan = {
  steps: [
    {
      action: "remove",
      kind: "mapping",
      name: HOSTILE,
      reason: "no file names it any more",
      changes: [],
      waits_for: "in use by fio (pid 7)",
      last_error: null,
      next_try_ms: null,
    },
    {
      action: "change",
      kind: "session",
      name: "backup",
      reason: "the file says something else",
      changes: [{ key: "mpath_policy", from: "min-inflight", to: "round-robin" }],
      waits_for: null,
      last_error: null,
      next_try_ms: null,
    },
    {
      action: "add",
      kind: "mapping",
      name: "new",
      reason: "the file declares it",
      changes: [],
      waits_for: null,
      last_error: "ENOENT: the server has no new",
      next_try_ms: 1500,
    },
  ],
};

/** Why the hostile mapping is closed. */
export const EXPLANATION: Explanation = {
  kind: "mapping",
  name: HOSTILE,
  state: "closed",
  summary: "It is not open: the server has no such device.",
  last_error: `ENOENT: the server has no ${HOSTILE}`,
  cause: "The path is not below the server's dev_search_path.",
  next_try_ms: 1500,
  advice: ["Look at the server's dev_search_path.", "Correct device_path in the config."],
  facts: [{ key: "session", value: "backup, connected" }, { key: "since", value: "10 s" }],
};

/** Two requests. */
export const INFLIGHT: readonly InflightRequest[] = [
  {
    side: "client",
    device: "scratch",
    sessname: "backup",
    path: "tcp:127.0.0.1,tcp:127.0.0.2",
    reactor: 1,
    slot: 77,
    operation: "read",
    offset_bytes: 1_048_576,
    length_bytes: 4096,
    age_us: 1_200_000,
  },
  {
    side: "server",
    device: HOSTILE,
    sessname: "store-2",
    path: "",
    reactor: 0,
    slot: 5,
    operation: "flush",
    offset_bytes: 0,
    length_bytes: 0,
    age_us: 90,
  },
];

/** What happened. */
export const EVENTS: readonly ApplianceEvent[] = [
  {
    id: 1,
    time: "2026-01-02T03:04:05.000Z",
    level: "info",
    event: "mapping open",
    fields: { name: "scratch", size: 5, ok: true, none: null },
  },
  {
    id: 2,
    time: "2026-01-02T03:04:06.000Z",
    level: "error",
    event: "session lost",
    fields: { sessname: HOSTILE, "x y": 'a "b"' },
  },
];
