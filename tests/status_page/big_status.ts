/** A status of any size, with names that want to be more than text. */
import type {
  ExportStatus,
  IoStatistics,
  MappingStatus,
  PathStatus,
  ServerSessionStatus,
  SessionStatus,
  Status,
} from "../../src/appliance/appliance_api.ts";

/** Names that break pages: markup, quotes, templates, marks that turn text around, nothing. */
export const HOSTILE_NAMES: readonly string[] = [
  "<img src=x onerror=alert(1)>",
  "</script><script>globalThis.hacked=1</script>",
  "\"'><svg onload=globalThis.hacked=1>",
  "${globalThis.hacked=1}{{globalThis.hacked=1}}",
  "invoice\u202egpj.exe",
  "zero\u200bwidth",
  "line\nbreak\u0000null\u001b[31m",
  "https://example.com/?q=1&amp;x",
  "a".repeat(250),
  "лог/日本/🦀",
];

/** What a mapping or an export did after `n` steps of load. */
export function ioAfter(n: number, weight = 1): IoStatistics {
  const operation = (ios: number, bytesEach: number, errors = 0) => ({
    ios: Math.floor(ios),
    bytes: Math.floor(ios) * bytesEach,
    errors,
  });
  return {
    read: operation(n * weight * 3, 4096),
    write: operation(n * weight, 16_384),
    flush: operation(n * weight / 50, 0),
    discard: operation(0, 0),
    write_zeroes: operation(0, 0),
  };
}

/** A path that is connected, between made-up addresses. */
export function madePath(session: number, path: number): PathStatus {
  return {
    src_addr: `ip:192.0.2.${100 + path}`,
    dst_addr: `ip:198.51.${session}.${10 + path}`,
    state: "connected",
    hca_name: path === 0 ? "mlx5_0" : "mlx5_1",
    hca_port: 1,
    inflight: (session * 7 + path * 3) % 12,
    reconnects: session % 3,
    rx_bytes: 0,
    tx_bytes: 0,
    latency_us: 90 + 17 * path,
    last_error: null,
    last_errno: null,
  };
}

/** What {@link bigStatus} takes. */
export interface BigStatusOptions {
  readonly mappings: number;
  readonly sessions: number;
  readonly exports: number;
  /** Names of the first mappings, sessions, exports and clients. */
  readonly names?: readonly string[];
}

const sessionName = (options: BigStatusOptions, index: number) =>
  options.names?.[index] ?? `store-${String(index + 1).padStart(2, "0")}`;

function madeMapping(options: BigStatusOptions, index: number): MappingStatus {
  const name = options.names?.[index] ?? `vm-${String(index + 1).padStart(4, "0")}`;
  return {
    name,
    sessname: sessionName(options, index % options.sessions),
    device_path: `vm/${name}/root.img`,
    access_mode: index % 9 === 4 ? "ro" : "rw",
    origin: index % 17 === 3 ? "manual" : "config",
    state: "open",
    expose: "ublk",
    device: `/dev/rnbd/${name}`,
    size_bytes: (index % 7 + 1) * 16 * 2 ** 30,
    logical_block_size: 512,
    last_error: null,
    last_errno: null,
    next_try_ms: null,
    io: ioAfter(0),
  };
}

function madeSession(options: BigStatusOptions, index: number): SessionStatus {
  return {
    sessname: sessionName(options, index),
    origin: "config",
    state: "connected",
    dest_port: 1234,
    mpath_policy: "min-inflight",
    max_reconnect_attempts: -1,
    queue_depth: 512,
    max_io_size: 126_976,
    reconnects: index % 3,
    paths: [madePath(index, 0), madePath(index, 1)],
  };
}

function madeExport(options: BigStatusOptions, index: number): ExportStatus {
  const name = options.names?.[index] ?? `scratch-${index + 1}.img`;
  return {
    device: `/srv/${name}`,
    size_bytes: 64 * 2 ** 30,
    clients: [
      { sessname: "compute-1", mapping_path: name, access_mode: "rw", is_allowed: true },
    ],
    io: ioAfter(0),
  };
}

/** A node that is well. */
export function bigStatus(options: BigStatusOptions): Status {
  const list = <Item>(length: number, make: (options: BigStatusOptions, index: number) => Item) =>
    Array.from({ length }, (_, index) => make(options, index));
  const clients: ServerSessionStatus[] = options.exports === 0 ? [] : [{
    sessname: options.names?.[0] ?? "compute-1",
    devices: options.exports,
    inflight: 5,
    force_closed: [],
    paths: [{ ...madePath(40, 0), hca_name: "tcp", hca_port: 0 }],
  }];
  return {
    version: "0.1.0",
    node: options.names?.[0] ?? "hypervisor-7",
    pid: 4711,
    uptime_ms: 93_784_000,
    config: {
      file: "/etc/rnbd-appliance/rnbd.toml",
      files: ["/etc/rnbd-appliance/rnbd.toml", "/etc/rnbd-appliance/conf.d/10-vm.toml"],
      state: "current",
      stale_since: null,
      stale_because: [],
      applied_at: new Date(Date.now() - 7_200_000).toISOString(),
      pending: [],
    },
    reactors: [0, 1].map((index) => ({
      index,
      counters: { io_uring_enters: 70_000 + index, wakeups: 1234, cqes: 900_000 + index },
    })),
    memory_bytes: 1_288_490_188,
    listeners: options.exports === 0 ? [] : [{ address: "ip:192.0.2.1", port: 1234 }],
    mappings: list(options.mappings, madeMapping),
    sessions: list(options.sessions, madeSession),
    exports: list(options.exports, madeExport),
    export_rules: options.exports === 0 ? [] : [{
      device_path: options.names?.[0] ?? "scratch-*",
      sessname: "*",
      access_mode: "rw",
      backend: "path",
      size_bytes: 0,
    }],
    clients,
    refusals: [],
    rejections: { io_device_unknown: 2, mpa_key: 0 },
  };
}
