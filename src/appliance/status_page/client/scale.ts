/** The upper end of an axis. */

/** The next round number: 1, 2 or 5 of a power of ten. At least 1. */
export function roundUp(value: number): number {
  if (!(value > 1)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((step) => step * power >= value) ?? 10) * power;
}

/** The next power of two. At least 1024. */
export function roundUpBytes(value: number): number {
  return value > 1024 ? 2 ** Math.ceil(Math.log2(value)) : 1024;
}

/** The next round time, given in seconds. At least 10 µs. */
export function roundUpSeconds(value: number): number {
  return Math.max(10, roundUp(value * 1e6)) / 1e6;
}
