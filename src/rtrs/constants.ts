/** RTRS numbers (drivers/infiniband/ulp/rtrs/rtrs-pri.h). */

/** First field of every CM message, and the version that follows it. */
export const RTRS_MAGIC = 0x1bbd;
export const RTRS_VERSION = 0x0200;
export const RTRS_VERSION_MAJOR = 2;

/** RTRS message types (rtrs-pri.h:143). */
export const RTRS_MESSAGE = {
  INFO_REQUEST: 0,
  INFO_RESPONSE: 1,
  WRITE: 2,
  READ: 3,
  RKEY_RESPONSE: 4,
} as const;

/** Immediate types: the top four bits (rtrs-pri.h:337). */
export const IMMEDIATE = {
  IO_REQUEST: 0,
  IO_RESPONSE: 1,
  IO_RESPONSE_INVALIDATED: 2,
  HEARTBEAT: 8,
  HEARTBEAT_ACK: 9,
} as const;

/** Flag in a READ message: invalidate the descriptor's key in the answer (rtrs-pri.h:156). */
export const NEED_INVALIDATE_FLAG = 1;
/** Flag in the accept message: the server gives a new key with every answer (rtrs-pri.h:159). */
export const NEW_RKEY_FLAG = 2;

/** Bits of an immediate below its type. */
export const IMMEDIATE_PAYLOAD_BITS = 28;
