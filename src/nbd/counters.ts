/** What the NBD exposure counts. One block a thread; main's and the reactors' add up. */
import { NEGOTIATION_FAILURES, type NegotiationFailure } from "./negotiation.ts";
import { type RejectionName, REJECTIONS } from "./gate.ts";

const FIXED = [
  "nbd_accepted",
  "nbd_refused_busy",
  "nbd_negotiation_timeout",
  "nbd_negotiation_lost",
  "nbd_connections_opened",
  "nbd_connections_closed",
  "nbd_requests",
  "nbd_read_bytes",
  "nbd_written_bytes",
  "nbd_failed_requests",
  "nbd_sends",
  "nbd_receives",
] as const;

/** Name of a counter. */
export type NbdCounterName =
  | (typeof FIXED)[number]
  | `nbd_negotiation_${NegotiationFailure}`
  | `nbd_rejected_${Exclude<RejectionName, "none">}`;

const REJECTED = REJECTIONS.flatMap(({ name }) =>
  name === "none" ? [] : [`nbd_rejected_${name}` as const]
);

/** All names, in the order in which they lie in memory. */
export const NBD_COUNTERS: readonly NbdCounterName[] = [
  ...FIXED,
  ...NEGOTIATION_FAILURES.map((name) => `nbd_negotiation_${name}` as const),
  ...REJECTED,
];

/** Place of the counter of rejection 0, which does not exist: that of rejection i is i further. */
export const REJECTION_COUNTERS = NBD_COUNTERS.length - REJECTED.length - 1;
