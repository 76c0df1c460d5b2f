/** io_uring numbers (include/uapi/linux/io_uring.h), spelled as the kernel spells them. */

/** IORING_OP_*. */
export const OP = {
  NOP: 0,
  FSYNC: 3,
  POLL_ADD: 6,
  SENDMSG: 9,
  RECVMSG: 10,
  TIMEOUT: 11,
  ACCEPT: 13,
  ASYNC_CANCEL: 14,
  CONNECT: 16,
  FALLOCATE: 17,
  CLOSE: 19,
  STATX: 21,
  READ: 22,
  WRITE: 23,
  SEND: 26,
  RECV: 27,
  OPENAT2: 28,
  SHUTDOWN: 34,
  MSG_RING: 40,
  URING_CMD: 46,
} as const;

/** IORING_SETUP_*. */
export const SETUP = {
  CQSIZE: 1 << 3,
  SUBMIT_ALL: 1 << 7,
  COOP_TASKRUN: 1 << 8,
  TASKRUN_FLAG: 1 << 9,
  SQE128: 1 << 10,
  SINGLE_ISSUER: 1 << 12,
  DEFER_TASKRUN: 1 << 13,
} as const;

/** IORING_POLL_ADD_MULTI, in the length field of a POLL_ADD: it stays until it is cancelled. */
export const POLL_ADD_MULTI = 1;

/** IORING_CQE_F_*: with MORE the operation goes on. */
export const CQE_FLAG = { MORE: 1 << 1 } as const;

/** IOSQE_*, in the flags byte of an SQE. */
export const SQE_FLAG = { IO_LINK: 1 << 2, ASYNC: 1 << 4 } as const;

/** io_uring_enter flags. */
export const ENTER = { GETEVENTS: 1 } as const;

/** Bits of the kernel's SQ flags word. */
export const SQ_FLAG = { NEED_WAKEUP: 1, CQ_OVERFLOW: 2, TASKRUN: 4 } as const;

/** io_uring_register opcodes. */
export const REGISTER = { EVENTFD: 4 } as const;

/** MSG_* flags of send and receive operations. */
export const MSG = { WAITALL: 0x100, NOSIGNAL: 0x4000 } as const;

/** IORING_RECVSEND_POLL_FIRST, in the ioprio field: wait for data before the first try. */
export const RECVSEND_POLL_FIRST = 1;

/** Word indexes (32-bit) in an SQE. */
export const SQE = {
  OPCODE_FLAGS_IOPRIO: 0,
  FD: 1,
  OFFSET_LOW: 2,
  OFFSET_HIGH: 3,
  ADDRESS_LOW: 4,
  ADDRESS_HIGH: 5,
  LENGTH: 6,
  OP_FLAGS: 7,
  USER_DATA_LOW: 8,
  USER_DATA_HIGH: 9,
  /** URING_CMD: its operation stands in place of the offset. */
  COMMAND_OPERATION: 2,
  /** URING_CMD: its payload, 16 bytes, or 80 with SETUP.SQE128. */
  COMMAND: 12,
  WORDS: 16,
} as const;
