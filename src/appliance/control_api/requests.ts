/** Request bodies of the control API, checked before anything acts on them. */
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
import { pathProblem } from "../config/addresses.ts";
import { NAME_BYTES_MAX, PATH_BYTES_MAX, PATHS_MAX } from "../config/limits.ts";
import {
  devicePathProblem,
  mappingNameProblem,
  sessnameProblem,
  textProblem,
} from "../config/names.ts";
import { ApiFailure } from "./failure.ts";
import { Fields } from "./fields.ts";
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
import { BENCH_RW, EXPOSE, LOAD_DEFAULTS, SECTOR_BYTES } from "./request_schemas.ts";
import { ACCESS_MODES, POLICIES } from "./status_schema.ts";

export { BENCH_RW };

const nameProblem = (value: string) => textProblem(value, NAME_BYTES_MAX);
const deviceProblem = (value: string) => textProblem(value, PATH_BYTES_MAX);

/**
 * The body of `POST /v1/mappings`.
 * @param runtimeDir where the mapping's socket is going to be
 * @throws ApiFailure
 */
export function readMapRequest(body: unknown, runtimeDir: string): MapRequest {
  const fields = new Fields("map", body);
  const name = fields.optionalText("name", (value) => mappingNameProblem(value, runtimeDir));
  const sessname = fields.text("sessname", sessnameProblem);
  const device_path = fields.text("device_path", devicePathProblem);
  const access_mode = fields.optionalChoice("access_mode", ACCESS_MODES);
  const expose = fields.optionalChoice("expose", EXPOSE);
  const paths = fields.optionalTexts("paths", { min: 1, max: PATHS_MAX }, pathProblem);
  const dest_port = fields.optionalInteger("dest_port", 1, 65_535);
  fields.finish();
  if (dest_port !== undefined && paths === undefined) {
    throw ApiFailure.bad("map: dest_port: says nothing without paths; give both or neither");
  }
  return {
    sessname,
    device_path,
    ...(name === undefined ? {} : { name }),
    ...(access_mode === undefined ? {} : { access_mode }),
    ...(expose === undefined ? {} : { expose }),
    ...(paths === undefined ? {} : { paths }),
    ...(dest_port === undefined ? {} : { dest_port }),
  };
}

/**
 * The body of `POST /v1/mappings/NAME/remap`.
 * @throws ApiFailure
 */
export function readRemapRequest(body: unknown, name: string): RemapRequest {
  const fields = new Fields("remap", body);
  const force = fields.flag("force");
  fields.finish();
  return { name, force };
}

/**
 * The body of `POST /v1/mappings/NAME/resize`.
 * @throws ApiFailure
 */
export function readResizeRequest(body: unknown, name: string): ResizeRequest {
  const fields = new Fields("resize", body);
  const size = fields.optionalInteger("size_bytes", SECTOR_BYTES, Number.MAX_SAFE_INTEGER);
  fields.finish();
  if (size === undefined) return { name };
  if (size % SECTOR_BYTES === 0) return { name, size_bytes: size };
  throw ApiFailure.bad(`resize: size_bytes: ${size} is no multiple of ${SECTOR_BYTES}`);
}

/**
 * The body of `POST …/NAME/disconnect` and `…/reconnect`.
 * @param verb which of the two, for messages
 * @throws ApiFailure
 */
export function readPathRequest(verb: string, body: unknown, sessname: string): PathRequest {
  const fields = new Fields(verb, body);
  const path = fields.optionalText("path", pathProblem);
  fields.finish();
  return path === undefined ? { sessname } : { sessname, path };
}

/**
 * The body of `POST /v1/sessions/NAME/paths`.
 * @throws ApiFailure
 */
export function readPathEditRequest(body: unknown, sessname: string): PathEditRequest {
  const fields = new Fields("path add", body);
  const path = fields.text("path", pathProblem);
  fields.finish();
  return { sessname, path };
}

/**
 * The body of `PATCH /v1/sessions/NAME`.
 * @throws ApiFailure, also when it changes nothing
 */
export function readSessionChange(body: unknown, sessname: string): SessionChangeRequest {
  const fields = new Fields("session", body);
  const mpath_policy = fields.optionalChoice("mpath_policy", POLICIES);
  const attempts = fields.optionalInteger("max_reconnect_attempts", -1, RECONNECT_ATTEMPTS_MAX);
  fields.finish();
  if (mpath_policy === undefined && attempts === undefined) {
    throw ApiFailure.bad("session: changes nothing; give mpath_policy or max_reconnect_attempts");
  }
  return {
    sessname,
    ...(mpath_policy === undefined ? {} : { mpath_policy }),
    ...(attempts === undefined ? {} : { max_reconnect_attempts: attempts }),
  };
}

