/** What happens at the appliance, as it happens. */
import type { ApplianceEvent } from "../../appliance_api.ts";

/** As many as are worth scrolling through. */
const EVENTS_MAX = 500;
const RETRY_MS = 2000;

/** The last events, the newest first, kept up to date while somebody looks at the page. */
export class EventStream {
  private readonly kept: ApplianceEvent[] = [];
  private source: EventSource | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;

  /** @param onEvent an event has come that was not there before, or the stream has begun */
  constructor(private readonly onEvent: () => void) {}

  /** The newest first. */
  get events(): readonly ApplianceEvent[] {
    return this.kept;
  }

  /** Begins from the first event that is remembered: the appliance counts from 1 again. */
  restart(): void {
    this.kept.length = 0;
    this.resume();
  }

  /** Gives the connection back: a browser has only a few to one place. */
  pause(): void {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = undefined;
  }

  /** Goes on after the newest event that is here. */
  resume(): void {
    this.pause();
    const source = new EventSource(`/v1/events?after=${this.kept[0]?.id ?? 0}`);
    this.source = source;
    // It is there again, perhaps before it was to be asked again.
    source.onopen = () => this.onEvent();
    source.onmessage = ({ data }) => this.add(JSON.parse(data) as ApplianceEvent);
    source.onerror = () => {
      // The browser tries again by itself unless the answer was a refusal.
      if (source.readyState !== EventSource.CLOSED) return;
      this.retry = setTimeout(() => this.resume(), RETRY_MS);
    };
  }

  private add(event: ApplianceEvent): void {
    const newest = this.kept[0];
    if (newest !== undefined && event.id <= newest.id) return;
    this.kept.unshift(event);
    if (this.kept.length > EVENTS_MAX) this.kept.pop();
    this.onEvent();
  }
}
