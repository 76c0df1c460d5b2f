/** Descriptions of request bodies; `requests.ts` checks them, with rules that go further. */
import type {
  ApplyRequest,
  BenchRequest,
  CloseExportRequest,
  MapRequest,
  PathEditRequest,
  PathRequest,
  RecoverRequest,
  RemapRequest,
  ResizeRequest,
  SessionChangeRequest,
  VerifyRequest,
} from "../appliance_api.ts";
import { NAME_BYTES_MAX, PATHS_MAX } from "../config/limits.ts";
import { choice, flag, integer, list, object, optional, text } from "./api_schema.ts";
import {
  APPLY_TIMEOUT_MS_DEFAULT,
  APPLY_TIMEOUT_MS_MAX,
  BENCH_JOBS_MAX,
  BENCH_RUNTIME_MS_MAX,
  BLOCK_BYTES_MAX,
  IODEPTH_MAX,
  RECONNECT_ATTEMPTS_MAX,
  RECOVER_NAMES_MAX,
} from "./limits.ts";
import { ACCESS_MODES, POLICIES } from "./status_schema.ts";

/** What block devices count in. */
export const SECTOR_BYTES = 512;

/** Kinds of load that `bench` knows. */
export const BENCH_RW: readonly BenchRequest["rw"][] = [
  "read",
  "write",
  "randread",
  "randwrite",
  "randrw",
];

/** What the fields of `bench` and `verify` are when they are left out. */
export const LOAD_DEFAULTS = {
  rw: "randread",
  benchBlockBytes: 4096,
  verifyBlockBytes: 65_536,
  iodepth: 32,
  runtimeMs: 10_000,
  seed: 1,
} as const;

/** What can be exposed how. */
export const EXPOSE: readonly NonNullable<MapRequest["expose"]>[] = ["auto", "ublk", "nbd"];

const name = (description: string) => text(description, NAME_BYTES_MAX);
const path = (description: string) => text(description);
const aPath = path('`"source,destination"` or the destination');

/** A body that need not have any of its fields. */
type Loose<T> = { readonly [K in keyof T]?: T[K] };

const blockBytes = (fallback: number) =>
  integer("bytes of one request", {
    minimum: SECTOR_BYTES,
    maximum: BLOCK_BYTES_MAX,
    multipleOf: SECTOR_BYTES,
    default: fallback,
  });

const iodepth = integer("requests in flight", {
  minimum: 1,
  maximum: IODEPTH_MAX,
  default: LOAD_DEFAULTS.iodepth,
});

const mayDestroy = flag("agree that the data is overwritten", false);

/** `POST /v1/mappings` */
export const MAP_BODY = object<MapRequest>("what to map", {
  name: optional(name("name of the mapping; default: `device_path` with `!` for `/`")),
  sessname: name("the session"),
  device_path: name("what to map, as the server knows it"),
  access_mode: optional(choice("what it may do", ACCESS_MODES, "rw")),
  expose: optional(choice("how it is made available", EXPOSE, "auto")),
  paths: optional(
    list("for a session that does not exist yet", aPath, { minItems: 1, maxItems: PATHS_MAX }),
  ),
  dest_port: optional(
    integer("of that session", { minimum: 1, maximum: 65_535, default: 1234 }),
  ),
});

/** `POST /v1/mappings/NAME/remap` */
export const REMAP_BODY = object<Loose<Omit<RemapRequest, "name">>>("what to do", {
  force: optional(flag("close it at the server first when it is open", false)),
});

/** `POST /v1/mappings/NAME/resize` */
export const RESIZE_BODY = object<Omit<ResizeRequest, "name">>("what size", {
  size_bytes: optional(
    integer("the size that it must have at its server; default: any", {
      minimum: SECTOR_BYTES,
      multipleOf: SECTOR_BYTES,
    }),
  ),
});

/** `POST …/disconnect` and `…/reconnect` */
export const PATH_BODY = object<Omit<PathRequest, "sessname">>("which path", {
  path: optional(path('`"source,destination"` or the destination; default: all')),
});

/** `POST /v1/sessions/NAME/paths` */
export const PATH_EDIT_BODY = object<Omit<PathEditRequest, "sessname">>("which path", {
  path: aPath,
});

/** `PATCH /v1/sessions/NAME` */
export const SESSION_CHANGE_BODY = object<Omit<SessionChangeRequest, "sessname">>(
  "what to change",
  {
    mpath_policy: optional(choice("how requests are spread over paths", POLICIES)),
    max_reconnect_attempts: optional(
      integer("tries to reconnect a path; -1: for ever", {
        minimum: -1,
        maximum: RECONNECT_ATTEMPTS_MAX,
      }),
    ),
  },
);

/** `POST /v1/apply` */
export const APPLY_BODY = object<Loose<ApplyRequest>>("how long to wait", {
  timeout_ms: optional(
    integer("how long to wait for the node to be as the config says; 0: not at all", {
      maximum: APPLY_TIMEOUT_MS_MAX,
      default: APPLY_TIMEOUT_MS_DEFAULT,
    }),
  ),
});

/** `POST /v1/recover` */
export const RECOVER_BODY = object<Loose<RecoverRequest>>("what to try", {
  names: optional(
    list("mappings and sessions; default: all of them", name("a name"), {
      maxItems: RECOVER_NAMES_MAX,
    }),
  ),
});

/** `POST /v1/exports/close` */
export const CLOSE_EXPORT_BODY = object<
  & Pick<CloseExportRequest, "device" | "sessname">
  & Loose<Pick<CloseExportRequest, "force">>
>("what to take away", {
  device: text("the device, as the status shows it, or what clients call it"),
  sessname: optional(name("only this client's; default: from all")),
  force: optional(flag("needed: clients get I/O errors", false)),
});

/** `POST /v1/exports/revalidate` */
export const REVALIDATE_BODY = object<{ readonly device?: string }>("what to look at", {
  device: optional(text("the device, as the status shows it; default: all that are open")),
});

/** `POST /v1/mappings/NAME/verify` */
export const VERIFY_BODY = object<Loose<Omit<VerifyRequest, "name">>>("what to do", {
  destroy_data: optional(mayDestroy),
  bytes: optional(
    integer("how much from the start; 0: all", { multipleOf: SECTOR_BYTES, default: 0 }),
  ),
  block_bytes: optional(blockBytes(LOAD_DEFAULTS.verifyBlockBytes)),
  iodepth: optional(iodepth),
  seed: optional(integer("of the pattern", { maximum: 0xffff_ffff, default: LOAD_DEFAULTS.seed })),
});

/** `POST /v1/mappings/NAME/bench` */
export const BENCH_BODY = object<Loose<Omit<BenchRequest, "name">>>("what load to make", {
  rw: optional(choice("kind of load", BENCH_RW, LOAD_DEFAULTS.rw)),
  block_bytes: optional(blockBytes(LOAD_DEFAULTS.benchBlockBytes)),
  iodepth: optional(iodepth),
  runtime_ms: optional(
    integer("how long", {
      minimum: 1,
      maximum: BENCH_RUNTIME_MS_MAX,
      default: LOAD_DEFAULTS.runtimeMs,
    }),
  ),
  jobs: optional(
    integer("reactors that make load; 0: all", { maximum: BENCH_JOBS_MAX, default: 0 }),
  ),
  destroy_data: optional(mayDestroy),
});
