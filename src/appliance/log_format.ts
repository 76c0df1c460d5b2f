/** How an event becomes one line of the log, for each of its readers. */
import type { LogEntry, LogLevel } from "./log_entry.ts";

/** What can be asked for; `auto` is `journald` where the journal reads standard error. */
export const LOG_FORMATS = ["auto", "text", "journald", "json"] as const;
export type LogFormat = typeof LOG_FORMATS[number];

/** What a line can be. */
export type LineFormat = Exclude<LogFormat, "auto">;

/** Priorities of syslog, as sd-daemon(3) writes them before a line. */
const PRIORITIES: Readonly<Record<LogLevel, number>> = { error: 3, warn: 4, info: 6, debug: 7 };

/** Values that need no quotes: nothing in them could be taken for something else. */
const PLAIN = /^[\w.,:;/@%+*!?()[\]{}<>#~^|-]+$/;

/**
 * What JSON leaves as it is, although it ends lines, moves the cursor or turns text around; joiners
 * belong to scripts.
 */
const HARMFUL = /(?![\u200c\u200d])[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu;

const escapeUnit = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** JSON in printable characters, on one line. */
const escaped = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    HARMFUL,
    (character) => character.split("").map(escapeUnit).join(""),
  );

function formatValue(value: string | number | boolean | null): string {
  const text = String(value);
  return PLAIN.test(text) ? text : escaped(text);
}

/** `event key=value …` */
function eventText({ event, fields }: LogEntry): string {
  const pairs = Object.entries(fields).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${formatValue(value)}`]
  );
  return [event, ...pairs].join(" ");
}

/** The line of an event, without its end. */
export const LINE_FORMATS: Readonly<Record<LineFormat, (entry: LogEntry) => string>> = {
  text: (entry) => `${entry.time} ${entry.level} ${eventText(entry)}`,
  // The journal has the time, and makes the level of the prefix.
  journald: (entry) => `<${PRIORITIES[entry.level]}>${eventText(entry)}`,
  json: ({ time, level, event, fields }) => escaped({ time, level, event, ...fields }),
};
