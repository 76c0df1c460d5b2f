/** Request bodies of the control API, checked before anything acts on them. */
import type {
  BenchRequest,
  MapRequest,
  PathRequest,
  RemapRequest,
  ResizeRequest,
  VerifyRequest,
} from "../appliance_api.ts";
import { pathProblem } from "../config/addresses.ts";
import { devicePathProblem, mappingNameProblem, sessnameProblem } from "../config/names.ts";
import { ApiFailure } from "./failure.ts";
import { Fields } from "./fields.ts";
import { BENCH_JOBS_MAX, BENCH_RUNTIME_MS_MAX, BLOCK_BYTES_MAX, IODEPTH_MAX } from "./limits.ts";

const SECTOR_BYTES = 512;
const BLOCK_BYTES_DEFAULT = 4096;
const VERIFY_BLOCK_BYTES_DEFAULT = 65_536;
const IODEPTH_DEFAULT = 32;
const RUNTIME_MS_DEFAULT = 10_000;
/** Paths of one session in this version. */
const PATHS_MAX = 1;

/** Kinds of load that `bench` knows. */
export const BENCH_RW = ["read", "write", "randread", "randwrite", "randrw"] as const;

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
  const access_mode = fields.optionalChoice("access_mode", ["ro", "rw", "migration"]);
  const expose = fields.optionalChoice("expose", ["auto", "ublk", "nbd"]);
  const paths = fields.optionalTexts("paths", PATHS_MAX, pathProblem);
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
 * The body of `POST /v1/sessions/NAME/disconnect` and `…/reconnect`.
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
 * The body of `POST /v1/mappings/NAME/verify`.
 * @throws ApiFailure, also when it does not agree to the loss of data
 */
export function readVerifyRequest(body: unknown, name: string): VerifyRequest {
  const fields = new Fields("verify", body);
  const destroy_data = fields.flag("destroy_data");
  const bytes = fields.integer("bytes", 0, Number.MAX_SAFE_INTEGER, 0);
  const block_bytes = readBlockBytes(fields, VERIFY_BLOCK_BYTES_DEFAULT);
  const iodepth = fields.integer("iodepth", 1, IODEPTH_MAX, IODEPTH_DEFAULT);
  const seed = fields.integer("seed", 0, 0xffff_ffff, 1);
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
  const rw = fields.optionalChoice("rw", BENCH_RW) ?? "randread";
  const block_bytes = readBlockBytes(fields, BLOCK_BYTES_DEFAULT);
  const iodepth = fields.integer("iodepth", 1, IODEPTH_MAX, IODEPTH_DEFAULT);
  const runtime_ms = fields.integer("runtime_ms", 1, BENCH_RUNTIME_MS_MAX, RUNTIME_MS_DEFAULT);
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
