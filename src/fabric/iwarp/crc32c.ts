/** CRC32C (Castagnoli; RFC 3720 appendix B.4, RFC 5044 4.4), eight bytes a step. */

const POLYNOMIAL_REFLECTED = 0x82f6_3b78;
const SLICES = 8;

/** Table `s` is at `s * 256`: the effect of a byte that is followed by `s` zero bytes. */
const TABLES = makeTables();

function makeTables(): Int32Array<ArrayBuffer> {
  const tables = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ ((crc & 1) !== 0 ? POLYNOMIAL_REFLECTED : 0);
    }
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256]!;
    tables[i] = (before >>> 8) ^ tables[before & 0xff]!;
  }
  return tables;
}

/** The same memory as bytes and as words; an arena is one. */
export interface ByteAndWordViews {
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
}

/**
 * CRC32C of a range of memory.
 * @param at, length bytes
 * @param previous CRC of the bytes before these; 0 at the start
 */
export function crc32c(
  memory: ByteAndWordViews,
  at: number,
  length: number,
  previous = 0,
): number {
  const u8 = memory.u8;
  const u32 = memory.u32;
  const tables = TABLES;
  let crc = ~previous;
  const end = at + length;
  let place = at;
  while ((place & 3) !== 0 && place < end) {
    crc = (crc >>> 8) ^ tables[(crc ^ u8[place++]!) & 0xff]!;
  }
  let word = place / 4;
  const pairs = Math.floor((end - place) / SLICES);
  for (let i = 0; i < pairs; i++) {
    const a = u32[word]! ^ crc;
    const b = u32[word + 1]!;
    word += 2;
    crc = tables[1792 + (a & 0xff)]! ^ tables[1536 + ((a >>> 8) & 0xff)]! ^
      tables[1280 + ((a >>> 16) & 0xff)]! ^ tables[1024 + (a >>> 24)]! ^
      tables[768 + (b & 0xff)]! ^ tables[512 + ((b >>> 8) & 0xff)]! ^
      tables[256 + ((b >>> 16) & 0xff)]! ^ tables[b >>> 24]!;
  }
  place += pairs * SLICES;
  while (place < end) {
    crc = (crc >>> 8) ^ tables[(crc ^ u8[place++]!) & 0xff]!;
  }
  return ~crc >>> 0;
}

/** CRC32C of an array of bytes: for frames that are made one at a time. */
export function crc32cOf(bytes: Uint8Array): number {
  const words = Math.ceil(bytes.length / 4);
  const u32 = new Uint32Array(words);
  const u8 = new Uint8Array(u32.buffer);
  u8.set(bytes);
  return crc32c({ u8, u32 }, 0, bytes.length);
}
