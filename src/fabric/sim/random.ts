/** Numbers from a seed: a simulation never asks `Math.random`. */

/** xoshiro128++ (Blackman and Vigna), with its state spread from the seed by splitmix32. */
export class SimRandom {
  private readonly state = new Uint32Array(4);

  /** @param seed any whole number up to 2^53 */
  constructor(seed: number) {
    let mixer = ((seed >>> 0) ^ Math.imul(Math.floor(seed / 2 ** 32), 0x85eb_ca6b)) >>> 0;
    for (let i = 0; i < 4; i++) {
      mixer = (mixer + 0x9e37_79b9) >>> 0;
      let word = Math.imul(mixer ^ (mixer >>> 16), 0x21f0_aaad);
      word = Math.imul(word ^ (word >>> 15), 0x735a_2d97);
      this.state[i] = word ^ (word >>> 15);
    }
  }

  /** A whole number below 2^32. */
  u32(): number {
    const state = this.state;
    const sum = (state[0]! + state[3]!) | 0;
    const result = (((sum << 7) | (sum >>> 25)) + state[0]!) >>> 0;
    const shifted = state[1]! << 9;
    state[2]! ^= state[0]!;
    state[3]! ^= state[1]!;
    state[1]! ^= state[2]!;
    state[0]! ^= state[3]!;
    state[2]! ^= shifted;
    state[3] = (state[3]! << 11) | (state[3]! >>> 21);
    return result;
  }

  /** From 0 up to, not including, 1. */
  unit(): number {
    return this.u32() / 2 ** 32;
  }

  /** A whole number below `limit` (at most 2^32). */
  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }

  /** From `low` up to, not including, `high`. */
  between(low: number, high: number): number {
    return low + this.unit() * (high - low);
  }

  /** Like {@link between}, but every order of magnitude is as likely; `low` is above 0. */
  spread(low: number, high: number): number {
    return low * (high / low) ** this.unit();
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** One of `items`. */
  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  /** `length` random bytes. */
  bytes(length: number): Uint8Array {
    return new Uint8Array(length).map(() => this.u32() & 0xff);
  }

  /** A generator of its own, so that more questions here do not change the answers there. */
  fork(): SimRandom {
    return new SimRandom(this.u32());
  }
}
