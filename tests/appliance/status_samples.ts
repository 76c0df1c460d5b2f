/** Statuses to explain: parts with everything filled in, to be changed where a test looks. */
import type {
  ExportStatus,
  MappingStatus,
  PathStatus,
  PlanStep,
  RefusalStatus,
  ServerSessionStatus,
  SessionStatus,
  Status,
} from "../../src/appliance/status.ts";
import { NO_IO } from "../../src/appliance/no_io.ts";
import { MAPPING as FAKE_MAPPING } from "../control_api/fake_status.ts";

export const PATH: PathStatus = {
  src_addr: "tcp:192.0.2.2",
  dst_addr: "tcp:192.0.2.1",
  state: "connected",
  hca_name: "tcp",
  hca_port: 0,
  inflight: 0,
  reconnects: 0,
  rx_bytes: 0,
  tx_bytes: 0,
  latency_us: 0,
  last_error: null,
  last_errno: null,
};

export const SESSION: SessionStatus = {
  sessname: "backup",
  origin: "config",
  state: "connected",
  dest_port: 1234,
  mpath_policy: "min-inflight",
  max_reconnect_attempts: -1,
  queue_depth: 512,
  max_io_size: 126976,
  reconnects: 0,
  paths: [PATH],
};

export const MAPPING: MappingStatus = { ...FAKE_MAPPING, size_bytes: 4096, io: NO_IO };

export const EXPORT: ExportStatus = {
  device: "/srv/disk0.img",
  size_bytes: 4096,
  clients: [
    { sessname: "store-1", mapping_path: "disk0.img", access_mode: "rw", is_allowed: true },
  ],
  io: NO_IO,
};

export const CLIENT: ServerSessionStatus = {
  sessname: "store-1",
  devices: 1,
  force_closed: [],
  inflight: 0,
  paths: [PATH],
};

export const REFUSAL: RefusalStatus = {
  kind: "open",
  client: "store-2",
  device_path: "disk0.img",
  reason: "another client has it open for writing",
  errno: "EPERM",
  count: 3,
  first_time: "2026-01-01T00:00:00.000Z",
  last_time: "2026-01-01T00:01:00.000Z",
};

export const STEP: PlanStep = {
  action: "add",
  kind: "mapping",
  name: "new",
  reason: "declared, and not mapped",
  changes: [],
  waits_for: null,
  last_error: null,
  next_try_ms: 1500,
};

/** A status with nothing in it but what is given. */
export function statusOf(parts: Partial<Status>, pending: readonly PlanStep[] = []): Status {
  return {
    version: "1",
    node: "n",
    pid: 1,
    uptime_ms: 1,
    config: {
      file: "/etc/rnbd.toml",
      files: ["/etc/rnbd.toml"],
      state: "current",
      stale_since: null,
      stale_because: [],
      applied_at: "2026-01-01T00:00:00.000Z",
      pending,
    },
    reactors: [],
    memory_bytes: 0,
    listeners: [],
    mappings: [],
    sessions: [],
    exports: [],
    export_rules: [],
    clients: [],
    refusals: [],
    rejections: {},
    ...parts,
  };
}
