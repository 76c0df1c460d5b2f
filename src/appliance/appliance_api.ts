/**
 * What the program can be asked: the seam between the running appliance and everything that
 * talks to it (control API, command line, demo). Plain data in, plain data out.
 */
import type { AccessMode } from "./config/config.ts";
import type { MappingStatus, PlanStep, SessionStatus, Status } from "./status.ts";

export * from "./status.ts";

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

/** What `plan` answers: the way from what is to what the files say now. */
export interface Plan {
  /** In the order in which they are done. */
  readonly steps: readonly PlanStep[];
}

/** What `apply` takes. */
export interface ApplyRequest {
  /** How long to wait for the node to be as the config says; 0: not at all. */
  readonly timeout_ms: number;
}

/** What `apply` did. */
export interface ApplyResult {
  /** What there was to do when it began. */
  readonly plan: Plan;
  /** What is still missing; empty: the node is as the config says. */
  readonly pending: readonly PlanStep[];
}

/** What `path add`, `path delete` and `path readd` take. */
export interface PathEditRequest {
  readonly sessname: string;
  /** "source,destination" or the destination. */
  readonly path: string;
}

/** What can be changed at a session while it is in use. */
export interface SessionChangeRequest {
  readonly sessname: string;
  readonly mpath_policy?: "round-robin" | "min-inflight" | "min-latency";
  /** -1 = for ever. */
  readonly max_reconnect_attempts?: number;
}

/** What `recover` takes; names of mappings and sessions, none: all of them. */
export interface RecoverRequest {
  readonly names: readonly string[];
}

/** What `recover` started. */
export interface RecoverResult {
  /** Mappings that are being opened anew. */
  readonly mappings: readonly string[];
  /** Paths (`sessname path`) that are being connected. */
  readonly paths: readonly string[];
}

/** What `close` takes: the server takes a device away from clients, in use or not. */
export interface CloseExportRequest {
  /** The device, as status shows it, or the mapping_path that clients give. */
  readonly device: string;
  /** Only this client's; absent: from all. */
  readonly sessname?: string;
  /** Needed: clients get I/O errors. */
  readonly force: boolean;
}

/** What `close` did. */
export interface CloseExportResult {
  readonly closed: readonly { readonly sessname: string; readonly mapping_path: string }[];
}

/** What `revalidate` found. */
export interface RevalidateResult {
  readonly devices: readonly {
    readonly device: string;
    readonly size_bytes: number;
    /** Size that clients had been told. */
    readonly earlier_size_bytes: number;
    /** Sessions that have it open: clients of this program ask again by themselves. */
    readonly clients: readonly string[];
  }[];
}

/** Why something is as it is, for people. */
export interface Explanation {
  readonly kind: "mapping" | "session" | "export" | "client" | "config";
  readonly name: string;
  /** `open`, `closed`, `connected`, … */
  readonly state: string;
  /** One sentence. */
  readonly summary: string;
  readonly last_error: string | null;
  /** The cause in plain words; null when nothing is wrong. */
  readonly cause: string | null;
  readonly next_try_ms: number | null;
  /** What a person can do, most likely first; empty when nothing is wrong. */
  readonly advice: readonly string[];
  /** What else helps to see it: `key: value` lines. */
  readonly facts: readonly { readonly key: string; readonly value: string }[];
}

/** A block request that waits for its answer. */
export interface InflightRequest {
  readonly side: "client" | "server";
  /** Mapping at the client, device at the server. */
  readonly device: string;
  readonly sessname: string;
  /** `source,destination` of the path that carries it; empty while it waits for one. */
  readonly path: string;
  readonly reactor: number;
  /** Permit at the client, chunk at the server. */
  readonly slot: number;
  readonly operation: "read" | "write" | "flush" | "discard" | "write_zeroes" | "other";
  readonly offset_bytes: number;
  readonly length_bytes: number;
  readonly age_us: number;
}

/** Something that happened. */
export interface ApplianceEvent {
  /** Counts up by one an event, from 1. */
  readonly id: number;
  /** ISO 8601. */
  readonly time: string;
  readonly level: "error" | "warn" | "info" | "debug";
  /** As in the log: `mapping open`, `session lost`, … */
  readonly event: string;
  readonly fields: Readonly<Record<string, string | number | boolean | null>>;
}

/** Ends a subscription. */
export type Unsubscribe = () => void;

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
  /** @throws ApplianceError when the files have errors (exit code 78) */
  plan(): Promise<Plan>;
  /**
   * Takes over what the files say now, and waits.
   * @param signal ends the waiting, not the work
   * @throws ApplianceError when the files have errors (exit code 78): nothing has changed then
   */
  apply(request: ApplyRequest, signal?: AbortSignal): Promise<ApplyResult>;
  /**
   * Mappings made by hand and their sessions as TOML for the config.
   * @throws ApplianceError ENOENT no such name
   */
  exportConfig(names: readonly string[]): string;
  /** @throws ApplianceError ENOENT no such session, EEXIST it has this path, EINVAL */
  addPath(request: PathEditRequest): Promise<SessionStatus>;
  /** @throws ApplianceError ENOENT no such session or path, EBUSY it is the last one */
  deletePath(request: PathEditRequest): Promise<SessionStatus>;
  /** @throws ApplianceError ENOENT no such session */
  changeSession(request: SessionChangeRequest): Promise<SessionStatus>;
  /** Tries now what is closed or disconnected. @throws ApplianceError ENOENT no such name */
  recover(request: RecoverRequest): Promise<RecoverResult>;
  /** @throws ApplianceError ENOENT nobody has such a device open, EBUSY without `force` */
  closeExport(request: CloseExportRequest): Promise<CloseExportResult>;
  /** Drops a client's session, or one path of it. @throws ApplianceError ENOENT */
  disconnectClient(request: PathRequest): Promise<void>;
  /** Looks at the sizes of open devices again. @throws ApplianceError ENOENT */
  revalidate(device: string | undefined): Promise<RevalidateResult>;
  /** @throws ApplianceError ENOENT nothing is called so */
  explain(name: string): Explanation;
  /** Requests in flight, the oldest first; at most `limit` of each reactor. */
  inflight(limit: number): Promise<readonly InflightRequest[]>;
  /** Everything that is measured, in Prometheus' text format. */
  metrics(): string;
  /**
   * Events from now on; with `after` also those that are still remembered and came after it.
   * The listener must not throw.
   */
  subscribe(listener: (event: ApplianceEvent) => void, after?: number): Unsubscribe;
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
