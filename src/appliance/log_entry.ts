/** An event of the log, before it becomes a line. */

/** From the most to the least urgent. */
export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;
export type LogLevel = typeof LOG_LEVELS[number];

/** What an event can carry; undefined fields are left out. */
export type LogFields =
  & Readonly<Record<string, string | number | boolean | null | undefined>>
  // They stand beside the fields where the log is JSON.
  & { readonly time?: never; readonly level?: never; readonly event?: never };

/** One event, before it becomes a line. */
export interface LogEntry {
  /** ISO 8601. */
  readonly time: string;
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: LogFields;
}
