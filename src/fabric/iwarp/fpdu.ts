/**
 * The framing of MPA (RFC 5044 4): a 16-bit length, the DDP segment, zeroes up to a multiple of
 * four, and a CRC32C in little-endian order (0 here when CRCs are off). No markers.
 */
import { crc32cOf } from "./crc32c.ts";

/** Byte counts of an FPDU. */
export const FPDU = { LENGTH_BYTES: 2, CRC_BYTES: 4 } as const;

/** Bytes that an FPDU takes whose DDP segment is `segmentBytes` long. */
export function fpduBytes(segmentBytes: number): number {
  return ((segmentBytes + FPDU.LENGTH_BYTES + 3) & ~3) + FPDU.CRC_BYTES;
}

/** Frames one DDP segment; for the rare ones, the sender writes its own in place. */
export function encodeFpdu(segment: Uint8Array, crc: boolean): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(fpduBytes(segment.length));
  const view = new DataView(frame.buffer);
  const crcAt = frame.length - FPDU.CRC_BYTES;
  view.setUint16(0, segment.length);
  frame.set(segment, FPDU.LENGTH_BYTES);
  if (crc) view.setUint32(crcAt, crc32cOf(frame.subarray(0, crcAt)), true);
  return frame;
}
