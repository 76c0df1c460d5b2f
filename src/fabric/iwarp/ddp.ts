/**
 * DDP (RFC 5041): the first control byte of a segment, and where the fields of its two kinds of
 * header are. Offsets are bytes from the start of the FPDU, whose first two bytes are the length.
 */

/** Bits of the DDP control byte. */
export const DDP_CONTROL = {
  TAGGED: 0x80,
  LAST: 0x40,
  RESERVED: 0x3c,
  VERSION: 0x03,
} as const;

/** The only version there is. */
export const DDP_VERSION = 1;

/** Header of a segment that names its memory itself (RFC 5041 4.1). */
export const TAGGED_FRAME = {
  LENGTH: 0,
  DDP_CONTROL: 2,
  RDMAP_CONTROL: 3,
  STAG: 4,
  OFFSET_HIGH: 8,
  OFFSET_LOW: 12,
  PAYLOAD: 16,
} as const;

/** Header of a segment that goes to the next buffer of a queue (RFC 5041 4.2). */
export const UNTAGGED_FRAME = {
  LENGTH: 0,
  DDP_CONTROL: 2,
  RDMAP_CONTROL: 3,
  /** RDMAP's own word: the STag that a SEND with invalidate invalidates. */
  INVALIDATE_STAG: 4,
  QUEUE: 8,
  SEQUENCE: 12,
  MESSAGE_OFFSET: 16,
  PAYLOAD: 20,
} as const;

/** Bytes of the headers without the length: the least that a frame's length can be. */
export const TAGGED_HEADER_BYTES = 14;
export const UNTAGGED_HEADER_BYTES = 18;
