/** Bounds of the reconciler, each with its reason. */

/** Pieces of work at the same time: taking a mapping away may look at every process. */
export const ACTIONS_MAX = 64;

/** What waits for its users is looked at again after this long. */
export const WAIT_RETRY_MS = 1_000;

/** Pause after the first failure; it doubles. */
export const RETRY_FIRST_MS = 500;

/** Longest pause between two tries. */
export const RETRY_LAST_MS = 30_000;

/** Things happen together: one round looks at all of them. */
export const ROUND_DELAY_MS = 1;

/** A thousand mappings that open one after the other are no reason for a thousand rounds. */
export const ROUND_GAP_MS = 20;

/** Times as long as a round took, from its start, until the next one. */
export const ROUND_REST = 5;

/** A watched file is read when it was left alone for this long: editors write in several steps. */
export const WATCH_QUIET_MS = 200;
