/** Statistics in shared memory: one writer a block, any thread reads. */
import type { Arena } from "./arena.ts";

/**
 * Named 64-bit float counters in the arena. The owner adds with `arena.f64[counters.at + i] += n`
 * or {@link CounterBlock.add}; a float holds whole numbers exactly up to 2^53.
 */
export class CounterBlock<Name extends string> {
  /** Index of the first counter in `arena.f64`. */
  readonly at: number;

  constructor(
    private readonly arena: Arena,
    offset: number,
    private readonly names: readonly Name[],
  ) {
    this.at = offset / 8;
  }

  /** Bytes that a block of these names takes. */
  static bytes(names: readonly string[]): number {
    return names.length * 8;
  }

  /** Index in `arena.f64` of the counter `name`: look it up once, keep it. */
  indexOf(name: Name): number {
    const index = this.names.indexOf(name);
    if (index < 0) throw new RangeError(`No counter ${name}`);
    return this.at + index;
  }

  /** Adds on the control plane. */
  add(name: Name, amount = 1): void {
    this.arena.f64[this.indexOf(name)]! += amount;
  }

  /** All values now. */
  read(): Record<Name, number> {
    const values = {} as Record<Name, number>;
    this.names.forEach((name, i) => values[name] = this.arena.f64[this.at + i]!);
    return values;
  }
}
