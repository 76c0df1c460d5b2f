/** Bounds of the RTRS layer, each with its reason. */

/** Bytes of a chunk that hold headers: what the kernel's server offers (rtrs-srv.c:25). */
export const HEADER_AREA_BYTES = 4096;

/** Header slot of one request at the client: RNBD OPEN (264) + RTRS READ (24), rounded up. */
export const REQUEST_HEADER_SLOT_BYTES = 320;

/** Data buffer of an admin request: SESS_INFO and OPEN answers are at most 56 bytes. */
export const ADMIN_BUFFER_BYTES = 64;

/** Buffer ids that the client keeps for admin messages: they go out one after the other. */
export const ADMIN_PERMITS = 2;

/** Paths of a session (rtrs-pri.h:57). */
export const PATHS_MAX = 128;

/** Connections of a path that a server accepts (rtrs-srv.c:1893). */
export const CONNECTIONS_MAX = 4096;

/** Sessions a server holds at a time: each costs address space for its chunks. */
export const SERVER_SESSIONS_MAX = 256;

/** A path that does not get through INFO within this time is closed (as kernels from 7.x do). */
export const PATH_SETUP_TIMEOUT_MS = 30_000;

/** Messages on the service connection besides admin requests: heartbeats and their answers. */
export const SERVICE_POSTS_MAX = 512;

/**
 * Queue of a service connection: a few admin requests at a time, heartbeats, and, at a server,
 * every chunk that a client may use for admin messages.
 */
export const SERVICE_QUEUE_LIMITS = { sendsMax: 512, receivesMax: 512 } as const;

/** Messages of an I/O connection besides the answers: what is in flight while a path ends. */
export const IO_QUEUE_SPARE = 16;

/** Messages of an answer where keys are renewed: the data and the new key. */
export const RENEWED_ANSWER_POSTS = 2;

/** Changes of a chunk's window that are outstanding at a time: it is opened, then closed. */
export const WINDOW_CHANGES_PER_CHUNK = 2;

/** Answers that one request may need: a write and an immediate. */
export const POSTS_PER_REQUEST_MAX = 3;

/** The largest SEND that an RTRS peer may send: INFO_REQ to a server (272), INFO_RSP (8 + 16 n). */
export const INFO_REQUEST_BYTES = 272;
