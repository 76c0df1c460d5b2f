/**
 * Protection from DNS rebinding: a page of a stranger can point its own name at 127.0.0.1 and have
 * the browser read what listens there; the header `host` still carries that name.
 */
import { ApiFailure } from "./failure.ts";

/** @returns whether only this machine can reach the address */
export function isLoopback(hostname: string): boolean {
  return hostname.startsWith("127.") || hostname === "::1";
}

/**
 * The port may be any: a tunnel (ssh -L) has its own.
 * @throws ApiFailure when the header names something else than this machine
 */
export function checkHostHeader(header: string | undefined, hostname: string): void {
  const host = (header ?? "").replace(/:\d{1,5}$/, "").toLowerCase();
  const own = hostname.includes(":") ? `[${hostname}]` : hostname;
  if (["localhost", "127.0.0.1", "[::1]", own].includes(host)) return;
  const message = `The header host names ${JSON.stringify(header ?? "")}, not this machine; use ` +
    "localhost, or let [control] http name another address";
  throw new ApiFailure(403, message, "EPERM", 64);
}
