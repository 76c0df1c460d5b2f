/** The 32-bit immediate of RTRS (rtrs-pri.h:337-373): numeric values, any byte order is outside. */
import { IMMEDIATE, IMMEDIATE_PAYLOAD_BITS } from "./constants.ts";

const RESPONSE_ID_BITS = 19;
const RESPONSE_ID_MASK = (1 << RESPONSE_ID_BITS) - 1;
const ERRNO_MASK = 0x1ff;
/** Largest errno that an answer can carry; a larger one would alias (protocol trap). */
export const IMMEDIATE_ERRNO_MAX = ERRNO_MASK;
const EIO = 5;

/** Bits that tell chunks apart: ceil(log2(queueDepth)), 0 for a depth of 1 (rtrs-clt.c:1421). */
export function chunkBits(queueDepth: number): number {
  return queueDepth <= 1 ? 0 : 32 - Math.clz32(queueDepth - 1);
}

/** Bits of the offset in a chunk that an IO_REQUEST immediate has room for. */
export function memoryBits(queueDepth: number): number {
  return IMMEDIATE_PAYLOAD_BITS - chunkBits(queueDepth);
}

/** Type of an immediate. */
export function immediateType(immediate: number): number {
  return immediate >>> IMMEDIATE_PAYLOAD_BITS;
}

/** IO_REQUEST for `bufferId` with the RTRS message at `offset` of its chunk. */
export function requestImmediate(bufferId: number, offset: number, bits: number): number {
  return ((bufferId << bits) | offset) >>> 0;
}

/** Buffer id of an IO_REQUEST. */
export function requestBufferId(immediate: number, bits: number): number {
  return (immediate & 0x0fff_ffff) >>> bits;
}

/** Offset of an IO_REQUEST. */
export function requestOffset(immediate: number, bits: number): number {
  return immediate & ((1 << bits) - 1) & 0x0fff_ffff;
}

/** Answer for `bufferId`; an errno that does not fit its nine bits becomes EIO. */
export function responseImmediate(bufferId: number, errno: number, invalidated: boolean): number {
  const type = invalidated ? IMMEDIATE.IO_RESPONSE_INVALIDATED : IMMEDIATE.IO_RESPONSE;
  const code = errno > IMMEDIATE_ERRNO_MAX ? EIO : errno;
  return ((type << IMMEDIATE_PAYLOAD_BITS) | (code << RESPONSE_ID_BITS) | bufferId) >>> 0;
}

/** Buffer id of an answer. */
export function responseBufferId(immediate: number): number {
  return immediate & RESPONSE_ID_MASK;
}

/** Positive errno of an answer, 0 for success. */
export function responseErrno(immediate: number): number {
  return (immediate >>> RESPONSE_ID_BITS) & ERRNO_MASK;
}

/** The two heartbeat immediates carry no payload. */
export const HEARTBEAT_IMMEDIATE = (IMMEDIATE.HEARTBEAT << IMMEDIATE_PAYLOAD_BITS) >>> 0;
export const HEARTBEAT_ACK_IMMEDIATE = (IMMEDIATE.HEARTBEAT_ACK << IMMEDIATE_PAYLOAD_BITS) >>> 0;
