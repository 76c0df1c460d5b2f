/** Bounds of the ring layer, each with its reason. */

/** Handler ids share a word with a 16-bit tag. */
export const RING_HANDLERS_MAX = 65_536;

/** Submission entries of a reactor's ring: twice the operations that one batch starts. */
export const REACTOR_RING_ENTRIES = 4_096;

/** Submission entries of main's ring: control operations are few. */
export const CONTROL_RING_ENTRIES = 256;

/** Bytes of a mailbox: a control message has a few KiB, and the reader empties it at once. */
export const MAILBOX_BYTES = 1 << 20;
