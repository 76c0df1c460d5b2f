/** Numbers and times as people read them; digits line up, units stand behind a space. */

const grouped = new Intl.NumberFormat("en");

/** A dash for what is not known. */
export const UNKNOWN = "–";

/** A whole number with thousands apart. */
export const count = (value: number): string => grouped.format(value);

/** Three digits that count, whatever the size. */
function threeDigits(value: number): string {
  return value.toFixed(value >= 99.95 || Number.isInteger(value) ? 0 : value >= 9.995 ? 1 : 2);
}

/** With the largest of `units` that leaves at least one; each is `step` of the one before. */
function scaled(value: number, step: number, units: readonly string[]): string {
  let index = 0;
  // 999.5 would show as 1000.
  while (value >= step - 0.5 && index < units.length - 1) {
    value /= step;
    index++;
  }
  const unit = units[index]!;
  return unit === "" ? threeDigits(value) : `${threeDigits(value)} ${unit}`;
}

/** How many a second; {@link UNKNOWN} for NaN. */
export function perSecond(value: number): string {
  if (Number.isNaN(value)) return UNKNOWN;
  if (value > 0 && value < 0.095) return "<0.1";
  if (value < 10) return Number.isInteger(value) ? String(value) : value.toFixed(1);
  if (value < 9999.5) return count(Math.round(value));
  return scaled(value, 1000, ["", "k", "M", "G"]);
}

/** A size. */
export function bytes(value: number): string {
  if (Number.isNaN(value)) return UNKNOWN;
  return scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
}

/** Bytes a second. */
export function bytesPerSecond(value: number): string {
  if (Number.isNaN(value)) return UNKNOWN;
  return `${value < 1024 ? `${Math.round(value)} B` : bytes(value)}/s`;
}

/** A short time, given in seconds. */
export function latency(seconds: number): string {
  if (Number.isNaN(seconds)) return UNKNOWN;
  if (seconds >= 1) return `${threeDigits(seconds)} s`;
  if (seconds >= 0.0009995) return `${threeDigits(seconds * 1000)} ms`;
  return `${threeDigits(seconds * 1e6)} µs`;
}

/** How long something lasted, in its two largest units. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts: readonly [number, string][] = [
    [Math.floor(seconds / 86400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0) return "0 s";
  return parts.slice(first, first + 2).filter(([value], index) => index === 0 || value > 0)
    .map(([value, unit]) => `${value} ${unit}`).join(" ");
}

/** Time until a next try. */
export const nextTry = (ms: number | null): string =>
  ms === null ? "none due" : ms < 1000 ? "now" : `in ${duration(ms)}`;

const timeOfDay = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const dayAndTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** A moment: the time of day, and the day when it is not today. */
export function moment(time: number | string, nowMs = Date.now()): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  const isToday = date.toDateString() === new Date(nowMs).toDateString();
  return (isToday ? timeOfDay : dayAndTime).format(date);
}

/** "1 path", "2 paths". */
export const plural = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;
