/** An appliance that only remembers what it was asked. */
import {
  ApplianceError,
  type BenchRequest,
  type BenchResult,
  type MappingStatus,
  type MapRequest,
  type PathRequest,
  type RemapRequest,
  type ResizeRequest,
  type RunningAppliance,
  type SessionStatus,
  type Status,
  type VerifyRequest,
  type VerifyResult,
} from "../../src/appliance/appliance_api.ts";

/** A mapping as `status` shows it. */
export const MAPPING: MappingStatus = {
  name: "scratch",
  sessname: "backup",
  device_path: "disk0.img",
  access_mode: "rw",
  state: "open",
  expose: "nbd",
  device: "/run/x/nbd/scratch.sock",
  size_bytes: 64 * 2 ** 20,
  logical_block_size: 512,
  last_error: null,
  next_try_ms: null,
};

const PATH = {
  src_addr: "tcp:127.0.0.1",
  dst_addr: "tcp:127.0.0.2",
  state: "connected",
  hca_name: "tcp",
  hca_port: 0,
  inflight: 3,
  last_error: null,
} as const;

const RDMA_PATH = {
  ...PATH,
  src_addr: "ip:192.0.2.2",
  dst_addr: "ip:192.0.2.1",
  hca_name: "mlx5_0",
  hca_port: 2,
} as const;

/** A status in which every part has something. */
export const STATUS: Status = {
  version: "0.1.0",
  node: "store-1",
  pid: 4711,
  uptime_ms: 63_000,
  config: { file: "/etc/rnbd.toml" },
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
      state: "closed",
      device: null,
      size_bytes: 0,
      last_error: "ENOENT: the server has no vm/1",
      next_try_ms: 1500,
    },
    { ...MAPPING, name: "fast", device_path: "vm/2", expose: "ublk", device: "/dev/rnbd/fast" },
  ],
  sessions: [{
    sessname: "backup",
    state: "connected",
    queue_depth: 512,
    max_io_size: 126_976,
    reconnects: 2,
    paths: [PATH, { ...PATH, state: "disconnected", inflight: 0, last_error: "ETIMEDOUT" }],
  }, {
    sessname: "rdma",
    state: "connected",
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
        { sessname: "a", mapping_path: "disk0.img", access_mode: "rw" },
        { sessname: "evil\u001b[31m", mapping_path: "disk0.img", access_mode: "ro" },
      ],
    },
    { device: "/srv/disk1.img", size_bytes: 1536, clients: [] },
  ],
  clients: [{ sessname: "a", devices: 1, inflight: 4, paths: [PATH, RDMA_PATH] }],
  rejections: { io_device_unknown: 2, mpa_key: 0 },
};

/** What `verify` answers. */
export const VERIFIED: VerifyResult = {
  name: "scratch",
  bytes_written: 2 ** 20,
  bytes_read: 2 ** 20,
  duration_ms: 1250,
  bad_blocks: 0,
  first_bad_offsets: [],
  io_errors: 0,
  first_error: null,
};

/** What `bench` answers. */
export const MEASURED: BenchResult = {
  name: "scratch",
  rw: "randread",
  block_bytes: 4096,
  iodepth: 32,
  duration_ms: 2000,
  ios: 800_000,
  iops: 400_000,
  bytes_per_second: 400_000 * 4096,
  errors: 0,
  first_error: null,
  latency_us: { min: 20, mean: 79.6, p50: 75, p90: 90, p99: 120, p999: 300, max: 2000 },
  enters_per_io: 0.0625,
};

/** Answers every call with the constants above, or throws `failure`. */
export class FakeAppliance implements RunningAppliance {
  /** `[method, ...arguments]` of every call. */
  readonly calls: unknown[][] = [];
  /** What `verify` and `bench` were given. */
  readonly signals: (AbortSignal | undefined)[] = [];
  failure: Error | undefined;
  firstTryDone: Promise<void> = Promise.resolve();
  verified: VerifyResult = VERIFIED;
  measured: BenchResult = MEASURED;
  /** Requests wait for this before they are answered. */
  gate: Promise<void> = Promise.resolve();

  status(): Status {
    if (this.failure !== undefined) throw this.failure;
    return STATUS;
  }

  map(request: MapRequest): Promise<MappingStatus> {
    return this.answer(["map", request], MAPPING);
  }

  unmap(name: string, force: boolean): Promise<void> {
    return this.answer(["unmap", name, force], undefined);
  }

  remap(request: RemapRequest): Promise<MappingStatus> {
    return this.answer(["remap", request], MAPPING);
  }

  resize(request: ResizeRequest): Promise<MappingStatus> {
    return this.answer(["resize", request], MAPPING);
  }

  disconnectPath(request: PathRequest): Promise<SessionStatus> {
    return this.answer(["disconnectPath", request], STATUS.sessions[0]!);
  }

  reconnectPath(request: PathRequest): Promise<SessionStatus> {
    return this.answer(["reconnectPath", request], STATUS.sessions[1]!);
  }

  verify(request: VerifyRequest, signal?: AbortSignal): Promise<VerifyResult> {
    this.signals.push(signal);
    return this.answer(["verify", request], this.verified);
  }

  bench(request: BenchRequest, signal?: AbortSignal): Promise<BenchResult> {
    this.signals.push(signal);
    return this.answer(["bench", request], this.measured);
  }

  stop(): Promise<void> {
    return this.answer(["stop"], undefined);
  }

  private async answer<Value>(call: unknown[], value: Value): Promise<Value> {
    this.calls.push(call);
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    return value;
  }
}

/** A refusal as the real one gives it. */
export const busy = () => new ApplianceError("scratch is in use; give --force", "EBUSY", 1);
