/** Network byte order on a little-endian host. */

/** Swaps the bytes of a 32-bit word: host to network order and back. */
export function swap32(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
