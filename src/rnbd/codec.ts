/** RNBD messages (drivers/block/rnbd/rnbd-proto.h); all fields little-endian. */
import type { AccessModeCode } from "./access_mode.ts";
import { DEVICE_NAME_BYTES_MAX } from "./limits.ts";

/** The unit of `sector` and of all limits, whatever the block size. */
export const SECTOR_BYTES = 512;

/** RNBD major version, the only one that travels (rnbd-proto.h:20). */
export const RNBD_VERSION_MAJOR = 2;

/** Message types (rnbd-proto.h:35). */
export const RNBD_MESSAGE = {
  SESS_INFO: 0,
  SESS_INFO_RSP: 1,
  OPEN: 2,
  OPEN_RSP: 3,
  IO: 4,
  CLOSE: 5,
} as const;

/** Offsets of every message; header: type, then two bytes of padding. */
export const HEADER = { TYPE: 0, BYTES: 4 } as const;
export const SESS_INFO = { VERSION: 4, BYTES: 36 } as const;
export const OPEN = { ACCESS_MODE: 4, NAME: 6, NAME_BYTES: 255, BYTES: 264 } as const;
export const OPEN_RSP = {
  DEVICE_ID: 4,
  NSECTORS: 8,
  MAX_HW_SECTORS: 16,
  MAX_WRITE_ZEROES_SECTORS: 20,
  MAX_DISCARD_SECTORS: 24,
  DISCARD_GRANULARITY: 28,
  DISCARD_ALIGNMENT: 32,
  PHYSICAL_BLOCK_SIZE: 36,
  LOGICAL_BLOCK_SIZE: 38,
  MAX_SEGMENTS: 40,
  SECURE_DISCARD: 42,
  ROTATIONAL: 44,
  CACHE_POLICY: 45,
  BYTES: 56,
} as const;
export const CLOSE = { DEVICE_ID: 4, BYTES: 8 } as const;
export const IO = {
  DEVICE_ID: 4,
  SECTOR_LOW: 8,
  SECTOR_HIGH: 12,
  RW: 16,
  BI_SIZE: 20,
  PRIO: 24,
  BYTES: 32,
  /** Without `prio`: what a version 1 peer sends. */
  BYTES_MIN: 24,
} as const;

/** Cache policy bits of OPEN_RSP (rnbd-proto.h:128). */
export const CACHE_POLICY = { FUA: 1, WRITEBACK: 2 } as const;

/** Bits of an IO message's `rw` above the operation (rnbd-proto.h:205; 0x400, 0x800 from 7.x). */
export const RW_FLAG = { SYNC: 0x100, FUA: 0x200, PREFLUSH: 0x400, NO_UNMAP: 0x800 } as const;
export const RW_OPERATION_MASK = 0xff;

/** What OPEN_RSP says. */
export interface OpenResponse {
  readonly deviceId: number;
  readonly sizeSectors: number;
  readonly maxHwSectors: number;
  readonly maxWriteZeroesSectors: number;
  readonly maxDiscardSectors: number;
  readonly discardGranularityBytes: number;
  readonly discardAlignmentBytes: number;
  readonly physicalBlockBytes: number;
  readonly logicalBlockBytes: number;
  readonly maxSegments: number;
  readonly secureDiscard: number;
  readonly cachePolicy: number;
}

/** Type of a message at `at`. */
export function messageType(view: DataView, at: number): number {
  return view.getUint16(at + HEADER.TYPE, true);
}

function clear(view: DataView, at: number, bytes: number): void {
  for (let i = 0; i < bytes; i += 4) view.setUint32(at + i, 0, true);
}

/** Writes SESS_INFO or SESS_INFO_RSP. */
export function encodeSessionInfo(view: DataView, at: number, type: number): void {
  clear(view, at, SESS_INFO.BYTES);
  view.setUint16(at, type, true);
  view.setUint8(at + SESS_INFO.VERSION, RNBD_VERSION_MAJOR);
}

/** Writes OPEN; `name` has been checked to fit. */
export function encodeOpen(view: DataView, at: number, mode: AccessModeCode, name: string): void {
  clear(view, at, OPEN.BYTES);
  view.setUint16(at, RNBD_MESSAGE.OPEN, true);
  view.setUint8(at + OPEN.ACCESS_MODE, mode);
  const bytes = new TextEncoder().encode(name);
  if (bytes.length > DEVICE_NAME_BYTES_MAX) throw new RangeError("Device name is too long");
  bytes.forEach((byte, i) => view.setUint8(at + OPEN.NAME + i, byte));
}

/** The name and mode of an OPEN, or a sentence that says what is wrong. */
export function decodeOpen(
  view: DataView,
  at: number,
  length: number,
): { readonly mode: number; readonly name: string } | string {
  if (length < OPEN.BYTES) return `OPEN of ${length} bytes`;
  const bytes = new Uint8Array(OPEN.NAME_BYTES);
  for (let i = 0; i < bytes.length; i++) bytes[i] = view.getUint8(at + OPEN.NAME + i);
  const end = bytes.indexOf(0);
  if (end < 0) return "device name without a terminating NUL";
  try {
    const name = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      bytes.subarray(0, end),
    );
    return { mode: view.getUint8(at + OPEN.ACCESS_MODE), name };
  } catch {
    return "device name is not UTF-8";
  }
}

