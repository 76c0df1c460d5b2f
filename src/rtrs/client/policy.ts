/** How requests are spread over the paths of a session (rtrs-clt.c:743-928). */

/** By the originals' names. */
export const MPATH_POLICIES = ["round-robin", "min-inflight", "min-latency"] as const;
export type MpathPolicy = typeof MPATH_POLICIES[number];
