/**
 * The mark that this program leaves on its devices. The kernel keeps the 64 bits of
 * `ublksrv_flags` as they are and gives them back to anybody who asks:
 *
 *   bits 63…40  0x524e42, "RNB": made by this program
 *   bits 39…0   hash of the node's name and the mapping's: which mapping of which node
 *
 * A device without the first is never touched; one with another hash is another mapping's.
 */

/** Two halves of `ublksrv_flags`. */
export interface OwnershipTag {
  readonly low: number;
  readonly high: number;
}

const MAGIC = 0x524e42;
const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;
const HASH_BITS = 40n;

/** FNV-1a, 64 bits, folded to 40: names are the administrator's, nobody has to be fended off. */
function hash(text: string): bigint {
  let value = FNV_OFFSET;
  for (const byte of new TextEncoder().encode(text)) {
    value = BigInt.asUintN(64, (value ^ BigInt(byte)) * FNV_PRIME);
  }
  return BigInt.asUintN(Number(HASH_BITS), value ^ (value >> HASH_BITS));
}

/** The tag of mapping `mapping` on node `node`. */
export function ownershipTag(node: string, mapping: string): OwnershipTag {
  const value = hash(`${node}\0${mapping}`);
  return {
    low: Number(BigInt.asUintN(32, value)),
    high: (MAGIC << 8 | Number(value >> 32n)) >>> 0,
  };
}

/** True when a device was made by this program, on any node, for any mapping. */
export const isOurs = (tag: OwnershipTag): boolean => tag.high >>> 8 === MAGIC;

/** True when two tags name the same mapping. */
export const isSameTag = (a: OwnershipTag, b: OwnershipTag): boolean =>
  a.low === b.low && a.high === b.high;
