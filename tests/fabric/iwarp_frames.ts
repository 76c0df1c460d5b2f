/**
 * iWARP frames made the slow and plain way, straight from the RFCs and sharing nothing with
 * `src/`: what the carrier sends is compared with these, and hostile peers are made of them.
 */

/** CRC32C bit by bit (RFC 3720 appendix B.4). */
export function plainCrc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  return ~crc >>> 0;
}

/** One byte string of several. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Big-endian words. */
export function words(...values: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setUint32(4 * i, value));
  return bytes;
}

/** RFC 5044 4.1: length, segment, padding, CRC. `crc` "wrong" is a CRC with one bit flipped. */
export function plainFpdu(segment: Uint8Array, crc: boolean | "wrong"): Uint8Array<ArrayBuffer> {
  const padding = new Uint8Array(-(segment.length + 2) & 3);
  const length = new Uint8Array([segment.length >> 8, segment.length & 0xff]);
  const covered = concat(length, segment, padding);
  const sum = new Uint8Array(4);
  const value = crc === false ? 0 : plainCrc32c(covered) ^ (crc === "wrong" ? 0x100 : 0);
  new DataView(sum.buffer).setUint32(0, value, true);
  return concat(covered, sum);
}

/** Fields of a tagged segment; what is left out is as a correct peer has it. */
export interface TaggedFields {
  readonly ddp?: number;
  readonly rdmap?: number;
  readonly stag: number;
  readonly high: number;
  readonly low: number;
  readonly payload?: Uint8Array;
  readonly crc?: boolean | "wrong";
}

/** RFC 5041 4.1 with RFC 5040's control byte. */
export function taggedFrame(fields: TaggedFields): Uint8Array<ArrayBuffer> {
  const control = new Uint8Array([fields.ddp ?? 0xc1, fields.rdmap ?? 0x40]);
  const header = words(fields.stag, fields.high, fields.low);
  const segment = concat(control, header, fields.payload ?? new Uint8Array(0));
  return plainFpdu(segment, fields.crc ?? false);
}

/** Fields of an untagged segment. */
export interface UntaggedFields {
  readonly ddp?: number;
  readonly rdmap?: number;
  readonly invalidate?: number;
  readonly queue?: number;
  readonly sequence: number;
  readonly offset?: number;
  readonly payload?: Uint8Array;
  readonly crc?: boolean | "wrong";
}

/** RFC 5041 4.2 with RFC 5040's control byte and invalidate word; a SEND unless told. */
export function untaggedFrame(fields: UntaggedFields): Uint8Array<ArrayBuffer> {
  const control = new Uint8Array([fields.ddp ?? 0x41, fields.rdmap ?? 0x43]);
  const header = words(
    fields.invalidate ?? 0,
    fields.queue ?? 0,
    fields.sequence,
    fields.offset ?? 0,
  );
  const segment = concat(control, header, fields.payload ?? new Uint8Array(0));
  return plainFpdu(segment, fields.crc ?? false);
}

/** RFC 7306 6: an immediate whose high word is 0. */
export function immediateFrame(
  sequence: number,
  value: number,
  crc: boolean | "wrong" = false,
): Uint8Array<ArrayBuffer> {
  return untaggedFrame({ rdmap: 0x48, sequence, payload: words(0, value), crc });
}

/** RFC 5044 7.1.1. */
export function mpaFrame(
  key: string,
  flags: number,
  revision: number,
  privateData: Uint8Array,
  length = privateData.length,
): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array([flags, revision, length >> 8, length & 0xff]);
  return concat(new TextEncoder().encode(key), head, privateData);
}

export const REQUEST_KEY = "MPA ID Req Frame";
export const REPLY_KEY = "MPA ID Rep Frame";
