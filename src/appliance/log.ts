/**
 * The log: one line an event, `time level event key=value …` unless told otherwise, to standard
 * error. For the control plane; nothing that runs per I/O logs.
 */
import { LOG_LEVELS, type LogEntry, type LogFields, type LogLevel } from "./log_entry.ts";
import { LINE_FORMATS, type LineFormat, type LogFormat } from "./log_format.ts";

/** What of the log can be chosen. */
export interface LogSettings {
  readonly level: LogLevel;
  readonly format: LogFormat;
}

/** Takes one finished line, without the line end. */
export type LogSink = (line: string) => void;

const encoder = new TextEncoder();

function writeToStderr(line: string): void {
  try {
    Deno.stderr.writeSync(encoder.encode(line + "\n"));
  } catch {
    // Nobody reads standard error any more: there is no better place to say so.
  }
}

/** Writes events at or above a level. */
export class Logger {
  level: LogLevel = "info";
  private format: LineFormat = "text";
  /** Gets every event, whatever the level; must not throw. */
  onEntry: ((entry: LogEntry) => void) | undefined;
  /** The journal reads what is written: what the format `auto` goes by. */
  isJournal = false;
  private given: Partial<LogSettings> = {};

  constructor(
    public sink: LogSink = writeToStderr,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /** What the command line gives: from now on {@link configure} does not change it. */
  give(settings: Partial<LogSettings>): void {
    this.given = settings;
  }

  /** Takes over what the config says. */
  configure(settings: LogSettings): void {
    const { level, format } = { ...settings, ...this.given };
    this.level = level;
    this.format = format !== "auto" ? format : this.isJournal ? "journald" : "text";
  }

  /** Its lines stand among others on a terminal, or in a file that is read. */
  get isForPeople(): boolean {
    return this.format === "text";
  }

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
    const entry: LogEntry = { time: this.now().toISOString(), level, event, fields };
    this.onEntry?.(entry);
    if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(this.level)) return;
    this.sink(LINE_FORMATS[this.format](entry));
  }
}

/** The log of this process. */
export const log = new Logger();
