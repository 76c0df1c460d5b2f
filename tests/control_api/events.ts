/** A reader of the event stream. */
import { type IncomingMessage, request } from "node:http";
import type { ApplianceEvent } from "../../src/appliance/appliance_api.ts";
import { waitFor } from "../support/process.ts";
import { place, type Target } from "./http.ts";

/** One open stream. */
export class EventReader {
  /** All that came so far. */
  text = "";
  hasEnded = false;

  private constructor(private readonly response: IncomingMessage) {
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => this.text += chunk);
    response.on("error", () => {});
    response.on("close", () => this.hasEnded = true);
  }

  /** Asks for a stream; settles with the head of the answer. */
  static open(
    target: Target,
    path = "/v1/events",
    headers: Record<string, string> = {},
  ): Promise<EventReader> {
    return new Promise((resolve, reject) => {
      // Each has a connection of its own.
      const options = { ...place(target), agent: false as const, path, headers };
      const exchange = request(options, (response) => resolve(new EventReader(response)));
      exchange.on("error", reject);
      exchange.end();
    });
  }

  get status(): number {
    return this.response.statusCode ?? 0;
  }

  get headers(): Record<string, unknown> {
    return this.response.headers;
  }

  /** Events that came so far. */
  get events(): ApplianceEvent[] {
    return this.text.split("\n").filter((line) => line.startsWith("data: "))
      .map((line) => JSON.parse(line.slice(6)) as ApplianceEvent);
  }

  /** Waits until there are `count` events. */
  async waitForEvents(count: number): Promise<ApplianceEvent[]> {
    await waitFor(() => this.events.length >= count, 5000, `${count} events`);
    return this.events;
  }

  /** Takes nothing any more. */
  pause(): void {
    this.response.pause();
  }

  /** Closes the connection. */
  leave(): void {
    this.response.destroy();
  }
}
