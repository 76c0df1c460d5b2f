/**
 * NBD on the wire (doc/proto.md of NetworkBlockDevice/nbd), spelled as there. All numbers are
 * big-endian; 64-bit magics are two words.
 */

/** Magic numbers. */
export const MAGIC = {
  /** `NBDMAGIC`, first word and second. */
  INIT_HIGH: 0x4e42_444d,
  INIT_LOW: 0x4147_4943,
  /** `IHAVEOPT`. */
  OPTION_HIGH: 0x4948_4156,
  OPTION_LOW: 0x454f_5054,
  OPTION_REPLY_HIGH: 0x0003_e889,
  OPTION_REPLY_LOW: 0x0455_65a9,
  REQUEST: 0x2560_9513,
  SIMPLE_REPLY: 0x6744_6698,
  STRUCTURED_REPLY: 0x668e_33ef,
} as const;

/** Server's greeting: two magics and 16 handshake flags. */
export const GREETING = { MAGIC: 0, OPTION_MAGIC: 8, FLAGS: 16, BYTES: 18 } as const;

/** Client's answer to the greeting. */
export const CLIENT_FLAGS_BYTES = 4;

/** Handshake flags of the server; the client's answer has the same bits. */
export const HANDSHAKE_FLAG = { FIXED_NEWSTYLE: 1, NO_ZEROES: 2 } as const;

/** Header of an option. */
export const OPTION_HEADER = { MAGIC: 0, OPTION: 8, LENGTH: 12, BYTES: 16 } as const;

/** Header of a reply to an option. */
export const OPTION_REPLY = { MAGIC: 0, OPTION: 8, TYPE: 12, LENGTH: 16, BYTES: 20 } as const;

/** What NBD_OPT_EXPORT_NAME is answered with; PADDING zeroes follow unless NO_ZEROES. */
export const EXPORT_REPLY = { SIZE: 0, FLAGS: 8, BYTES: 10, PADDING: 124 } as const;

/** NBD_OPT_*. */
export const OPTION = {
  EXPORT_NAME: 1,
  ABORT: 2,
  LIST: 3,
  STARTTLS: 5,
  INFO: 6,
  GO: 7,
  STRUCTURED_REPLY: 8,
} as const;

/** NBD_REP_*. */
export const REPLY = {
  ACK: 1,
  SERVER: 2,
  INFO: 3,
  ERR_UNSUP: 0x8000_0001,
  ERR_INVALID: 0x8000_0003,
  ERR_UNKNOWN: 0x8000_0006,
  ERR_SHUTDOWN: 0x8000_0007,
  ERR_TOO_BIG: 0x8000_0009,
} as const;

/** NBD_INFO_*. */
export const INFO = { EXPORT: 0, NAME: 1, DESCRIPTION: 2, BLOCK_SIZE: 3 } as const;

/** Transmission flags, NBD_FLAG_*. */
export const TRANSMISSION_FLAG = {
  HAS_FLAGS: 1 << 0,
  READ_ONLY: 1 << 1,
  SEND_FLUSH: 1 << 2,
  SEND_FUA: 1 << 3,
  SEND_TRIM: 1 << 5,
  SEND_WRITE_ZEROES: 1 << 6,
  SEND_DF: 1 << 7,
  CAN_MULTI_CONN: 1 << 8,
} as const;

/** Header of a request; WRITE is followed by LENGTH bytes. */
export const REQUEST = {
  MAGIC: 0,
  FLAGS: 4,
  COMMAND: 6,
  COOKIE: 8,
  OFFSET: 16,
  LENGTH: 24,
  BYTES: 28,
} as const;

/** NBD_CMD_*. */
export const COMMAND = {
  READ: 0,
  WRITE: 1,
  DISC: 2,
  FLUSH: 3,
  TRIM: 4,
  CACHE: 5,
  WRITE_ZEROES: 6,
  BLOCK_STATUS: 7,
  RESIZE: 8,
} as const;

/** NBD_CMD_FLAG_*. */
export const COMMAND_FLAG = { FUA: 1, NO_HOLE: 2, DF: 4, REQ_ONE: 8, FAST_ZERO: 16 } as const;

/** A simple reply; data of a successful READ follows. */
export const SIMPLE_REPLY = { MAGIC: 0, ERROR: 4, COOKIE: 8, BYTES: 16 } as const;

/** Header of a structured reply chunk; LENGTH bytes follow. */
export const CHUNK = { MAGIC: 0, FLAGS: 4, TYPE: 6, COOKIE: 8, LENGTH: 16, BYTES: 20 } as const;

/** NBD_REPLY_FLAG_*. */
export const CHUNK_FLAG = { DONE: 1 } as const;

/** NBD_REPLY_TYPE_*. */
export const CHUNK_TYPE = {
  NONE: 0,
  OFFSET_DATA: 1,
  ERROR: 0x8001,
  ERROR_OFFSET: 0x8002,
} as const;

/** Payload of OFFSET_DATA, after the chunk header. */
export const OFFSET_DATA = { OFFSET: 0, DATA: 8 } as const;

/** Payload of ERROR and ERROR_OFFSET, after the chunk header; the offset comes after the text. */
export const ERROR_CHUNK = { ERROR: 0, TEXT_LENGTH: 4, TEXT: 6, OFFSET_BYTES: 8 } as const;

/** The values that the error field of a reply may have. */
export const NBD_ERROR = {
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
  ENOTSUP: 95,
  ESHUTDOWN: 108,
} as const;
