/** Bounds of the metrics, each with its reason. */

/** Disks that are not in use and whose counts are kept apart: each takes a page or two. */
export const IDLE_DISKS_MAX = 1000;

/** Counts that are remembered for something that is gone: sessions, paths, reasons. */
export const GONE_SERIES_MAX = 4096;
