/** Histograms as Prometheus writes them: how many took at most so long, added up. */

/** Upper bounds in seconds, rising, the last one Infinity; `counts[i]`: at most `bounds[i]`. */
export interface Histogram {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
}

/** What came in between; undefined when they do not belong together. */
export function difference(later: Histogram, earlier: Histogram): Histogram | undefined {
  const isSame = later.bounds.length === earlier.bounds.length &&
    later.counts.every((value, index) =>
      later.bounds[index] === earlier.bounds[index] && value >= earlier.counts[index]!
    );
  if (!isSame) return undefined;
  const counts = later.counts.map((value, index) => value - earlier.counts[index]!);
  return { bounds: later.bounds, counts };
}

/** Both together; `undefined` where their bounds differ. */
export function sum(one: Histogram, other: Histogram): Histogram | undefined {
  const isSame = one.bounds.length === other.bounds.length &&
    one.bounds.every((bound, index) => bound === other.bounds[index]);
  if (!isSame) return undefined;
  return { bounds: one.bounds, counts: one.counts.map((value, i) => value + other.counts[i]!) };
}

/**
 * The time that a `share` (0 to 1) of the requests did not exceed, in seconds: between the bounds
 * of its bucket in a straight line, as Prometheus' histogram_quantile does it. NaN without any.
 */
export function quantile({ bounds, counts }: Histogram, share: number): number {
  const total = counts.at(-1) ?? 0;
  if (total <= 0) return NaN;
  const rank = share * total;
  const index = counts.findIndex((value) => value >= rank && value > 0);
  const upper = bounds[index]!;
  const lower = index === 0 ? 0 : bounds[index - 1]!;
  if (upper === Infinity) return lower;
  const before = index === 0 ? 0 : counts[index - 1]!;
  return lower + (upper - lower) * (rank - before) / (counts[index]! - before);
}
