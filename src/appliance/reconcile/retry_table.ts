/** What is not to be tried just now: by key, with the reason, until a time or until a change. */

/** Pauses between tries. */
export interface RetrySettings {
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Why and how long something rests. */
export interface Rest {
  /** What was tried: another piece of work is not held up by it. */
  readonly subject: string;
  readonly tries: number;
  readonly reason: string | null;
  readonly isFailure: boolean;
  /** By the clock; infinite: until something changes. */
  readonly until: number;
}

/** See the head of this file. */
export class RetryTable {
  private readonly rests = new Map<string, Rest>();

  /** @param random from 0 up to, not including, 1 */
  constructor(private readonly settings: RetrySettings, private readonly random: () => number) {}

  /** Whether anything was noted about `key`. */
  has(key: string): boolean {
    return this.rests.has(key);
  }

  /** What was noted about this subject of `key`. */
  of(key: string, subject: string): Rest | undefined {
    const rest = this.rests.get(key);
    return rest?.subject === subject ? rest : undefined;
  }

  /** Whether the last try of anything about `key` failed. */
  hasFailed(key: string): boolean {
    return this.rests.get(key)?.isFailure === true;
  }

  /** It failed: the pause grows with every failure of the same subject, and varies. */
  failed(key: string, subject: string, reason: string, isTerminal: boolean, now: number): void {
    const until = isTerminal ? Infinity : now + this.pauseMs(key, subject);
    const tries = this.tries(key, subject);
    this.rests.set(key, { subject, tries, reason, isFailure: true, until });
  }

  /** It was done: should it be missing still, then doing it again is no better at once. */
  done(key: string, subject: string, now: number): void {
    const reason = "it was done, and had no effect";
    const until = now + this.pauseMs(key, subject);
    const tries = this.tries(key, subject);
    this.rests.set(key, { subject, tries, reason, isFailure: false, until });
  }

  private tries(key: string, subject: string): number {
    return (this.of(key, subject)?.tries ?? 0) + 1;
  }

  private pauseMs(key: string, subject: string): number {
    const { firstMs, lastMs } = this.settings;
    // Twenty doublings exceed every maximum.
    const doublings = Math.min(this.tries(key, subject) - 1, 20);
    return Math.min(firstMs * 2 ** doublings, lastMs) * (0.75 + this.random() / 2);
  }

  /** It waits for its users: looked at again at `until`. */
  waits(key: string, subject: string, until: number): void {
    this.rests.set(key, { subject, tries: 0, reason: null, isFailure: false, until });
  }

  /** There is a reason to try at once. */
  forget(key: string): void {
    this.rests.delete(key);
  }

  forgetAll(): void {
    this.rests.clear();
  }

  /** Drops what is not about any of these keys. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.rests.keys()) if (!keys.has(key)) this.rests.delete(key);
  }

  /** When the next rest ends, after `now`; infinite when none does. */
  nextEnd(now: number): number {
    let next = Infinity;
    for (const { until } of this.rests.values()) if (until > now) next = Math.min(next, until);
    return next;
  }
}