/** Writes OPEN_RSP. */
export function encodeOpenResponse(view: DataView, at: number, response: OpenResponse): void {
  clear(view, at, OPEN_RSP.BYTES);
  view.setUint16(at, RNBD_MESSAGE.OPEN_RSP, true);
  view.setUint32(at + OPEN_RSP.DEVICE_ID, response.deviceId, true);
  view.setUint32(at + OPEN_RSP.NSECTORS, response.sizeSectors % 2 ** 32, true);
  view.setUint32(at + OPEN_RSP.NSECTORS + 4, Math.floor(response.sizeSectors / 2 ** 32), true);
  view.setUint32(at + OPEN_RSP.MAX_HW_SECTORS, response.maxHwSectors, true);
  view.setUint32(at + OPEN_RSP.MAX_WRITE_ZEROES_SECTORS, response.maxWriteZeroesSectors, true);
  view.setUint32(at + OPEN_RSP.MAX_DISCARD_SECTORS, response.maxDiscardSectors, true);
  view.setUint32(at + OPEN_RSP.DISCARD_GRANULARITY, response.discardGranularityBytes, true);
  view.setUint32(at + OPEN_RSP.DISCARD_ALIGNMENT, response.discardAlignmentBytes, true);
  view.setUint16(at + OPEN_RSP.PHYSICAL_BLOCK_SIZE, response.physicalBlockBytes, true);
  view.setUint16(at + OPEN_RSP.LOGICAL_BLOCK_SIZE, response.logicalBlockBytes, true);
  view.setUint16(at + OPEN_RSP.MAX_SEGMENTS, response.maxSegments, true);
  view.setUint16(at + OPEN_RSP.SECURE_DISCARD, response.secureDiscard, true);
  view.setUint8(at + OPEN_RSP.CACHE_POLICY, response.cachePolicy);
}

/** Reads OPEN_RSP with the checks that keep nonsense away from users; a sentence on failure. */
export function decodeOpenResponse(view: DataView, at: number): OpenResponse | string {
  const type = messageType(view, at);
  if (type !== RNBD_MESSAGE.OPEN_RSP) return `message type ${type} for OPEN_RSP`;
  const high = view.getUint32(at + OPEN_RSP.NSECTORS + 4, true);
  if (high >= 2 ** 12) return `a size of ${high} * 2^32 sectors`;
  const response: OpenResponse = {
    deviceId: view.getUint32(at + OPEN_RSP.DEVICE_ID, true),
    sizeSectors: high * 2 ** 32 + view.getUint32(at + OPEN_RSP.NSECTORS, true),
    maxHwSectors: view.getUint32(at + OPEN_RSP.MAX_HW_SECTORS, true),
    maxWriteZeroesSectors: view.getUint32(at + OPEN_RSP.MAX_WRITE_ZEROES_SECTORS, true),
    maxDiscardSectors: view.getUint32(at + OPEN_RSP.MAX_DISCARD_SECTORS, true),
    discardGranularityBytes: view.getUint32(at + OPEN_RSP.DISCARD_GRANULARITY, true),
    discardAlignmentBytes: view.getUint32(at + OPEN_RSP.DISCARD_ALIGNMENT, true),
    physicalBlockBytes: view.getUint16(at + OPEN_RSP.PHYSICAL_BLOCK_SIZE, true),
    logicalBlockBytes: view.getUint16(at + OPEN_RSP.LOGICAL_BLOCK_SIZE, true),
    maxSegments: view.getUint16(at + OPEN_RSP.MAX_SEGMENTS, true),
    secureDiscard: view.getUint16(at + OPEN_RSP.SECURE_DISCARD, true),
    cachePolicy: view.getUint8(at + OPEN_RSP.CACHE_POLICY),
  };
  const block = response.logicalBlockBytes;
  if (block < SECTOR_BYTES || (block & (block - 1)) !== 0) {
    return `a logical block of ${block} bytes`;
  }
  return response;
}

/** Writes CLOSE. */
export function encodeClose(view: DataView, at: number, deviceId: number): void {
  clear(view, at, CLOSE.BYTES);
  view.setUint16(at, RNBD_MESSAGE.CLOSE, true);
  view.setUint32(at + CLOSE.DEVICE_ID, deviceId, true);
}

/** Writes an IO message; `offset` in bytes. Per I/O: allocates nothing. */
export function encodeIo(
  view: DataView,
  at: number,
  deviceId: number,
  rw: number,
  offset: number,
  length: number,
): void {
  const sector = offset / SECTOR_BYTES;
  view.setUint32(at, RNBD_MESSAGE.IO, true);
  view.setUint32(at + IO.DEVICE_ID, deviceId, true);
  view.setUint32(at + IO.SECTOR_LOW, sector >>> 0, true);
  view.setUint32(at + IO.SECTOR_HIGH, (sector / 4294967296) >>> 0, true);
  view.setUint32(at + IO.RW, rw, true);
  view.setUint32(at + IO.BI_SIZE, length, true);
  view.setUint32(at + IO.PRIO, 0, true);
  view.setUint32(at + IO.PRIO + 4, 0, true);
}
