/** What the ublk exposure counts; one block a thread. */
export const UBLK_COUNTERS = [
  "ublk_requests",
  "ublk_failed_requests",
  "ublk_read_bytes",
  "ublk_written_bytes",
  /** Commands that the driver refused though the device has not stopped: a mistake of ours. */
  "ublk_refused_commands",
] as const;

/** Name of a counter. */
export type UblkCounterName = (typeof UBLK_COUNTERS)[number];
