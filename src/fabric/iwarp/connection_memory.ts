/** The arena range of one connection: what the kernel reads and writes on its behalf. */
import { REASSEMBLY_BYTES, SEND_BANK_BYTES, SEND_PIECES_MAX, STAGING_BYTES } from "./limits.ts";

/** struct iovec, byte offsets (include/uapi/linux/uio.h). */
export const IOVEC = { ADDRESS: 0, LENGTH: 8, BYTES: 16 } as const;

/** struct msghdr of 64-bit hosts, byte offsets (include/linux/socket.h). */
export const MSGHDR = { PIECES: 16, PIECE_COUNT: 24, BYTES: 56 } as const;

const PIECES_BYTES = 16 * 1024;
const SMALL_BYTES = 4096;

if (SEND_PIECES_MAX * IOVEC.BYTES > PIECES_BYTES) throw new Error("Pieces do not fit");

const STAGING = 0;
const SEND_BANK = STAGING + STAGING_BYTES;
const SEND_PIECES = SEND_BANK + SEND_BANK_BYTES;
const SMALL = SEND_PIECES + PIECES_BYTES;

/** Byte offsets from the start of a connection's range. */
export const CONNECTION_LAYOUT = {
  STAGING,
  SEND_BANK,
  SEND_PIECES,
  SEND_MESSAGE: SMALL,
  RECEIVE_MESSAGE: SMALL + 64,
  RECEIVE_PIECES: SMALL + 128,
  TERMINATE: SMALL + 192,
  REASSEMBLY: SMALL + SMALL_BYTES,
  /** The whole range; pages that are never touched cost nothing. */
  BYTES: SMALL + SMALL_BYTES + REASSEMBLY_BYTES,
} as const;
