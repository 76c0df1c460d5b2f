/**
 * What the program can be asked: the seam between the running appliance and everything that
 * talks to it (control API, command line, demo). Plain data in, plain data out.
 */
import type { AccessMode } from "./config/config.ts";

/** Figures of one `status` call. Names are the originals'. */
export interface Status {
  readonly version: string;
  readonly node: string;
  readonly pid: number;
  readonly uptime_ms: number;
  readonly config: { readonly file: string | null };
  readonly reactors: readonly ReactorStatus[];
  /** Bytes of the arena in use: chunks, buffers, memory back ends. */
  readonly memory_bytes: number;
  readonly listeners: readonly { readonly address: string; readonly port: number }[];
  readonly mappings: readonly MappingStatus[];
  readonly sessions: readonly SessionStatus[];
  readonly exports: readonly ExportStatus[];
  /** Sessions that clients have opened at this server. */
  readonly clients: readonly ServerSessionStatus[];
  /** Refused messages by reason: bad frames, requests that the gate turned down. */
  readonly rejections: Readonly<Record<string, number>>;
}

/** One thread that carries I/O. */
export interface ReactorStatus {
  readonly index: number;
  readonly counters: Readonly<Record<string, number>>;
}

/** A device of a server that is mapped here. */
export interface MappingStatus {
  readonly name: string;
  readonly sessname: string;
  readonly device_path: string;
  readonly access_mode: AccessMode;
  readonly state: "open" | "closed";
  readonly expose: "nbd" | "ublk";
  /** Block device or NBD socket; null while never opened. */
  readonly device: string | null;
  readonly size_bytes: number;
  readonly logical_block_size: number;
  /** Why it is not open; null when it is. */
  readonly last_error: string | null;
  /** Milliseconds until the next try; null when none is due. */
  readonly next_try_ms: number | null;
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
  readonly last_error: string | null;
}

/** A session to a server. */
export interface SessionStatus {
  readonly sessname: string;
  readonly state: "connected" | "disconnected";
  readonly queue_depth: number;
  readonly max_io_size: number;
  readonly reconnects: number;
  readonly paths: readonly PathStatus[];
}

/** A client that has an export open. */
export interface ExportClient {
  readonly sessname: string;
  readonly mapping_path: string;
  readonly access_mode: AccessMode;
}

/** A device of this server that is open. */
export interface ExportStatus {
  readonly device: string;
  readonly size_bytes: number;
  readonly clients: readonly ExportClient[];
}

/** A session that a client opened here. */
export interface ServerSessionStatus {
  readonly sessname: string;
  readonly devices: number;
  readonly inflight: number;
  readonly paths: readonly PathStatus[];
}

/** What `map` takes; absent fields have the defaults of the config file. */
export interface MapRequest {
  readonly name?: string;
  readonly sessname: string;
  readonly device_path: string;
  readonly access_mode?: AccessMode;
  readonly expose?: "auto" | "nbd" | "ublk";
  /** Needed when no session of that name exists yet. */
  readonly paths?: readonly string[];
  readonly dest_port?: number;
}

/** What `remap` takes. */
export interface RemapRequest {
  readonly name: string;
  readonly force: boolean;
}

/** What `resize` takes. */
export interface ResizeRequest {
  readonly name: string;
  /** The size that the device must have at its server; absent: whatever it is. */
  readonly size_bytes?: number;
}

/** What the verbs about paths take. */
export interface PathRequest {
  readonly sessname: string;
  /** "source,destination" or the destination; absent: every path of the session. */
  readonly path?: string;
}

/** What `verify` takes. */
export interface VerifyRequest {
  readonly name: string;
  readonly destroy_data: boolean;
  /** Bytes to cover from the start of the device; 0 = all. */
  readonly bytes: number;
  readonly block_bytes: number;
  readonly iodepth: number;
  readonly seed: number;
}

/** What `verify` found. */
export interface VerifyResult {
  readonly name: string;
  readonly bytes_written: number;
  readonly bytes_read: number;
  readonly duration_ms: number;
  /** Blocks whose content was wrong, and where the first ones lie. */
  readonly bad_blocks: number;
  readonly first_bad_offsets: readonly number[];
  readonly io_errors: number;
  readonly first_error: string | null;
}

/** What `bench` takes. */
export interface BenchRequest {
  readonly name: string;
  readonly rw: "read" | "write" | "randread" | "randwrite" | "randrw";
  readonly block_bytes: number;
  readonly iodepth: number;
  readonly runtime_ms: number;
  /** Reactors that generate load; 0 = all. */
  readonly jobs: number;
  /** Needed for everything that writes. */
  readonly destroy_data: boolean;
}

/** What `bench` measured. */
export interface BenchResult {
  readonly name: string;
  readonly rw: BenchRequest["rw"];
  readonly block_bytes: number;
  readonly iodepth: number;
  readonly duration_ms: number;
  readonly ios: number;
  readonly iops: number;
  readonly bytes_per_second: number;
  readonly errors: number;
  readonly first_error: string | null;
  readonly latency_us: {
    readonly min: number;
    readonly mean: number;
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
  /** io_uring_enter calls of the client's reactors per I/O. */
  readonly enters_per_io: number;
}

/** An operation that was refused; `exitCode` is one of the contract's (64, 69, 75, 78, 1). */
export class ApplianceError extends Error {
  override readonly name = "ApplianceError";
  /** @param errnoName the errno as the originals give it (`EEXIST`, …), for machines */
  constructor(message: string, readonly errnoName: string, readonly exitCode: number) {
    super(message);
  }
}

/** The running program. */
export interface ApplianceControl {
  status(): Status;
  map(request: MapRequest): Promise<MappingStatus>;
  /** @throws ApplianceError ENOENT, or EBUSY while it is in use and `force` is false */
  unmap(name: string, force: boolean): Promise<void>;
  /**
   * Opens the device at the server anew; what exposes it here stays.
   * With `force` also when it is open: it is closed at the server first.
   * @throws ApplianceError ENOENT no such mapping, EALREADY it is open, or why it did not open
   */
  remap(request: RemapRequest): Promise<MappingStatus>;
  /**
   * Takes over the size that the device has at its server now.
   * @throws ApplianceError ENOENT no such mapping, or it is not open; EINVAL another size
   */
  resize(request: ResizeRequest): Promise<MappingStatus>;
  /**
   * Closes a path until {@link reconnectPath}.
   * @throws ApplianceError ENOENT no such session or path
   */
  disconnectPath(request: PathRequest): Promise<SessionStatus>;
  /**
   * Starts to connect a path anew, also one that is connected; the status tells how it goes.
   * @throws ApplianceError ENOENT as above, EBUSY while it is being connected
   */
  reconnectPath(request: PathRequest): Promise<SessionStatus>;
  /**
   * @param signal ends the run early
   * @throws ApplianceError ECANCELED when it was ended early, by the signal or by `unmap`
   */
  verify(request: VerifyRequest, signal?: AbortSignal): Promise<VerifyResult>;
  /** As `verify`; several may run on one mapping at the same time. */
  bench(request: BenchRequest, signal?: AbortSignal): Promise<BenchResult>;
}

/** A program that was started, and its end. */
export interface RunningAppliance extends ApplianceControl {
  /** Settles when every listener is up and every mapping of the config has been tried once. */
  readonly firstTryDone: Promise<void>;
  /** Drops mappings, sessions and listeners, in this order. */
  stop(): Promise<void>;
}
