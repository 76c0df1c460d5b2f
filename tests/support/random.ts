/** Numbers from a seed, for tests that must run the same way again. */

/** xoshiro128**: fast, and good enough to shake decoders. */
export class Random {
  private readonly state = new Uint32Array(4);

  /** @param seed any whole number up to 2^53; neighbouring seeds give unrelated sequences */
  constructor(readonly seed: number) {
    let mixer = (seed ^ Math.floor(seed / 2 ** 32)) >>> 0;
    for (let i = 0; i < 4; i++) {
      // splitmix32, so that no seed leaves the state at zero.
      mixer = (mixer + 0x9e37_79b9) >>> 0;
      let word = mixer;
      word = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b);
      word = Math.imul(word ^ (word >>> 13), 0xc2b2_ae35);
      this.state[i] = word ^ (word >>> 16);
    }
  }

  /** 0 … 2^32 - 1. */
  u32(): number {
    const s = this.state;
    const scrambled = Math.imul(s[1]!, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= shifted;
    s[3] = (s[3]! << 11) | (s[3]! >>> 21);
    return result;
  }

  /** 0 … limit - 1, for limits up to 2^32. */
  below(limit: number): number {
    return Math.floor(this.u32() / 2 ** 32 * limit);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.u32() < probability * 2 ** 32;
  }

  /** One of them. */
  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  /** Fills with random bytes. */
  fill(bytes: Uint8Array): Uint8Array {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.u32();
    return bytes;
  }

  /**
   * Bends a valid message: flips bits, sets bytes to their extremes, cuts it, or copies a part of
   * it elsewhere. Works in place; returns the part that is left.
   */
  mutate(bytes: Uint8Array): Uint8Array {
    let left = bytes;
    for (let changes = 1 + this.below(4); changes > 0 && left.length > 0; changes--) {
      const at = this.below(left.length);
      switch (this.below(5)) {
        case 0:
          left[at]! ^= 1 << this.below(8);
          break;
        case 1:
          left[at] = this.pick([0, 1, 0x7f, 0x80, 0xff]);
          break;
        case 2:
          left[at] = this.u32();
          break;
        case 3:
          left = left.subarray(0, at);
          break;
        case 4:
          left.copyWithin(at, this.below(left.length), this.below(left.length));
          break;
      }
    }
    return left;
  }
}
