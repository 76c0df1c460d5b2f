/** Bounds of the control API, each with its reason. */

/** Bytes of a request's body: a map request with 128 paths of two addresses fits several times. */
export const BODY_BYTES_MAX = 65_536;

/** Requests that one listener answers at a time: each may hold a mapping that is being made. */
export const REQUESTS_MAX = 64;

/** Event streams of one listener: a browser tab or a script each. */
export const EVENT_READERS_MAX = 128;

/**
 * Connections of one listener: requests under way, event streams, and some that are idle. More are
 * closed unheard, so that nobody takes the files that the data plane needs.
 */
export const CONNECTIONS_MAX = 256;

/** A request that takes longer to come in has failed; the longest body takes far less. */
export const REQUEST_TIMEOUT_MS = 30_000;

/** Who takes nothing of its answer for so long does not read it. */
export const WRITE_TIMEOUT_MS = 30_000;

/** Events that wait for a slow reader: all that are remembered, and as many again. */
export const EVENTS_WAITING_MAX = 2048;

/** Silence on an event stream: proxies and NAT tables give up after a minute or more. */
export const KEEP_ALIVE_MS = 15_000;

/** Bytes of one test pattern or load request: the largest transfer that NBD clients use, twice. */
export const BLOCK_BYTES_MAX = 64 * 2 ** 20;

/** Requests in flight of one load generator: the deepest session queue. */
export const IODEPTH_MAX = 65_535;

/** Longest load run, milliseconds: an hour. */
export const BENCH_RUNTIME_MS_MAX = 3_600_000;

/** Load generators: the largest number of reactors. */
export const BENCH_JOBS_MAX = 64;

/** How long `apply` waits unless told otherwise. */
export const APPLY_TIMEOUT_MS_DEFAULT = 30_000;

/** Longest that `apply` waits: an hour. */
export const APPLY_TIMEOUT_MS_MAX = 3_600_000;

/** As the config file's max_reconnect_attempts. */
export const RECONNECT_ATTEMPTS_MAX = 9999;

/** Names of one `recover`; more fit into no body. */
export const RECOVER_NAMES_MAX = 2048;

/** Requests in flight that are listed: the deepest queue; more fit into no answer. */
export const INFLIGHT_LIMIT_MAX = 65_535;

/** Requests in flight that are listed unless told otherwise. */
export const INFLIGHT_LIMIT_DEFAULT = 1000;

/** Requests under way at the end are cut off after this: the appliance behind them is gone. */
export const STOP_TIMEOUT_MS = 1_000;
