/**
 * Streams of events (server-sent events, https://html.spec.whatwg.org/#server-sent-events): one
 * feed a reader. A feed holds references only, so many slow readers cost what one does.
 */
import type { ApplianceControl, ApplianceEvent, Unsubscribe } from "../appliance_api.ts";
import { ApiFailure } from "./failure.ts";
import { EVENT_READERS_MAX, EVENTS_WAITING_MAX, KEEP_ALIVE_MS } from "./limits.ts";

/** How long a browser waits before it asks again. */
const RETRY_MS = 2000;
/** Events of one write: what waits is at most this much longer in memory. */
const EVENTS_PER_CHUNK = 64;

const encoder = new TextEncoder();

/** The feeds of one listener. */
export class EventFeeds {
  private readonly open = new Set<EventFeed>();
  private isClosed = false;

  /** @param keepAliveMs after so much silence a comment is sent */
  constructor(private readonly keepAliveMs: number = KEEP_ALIVE_MS) {}

  /** How many there are. */
  get count(): number {
    return this.open.size;
  }

  /**
   * Begins a feed; it ends when its reader goes away or is too slow, or with {@link close}.
   * @param after also events that are still remembered, from the one that follows this id
   * @throws ApiFailure when there are too many
   */
  begin(appliance: ApplianceControl, after: number | undefined): ReadableStream<Uint8Array> {
    if (this.isClosed) throw new ApiFailure(503, "The API is stopping", "EAGAIN", 75);
    if (this.open.size >= EVENT_READERS_MAX) {
      const message = `${EVENT_READERS_MAX} event streams are open; end one, or try again`;
      throw new ApiFailure(503, message, "EAGAIN", 75);
    }
    const feed = new EventFeed(this.keepAliveMs, () => this.open.delete(feed));
    feed.follow(appliance, after);
    this.open.add(feed);
    return feed.stream;
  }

  /** Ends every feed in order, for good. */
  close(): void {
    this.isClosed = true;
    for (const feed of this.open) feed.finish();
  }
}

/** What one reader still has to get. */
class EventFeed {
  readonly stream: ReadableStream<Uint8Array>;
  private readonly waiting: ApplianceEvent[] = [];
  private unsubscribe: Unsubscribe | undefined;
  private controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** Ends the pause of a reader that has everything. */
  private wake: (() => void) | undefined;
  private isGreeted = false;
  private isEnded = false;

  constructor(private readonly keepAliveMs: number, private readonly onEnd: () => void) {
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.controller = controller;
      },
      pull: () => this.pull(),
      cancel: () => this.end(),
      // Nothing is taken out of `waiting` before the reader asks for it.
    }, { highWaterMark: 0 });
  }

  follow(appliance: ApplianceControl, after: number | undefined): void {
    this.unsubscribe = appliance.subscribe((event) => this.add(event), after);
    if (this.isEnded) this.unsubscribe();
  }

  finish(): void {
    if (this.isEnded) return;
    this.end();
    this.controller!.close();
  }

  private add(event: ApplianceEvent): void {
    if (this.isEnded) return;
    if (this.waiting.length >= EVENTS_WAITING_MAX) {
      this.end();
      this.controller!.error(new Error("The reader is too slow"));
      return;
    }
    this.waiting.push(event);
    this.wake?.();
  }

  private async pull(): Promise<void> {
    if (!this.isGreeted) {
      // At once, so that the reader knows that it is heard.
      this.isGreeted = true;
      this.controller!.enqueue(encoder.encode(`retry: ${RETRY_MS}\n\n`));
      return;
    }
    if (this.waiting.length === 0) await this.pause();
    if (this.isEnded) return;
    const events = this.waiting.splice(0, EVENTS_PER_CHUNK);
    const text = events.length === 0 ? ": nothing new\n\n" : events.map(frame).join("");
    this.controller!.enqueue(encoder.encode(text));
  }

  private async pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.keepAliveMs);
    this.wake = resolve;
    await promise;
    this.wake = undefined;
    clearTimeout(timer);
  }

  private end(): void {
    this.isEnded = true;
    this.waiting.length = 0;
    this.unsubscribe?.();
    this.onEnd();
    this.wake?.();
  }
}

/** All have the type that browsers hand to `onmessage`; what happened is in the data. */
function frame(event: ApplianceEvent): string {
  return `id: ${event.id}\nevent: message\ndata: ${JSON.stringify(event)}\n\n`;
}