/**
 * The body of `POST /v1/apply`.
 * @throws ApiFailure
 */
export function readApplyRequest(body: unknown): ApplyRequest {
  const fields = new Fields("apply", body);
  const timeout_ms = fields.integer(
    "timeout_ms",
    0,
    APPLY_TIMEOUT_MS_MAX,
    APPLY_TIMEOUT_MS_DEFAULT,
  );
  fields.finish();
  return { timeout_ms };
}

/**
 * The body of `POST /v1/recover`.
 * @throws ApiFailure
 */
export function readRecoverRequest(body: unknown): RecoverRequest {
  const fields = new Fields("recover", body);
  const names = fields.optionalTexts("names", { min: 0, max: RECOVER_NAMES_MAX }, nameProblem);
  fields.finish();
  return { names: names ?? [] };
}

/**
 * The body of `POST /v1/exports/close`.
 * @throws ApiFailure
 */
export function readCloseExport(body: unknown): CloseExportRequest {
  const fields = new Fields("close", body);
  const device = fields.text("device", deviceProblem);
  // Not sessnameProblem: other clients may be called what ours must not be.
  const sessname = fields.optionalText("sessname", nameProblem);
  const force = fields.flag("force");
  fields.finish();
  return sessname === undefined ? { device, force } : { device, sessname, force };
}

/**
 * The body of `POST /v1/exports/revalidate`: the device, or undefined for all.
 * @throws ApiFailure
 */
export function readRevalidate(body: unknown): string | undefined {
  const fields = new Fields("revalidate", body);
  const device = fields.optionalText("device", deviceProblem);
  fields.finish();
  return device;
}

/**
 * The body of `POST /v1/mappings/NAME/verify`.
 * @throws ApiFailure, also when it does not agree to the loss of data
 */
export function readVerifyRequest(body: unknown, name: string): VerifyRequest {
  const fields = new Fields("verify", body);
  const destroy_data = fields.flag("destroy_data");
  const bytes = fields.integer("bytes", 0, Number.MAX_SAFE_INTEGER, 0);
  const block_bytes = readBlockBytes(fields, LOAD_DEFAULTS.verifyBlockBytes);
  const iodepth = fields.integer("iodepth", 1, IODEPTH_MAX, LOAD_DEFAULTS.iodepth);
  const seed = fields.integer("seed", 0, 0xffff_ffff, LOAD_DEFAULTS.seed);
  fields.finish();
  if (bytes % SECTOR_BYTES !== 0) {
    throw ApiFailure.bad(`verify: bytes: ${bytes} is no multiple of ${SECTOR_BYTES}`);
  }
  if (!destroy_data) throw overwrites("verify", name);
  return { name, destroy_data, bytes, block_bytes, iodepth, seed };
}

/**
 * The body of `POST /v1/mappings/NAME/bench`.
 * @throws ApiFailure, also when it writes and does not agree to the loss of data
 */
export function readBenchRequest(body: unknown, name: string): BenchRequest {
  const fields = new Fields("bench", body);
  const rw = fields.optionalChoice("rw", BENCH_RW) ?? LOAD_DEFAULTS.rw;
  const block_bytes = readBlockBytes(fields, LOAD_DEFAULTS.benchBlockBytes);
  const iodepth = fields.integer("iodepth", 1, IODEPTH_MAX, LOAD_DEFAULTS.iodepth);
  const runtime_ms = fields.integer(
    "runtime_ms",
    1,
    BENCH_RUNTIME_MS_MAX,
    LOAD_DEFAULTS.runtimeMs,
  );
  const jobs = fields.integer("jobs", 0, BENCH_JOBS_MAX, 0);
  const destroy_data = fields.flag("destroy_data");
  fields.finish();
  if (rw !== "read" && rw !== "randread" && !destroy_data) throw overwrites(`bench ${rw}`, name);
  return { name, rw, block_bytes, iodepth, runtime_ms, jobs, destroy_data };
}

function readBlockBytes(fields: Fields, fallback: number): number {
  const bytes = fields.integer("block_bytes", SECTOR_BYTES, BLOCK_BYTES_MAX, fallback);
  if (bytes % SECTOR_BYTES === 0) return bytes;
  throw ApiFailure.bad(`block_bytes: ${bytes} is no multiple of ${SECTOR_BYTES}`);
}

function overwrites(what: string, name: string): ApiFailure {
  const message = `${what} overwrites the data of mapping "${name}"; agree with destroy_data`;
  return new ApiFailure(403, message, "EPERM", 64);
}
