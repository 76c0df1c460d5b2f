/** What the fake appliance answers: one example of each result, with every field filled. */
import type {
  ApplianceEvent,
  ApplyResult,
  BenchResult,
  CloseExportResult,
  Explanation,
  InflightRequest,
  Plan,
  RecoverResult,
  RevalidateResult,
  VerifyResult,
} from "../../src/appliance/appliance_api.ts";
import { STATUS } from "./fake_status.ts";

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

/** What `plan` answers: one step that can be done and one that waits. */
export const PLAN: Plan = {
  steps: [{
    action: "change",
    kind: "session",
    name: "backup",
    reason: "the file says something else",
    changes: [{ key: "mpath_policy", from: "min-inflight", to: "round-robin" }],
    waits_for: null,
    last_error: null,
    next_try_ms: null,
  }, ...STATUS.config.pending],
};

/** What `apply` answers. */
export const APPLIED: ApplyResult = { plan: PLAN, pending: STATUS.config.pending };

/** What `export-config` answers. */
export const EXPORTED = '[[mapping]]\nname = "vm!1"\nsessname = "backup"\ndevice_path = "vm/1"\n';

/** What `recover` answers. */
export const RECOVERED: RecoverResult = {
  mappings: ["vm!1"],
  paths: ["backup tcp:127.0.0.1,tcp:127.0.0.2"],
};

/** What `close` answers. */
export const CLOSED: CloseExportResult = {
  closed: [{ sessname: "a", mapping_path: "disk0.img" }],
};

/** What `revalidate` answers. */
export const REVALIDATED: RevalidateResult = {
  devices: [{
    device: "/srv/disk0.img",
    size_bytes: 2 ** 31,
    earlier_size_bytes: 2 ** 30,
    clients: ["a"],
  }],
};

/** What `explain` answers. */
export const EXPLAINED: Explanation = {
  kind: "mapping",
  name: "vm!1",
  state: "closed",
  summary: "The server has no such device.",
  last_error: "ENOENT: the server has no vm/1",
  cause: "No file is called vm/1 below the server's dev_search_path.",
  next_try_ms: 1500,
  advice: ["make the file at the server", "correct device_path"],
  facts: [{ key: "session", value: "backup, connected" }],
};

/** What `inflight` answers. */
export const INFLIGHT: readonly InflightRequest[] = [{
  side: "client",
  device: "scratch",
  sessname: "backup",
  path: "tcp:127.0.0.1,tcp:127.0.0.2",
  reactor: 0,
  slot: 17,
  operation: "write",
  offset_bytes: 4096,
  length_bytes: 65_536,
  age_us: 1234,
}, {
  side: "server",
  device: "/srv/disk0.img",
  sessname: "a",
  path: "",
  reactor: 1,
  slot: 3,
  operation: "other",
  offset_bytes: 0,
  length_bytes: 0,
  age_us: 7,
}];

/** What `metrics` answers. */
export const METRICS = "# HELP rnbd_up 1 while it runs.\n# TYPE rnbd_up gauge\nrnbd_up 1\n";

/** An event as the history gives it. */
export const EVENT: ApplianceEvent = {
  id: 1,
  time: "2026-03-01T12:00:00.000Z",
  level: "info",
  event: "mapping open",
  fields: { mapping: "scratch", size_bytes: 67_108_864, read_only: false, reason: null },
};
