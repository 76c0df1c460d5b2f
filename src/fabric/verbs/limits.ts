/** Bounds of the verbs carrier, each with its reason. */

/** Completions fetched by one poll: several batches of depth 32 with their signalled sends. */
export const POLL_BATCH_MAX = 64;

/**
 * The receive that is posted first: INFO_REQ (272 bytes) at a server, INFO_RSP with up to 4,095
 * regions at a client; the kernel's server has at most about 1,025.
 */
export const FIRST_RECEIVE_BYTES = 64 * 1024;

/** Every other receive: RKEY_RSP is the longest message (8 bytes); one cache line. */
export const RECEIVE_BYTES = 64;

/** Work requests between two signalled ones: this part of the send queue, so that slots return. */
export const SIGNALS_PER_QUEUE = 4;

/** Slots of the send queue that only the last work request, the marker, may use. */
export const MARKER_SLOTS = 1;

/** Ranges gathered by one post. */
export const SEND_RANGES_MAX = 2;

/** Connection requests that wait in the kernel: as its own server (rtrs-srv.c:2053). */
export const LISTEN_BACKLOG = 64;

/** Requests whose answer is out but whose peer has not confirmed: the client's own limit. */
export const ACCEPT_TIMEOUT_MS = 30_000;

/** rdma_connect: 7 is the most there is, and for "receiver not ready" it means for ever. */
export const RETRY_COUNT = 7;

/** Pause after the kernel could not hand out a connection event. */
export const EVENT_RETRY_MS = 100;
