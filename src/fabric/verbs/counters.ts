/** What a thread counts of its verbs connections; the order is that of the counters in memory. */
export const VERBS_COUNTER_NAMES = [
  "post_send_calls",
  "post_recv_calls",
  "poll_cq_calls",
  "req_notify_calls",
  "cq_events",
  "sends",
  "receives",
] as const;

/** Index of each counter, added to the index of the first. */
export const VERBS_COUNTER = {
  POST_SEND_CALLS: 0,
  POST_RECV_CALLS: 1,
  POLL_CQ_CALLS: 2,
  REQ_NOTIFY_CALLS: 3,
  CQ_EVENTS: 4,
  SENDS: 5,
  RECEIVES: 6,
} as const;
