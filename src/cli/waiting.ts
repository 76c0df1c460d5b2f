/** How long verbs wait when nothing else is said. */

/** Long enough for a server that reboots its network, short enough for a person. */
export const DEFAULT_TIMEOUT_MS = 60_000;
