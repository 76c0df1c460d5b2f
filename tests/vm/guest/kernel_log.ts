/** What the kernel logged during a case, and whether that is acceptable. */
import { run } from "../../support/process.ts";

let marks = 0;

/** Writes a line into the kernel's log that {@link kernelLogSince} finds again. */
export async function markKernelLog(): Promise<string> {
  const mark = `rnbd-test mark ${++marks}`;
  await Deno.writeTextFile("/dev/kmsg", `<6>${mark}\n`);
  return mark;
}

/** Lines after the mark. */
export async function kernelLogSince(mark: string): Promise<string[]> {
  const { stdout } = await run("dmesg", ["--color=never"]);
  const lines = stdout.trimEnd().split("\n");
  const at = lines.findLastIndex((line) => line.endsWith(mark));
  if (at < 0) return [`(the kernel's log lost "${mark}")`, ...lines.slice(-200)];
  return lines.slice(at + 1);
}

/** Lines that make a case fail. */
const ALARMS = [
  /\bBUG:/,
  /\bWARNING:/,
  /\bOops\b/,
  /general protection fault/,
  /\bKASAN\b|\bKFENCE\b|\bUBSAN\b/,
  /\bleak(ed|s|ing)?\b/i,
  /refcount_t/,
  /blocked for more than \d+ seconds/,
  /soft lockup|rcu.*stall/i,
  /use[- ]after[- ]free/i,
];

/** A line that looks bad and is not held against the case. */
export interface AllowedLine {
  readonly pattern: RegExp;
  /** Why it is nothing that we did. */
  readonly reason: string;
}

/** Seen with the kernel's client and server alone, or of the virtual machine. */
const ALWAYS_ALLOWED: readonly AllowedLine[] = [];

/** The lines that a case fails for. */
export function findAlarms(
  lines: readonly string[],
  allowed: readonly AllowedLine[] = [],
): string[] {
  const isAllowed = (line: string) =>
    [...ALWAYS_ALLOWED, ...allowed].some(({ pattern }) => pattern.test(line));
  return lines.filter((line) => ALARMS.some((alarm) => alarm.test(line)) && !isAllowed(line));
}

/**
 * The line by which soft-RoCE says that it broke a connection because the machine was too slow for
 * it: seen between kernel and kernel too. A case that failed with it is worth one more try.
 */
export const findOverload = (lines: readonly string[]): string | undefined =>
  lines.find((line) => line.includes("Failed IB_WR_REG_MR: WR flushed"));
