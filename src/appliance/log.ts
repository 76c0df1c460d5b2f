/**
 * The log: one line an event, `time level event key=value …`, to standard error unless told
 * otherwise. For the control plane; nothing that runs per I/O logs.
 */

/** From the most to the least urgent. */
export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;
export type LogLevel = typeof LOG_LEVELS[number];

/** What an event can carry; undefined fields are left out. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Takes one finished line, without the line end. */
export type LogSink = (line: string) => void;

/** One event, before it becomes a line. */
export interface LogEntry {
  /** ISO 8601. */
  readonly time: string;
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: LogFields;
}

const encoder = new TextEncoder();

function writeToStderr(line: string): void {
  try {
    Deno.stderr.writeSync(encoder.encode(line + "\n"));
  } catch {
    // Nobody reads standard error any more: there is no better place to say so.
  }
}

function formatValue(value: string | number | boolean | null): string {
  const text = String(value);
  return /^[\w.,:;/@%+*!?()[\]{}<>#~^|-]+$/.test(text) ? text : JSON.stringify(text);
}

/** Writes events at or above a level. */
export class Logger {
  level: LogLevel = "info";
  /** Gets every event, whatever the level; must not throw. */
  onEntry: ((entry: LogEntry) => void) | undefined;

  constructor(
    public sink: LogSink = writeToStderr,
    private readonly now: () => Date = () => new Date(),
  ) {}

  error(event: string, fields: LogFields = {}): void {
    this.write("error", event, fields);
  }

  warn(event: string, fields: LogFields = {}): void {
    this.write("warn", event, fields);
  }

  info(event: string, fields: LogFields = {}): void {
    this.write("info", event, fields);
  }

  debug(event: string, fields: LogFields = {}): void {
    this.write("debug", event, fields);
  }

  private write(level: LogLevel, event: string, fields: LogFields): void {
    const time = this.now().toISOString();
    this.onEntry?.({ time, level, event, fields });
    if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(this.level)) return;
    const pairs = Object.entries(fields).flatMap(([key, value]) =>
      value === undefined ? [] : [`${key}=${formatValue(value)}`]
    );
    this.sink([time, level, event, ...pairs].join(" "));
  }
}

/** The log of this process. */
export const log = new Logger();
