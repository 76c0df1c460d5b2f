/**
 * What the appliance tells about itself: plain data, the same on every interface. Names are the
 * originals'.
 */
import type { AccessMode } from "./config/config.ts";

/** Figures of one `status` call. */
export interface Status {
  readonly version: string;
  readonly node: string;
  readonly pid: number;
  readonly uptime_ms: number;
  readonly config: ConfigStatus;
  readonly reactors: readonly ReactorStatus[];
  /** Bytes of the arena in use: chunks, buffers, memory back ends. */
  readonly memory_bytes: number;
  readonly listeners: readonly { readonly address: string; readonly port: number }[];
  readonly mappings: readonly MappingStatus[];
  readonly sessions: readonly SessionStatus[];
  readonly exports: readonly ExportStatus[];
  /** What may be opened; empty: everything below dev_search_path. */
  readonly export_rules: readonly ExportRuleStatus[];
  /** Sessions that clients have opened at this server. */
  readonly clients: readonly ServerSessionStatus[];
  /** Who was turned away lately, the last one first. */
  readonly refusals: readonly RefusalStatus[];
  /** Refused messages by reason: bad frames, requests that the gate turned down. */
  readonly rejections: Readonly<Record<string, number>>;
}

/** How the node stands to its config. */
export interface ConfigStatus {
  /** The main file; null when the config was made in the program. */
  readonly file: string | null;
  /** Every file that was read, the main one first. */
  readonly files: readonly string[];
  /**
   * `current`: what the files said when they were last read is what the node works towards.
   * `stale`: the files have errors since; the config before them goes on.
   */
  readonly state: "current" | "stale";
  /** ISO 8601; null while `current`. */
  readonly stale_since: string | null;
  /** The errors, one a line; empty while `current`. */
  readonly stale_because: readonly string[];
  /** When the config that is in force was taken over; ISO 8601. */
  readonly applied_at: string;
  /** Steps that are missing until the node is as the config says. */
  readonly pending: readonly PlanStep[];
}

/** What a step of a plan does. */
export type PlanAction = "add" | "change" | "remake" | "remove" | "restart";

/** What a step of a plan is about. */
export type PlanKind = "node" | "server" | "export" | "session" | "mapping";

/** One difference between a thing as it is and as it should be. */
export interface PlanChange {
  /** Key of the config file. */
  readonly key: string;
  readonly from: string;
  readonly to: string;
}

/** One step from what is to what should be. */
export interface PlanStep {
  readonly action: PlanAction;
  readonly kind: PlanKind;
  readonly name: string;
  /** Why, in words. */
  readonly reason: string;
  readonly changes: readonly PlanChange[];
  /** What it waits for (`in use by fio (pid 7)`), or null. */
  readonly waits_for: string | null;
  /** Why its last try failed, or null. */
  readonly last_error: string | null;
  /** Milliseconds until the next try; null when none is due: something must change first. */
  readonly next_try_ms: number | null;
}

/** One thread that carries I/O. */
export interface ReactorStatus {
  readonly index: number;
  readonly counters: Readonly<Record<string, number>>;
}

/** What block requests are told apart by. */
export const IO_OPERATIONS = ["read", "write", "flush", "discard", "write_zeroes"] as const;
export type IoOperation = typeof IO_OPERATIONS[number];

/** Requests of one operation since the start; never goes down. */
export interface IoTotals {
  readonly ios: number;
  readonly bytes: number;
  readonly errors: number;
}

/** By operation. */
export type IoStatistics = Readonly<Record<IoOperation, IoTotals>>;

/** A device of a server that is mapped here. */
export interface MappingStatus {
  readonly name: string;
  readonly sessname: string;
  readonly device_path: string;
  readonly access_mode: AccessMode;
  /** `config`: declared in the files; `manual`: made by `map`. */
  readonly origin: "config" | "manual";
  readonly state: "open" | "closed";
  readonly expose: "nbd" | "ublk";
  /** Block device or NBD socket; null while never opened. */
  readonly device: string | null;
  readonly size_bytes: number;
  readonly logical_block_size: number;
  /** Why it is not open; null when it is. */
  readonly last_error: string | null;
  /** The errno of `last_error` (`ENOENT`, …); null when it is open. */
  readonly last_errno: string | null;
  /** Milliseconds until the next try; null when none is due. */
  readonly next_try_ms: number | null;
  readonly io: IoStatistics;
}

/** One path of a session. */
export interface PathStatus {
  readonly src_addr: string;
  readonly dst_addr: string;
  readonly state: "connected" | "disconnected";
  /** The device that carries it; `tcp` for the built-in carrier. */
  readonly hca_name: string;
  /** Port of that device; 0 for the built-in carrier. */
  readonly hca_port: number;
  readonly inflight: number;
  /** Times that it came back. */
  readonly reconnects: number;
  /** Payload bytes of reads; at a server, of writes. */
  readonly rx_bytes: number;
  /** Payload bytes of writes; at a server, of reads. */
  readonly tx_bytes: number;
  /** Round trip of its last heartbeats, microseconds; 0 while unknown. */
  readonly latency_us: number;
  readonly last_error: string | null;
  /** The errno of `last_error` (`ECONNREFUSED`, …); null when it has none. */
  readonly last_errno: string | null;
}

/** A session to a server. */
export interface SessionStatus {
  readonly sessname: string;
  /** `config`: declared in the files; `manual`: made by `map`. */
  readonly origin: "config" | "manual";
  readonly state: "connected" | "disconnected";
  readonly dest_port: number;
  readonly mpath_policy: "round-robin" | "min-inflight" | "min-latency";
  readonly max_reconnect_attempts: number;
  readonly queue_depth: number;
  readonly max_io_size: number;
  readonly reconnects: number;
  readonly paths: readonly PathStatus[];
}

/** A client that has an export open. */
export interface ExportClient {
  readonly sessname: string;
  readonly mapping_path: string;
  /** `rw` and `migration` write. */
  readonly access_mode: AccessMode;
  /** False: the exports do not allow it any more; it stays open until the client closes it. */
  readonly is_allowed: boolean;
}

/** A device of this server that is open. */
export interface ExportStatus {
  readonly device: string;
  readonly size_bytes: number;
  readonly clients: readonly ExportClient[];
  /** Of all clients, since the start; also of those that are gone. */
  readonly io: IoStatistics;
}

/** A `[[server.export]]`. */
export interface ExportRuleStatus {
  readonly device_path: string;
  readonly sessname: string;
  readonly access_mode: AccessMode;
  readonly backend: "path" | "memory" | "null";
  /** Of memory and null disks; else 0. */
  readonly size_bytes: number;
}

/** A session that a client opened here. */
export interface ServerSessionStatus {
  readonly sessname: string;
  readonly devices: number;
  /** mapping_paths that `close` took away, and that the client has not let go of yet. */
  readonly force_closed: readonly string[];
  readonly inflight: number;
  readonly paths: readonly PathStatus[];
}

/** A client that was turned away, and how often for the same reason. */
export interface RefusalStatus {
  /** `connect`: a connection or its session; `open`: a device. */
  readonly kind: "connect" | "open";
  /** The session's name; of a connection, the client's address. */
  readonly client: string;
  /** What it wanted to open; null for a connection. */
  readonly device_path: string | null;
  readonly reason: string;
  /** What the client was told (`EPERM`, …); null: the connection was dropped without a word. */
  readonly errno: string | null;
  readonly count: number;
  /** ISO 8601. */
  readonly first_time: string;
  /** ISO 8601. */
  readonly last_time: string;
}
