/** One place where the API is asked: a Unix socket or a TCP port. All share the same routes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setImmediate } from "node:timers";
import { log } from "../log.ts";
import { EventFeeds } from "./event_feeds.ts";
import { ApiFailure, asFailure } from "./failure.ts";
import { checkHostHeader } from "./host_header.ts";
import { incomingRequest, sendResponse } from "./http_exchange.ts";
import { CONNECTIONS_MAX, REQUEST_TIMEOUT_MS, REQUESTS_MAX, STOP_TIMEOUT_MS } from "./limits.ts";
import type { ApiRequest, Surroundings } from "./route.ts";
import { route } from "./router.ts";

/** How far a connection may be beyond its time. */
const CHECK_INTERVAL_MS = 5_000;

/** What distinguishes one listener from another. */
export interface ListenerOptions {
  /** For the log. */
  readonly name: string;
  /** It takes GET only. */
  readonly isReadOnly: boolean;
  /** Address that the header `host` must fit; absent: it is not looked at. */
  readonly loopback?: string;
}

/** See the head of this file. Not listening until {@link listen}. */
export class ApiListener {
  readonly feeds = new EventFeeds();
  private readonly server: Server;
  /** Requests under way; each of these ends one early. */
  private readonly running = new Set<(response: Response) => void>();
  private isStopping = false;

  constructor(
    private readonly options: ListenerOptions,
    private readonly surroundings: Surroundings,
  ) {
    this.server = createServer(
      {
        requestTimeout: REQUEST_TIMEOUT_MS,
        headersTimeout: REQUEST_TIMEOUT_MS,
        connectionsCheckingInterval: CHECK_INTERVAL_MS,
      },
      (incoming, outgoing) => void this.serve(incoming, outgoing),
    );
    this.server.maxConnections = CONNECTIONS_MAX;
  }

  /**
   * Begins to listen, before it returns.
   * @param where a path, or a host name and a port
   * @throws Error as the runtime gives it
   */
  async listen(where: { path: string } | { host: string; port: number }): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.server.once("error", reject);
    this.server.listen(where, resolve);
    await promise;
    this.server.off("error", reject);
    this.server.on("error", (error) => {
      log.error("control listener failed", { listener: this.options.name, reason: error.message });
    });
  }

  /** Takes no more connections; requests under way get a moment to finish. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.feeds.close();
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeIdleConnections();
    const timer = setTimeout(() => {
      const refusal = new ApiFailure(503, "The appliance is stopping; try again", "EAGAIN", 75);
      for (const end of this.running) end(refusal.response());
    }, STOP_TIMEOUT_MS);
    const lastTimer = setTimeout(() => this.server.closeAllConnections(), 2 * STOP_TIMEOUT_MS);
    await closed;
    clearTimeout(timer);
    clearTimeout(lastTimer);
  }

  private async serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    outgoing.on("error", () => outgoing.destroy());
    const response = await this.answer(incomingRequest(incoming, outgoing));
    // What is left of the body is not waited for.
    if (!incoming.complete || this.isStopping) outgoing.setHeader("connection", "close");
    await sendResponse(response, outgoing);
  }

  private async answer(request: ApiRequest): Promise<Response> {
    // Many may come in at once; those that only look are answered by the next turn.
    if (this.running.size >= REQUESTS_MAX) await new Promise((resolve) => setImmediate(resolve));
    if (this.running.size >= REQUESTS_MAX) {
      const message = `${REQUESTS_MAX} requests are under way; try again`;
      return new ApiFailure(503, message, "EAGAIN", 75).response();
    }
    const { promise, resolve } = Promise.withResolvers<Response>();
    this.running.add(resolve);
    this.route(request).then(resolve);
    const response = await promise;
    this.running.delete(resolve);
    return response;
  }

  private async route(request: ApiRequest): Promise<Response> {
    try {
      this.admit(request);
      return await route({ ...this.surroundings, feeds: this.feeds, request });
    } catch (error) {
      const failure = asFailure(error);
      log[failure.status === 500 ? "error" : "debug"]("control request failed", {
        listener: this.options.name,
        method: request.method,
        status: failure.status,
        reason: failure.message,
      });
      return failure.response();
    }
  }

  private admit({ method, headers }: ApiRequest): void {
    const { isReadOnly, loopback, name } = this.options;
    if (loopback !== undefined) checkHostHeader(headers.host, loopback);
    if (!isReadOnly || method === "GET") return;
    const message = `${name} changes nothing and takes only GET; use control.sock for ${method}`;
    throw new ApiFailure(403, message, "EPERM", 64);
  }
}
