/** What is logged meanwhile, and nothing of it on standard error. */
import { log } from "../../src/appliance/log.ts";
import type { LogEntry } from "../../src/appliance/log_entry.ts";

/** Keeps the log's entries from its making to its disposal. */
export class QuietLog implements Disposable {
  readonly entries: LogEntry[] = [];
  private readonly sink = log.sink;
  private readonly onEntry = log.onEntry;

  constructor() {
    log.sink = () => {};
    log.onEntry = (entry) => this.entries.push(entry);
  }

  /** `level event` of each. */
  get events(): string[] {
    return this.entries.map(({ level, event }) => `${level} ${event}`);
  }

  [Symbol.dispose](): void {
    log.sink = this.sink;
    log.onEntry = this.onEntry;
  }
}
