/** A status as the real appliance gives it, in which every part has something. */
import type { IoStatistics, MappingStatus, Status } from "../../src/appliance/appliance_api.ts";

const NO_IO: IoStatistics = {
  read: { ios: 0, bytes: 0, errors: 0 },
  write: { ios: 0, bytes: 0, errors: 0 },
  flush: { ios: 0, bytes: 0, errors: 0 },
  discard: { ios: 0, bytes: 0, errors: 0 },
  write_zeroes: { ios: 0, bytes: 0, errors: 0 },
};

const SOME_IO: IoStatistics = {
  read: { ios: 1000, bytes: 4_096_000, errors: 0 },
  write: { ios: 500, bytes: 65_536_000, errors: 2 },
  flush: { ios: 7, bytes: 0, errors: 0 },
  discard: { ios: 1, bytes: 1_048_576, errors: 0 },
  write_zeroes: { ios: 0, bytes: 0, errors: 0 },
};

/** A mapping as `status` shows it. */
export const MAPPING: MappingStatus = {
  name: "scratch",
  sessname: "backup",
  device_path: "disk0.img",
  access_mode: "rw",
  origin: "config",
  state: "open",
  expose: "nbd",
  device: "/run/x/nbd/scratch.sock",
  size_bytes: 64 * 2 ** 20,
  logical_block_size: 512,
  last_error: null,
  last_errno: null,
  next_try_ms: null,
  io: SOME_IO,
};

const PATH = {
  src_addr: "tcp:127.0.0.1",
  dst_addr: "tcp:127.0.0.2",
  state: "connected",
  hca_name: "tcp",
  hca_port: 0,
  inflight: 3,
  reconnects: 2,
  rx_bytes: 4_096_000,
  tx_bytes: 65_536_000,
  latency_us: 250,
  last_error: null,
  last_errno: null,
} as const;

const RDMA_PATH = {
  ...PATH,
  src_addr: "ip:192.0.2.2",
  dst_addr: "ip:192.0.2.1",
  hca_name: "mlx5_0",
  hca_port: 2,
  reconnects: 0,
} as const;

/** A status in which every part has something. */
export const STATUS: Status = {
  version: "0.1.0",
  node: "store-1",
  pid: 4711,
  uptime_ms: 63_000,
  config: {
    file: "/etc/rnbd.toml",
    files: ["/etc/rnbd.toml", "/etc/conf.d/10-vm.toml"],
    state: "stale",
    stale_since: "2026-03-01T12:00:00.000Z",
    stale_because: ['/etc/rnbd.toml:7:3: mapping.nmae: is unknown; did you mean "name"?'],
    applied_at: "2026-03-01T11:00:00.000Z",
    pending: [{
      action: "remove",
      kind: "mapping",
      name: "old",
      reason: "no file names it any more",
      changes: [{ key: "on_remove", from: "wait", to: "force" }],
      waits_for: "in use by fio (pid 7)",
      last_error: "EBUSY: in use",
      next_try_ms: 10_000,
    }],
  },
  reactors: [{ index: 0, counters: { io_uring_enters: 7 } }, {
    index: 1,
    counters: { io_uring_enters: 8 },
  }],
  memory_bytes: 68 * 2 ** 20,
  listeners: [{ address: "tcp:127.0.0.1", port: 1234 }],
  mappings: [
    MAPPING,
    {
      ...MAPPING,
      name: "vm!1",
      device_path: "vm/1",
      access_mode: "ro",
      origin: "manual",
      state: "closed",
      device: null,
      size_bytes: 0,
      last_error: "ENOENT: the server has no vm/1",
      last_errno: "ENOENT",
      next_try_ms: 1500,
      io: NO_IO,
    },
    { ...MAPPING, name: "fast", device_path: "vm/2", expose: "ublk", device: "/dev/rnbd/fast" },
  ],
  sessions: [{
    sessname: "backup",
    origin: "config",
    state: "connected",
    dest_port: 1234,
    mpath_policy: "min-inflight",
    max_reconnect_attempts: -1,
    queue_depth: 512,
    max_io_size: 126_976,
    reconnects: 2,
    paths: [PATH, {
      ...PATH,
      state: "disconnected",
      latency_us: 0,
      inflight: 0,
      last_error: "ETIMEDOUT",
      last_errno: "ETIMEDOUT",
    }],
  }, {
    sessname: "rdma",
    origin: "manual",
    state: "connected",
    dest_port: 1300,
    mpath_policy: "round-robin",
    max_reconnect_attempts: 10,
    queue_depth: 512,
    max_io_size: 131_072,
    reconnects: 0,
    paths: [RDMA_PATH],
  }],
  exports: [
    {
      device: "/srv/disk0.img",
      size_bytes: 2 ** 30,
      clients: [
        { sessname: "a", mapping_path: "disk0.img", access_mode: "rw", is_allowed: true },
        {
          sessname: "evil\u001b[31m",
          mapping_path: "disk0.img",
          access_mode: "ro",
          is_allowed: false,
        },
      ],
      io: SOME_IO,
    },
    { device: "/srv/disk1.img", size_bytes: 1536, clients: [], io: NO_IO },
  ],
  export_rules: [{
    device_path: "vm-*",
    sessname: "*",
    access_mode: "rw",
    backend: "path",
    size_bytes: 0,
  }, {
    device_path: "scratch",
    sessname: "a",
    access_mode: "ro",
    backend: "memory",
    size_bytes: 2 ** 30,
  }],
  clients: [{
    sessname: "a",
    devices: 1,
    force_closed: ["disk1.img"],
    inflight: 4,
    paths: [PATH, RDMA_PATH],
  }],
  refusals: [{
    kind: "open",
    client: "b",
    device_path: "secret.img",
    reason: "no export allows it",
    errno: "EPERM",
    count: 3,
    first_time: "2026-03-01T11:00:00.000Z",
    last_time: "2026-03-01T12:00:00.000Z",
  }, {
    kind: "connect",
    client: "tcp:192.0.2.9",
    device_path: null,
    reason: "no RTRS magic",
    errno: null,
    count: 1,
    first_time: "2026-03-01T12:00:00.000Z",
    last_time: "2026-03-01T12:00:00.000Z",
  }],
  rejections: { io_device_unknown: 2, mpa_key: 0 },
};
