/** The configuration as the program uses it: every default filled in, every unit resolved. */

import type { LogLevel } from "../log_entry.ts";
import type { LogFormat } from "../log_format.ts";

/** What a mapping may do: rw is the one writer, migration lets a second one in. */
export type AccessMode = "ro" | "rw" | "migration";
/** How files are read: through the page cache, or past it (O_DIRECT). */
export type IoMode = "fileio" | "blockio";
/** How a mapping is made available on this machine. */
export type Expose = "auto" | "ublk" | "nbd";

/** `[node]` */
export interface NodeConfig {
  readonly name: string;
  /** control.sock, nbd/ and state live here. */
  readonly runtimeDir: string;
  readonly devDir: string;
  readonly reactors: number;
  /** How long a reactor polls before it blocks, microseconds. */
  readonly spinUs: number;
  /** Address space reserved for chunks, buffers and memory back ends, bytes. */
  readonly memoryLimitBytes: number;
  /** Time between two looks at whether everything is as it should be. */
  readonly reconcileIntervalMs: number;
  /** The files are read again when they change, without a signal. */
  readonly watchConfig: boolean;
  /** The least urgent events that are written. */
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

/** What a running process takes over of `[node]`. */
export type LiveNodeConfig = Pick<
  NodeConfig,
  "reconcileIntervalMs" | "watchConfig" | "logLevel" | "logFormat"
>;

/** `[control]` */
export interface ControlConfig {
  /** Permission bits of control.sock. */
  readonly socketMode: number;
  /** Group of both sockets; undefined: the process's. */
  readonly socketGroup: string | undefined;
  /** A second socket, control-ro.sock, that changes nothing. */
  readonly readOnlySocket: boolean;
  readonly readOnlySocketMode: number;
  /** `address:port` of metrics, health and status page; undefined: none. */
  readonly http: string | undefined;
}

/** `[[server.export]]` */
export interface ExportConfig {
  /** Pattern with `*` that a device_path must match. */
  readonly devicePath: string;
  /** Pattern with `*` that the sessname must match. */
  readonly sessname: string;
  /** The most that a client may ask for. */
  readonly accessMode: AccessMode;
  /** `path`: what lies below dev_search_path; the others are made here, with `sizeBytes`. */
  readonly backend: "path" | "memory" | "null";
  readonly sizeBytes: number;
  readonly logicalBlockBytes: number;
  readonly ioMode: IoMode | undefined;
}

/** `[server]` */
export interface ServerConfig {
  /** `tcp:…` (built-in carrier), `ip:…` or `gid:…` (RDMA). */
  readonly listen: readonly string[];
  readonly port: number;
  readonly devSearchPath: string;
  readonly ioMode: IoMode;
  readonly queueDepth: number;
  readonly maxIoBytes: number;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatMissedMax: number;
  /** CRC32C on the TCP carrier: `auto` is off on loopback, on elsewhere. */
  readonly crc: "auto" | "on" | "off";
  /** RDMA listeners: a client's access to a chunk ends with each request. */
  readonly alwaysInvalidate: boolean;
  readonly exports: readonly ExportConfig[];
}

/** `[[session]]` */
export interface SessionConfig {
  readonly sessname: string;
  /** "src,dst" pairs or destinations. */
  readonly paths: readonly string[];
  readonly destPort: number;
  readonly mpathPolicy: "round-robin" | "min-inflight" | "min-latency";
  /** -1 = for ever. */
  readonly maxReconnectAttempts: number;
  readonly reconnectDelayMs: number;
  readonly reconnectDelayMaxMs: number;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatMissedMax: number;
  readonly connectTimeoutMs: number;
  readonly crc: "auto" | "on" | "off";
}

/** `[[mapping]]` */
export interface MappingConfig {
  readonly name: string;
  readonly sessname: string;
  readonly devicePath: string;
  readonly accessMode: AccessMode;
  readonly expose: Expose;
  /** What becomes of it while it is in use and no file names it any more. */
  readonly onRemove: "wait" | "force";
}

/** A whole config file. */
export interface Config {
  /** The main file; null when made in the program. */
  readonly file: string | null;
  /** Every file that was read: the main one, then those of conf.d. */
  readonly files: readonly string[];
  readonly node: NodeConfig;
  readonly control: ControlConfig;
  readonly server: ServerConfig | undefined;
  readonly sessions: readonly SessionConfig[];
  readonly mappings: readonly MappingConfig[];
}
