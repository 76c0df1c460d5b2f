/** Bounds of the RNBD layer, each with its reason. */

/** Devices that one session may open: ids index tables on every reactor. */
export const SESSION_DEVICES_MAX = 4096;

/** Longest device name on the wire, bytes without the NUL (NAME_MAX - 1). */
export const DEVICE_NAME_BYTES_MAX = 254;

/**
 * How long a writer is tried while another one is there. A server learns by its heartbeat that a
 * client died, after 30 s with the defaults: whoever takes that one's place is let in after that.
 */
export const OTHER_WRITER_PATIENCE_MS = 60_000;

/** Admin requests that wait for a permit at the client: every mapping sends at most one. */
export const ADMIN_QUEUE_MAX = 8192;
