/**
 * MPA start-up frames (RFC 5044 7.1) in revision 1 and, with the four bytes of enhanced
 * connection set-up in front of the private data, revision 2 (RFC 6581 4).
 */
import { MPA_PRIVATE_DATA_MAX_BYTES } from "./limits.ts";

/** Byte offsets in a request or reply frame. */
export const MPA_FRAME = {
  KEY: 0,
  FLAGS: 16,
  REVISION: 17,
  PRIVATE_DATA_BYTES: 18,
  HEADER_BYTES: 20,
} as const;

/** Bits of the flags byte. */
export const MPA_FLAG = { MARKERS: 0x80, CRC: 0x40, REJECT: 0x20, ENHANCED: 0x10 } as const;

/** Bytes that enhanced connection set-up takes of the private data: IRD and ORD. */
export const MPA_ENHANCED_BYTES = 4;

/** The two frames of start-up. */
export type MpaFrameKind = "request" | "reply";

const KEYS: Readonly<Record<MpaFrameKind, Uint8Array>> = {
  request: new TextEncoder().encode("MPA ID Req Frame"),
  reply: new TextEncoder().encode("MPA ID Rep Frame"),
};

/** Why start-up with a peer ended, in the order of the fabric's counters. */
export const MPA_REJECTION_NAMES = [
  "mpa_key",
  "mpa_revision",
  "mpa_markers",
  "mpa_private_data",
  "mpa_timeout",
  "mpa_closed",
  "mpa_evicted",
  "mpa_no_memory",
] as const;
/** One of {@link MPA_REJECTION_NAMES}. */
export type MpaRejection = typeof MPA_REJECTION_NAMES[number];

/** What the fixed part of a frame says. */
export interface MpaHeader {
  readonly crc: boolean;
  readonly reject: boolean;
  /** Revision 2 with IRD and ORD in front of the private data. */
  readonly enhanced: boolean;
  readonly revision: number;
  /** Bytes that follow the fixed part. */
  readonly privateDataBytes: number;
}

/** What {@link encodeMpaFrame} needs. */
export interface MpaFrame {
  readonly crc: boolean;
  readonly reject: boolean;
  /** 2 puts the enhanced bytes in front; RDMA reads are not used, so both depths are 0. */
  readonly revision: 1 | 2;
  readonly privateData: Uint8Array;
}

/**
 * Bytes of a frame. Never asks for markers.
 * @throws RangeError when the private data is too long
 */
export function encodeMpaFrame(kind: MpaFrameKind, frame: MpaFrame): Uint8Array<ArrayBuffer> {
  const enhancedBytes = frame.revision === 2 ? MPA_ENHANCED_BYTES : 0;
  const privateDataBytes = enhancedBytes + frame.privateData.length;
  if (privateDataBytes > MPA_PRIVATE_DATA_MAX_BYTES) {
    throw new RangeError(
      `MPA private data of ${frame.privateData.length} bytes; at most ` +
        `${MPA_PRIVATE_DATA_MAX_BYTES - enhancedBytes} fit`,
    );
  }
  const bytes = new Uint8Array(MPA_FRAME.HEADER_BYTES + privateDataBytes);
  bytes.set(KEYS[kind], MPA_FRAME.KEY);
  bytes[MPA_FRAME.FLAGS] = (frame.crc ? MPA_FLAG.CRC : 0) | (frame.reject ? MPA_FLAG.REJECT : 0) |
    (enhancedBytes > 0 ? MPA_FLAG.ENHANCED : 0);
  bytes[MPA_FRAME.REVISION] = frame.revision;
  new DataView(bytes.buffer).setUint16(MPA_FRAME.PRIVATE_DATA_BYTES, privateDataBytes);
  bytes.set(frame.privateData, MPA_FRAME.HEADER_BYTES + enhancedBytes);
  return bytes;
}

/**
 * Reads the fixed part of a frame and checks all of it.
 * @param bytes exactly MPA_FRAME.HEADER_BYTES
 * @returns the fields, or the reason why a peer that sent this is refused
 */
export function decodeMpaHeader(kind: MpaFrameKind, bytes: Uint8Array): MpaHeader | MpaRejection {
  if (bytes.length < MPA_FRAME.HEADER_BYTES) return "mpa_key";
  if (KEYS[kind].some((byte, i) => bytes[MPA_FRAME.KEY + i] !== byte)) return "mpa_key";
  const flags = bytes[MPA_FRAME.FLAGS]!;
  const revision = bytes[MPA_FRAME.REVISION]!;
  if (revision !== 1 && revision !== 2) return "mpa_revision";
  if ((flags & MPA_FLAG.MARKERS) !== 0) return "mpa_markers";
  const at = MPA_FRAME.PRIVATE_DATA_BYTES;
  const privateDataBytes = bytes[at]! << 8 | bytes[at + 1]!;
  const enhanced = revision === 2 && (flags & MPA_FLAG.ENHANCED) !== 0;
  if (
    privateDataBytes > MPA_PRIVATE_DATA_MAX_BYTES ||
    (enhanced && privateDataBytes < MPA_ENHANCED_BYTES)
  ) {
    return "mpa_private_data";
  }
  return {
    crc: (flags & MPA_FLAG.CRC) !== 0,
    reject: (flags & MPA_FLAG.REJECT) !== 0,
    enhanced,
    revision,
    privateDataBytes,
  };
}

/** The user's part of the bytes that followed `header`. */
export function userPrivateData(header: MpaHeader, bytes: Uint8Array): Uint8Array {
  return bytes.subarray(header.enhanced ? MPA_ENHANCED_BYTES : 0);
}
