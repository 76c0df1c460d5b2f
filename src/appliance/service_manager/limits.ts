/** Bounds of what is told to the service manager, each with its reason. */

/** sockaddr_un.sun_path (unix(7)): with the NUL after a path, none after an abstract name. */
export const SUN_PATH_BYTES = 108;

/** systemd takes messages of up to a page; the text is for one line of `systemctl status`. */
export const STATUS_CHARACTERS_MAX = 400;

/** A change of state often comes with several events, and nobody reads faster. */
export const STATUS_INTERVAL_MS = 1_000;

/** The receiver's queue is full while it is busy: milliseconds, not seconds. */
export const SEND_RETRY_MS = 20;

/** Together half a second; after that a message is given up: nothing may wait for it. */
export const SEND_RETRIES_MAX = 25;

/** More cannot come together but by a bug: the messages of a second are a handful. */
export const BACKLOG_MAX = 64;

/** How often more time is asked for; well below what a service is usually given (90 s). */
export const EXTEND_INTERVAL_MS = 5_000;

/** Time asked for: several intervals, so that one message that is lost or late does no harm. */
export const EXTEND_BY_MS = 30_000;

/**
 * For how long at most. First tries of mappings end with the longest time for a connect that the
 * config can give, 10 minutes; a stop ends much sooner.
 */
export const EXTEND_FOR_MS_MAX = 15 * 60_000;

/** Beats of the pulse within the time of the watchdog: fine enough to feed at half of it. */
export const BEATS_PER_WATCHDOG = 16;

/** A reactor is taken for dead after this share of the time, so that it is named in good time. */
export const SILENT_SHARE_OF_WATCHDOG = 0.25;
