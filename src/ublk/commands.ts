/**
 * What goes between a ublk server and the driver: numbers, structs and their offsets, in bytes
 * unless a name says otherwise. Source: include/uapi/linux/ublk_cmd.h (Linux 6.12; the commands
 * and features of 6.16 as there).
 */

/** `_IOR` and `_IOWR` of type 'u' with an argument of `bytes` (asm-generic/ioctl.h). */
const READS = 0x8000_0000;
const WRITES = 0x4000_0000;
const ioctlNumber = (direction: number, bytes: number, number: number) =>
  (direction | (bytes << 16) | ("u".charCodeAt(0) << 8) | number) | 0;

const CONTROL_BYTES = 32;
const IO_BYTES = 16;
const readsControl = (number: number) => ioctlNumber(READS, CONTROL_BYTES, number);
const changesControl = (number: number) => ioctlNumber(READS | WRITES, CONTROL_BYTES, number);

/** Operations on /dev/ublk-control, as signed words. */
export const CONTROL = {
  GET_DEV_INFO: readsControl(0x02),
  ADD_DEV: changesControl(0x04),
  DEL_DEV: changesControl(0x05),
  START_DEV: changesControl(0x06),
  STOP_DEV: changesControl(0x07),
  SET_PARAMS: changesControl(0x08),
  GET_PARAMS: readsControl(0x09),
  START_USER_RECOVERY: changesControl(0x10),
  END_USER_RECOVERY: changesControl(0x11),
  GET_FEATURES: readsControl(0x13),
  UPDATE_SIZE: changesControl(0x15),
} as const;

/** Operations on /dev/ublkcN, as signed words. */
export const IO_OPERATION = {
  FETCH_REQ: ioctlNumber(READS | WRITES, IO_BYTES, 0x20),
  COMMIT_AND_FETCH_REQ: ioctlNumber(READS | WRITES, IO_BYTES, 0x21),
} as const;

/** struct ublksrv_ctrl_cmd, 32-bit words from the start of the SQE's command. */
export const CONTROL_COMMAND = {
  DEV_ID: 0,
  QUEUE_ID_AND_LEN: 1,
  ADDRESS_LOW: 2,
  ADDRESS_HIGH: 3,
  DATA_LOW: 4,
  DATA_HIGH: 5,
  WORDS: 8,
} as const;

/** struct ublksrv_io_cmd, 32-bit words. */
export const IO_COMMAND = {
  QUEUE_AND_TAG: 0,
  RESULT: 1,
  ADDRESS_LOW: 2,
  ADDRESS_HIGH: 3,
  WORDS: 4,
} as const;

/** struct ublksrv_ctrl_dev_info. */
export const DEVICE_INFO = {
  QUEUES: 0,
  QUEUE_DEPTH: 2,
  STATE: 4,
  MAX_IO_BYTES: 8,
  DEV_ID: 12,
  SERVER_PID: 16,
  FLAGS: 24,
  SERVER_FLAGS: 32,
  BYTES: 64,
} as const;

/** struct ublksrv_io_desc, 32-bit words. */
export const DESCRIPTOR = {
  OPERATION_FLAGS: 0,
  SECTORS: 1,
  START_LOW: 2,
  START_HIGH: 3,
  WORDS: 6,
} as const;

/** struct ublk_params. */
export const PARAMETERS = {
  LEN: 0,
  TYPES: 4,
  ATTRIBUTES: 8,
  LOGICAL_SHIFT: 12,
  PHYSICAL_SHIFT: 13,
  IO_OPT_SHIFT: 14,
  IO_MIN_SHIFT: 15,
  MAX_SECTORS: 16,
  CHUNK_SECTORS: 20,
  DEV_SECTORS: 24,
  VIRT_BOUNDARY_MASK: 32,
  DISCARD_ALIGNMENT: 40,
  DISCARD_GRANULARITY: 44,
  MAX_DISCARD_SECTORS: 48,
  MAX_WRITE_ZEROES_SECTORS: 52,
  MAX_DISCARD_SEGMENTS: 56,
  DISK_MAJOR: 68,
  DISK_MINOR: 72,
  BYTES: 112,
} as const;

/** UBLK_PARAM_TYPE_*. */
export const PARAMETER_TYPE = { BASIC: 1, DISCARD: 2, DEVT: 4 } as const;

/** UBLK_ATTR_*. */
export const ATTRIBUTE = { READ_ONLY: 1, ROTATIONAL: 2, VOLATILE_CACHE: 4, FUA: 8 } as const;

/** UBLK_F_*: all that this program looks at lie in the low word. */
export const FEATURE = {
  USER_RECOVERY: 1 << 3,
  USER_RECOVERY_REISSUE: 1 << 4,
  CMD_IOCTL_ENCODE: 1 << 6,
  UPDATE_SIZE: 1 << 10,
} as const;

/** UBLK_S_DEV_*. */
export const DEVICE_STATE = { DEAD: 0, LIVE: 1, QUIESCED: 2 } as const;

/** UBLK_IO_OP_*: numbered like BLOCK_OP but for what neither side sends. */
export const REQUEST = {
  READ: 0,
  WRITE: 1,
  FLUSH: 2,
  DISCARD: 3,
  WRITE_SAME: 4,
  WRITE_ZEROES: 5,
} as const;

/** UBLK_IO_F_*, in the same word as the operation. */
export const REQUEST_FLAG = { FUA: 1 << 13, NO_UNMAP: 1 << 15 } as const;

/** A command of the control device that is for no queue. */
export const NO_QUEUE = 0xffff;

/** UBLK_FEATURES_LEN. */
export const FEATURES_BYTES = 8;
