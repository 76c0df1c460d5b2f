/**
 * The one gate: every request is judged here, before anything is touched. What is behind it
 * relies on range, alignment and permission being right.
 */
import type { BlockGeometry } from "../rnbd/block_queue.ts";
import { PAYLOAD_BYTES_MAX } from "./limits.ts";
import { COMMAND, COMMAND_FLAG, NBD_ERROR, TRANSMISSION_FLAG } from "./protocol.ts";

/** What a rejected request gets. */
interface Rejection {
  /** Name of its counter, after `nbd_rejected_`. */
  readonly name: string;
  /** Error of the reply; 0 = there can be none, the connection is cut. */
  readonly error: number;
  /** Sent along to clients with structured replies. */
  readonly text: string;
}

/** All rejections; {@link judge} returns an index, and 0 stands for "go on". */
export const REJECTIONS = [
  { name: "none", error: 0, text: "" },
  { name: "magic", error: 0, text: "" },
  { name: "unknown_with_length", error: 0, text: "" },
  { name: "unknown", error: NBD_ERROR.EINVAL, text: "unknown command" },
  { name: "not_offered", error: NBD_ERROR.EINVAL, text: "command was not offered" },
  { name: "flags", error: NBD_ERROR.EINVAL, text: "flag not allowed with this command" },
  { name: "flush_range", error: NBD_ERROR.EINVAL, text: "flush takes no offset and no length" },
  { name: "read_only", error: NBD_ERROR.EPERM, text: "export is read-only" },
  { name: "zero_length", error: NBD_ERROR.EINVAL, text: "length is 0" },
  { name: "read_too_long", error: NBD_ERROR.EOVERFLOW, text: "read is longer than 32 MiB" },
  { name: "write_too_long", error: NBD_ERROR.EINVAL, text: "write is longer than 32 MiB" },
  { name: "unaligned", error: NBD_ERROR.EINVAL, text: "not aligned to the minimum block size" },
  { name: "beyond_end", error: NBD_ERROR.EINVAL, text: "range ends beyond the device" },
  { name: "write_beyond_end", error: NBD_ERROR.ENOSPC, text: "range ends beyond the device" },
  { name: "device_closed", error: NBD_ERROR.EIO, text: "the remote device is not connected" },
] as const satisfies readonly Rejection[];

/** Name of a rejection's counter. */
export type RejectionName = (typeof REJECTIONS)[number]["name"];

/** Index of a rejection by name. */
function rejection(name: RejectionName): number {
  return REJECTIONS.findIndex((entry) => entry.name === name);
}

const MAGIC_WRONG = rejection("magic");
const UNKNOWN_WITH_LENGTH = rejection("unknown_with_length");
const UNKNOWN = rejection("unknown");
const NOT_OFFERED = rejection("not_offered");
const FLAGS = rejection("flags");
const FLUSH_RANGE = rejection("flush_range");
const READ_ONLY = rejection("read_only");
const ZERO_LENGTH = rejection("zero_length");
const READ_TOO_LONG = rejection("read_too_long");
const WRITE_TOO_LONG = rejection("write_too_long");
const UNALIGNED = rejection("unaligned");
const BEYOND_END = rejection("beyond_end");
const WRITE_BEYOND_END = rejection("write_beyond_end");
const DEVICE_CLOSED = rejection("device_closed");

/** Rejections that nothing but the magic decides. */
export const REJECTED_MAGIC = MAGIC_WRONG;
/** The request reached a device that is closed. */
export const REJECTED_DEVICE_CLOSED = DEVICE_CLOSED;

const COMMANDS = COMMAND.RESIZE + 1;

/** Flags that a command may carry; FUA is allowed on all (proto.md, command flags). */
const ALLOWED_FLAGS = new Uint16Array(COMMANDS).fill(COMMAND_FLAG.FUA);
ALLOWED_FLAGS[COMMAND.READ] = COMMAND_FLAG.FUA | COMMAND_FLAG.DF;
ALLOWED_FLAGS[COMMAND.WRITE_ZEROES] = COMMAND_FLAG.FUA | COMMAND_FLAG.NO_HOLE;

/** The transmission flag that offers a command; 0 = always there. */
const OFFERED_BY = new Uint16Array(COMMANDS);
OFFERED_BY[COMMAND.FLUSH] = TRANSMISSION_FLAG.SEND_FLUSH;
OFFERED_BY[COMMAND.TRIM] = TRANSMISSION_FLAG.SEND_TRIM;
OFFERED_BY[COMMAND.WRITE_ZEROES] = TRANSMISSION_FLAG.SEND_WRITE_ZEROES;

/**
 * Judges one request other than DISC, whose magic is right.
 * @param flags command flags
 * @param offset bytes; may exceed 2^53, where rounding does no harm
 * @param offered transmission flags that the client was told
 * @returns index into {@link REJECTIONS}, 0 when the request may be carried out
 */
export function judge(
  command: number,
  flags: number,
  offset: number,
  length: number,
  offered: number,
  geometry: BlockGeometry,
  isOpen: boolean,
): number {
  if (command >= COMMANDS) return length > 0 ? UNKNOWN_WITH_LENGTH : UNKNOWN;
  const data = command === COMMAND.READ || command === COMMAND.WRITE;
  const writes = command === COMMAND.WRITE || command === COMMAND.TRIM ||
    command === COMMAND.WRITE_ZEROES;
  // Read-only comes first, so that a client learns the true reason and not "not offered".
  if (writes && geometry.readOnly) return READ_ONLY;
  if (!data && (OFFERED_BY[command] & offered) === 0) return NOT_OFFERED;
  if ((flags & ~ALLOWED_FLAGS[command]) !== 0) return FLAGS;
  if ((flags & COMMAND_FLAG.DF) !== 0 && (offered & TRANSMISSION_FLAG.SEND_DF) === 0) return FLAGS;
  if (command === COMMAND.FLUSH) {
    if (offset !== 0 || length !== 0) return FLUSH_RANGE;
    return isOpen ? 0 : DEVICE_CLOSED;
  }
  if (length === 0) return ZERO_LENGTH;
  if (data && length > PAYLOAD_BYTES_MAX) {
    return command === COMMAND.READ ? READ_TOO_LONG : WRITE_TOO_LONG;
  }
  if (offset > geometry.sizeBytes - length) {
    return command === COMMAND.WRITE || command === COMMAND.WRITE_ZEROES
      ? WRITE_BEYOND_END
      : BEYOND_END;
  }
  const block = geometry.logicalBlockBytes;
  if (offset % block !== 0 || length % block !== 0) return UNALIGNED;
  return isOpen ? 0 : DEVICE_CLOSED;
}
