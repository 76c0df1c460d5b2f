/** Sizes and durations as people write them. */

const UNIT_BYTES: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 2 ** 10,
  kib: 2 ** 10,
  m: 2 ** 20,
  mib: 2 ** 20,
  g: 2 ** 30,
  gib: 2 ** 30,
  t: 2 ** 40,
  tib: 2 ** 40,
};

const UNIT_NAMES = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

const UNIT_MILLISECONDS: Readonly<Record<string, number>> = {
  "": 1000,
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
};

/** What {@link parseSize} takes, for a JSON Schema. */
export const SIZE_PATTERN = "^[0-9]+(\\.[0-9]+)? ?([bB]|[kKmMgGtT]([iI][bB])?)?$";

/**
 * Bytes of "4096", "124KiB", "1.5 GiB", "4k". Units are powers of 1024 and written KiB or K;
 * KB, MB and so on are refused, because they mean different things to different people.
 * @returns undefined when it is no such size, or not a whole number of bytes
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text);
  if (match === null) return undefined;
  const unit = UNIT_BYTES[match[2]!.toLowerCase()];
  if (unit === undefined) return undefined;
  const bytes = Number(match[1]) * unit;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** "124 KiB": the largest unit that gives a whole number. */
export function exactSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value !== 0 && value % 1024 === 0 && unit < UNIT_NAMES.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value} ${UNIT_NAMES[unit]}`;
}

/** "1.4 GiB": three digits at most, for tables that people read. */
export function roundedSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNIT_NAMES.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || Number.isInteger(value) || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNIT_NAMES[unit]}`;
}

/**
 * Milliseconds of "10" (seconds), "500ms", "10s", "2m", "1h".
 * @returns undefined when it is no such duration
 */
export function parseDurationMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text);
  if (match === null) return undefined;
  const unit = UNIT_MILLISECONDS[match[2]!.toLowerCase()];
  if (unit === undefined) return undefined;
  const milliseconds = Number(match[1]) * unit;
  return Number.isSafeInteger(milliseconds) ? milliseconds : undefined;
}
