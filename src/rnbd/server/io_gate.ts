/**
 * The gate of the RNBD server: every IO message passes {@link checkIo} before the back end sees
 * it. Each refusal has an errno and a counter. The kernel's server leaves most of this to the
 * block layer (rnbd-srv.c:118-180); the errno values are the same.
 */
import { ERRNO } from "../../ffi/errno.ts";
import type { BackendGeometry } from "../backend.ts";
import { BLOCK_OP } from "../block_queue.ts";
import {
  IO,
  messageType,
  RNBD_MESSAGE,
  RW_FLAG,
  RW_OPERATION_MASK,
  SECTOR_BYTES,
} from "../codec.ts";
import type { ParsedRequest } from "../../rtrs/server/gate.ts";

/** Reasons for refusing a request; the index is what {@link checkIo} returns. */
export const IO_REJECTIONS = [
  "ok",
  "io_message_unknown",
  "io_message_short",
  "io_device_unknown",
  "io_operation_unknown",
  "io_direction_wrong",
  "io_size_mismatch",
  "io_misaligned",
  "io_out_of_range",
  "io_read_only",
  "io_unsupported",
  "io_too_long",
] as const;
export type IoRejection = (typeof IO_REJECTIONS)[number];

/** Index of a reason. */
export const IO_REJECT = Object.fromEntries(
  IO_REJECTIONS.map((name, index) => [name, index]),
) as Record<IoRejection, number>;

const ERRNO_OF: Readonly<Record<IoRejection, number>> = {
  ok: 0,
  io_message_unknown: ERRNO.EINVAL,
  io_message_short: ERRNO.EINVAL,
  io_device_unknown: ERRNO.ENOTCONN,
  io_operation_unknown: ERRNO.EINVAL,
  io_direction_wrong: ERRNO.EINVAL,
  io_size_mismatch: ERRNO.EINVAL,
  io_misaligned: ERRNO.EINVAL,
  io_out_of_range: ERRNO.EIO,
  io_read_only: ERRNO.EROFS,
  io_unsupported: ERRNO.EOPNOTSUPP,
  io_too_long: ERRNO.EINVAL,
};
const ERRNO_BY_INDEX = IO_REJECTIONS.map((name) => ERRNO_OF[name]);

/** The errno that goes to the client for a reason. */
export function ioRejectionErrno(reason: number): number {
  return ERRNO_BY_INDEX[reason]!;
}

/** An IO message as the gate read it; one object a lane, overwritten by each request. */
export class ParsedIo {
  operation = 0;
  fua = false;
  preflush = false;
  mayUnmap = true;
  offset = 0;
  length = 0;
}

/** Device id of the IO message, or -1 when it is no IO message; `reason` is left to the caller. */
export function ioDeviceId(view: DataView, request: ParsedRequest): number {
  if (messageType(view, request.userAt) !== RNBD_MESSAGE.IO) return -1;
  if (request.userLength < IO.BYTES_MIN) return -2;
  return view.getUint32(request.userAt + IO.DEVICE_ID, true);
}

/**
 * Checks an IO message against the device it names.
 * @param readOnly the client opened it read-only, or the medium is
 * @returns 0 and fills `out`, or the index of the reason
 */
export function checkIo(
  view: DataView,
  request: ParsedRequest,
  geometry: BackendGeometry,
  readOnly: boolean,
  out: ParsedIo,
): number {
  const at = request.userAt;
  const rw = view.getUint32(at + IO.RW, true);
  const size = view.getUint32(at + IO.BI_SIZE, true);
  const offset = (view.getUint32(at + IO.SECTOR_HIGH, true) * 4294967296 +
    view.getUint32(at + IO.SECTOR_LOW, true)) * SECTOR_BYTES;
  const operation = rw & RW_OPERATION_MASK;
  out.operation = operation;
  out.fua = (rw & RW_FLAG.FUA) !== 0;
  out.preflush = (rw & RW_FLAG.PREFLUSH) !== 0;
  out.mayUnmap = (rw & RW_FLAG.NO_UNMAP) === 0;
  out.offset = offset;
  out.length = size;
  if (operation > BLOCK_OP.WRITE_ZEROES) return IO_REJECT.io_operation_unknown;
  // Bit 0 of the operation is its direction, which is why a flush comes as a READ.
  if (((operation & 1) === 0) !== request.isRead && operation !== BLOCK_OP.SECURE_ERASE) {
    return IO_REJECT.io_direction_wrong;
  }
  // An empty write that must reach the medium is how block layers spell a flush.
  const isEmptyWrite = operation === BLOCK_OP.WRITE && size === 0 && (out.fua || out.preflush);
  if (isEmptyWrite) out.operation = BLOCK_OP.FLUSH;
  if (operation === BLOCK_OP.FLUSH || isEmptyWrite) {
    return size !== 0 || request.dataLength !== 0 ? IO_REJECT.io_size_mismatch : 0;
  }
  if (operation === BLOCK_OP.READ || operation === BLOCK_OP.WRITE) {
    if (size !== request.dataLength) return IO_REJECT.io_size_mismatch;
    if (operation === BLOCK_OP.READ && !request.hasBuffer) return IO_REJECT.io_size_mismatch;
  } else if (request.dataLength !== 0) return IO_REJECT.io_size_mismatch;
  const block = geometry.logicalBlockBytes;
  if (size === 0 || size % block !== 0 || offset % block !== 0) return IO_REJECT.io_misaligned;
  if (offset + size > geometry.sizeBytes) return IO_REJECT.io_out_of_range;
  if (operation !== BLOCK_OP.READ && readOnly) return IO_REJECT.io_read_only;
  return checkLimits(operation, size, geometry);
}

function checkLimits(operation: number, size: number, geometry: BackendGeometry): number {
  const sectors = operation === BLOCK_OP.WRITE_ZEROES
    ? geometry.maxWriteZeroesSectors
    : operation === BLOCK_OP.DISCARD || operation === BLOCK_OP.SECURE_ERASE
    ? geometry.maxDiscardSectors
    : Infinity;
  if (operation === BLOCK_OP.SECURE_ERASE && !geometry.secureErase) return IO_REJECT.io_unsupported;
  if (sectors === 0) return IO_REJECT.io_unsupported;
  return size / SECTOR_BYTES > sectors ? IO_REJECT.io_too_long : 0;
}
