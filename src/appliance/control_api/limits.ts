/** Bounds of the control API, each with its reason. */

/** Bytes of a request's body: a map request with 128 paths of two addresses fits several times. */
export const BODY_BYTES_MAX = 65_536;

/** Requests answered at a time: each may hold a mapping that is being made. */
export const REQUESTS_MAX = 64;

/** Bytes of one test pattern or load request: the largest transfer that NBD clients use, twice. */
export const BLOCK_BYTES_MAX = 64 * 2 ** 20;

/** Requests in flight of one load generator: the deepest session queue. */
export const IODEPTH_MAX = 65_535;

/** Longest load run, milliseconds: an hour. */
export const BENCH_RUNTIME_MS_MAX = 3_600_000;

/** Load generators: the largest number of reactors. */
export const BENCH_JOBS_MAX = 64;

/** Requests under way at the end are cut off after this: the appliance behind them is gone. */
export const STOP_TIMEOUT_MS = 1_000;
