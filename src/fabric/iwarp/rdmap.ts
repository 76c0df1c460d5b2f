/** RDMAP (RFC 5040, immediate data of RFC 7306): opcodes, queues, and the first word of a frame. */
import { DDP_CONTROL, DDP_VERSION } from "./ddp.ts";

/** Opcodes: low four bits of the RDMAP control byte. */
export const RDMAP_OPCODE = {
  WRITE: 0,
  READ_REQUEST: 1,
  READ_RESPONSE: 2,
  SEND: 3,
  SEND_INVALIDATE: 4,
  SEND_SOLICITED: 5,
  SEND_SOLICITED_INVALIDATE: 6,
  TERMINATE: 7,
  IMMEDIATE: 8,
  IMMEDIATE_SOLICITED: 9,
} as const;

/** Untagged queues. Immediates share the queue, and so the numbering, of sends. */
export const RDMAP_QUEUE = { SEND: 0, READ: 1, TERMINATE: 2 } as const;

/** The only version there is. */
export const RDMAP_VERSION = 1;

/** Immediate data of RFC 7306: eight bytes, of which ours is the low word. */
export const IMMEDIATE_BYTES = 8;

/**
 * Masks of a frame's first word in host order: length << 16 | DDP control << 8 | RDMAP control.
 */
export const FRAME_WORD = {
  TAGGED: DDP_CONTROL.TAGGED << 8,
  LAST: DDP_CONTROL.LAST << 8,
  RESERVED: DDP_CONTROL.RESERVED << 8 | 0x30,
  DDP_VERSION: DDP_CONTROL.VERSION << 8,
  RDMAP_VERSION: 0xc0,
  OPCODE: 0x0f,
  /** Both versions, as every frame has them. */
  VERSIONS: DDP_VERSION << 8 | RDMAP_VERSION << 6,
} as const;
