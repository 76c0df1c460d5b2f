/**
 * What blocks hold: every word tells which write it came from and which block it is meant for, so
 * that a torn, misplaced or foreign block is seen as such. The write with id 0 is all zeroes.
 */

const WORD_BYTES = 4;

function mixer(id: number, block: number): number {
  return Math.imul(id ^ Math.imul(block + 1, 0x85eb_ca6b), 0x9e37_79b1) >>> 0;
}

/** Fills one block with the pattern of a write. @param at arena offset, a multiple of 4 */
export function fillBlock(
  words: Uint32Array,
  at: number,
  blockBytes: number,
  id: number,
  block: number,
): void {
  const first = at / WORD_BYTES;
  const end = first + blockBytes / WORD_BYTES;
  if (id === 0) return void words.fill(0, first, end);
  const mixed = mixer(id, block);
  words[first] = id;
  for (let i = first + 1; i < end; i++) words[i] = mixed + i - first;
}

/** The id of the write that a block holds, or -1 when it is not whole or not meant for `block`. */
export function blockId(
  words: Uint32Array,
  at: number,
  blockBytes: number,
  block: number,
): number {
  const first = at / WORD_BYTES;
  const end = first + blockBytes / WORD_BYTES;
  const id = words[first]!;
  const mixed = id === 0 ? 0 : mixer(id, block);
  for (let i = first + 1; i < end; i++) {
    if (words[i] !== (id === 0 ? 0 : (mixed + i - first) >>> 0)) return -1;
  }
  return id;
}
