/**
 * The gate of the RTRS server: every request message passes {@link checkRequest} before anything
 * acts on it. It reads each header field once, because the client can write to the chunk at any
 * time (rtrs-srv.c:1027-1329 has the kernel's checks; those it lacks are here too).
 */
import { RTRS_MESSAGE } from "../constants.ts";
import { READ_BYTES, READ_WITH_BUFFER_BYTES, REQUEST, WRITE_BYTES } from "../request_codec.ts";

/** Reasons for cutting a client off; the index is what {@link checkRequest} returns. */
export const REQUEST_REJECTIONS = [
  "ok",
  "buffer_id_out_of_range",
  "offset_out_of_chunk",
  "request_type_unknown",
  "usr_len_beyond_offset",
  "descriptor_count",
  "descriptor_length",
  "header_too_long",
  "buffer_id_in_flight",
  "immediate_type_unknown",
  "heartbeat_on_io_connection",
  "message_unexpected",
  "path_not_connected",
  "invalidation_unexpected",
] as const;
export type RequestRejection = (typeof REQUEST_REJECTIONS)[number];

/** Index of a reason. */
export const REJECT = Object.fromEntries(
  REQUEST_REJECTIONS.map((name, index) => [name, index]),
) as Record<RequestRejection, number>;

/** Shortest user message: the RNBD header. */
const USER_BYTES_MIN = 4;

/** A request as the gate read it; one object a lane, overwritten by each request. */
export class ParsedRequest {
  isRead = false;
  /** Arena offsets and lengths of the user message and of the data area. */
  userAt = 0;
  userLength = 0;
  dataLength = 0;
  hasBuffer = false;
  /** These three as signed words: larger numbers would cost an allocation wherever they go. */
  addressHigh = 0;
  addressLow = 0;
  rkey = 0;
}

/**
 * Checks the request whose RTRS message lies at `offset` of the chunk at `chunkAt`.
 * @param headerBytes the header area that was offered to clients
 * @returns 0 and fills `out`, or the index of the reason
 */
export function checkRequest(
  view: DataView,
  chunkAt: number,
  chunkBytes: number,
  headerBytes: number,
  offset: number,
  out: ParsedRequest,
): number {
  if (offset + WRITE_BYTES > chunkBytes) return REJECT.offset_out_of_chunk;
  const at = chunkAt + offset;
  const type = view.getUint16(at + REQUEST.TYPE, true);
  const userLength = view.getUint16(at + REQUEST.USR_LEN, true);
  if (userLength > offset || userLength < USER_BYTES_MIN) return REJECT.usr_len_beyond_offset;
  const dataLength = offset - userLength;
  out.userAt = at - userLength;
  out.userLength = userLength;
  out.dataLength = dataLength;
  out.hasBuffer = false;
  if (type === RTRS_MESSAGE.WRITE) {
    out.isRead = false;
    return userLength + WRITE_BYTES > headerBytes ? REJECT.header_too_long : 0;
  }
  if (type !== RTRS_MESSAGE.READ) return REJECT.request_type_unknown;
  out.isRead = true;
  if (offset + READ_BYTES > chunkBytes) return REJECT.offset_out_of_chunk;
  const count = view.getUint16(at + REQUEST.SG_CNT, true);
  if (count > 1) return REJECT.descriptor_count;
  const length = userLength + (count === 0 ? READ_BYTES : READ_WITH_BUFFER_BYTES);
  if (length > headerBytes) return REJECT.header_too_long;
  if (count === 0) return 0;
  if (offset + READ_WITH_BUFFER_BYTES > chunkBytes) return REJECT.offset_out_of_chunk;
  // The answer is `length` bytes from the chunk's start: longer would leak what lies behind.
  if (view.getUint32(at + REQUEST.LENGTH, true) !== dataLength || dataLength === 0) {
    return REJECT.descriptor_length;
  }
  out.hasBuffer = true;
  out.addressLow = view.getInt32(at + REQUEST.ADDRESS_LOW, true);
  out.addressHigh = view.getInt32(at + REQUEST.ADDRESS_HIGH, true);
  out.rkey = view.getInt32(at + REQUEST.RKEY, true);
  return 0;
}
