/** Bounds of the NBD exposure, each with its reason. */

/** Requests of one connection at a time: twice the deepest queue that clients use by default. */
export const REQUESTS_MAX = 256;

/**
 * Permits that one connection holds at a time. Less than a session has, so that a client which
 * does not take its replies cannot starve the session's other disks.
 */
export const PIECES_MAX = 128;

/** Bytes received ahead: several batches of small requests, and still in the cache. */
export const STAGING_BYTES = 256 * 1024;

/** Staging is compacted when less than this is free behind the data: a request and its payload. */
export const STAGING_ROOM_BYTES_MIN = 32 * 1024;

/** Write payload up to this is copied out of staging; above, received straight into place. */
export const SMALL_PAYLOAD_BYTES_MAX = 16 * 1024;

/** Longest READ or WRITE, bytes: the least that every server should take (proto.md). */
export const PAYLOAD_BYTES_MAX = 32 * 1024 * 1024;

/** One send stops growing here, so that the permits it holds come back soon. */
export const SEND_BYTES_MAX = 512 * 1024;

/** Reply headers of one send: 28 bytes a piece and at most 128 a failed request. */
export const REPLY_HEADER_BYTES_MAX = PIECES_MAX * 28 + REQUESTS_MAX * 128;

/** Ranges of one send: headers and data of every piece, and the headers behind the last. */
export const REPLY_RANGES_MAX = 2 * PIECES_MAX + 4;

/** Text of an error reply, bytes. */
export const ERROR_TEXT_BYTES_MAX = 80;

/** Preferred block size is at least this: pages of clients are. */
export const PREFERRED_BLOCK_BYTES_MIN = 4096;

/** Largest minimum block size that the protocol allows. */
export const MINIMUM_BLOCK_BYTES_MAX = 65_536;

/** Option data that is looked at, bytes: the longest name and a few information requests. */
export const OPTION_BYTES_MAX = 8192;

/** Option data that is skipped before the client is cut off, bytes. */
export const OPTION_SKIPPED_BYTES_MAX = 1024 * 1024;

/** Options of one negotiation; real clients send at most ten. */
export const OPTIONS_MAX = 64;

/** Time from accept to the transmission phase, milliseconds. */
export const NEGOTIATION_TIMEOUT_MS = 10_000;

/** Clients of one export that negotiate at a time; more wait in the backlog. */
export const NEGOTIATIONS_MAX = 16;

/** Connections of one export: nbdcopy and QEMU open up to 16 each. */
export const CONNECTIONS_MAX = 64;

/** Connections that wait to be accepted. */
export const LISTEN_BACKLOG = 64;

/** Pause after a failed accept (out of descriptors), milliseconds. */
export const ACCEPT_RETRY_MS = 100;

/** sockaddr_un.sun_path without its NUL, bytes (unix(7)). */
export const SOCKET_PATH_BYTES_MAX = 107;

/** Replies that may wait in a client's socket: four of 128 KiB; more would leave the caches. */
export const SEND_BUFFER_BYTES = 512 * 1024;

/**
 * Requests at which a reactor lets the client run before it waits: measured, 4 KiB writes at depth
 * 32 gain a third; at low depth the answer is what the client waits for.
 */
export const GIVE_WAY_REQUESTS_MIN = 8;
