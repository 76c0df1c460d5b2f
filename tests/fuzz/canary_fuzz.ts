/**
 * Proves that the harness notices a bug: a decoder of its own, sound in {@link run}, with a planted
 * off-by-one in {@link planted} that only some inputs reach.
 */
import { Random } from "../support/random.ts";

/** Decodes `length, body…, checksum`; undefined when the message is not well-formed. */
function decode(bytes: Uint8Array, isBroken: boolean): number | undefined {
  if (bytes.length < 2) return undefined;
  const end = 1 + bytes[0]!;
  // The planted bug lets the checksum lie one byte behind the message.
  if (isBroken ? end > bytes.length : end >= bytes.length) return undefined;
  let sum = 0;
  for (let at = 1; at < end; at++) sum += bytes[at]!;
  const checksum = bytes[end];
  if (checksum === undefined) throw new RangeError(`Read behind ${bytes.length} bytes`);
  return (sum & 0xff) === checksum ? sum : undefined;
}

function fuzz(inputs: number, seed: number, isBroken: boolean): void {
  const random = new Random(seed);
  const buffer = new Uint8Array(64);
  for (let i = 0; i < inputs; i++) {
    const bytes = random.fill(buffer.subarray(0, random.below(buffer.length)));
    if (bytes.length > 0) bytes[0] = random.below(80);
    decode(bytes, isBroken);
  }
}

/** The decoder as it should be. */
export function run(inputs: number, seed: number): void {
  fuzz(inputs, seed, false);
}

/** The decoder with the bug; must throw. */
export function planted(inputs: number, seed: number): void {
  fuzz(inputs, seed, true);
}
