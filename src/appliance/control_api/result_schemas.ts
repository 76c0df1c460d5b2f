/** Descriptions of what the control API answers besides the status: see appliance_api.ts. */
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
} from "../appliance_api.ts";
import type { ConfigProblem } from "../config/problems.ts";
import { BENCH_RW } from "./request_schemas.ts";
import type { FailureBody } from "./failure.ts";
import type { Readiness } from "./readiness.ts";
import {
  choice,
  flag,
  integer,
  list,
  mapOf,
  nullable,
  number,
  object,
  optional,
  plainValue,
  type Schema,
  shared,
  text,
} from "./api_schema.ts";
import { PLAN_STEP } from "./status_schema.ts";

const problem = object<ConfigProblem>("an error in a config file", {
  file: text("the file"),
  line: integer("from 1; 0: it is about the file as a whole"),
  column: integer("from 1; 0: it is about the file as a whole"),
  key: text("dotted name of the key; empty: it is about no key"),
  message: text("what is wrong, and what would be right"),
});

/** What every answer that is not 2xx carries. */
export const FAILURE: Schema<FailureBody> = shared<FailureBody>("Failure", "why it failed", {
  error: object<FailureBody["error"]>("why it failed", {
    message: text("what failed, why, and what to do, for people"),
    errno: text("name of the errno, as `ENOENT`"),
    exit_code: integer("what the command line exits with"),
    problems: optional(list("the errors of the config files, when there are any", problem)),
  }),
});

/** What `GET /v1/version` answers. */
export interface Version {
  readonly version: string;
  readonly api: number;
  readonly pid: number;
}

/** See {@link Version}. */
export const VERSION: Schema<Version> = shared<Version>("Version", "who answers", {
  version: text("of the program"),
  api: integer("version of the API: 1"),
  pid: integer("process id"),
});

/** The way from what is to what the files say. */
export const PLAN: Schema<Plan> = shared<Plan>("Plan", "what there is to do", {
  steps: list("in the order in which they are done", PLAN_STEP),
});

/** What `apply` did. */
export const APPLIED: Schema<ApplyResult> = shared<ApplyResult>("Applied", "what was done", {
  plan: PLAN,
  pending: list("what is still missing; empty: the node is as the config says", PLAN_STEP),
});

/** What `recover` started. */
export const RECOVERED: Schema<RecoverResult> = shared<RecoverResult>(
  "Recovered",
  "what is being tried",
  {
    mappings: list("mappings that are being opened anew", text("a name")),
    paths: list("paths that are being connected", text("`SESSNAME PATH`")),
  },
);

/** What `close` did. */
export const CLOSED: Schema<CloseExportResult> = shared<CloseExportResult>(
  "Closed",
  "what was taken away",
  {
    closed: list(
      "from whom, and what",
      object<CloseExportResult["closed"][number]>("an open device", {
        sessname: text("session of the client"),
        mapping_path: text("what the client calls it"),
      }),
    ),
  },
);

/** What `revalidate` found. */
export const REVALIDATED: Schema<RevalidateResult> = shared<RevalidateResult>(
  "Revalidated",
  "the sizes of open devices",
  {
    devices: list(
      "what was looked at",
      object<RevalidateResult["devices"][number]>("an open device", {
        device: text("the device"),
        size_bytes: integer("its size"),
        earlier_size_bytes: integer("size that clients had been told"),
        clients: list("sessions that have it open", text("a session")),
      }),
    ),
  },
);

/** Why something is as it is. */
export const EXPLAINED: Schema<Explanation> = shared<Explanation>(
  "Explanation",
  "why something is as it is, for people",
  {
    kind: choice("what it is", ["mapping", "session", "export", "client", "config"]),
    name: text("its name"),
    state: text("`open`, `closed`, `connected`, …"),
    summary: text("one sentence"),
    last_error: nullable(text("the last error, or null")),
    cause: nullable(text("its cause in plain words; null when nothing is wrong")),
    next_try_ms: nullable(integer("time until the next try; null: none is due")),
    advice: list("what a person can do, most likely first", text("one thing")),
    facts: list(
      "what else helps to see it",
      object<Explanation["facts"][number]>("a fact", {
        key: text("what"),
        value: text("how it is"),
      }),
    ),
  },
);

