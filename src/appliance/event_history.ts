/** What happened lately, numbered, and who wants to hear of what happens: made of the log. */
import type { ApplianceEvent, Unsubscribe } from "./appliance_api.ts";
import { LOG_LEVELS, type LogEntry, type LogLevel } from "./log_entry.ts";

/** A browser that was away for a moment finds what it missed. */
const REMEMBERED_MAX = 1000;

/** See the head of this file. */
export class EventHistory {
  private readonly kept: ApplianceEvent[] = [];
  private readonly listeners = new Set<(event: ApplianceEvent) => void>();
  private lastId = 0;

  /** @param level the least urgent that counts */
  constructor(private readonly level: LogLevel = "info") {}

  /** For {@link Logger.onEntry}. */
  readonly add = ({ time, level, event, fields }: LogEntry): void => {
    if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(this.level)) return;
    const given = Object.entries(fields).filter(([, value]) => value !== undefined);
    const added: ApplianceEvent = {
      id: ++this.lastId,
      time,
      level,
      event,
      fields: Object.fromEntries(given) as ApplianceEvent["fields"],
    };
    this.kept.push(added);
    if (this.kept.length > REMEMBERED_MAX) this.kept.shift();
    for (const listener of this.listeners) listener(added);
  };

  /** Those of lately, the oldest first. */
  get remembered(): readonly ApplianceEvent[] {
    return this.kept;
  }

  /**
   * @param listener gets each event; must not throw
   * @param after also events that are still remembered, from the one that follows this id; all of
   *   them when it is the id of an earlier run of the program, which had more
   */
  subscribe(listener: (event: ApplianceEvent) => void, after?: number): Unsubscribe {
    if (after !== undefined) {
      const from = after > this.lastId ? 0 : after;
      for (const event of this.kept) if (event.id > from) listener(event);
    }
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
