/**
 * RTRS READ, WRITE and rkey_rsp messages in the arena (rtrs-pri.h:258-287). Per I/O: no objects.
 */
import { RTRS_MESSAGE } from "./constants.ts";

/** Offsets of a READ message; a WRITE message is its first four bytes. */
export const REQUEST = {
  TYPE: 0,
  USR_LEN: 2,
  FLAGS: 4,
  SG_CNT: 6,
  ADDRESS_LOW: 8,
  ADDRESS_HIGH: 12,
  RKEY: 16,
  LENGTH: 20,
} as const;
export const WRITE_BYTES = 4;
export const READ_BYTES = 8;
export const READ_WITH_BUFFER_BYTES = 24;

/** Offsets of rkey_rsp. */
export const RKEY_RSP = { TYPE: 0, BUF_ID: 2, RKEY: 4, BYTES: 8 } as const;

/** Writes rkey_rsp at `at`. */
export function encodeRkeyResponse(view: DataView, at: number, chunk: number, rkey: number): void {
  view.setUint32(at, RTRS_MESSAGE.RKEY_RESPONSE | (chunk << 16), true);
  view.setUint32(at + RKEY_RSP.RKEY, rkey, true);
}

/** Writes a WRITE message at `at`. */
export function encodeWrite(view: DataView, at: number, userLength: number): void {
  view.setUint32(at, RTRS_MESSAGE.WRITE | (userLength << 16), true);
}

/** Writes a READ message without a buffer (a flush) at `at`. */
export function encodeRead(view: DataView, at: number, userLength: number): void {
  view.setUint32(at, RTRS_MESSAGE.READ | (userLength << 16), true);
  view.setUint32(at + REQUEST.FLAGS, 0, true);
}

/** Writes a READ message with one descriptor at `at`. `flags`: see NEED_INVALIDATE_FLAG. */
export function encodeReadInto(
  view: DataView,
  at: number,
  userLength: number,
  flags: number,
  addressHigh: number,
  addressLow: number,
  rkey: number,
  length: number,
): void {
  view.setUint32(at, RTRS_MESSAGE.READ | (userLength << 16), true);
  view.setUint32(at + REQUEST.FLAGS, flags | (1 << 16), true);
  view.setUint32(at + REQUEST.ADDRESS_LOW, addressLow, true);
  view.setUint32(at + REQUEST.ADDRESS_HIGH, addressHigh, true);
  view.setUint32(at + REQUEST.RKEY, rkey, true);
  view.setUint32(at + REQUEST.LENGTH, length, true);
}
