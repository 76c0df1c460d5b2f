/** The part of the HTTP listener that the status page uses, with a status that tests steer. */
import type {
  ApplianceEvent,
  Explanation,
  InflightRequest,
  Status,
} from "../../src/appliance/appliance_api.ts";
import { type StatusPage, statusPage } from "../../src/appliance/status_page/page.ts";

/** What a test can change while it runs. */
export class FakeServer implements AsyncDisposable {
  readonly url: string;
  metrics = "";
  /** Gives the page; tests plant faults here. */
  page: () => StatusPage = statusPage;
  requests: readonly InflightRequest[] = [];
  /** Answers 503 to everything but the page. */
  isStarting = false;
  statusRequests = 0;
  private readonly server: Deno.HttpServer<Deno.NetAddr>;
  private readonly events: ApplianceEvent[] = [];
  private readonly readers = new Set<ReadableStreamDefaultController<Uint8Array>>();
  private readonly ending = new AbortController();

  /** @param status is asked for every answer */
  constructor(private readonly status: () => Status, port = 0) {
    const options = { hostname: "127.0.0.1", port, onListen: () => {}, signal: this.ending.signal };
    this.server = Deno.serve(options, (request) => this.answer(request));
    this.url = `http://127.0.0.1:${this.server.addr.port}/`;
  }

  /** Port that it listens on. */
  get port(): number {
    return this.server.addr.port;
  }

  private answer(request: Request): Response {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/") {
      const { html, headers } = this.page();
      return new Response(html, { headers });
    }
    if (this.isStarting) {
      const error = { message: "The appliance is starting; try again", errno: "EAGAIN" };
      return Response.json({ error }, { status: 503 });
    }
    if (pathname === "/v1/status") {
      this.statusRequests++;
      return Response.json(this.status());
    }
    if (pathname === "/metrics") return new Response(this.metrics);
    if (pathname === "/v1/events") return this.feed(Number(searchParams.get("after")));
    if (pathname === "/v1/inflight") return Response.json({ requests: this.requests });
    const name = /^\/v1\/explain\/([^/]+)$/.exec(pathname)?.[1];
    if (name !== undefined) return Response.json(explained(decodeURIComponent(name)));
    return new Response(null, { status: 404 });
  }

  private feed(after: number): Response {
    let reader: ReadableStreamDefaultController<Uint8Array>;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        reader = controller;
        this.readers.add(controller);
        controller.enqueue(encoder.encode("retry: 2000\n\n"));
        for (const event of this.events) if (event.id > after) controller.enqueue(frame(event));
      },
      cancel: () => void this.readers.delete(reader),
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  }

  /** Something happens. */
  tell(
    level: ApplianceEvent["level"],
    event: string,
    fields: ApplianceEvent["fields"] = {},
  ): void {
    const time = new Date().toISOString();
    const told: ApplianceEvent = { id: this.events.length + 1, time, level, event, fields };
    this.events.push(told);
    for (const reader of this.readers) reader.enqueue(frame(told));
  }

  /** Goes away at once, with whatever is open. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.ending.abort();
    await this.server.finished;
  }
}

const encoder = new TextEncoder();
const frame = (event: ApplianceEvent) =>
  encoder.encode(`id: ${event.id}\nevent: message\ndata: ${JSON.stringify(event)}\n\n`);

/** An explanation whose every part carries the name. */
function explained(name: string): Explanation {
  return {
    kind: "mapping",
    name,
    state: "closed",
    summary: `${name} is not open: the server does not know its device.`,
    last_error: `ENOENT: the server has no ${name}`,
    cause: "The file was renamed or removed at the server, or the path in the config has a slip.",
    next_try_ms: 8200,
    advice: [
      "Look whether the device exists below dev_search_path of the server.",
      `Correct device_path of ${name} in the config, then run \`rnbd-appliance apply\`.`,
    ],
    facts: [{ key: "tries", value: "14" }, { key: "session", value: "store-04, connected" }],
  };
}
