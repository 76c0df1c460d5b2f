/** Between the HTTP server of the runtime and the routes: requests in, answers out. */
import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { WRITE_TIMEOUT_MS } from "./limits.ts";
import type { ApiRequest } from "./route.ts";

/** For answers that are no page: a browser must do nothing with them but show them. */
const SAFE_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
};

/** The request, with a signal that fires when its client goes away before it has its answer. */
export function incomingRequest(incoming: IncomingMessage, outgoing: ServerResponse): ApiRequest {
  const gone = new AbortController();
  outgoing.on("close", () => {
    if (!outgoing.writableFinished) gone.abort();
  });
  return {
    method: incoming.method ?? "",
    target: incoming.url ?? "",
    headers: incoming.headers as Readonly<Record<string, string | undefined>>,
    body: incoming,
    signal: gone.signal,
  };
}

/** Sends an answer; ends the connection of a client that does not take it. */
export async function sendResponse(response: Response, outgoing: ServerResponse): Promise<void> {
  const headers = { ...SAFE_HEADERS, ...Object.fromEntries(response.headers) };
  outgoing.writeHead(response.status, headers);
  if (response.body === null) {
    outgoing.end();
    return;
  }
  const reader = response.body.getReader();
  const isGone = Promise.withResolvers<void>();
  outgoing.on("close", () => {
    isGone.resolve();
    reader.cancel().catch(() => {});
  });
  // A stream that fails does so while the client is being waited for.
  reader.closed.catch(() => outgoing.destroy());
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || outgoing.destroyed) break;
      if (!outgoing.write(Buffer.from(value))) await drained(outgoing, isGone.promise);
    }
    outgoing.end();
  } catch {
    outgoing.destroy();
  }
}

async function drained(outgoing: ServerResponse, gone: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(() => outgoing.destroy(), WRITE_TIMEOUT_MS);
  outgoing.once("drain", resolve);
  await Promise.race([promise, gone]);
  clearTimeout(timer);
}
