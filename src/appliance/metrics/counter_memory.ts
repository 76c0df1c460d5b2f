/**
 * Counts of things that come and go: a session that ends and is made anew counts from 0 again,
 * and what is told of it must not go down.
 */

interface Remembered {
  /** Sum of what was counted before the thing was made anew. */
  before: number;
  last: number;
}

/** See the head of this file. Counts are asked for in rounds. */
export class CounterMemory {
  /** Those that were asked for longest ago come first. */
  private readonly remembered = new Map<string, Remembered>();
  private asked = 0;

  /** @param goneMax counts that were not asked for in a round, and are remembered all the same */
  constructor(private readonly goneMax: number) {}

  /** The count that never goes down of `key`, which stands at `now` by itself; once a round. */
  advance(key: string, now: number): number {
    const known = this.remembered.get(key) ?? { before: 0, last: 0 };
    if (now < known.last) known.before += known.last;
    known.last = now;
    this.remembered.delete(key);
    this.remembered.set(key, known);
    this.asked++;
    return known.before + now;
  }

  /** Forgets what is too much: those that were asked for longest ago. */
  endRound(): void {
    let tooMany = this.remembered.size - this.asked - this.goneMax;
    this.asked = 0;
    for (const key of this.remembered.keys()) {
      if (tooMany-- <= 0) return;
      this.remembered.delete(key);
    }
  }
}
