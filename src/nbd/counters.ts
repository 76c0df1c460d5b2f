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
  | `nbd_rejected_${RejectionName}`;

/** All names, in the order in which they lie in memory. */
export const NBD_COUNTERS: readonly NbdCounterName[] = [
  ...FIXED,
  ...NEGOTIATION_FAILURES.map((name) => `nbd_negotiation_${name}` as const),
  ...REJECTIONS.map(({ name }) => `nbd_rejected_${name}` as const),
];

/** Place of the first rejection's counter: that of rejection i is i further. */
export const FIRST_REJECTION_COUNTER = NBD_COUNTERS.indexOf("nbd_rejected_none");
