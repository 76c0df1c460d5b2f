/** Why a frame is refused: one table of reasons, with what the peer and the log are told. */
import { ERRNO } from "../../ffi/errno.ts";
import { FRAME_WORD } from "./rdmap.ts";
import { TERMINATE_LAYER, type TerminateError } from "./terminate.ts";

const { RDMAP, DDP, MPA } = TERMINATE_LAYER;

interface Rejection {
  readonly name: string;
  readonly errno: number;
  readonly sentence: string;
  readonly error: TerminateError;
}

function rejection(
  name: string,
  errno: number,
  sentence: string,
  layer: number,
  type: number,
  code: number,
): Rejection {
  return { name, errno, sentence, error: { layer, type, code } };
}

const { EPROTO, EACCES, EILSEQ, EMSGSIZE } = ERRNO;

const TABLE = [
  rejection("frame_short", EPROTO, "a frame is shorter than its header", MPA, 0, 3),
  rejection("crc", EILSEQ, "the CRC of a frame is wrong", MPA, 0, 2),
  rejection("ddp_version", EPROTO, "a frame has an unknown DDP version", DDP, 1, 4),
  rejection("rdmap_version", EPROTO, "a frame has an unknown RDMAP version", RDMAP, 2, 5),
  rejection("reserved_bits", EPROTO, "a frame has reserved bits set", RDMAP, 2, 0xff),
  rejection("opcode", EPROTO, "a frame has an unexpected opcode", RDMAP, 2, 6),
  rejection("queue", EPROTO, "a frame names a queue that is not its opcode's", DDP, 2, 1),
  rejection("sequence", EPROTO, "a message number is out of order", DDP, 2, 3),
  rejection("message_offset", EPROTO, "a message offset is out of order", DDP, 2, 4),
  rejection("message_too_long", EMSGSIZE, "a SEND is longer than any expected", DDP, 2, 5),
  rejection("interleaved", EPROTO, "a message starts within another one", RDMAP, 2, 0xff),
  rejection("immediate", EPROTO, "immediate data is not one 32-bit value", RDMAP, 2, 0xff),
  rejection("stag", EACCES, "a write names memory that is not exposed", DDP, 1, 0),
  rejection("bounds", EACCES, "a write reaches outside the exposed memory", DDP, 1, 1),
  rejection("invalidate_stag", EACCES, "an invalidate names unknown memory", RDMAP, 1, 9),
  rejection("terminate", EPROTO, "a Terminate is malformed", RDMAP, 2, 0xff),
] as const;

/** Index into the tables below, and into a connection's counters. */
export const REJECT = {
  FRAME_SHORT: 0,
  CRC: 1,
  DDP_VERSION: 2,
  RDMAP_VERSION: 3,
  RESERVED_BITS: 4,
  OPCODE: 5,
  QUEUE: 6,
  SEQUENCE: 7,
  MESSAGE_OFFSET: 8,
  MESSAGE_TOO_LONG: 9,
  INTERLEAVED: 10,
  IMMEDIATE: 11,
  STAG: 12,
  BOUNDS: 13,
  INVALIDATE_STAG: 14,
  TERMINATE: 15,
} as const;

/** Names of the reasons, in the order of their counters, as `status` shows them. */
export const REJECTION_NAMES: readonly string[] = TABLE.map((entry) => `iwarp_${entry.name}`);

/** The reason with index `reason`. */
export function rejectionOf(reason: number): Rejection {
  return TABLE[reason]!;
}

/** Bits of the first word that must be just so in every frame, whatever its kind. */
export const FIXED_BITS = FRAME_WORD.RESERVED | FRAME_WORD.DDP_VERSION | FRAME_WORD.RDMAP_VERSION;

/** Which of the fixed bits of a frame's first word is wrong. */
export function fixedBitsReason(first: number): number {
  const wrong = (first & FIXED_BITS) ^ FRAME_WORD.VERSIONS;
  if ((wrong & FRAME_WORD.DDP_VERSION) !== 0) return REJECT.DDP_VERSION;
  if ((wrong & FRAME_WORD.RDMAP_VERSION) !== 0) return REJECT.RDMAP_VERSION;
  return REJECT.RESERVED_BITS;
}
