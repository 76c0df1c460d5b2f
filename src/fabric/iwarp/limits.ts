/** Bounds of the iWARP carrier, each with its reason. */

/** Received bytes held per connection: several batches of 32 blocks of 4 KiB between two parses. */
export const STAGING_BYTES = 512 * 1024;

/** Room that a staging receive should have: the longest frame (65,535 + 9) fits twice. */
export const STAGING_ROOM_MIN_BYTES = 128 * 1024;

/** Headers and inlined payload of one gathered send: about 500 small requests. */
export const SEND_BANK_BYTES = 64 * 1024;

/** Pieces of one gathered send; the kernel takes at most 1,024 (IOV_MAX). */
export const SEND_PIECES_MAX = 1_000;

/** Payload up to this is copied next to its header: cheaper than a piece of its own. */
export const INLINE_PAYLOAD_MAX_BYTES = 128;

/** Payload of one frame: the length field and RFC 5044 allow 64,750; 128 KiB leave 1,600 over. */
export const FRAME_PAYLOAD_MAX_BYTES = 64_736;

/** A SEND in several frames is put together here: the longest INFO_RSP (65,535 chunks) fits. */
export const REASSEMBLY_BYTES = 1024 * 1024;

/** Payload that is still missing and at least this long is received straight into its place. */
export const DIRECT_RECEIVE_MIN_BYTES = 16 * 1024;

/**
 * Bytes received behind a directly placed payload: its CRC, the header of the next frame or a
 * whole short last one (1,600 bytes of payload), an immediate, the header of the next write. More
 * would be payload that has to be copied; less, one more receive for each message.
 */
export const DIRECT_RECEIVE_TAIL_BYTES = 2_048;

/** Factor by which the staging receive grows back after large payloads ended. */
export const STAGING_LIMIT_GROWTH = 4;

/** Ranges of memory one peer can name: chunks or buffers of a path, each its own range. */
export const EXPOSED_RANGES_MAX = 65_536;

/** Private data of an MPA frame (RFC 5044 7.1). */
export const MPA_PRIVATE_DATA_MAX_BYTES = 512;

/** Peers in start-up at a time, per listener: each holds a descriptor and a few pages. */
export const HALF_OPEN_MAX = 128;

/** How long an accepted peer may take to send its MPA request. */
export const MPA_REQUEST_TIMEOUT_MS = 5_000;

/** How long a reply of at most 532 bytes may take to go out. */
export const MPA_REPLY_TIMEOUT_MS = 5_000;

/** How long a listener that is out of descriptors or memory waits before it accepts again. */
export const ACCEPT_RETRY_MS = 100;

/** Connections waiting to be accepted: the kernel's own server uses 64 (rtrs-srv.c:2053). */
export const LISTEN_BACKLOG = 128;

/** Silence before TCP asks whether the peer is there, seconds. */
export const KEEPALIVE_IDLE_SECONDS = 10;

/** Between two such questions, seconds. */
export const KEEPALIVE_INTERVAL_SECONDS = 5;

/** Unanswered questions that end a connection. */
export const KEEPALIVE_PROBES_MAX = 4;

/** Sent bytes that stay unacknowledged for this long end a connection. */
export const TCP_USER_TIMEOUT_MS = 30_000;

/** Messages of one batch from which on a few microseconds are worth a larger batch of answers. */
export const GATHER_MESSAGES_MIN = 8;
