/** Who works on what: one on a thing, or several who only need it to stay. */

/** What a piece of work takes. */
export interface Claim {
  /** Nobody else may work on these, or need them. */
  readonly locks: readonly string[];
  /** Nobody may work on these. */
  readonly needs: readonly string[];
}

const WRITER = -1;

/** See the head of this file. */
export class LockTable {
  /** Number of those who need it, or {@link WRITER}. */
  private readonly held = new Map<string, number>();

  isFree({ locks, needs }: Claim): boolean {
    return locks.every((key) => !this.held.has(key)) &&
      needs.every((key) => this.held.get(key) !== WRITER);
  }

  /** Only what is free. */
  take({ locks, needs }: Claim): void {
    for (const key of locks) this.held.set(key, WRITER);
    for (const key of needs) this.held.set(key, (this.held.get(key) ?? 0) + 1);
  }

  give({ locks, needs }: Claim): void {
    for (const key of locks) this.held.delete(key);
    for (const key of needs) {
      const count = this.held.get(key)! - 1;
      if (count === 0) this.held.delete(key);
      else this.held.set(key, count);
    }
  }
}