const inflightRequest = object<InflightRequest>("a block request that waits for its answer", {
  side: choice("who waits", ["client", "server"]),
  device: text("mapping at the client, device at the server"),
  sessname: text("its session"),
  path: text("`source,destination` of the path that carries it; empty while it waits for one"),
  reactor: integer("thread that carries it"),
  slot: integer("permit at the client, chunk at the server"),
  operation: choice("what it does", ["read", "write", "flush", "discard", "write_zeroes", "other"]),
  offset_bytes: integer("where"),
  length_bytes: integer("how much"),
  age_us: integer("since when"),
});

/** What `GET /v1/inflight` answers. */
export interface Inflight {
  readonly requests: readonly InflightRequest[];
}

/** See {@link Inflight}. */
export const INFLIGHT: Schema<Inflight> = shared<Inflight>("Inflight", "requests in flight", {
  requests: list("the oldest first", inflightRequest),
});

/** One event of the stream. */
export const EVENT: Schema<ApplianceEvent> = shared<ApplianceEvent>("Event", "what happened", {
  id: integer("counts up by one an event, from 1", { minimum: 1 }),
  time: text("ISO 8601"),
  level: choice("how urgent it is", ["error", "warn", "info", "debug"]),
  event: text("as in the log: `mapping open`, `session lost`, …"),
  fields: mapOf("more about it", plainValue),
});

/** Whether everything that is declared can be used. */
export const READINESS: Schema<Readiness> = shared<Readiness>("Readiness", "what is missing", {
  ready: flag("whether nothing is missing"),
  missing: list("what is missing", text("one thing, in words")),
});

/** What `GET /healthz` answers. */
export interface Health {
  readonly status: "ok" | "failing";
  /** Threads that do not answer. */
  readonly silent_reactors: readonly number[];
}

/** See {@link Health}. */
export const HEALTH: Schema<Health> = shared<Health>("Health", "whether it answers", {
  status: choice("`failing`: a thread does not answer", ["ok", "failing"]),
  silent_reactors: list("threads that do not answer", integer("number of a thread")),
});

/** What `verify` found. */
export const VERIFIED: Schema<VerifyResult> = shared<VerifyResult>("Verified", "what was found", {
  name: text("the mapping"),
  bytes_written: integer("bytes written"),
  bytes_read: integer("bytes read back and compared"),
  duration_ms: number("how long it took"),
  bad_blocks: integer("requests whose content was wrong"),
  first_bad_offsets: list("where the first 8 lie, bytes", integer("an offset"), { maxItems: 8 }),
  io_errors: integer("requests that failed; the first one ends the run"),
  first_error: nullable(text("what the first one failed with, or null")),
});

/** What `bench` measured. */
export const MEASURED: Schema<BenchResult> = shared<BenchResult>("Measured", "what was measured", {
  name: text("the mapping"),
  rw: choice("as asked", BENCH_RW),
  block_bytes: integer("as asked"),
  iodepth: integer("as asked"),
  duration_ms: number("how long it took"),
  ios: integer("requests that ended"),
  iops: number("a second"),
  bytes_per_second: number("a second"),
  errors: integer("requests that failed; a reactor stops at its first one"),
  first_error: nullable(text("what the first one failed with, or null")),
  latency_us: object<BenchResult["latency_us"]>("from submission to completion", {
    min: number("microseconds from submission to completion"),
    mean: number("microseconds from submission to completion"),
    p50: number("percentile, right to 1/32 of the value"),
    p90: number("percentile, right to 1/32 of the value"),
    p99: number("percentile, right to 1/32 of the value"),
    p999: number("percentile, right to 1/32 of the value"),
    max: number("microseconds from submission to completion"),
  }),
  enters_per_io: number("`io_uring_enter` calls of the client's reactors a request"),
});
