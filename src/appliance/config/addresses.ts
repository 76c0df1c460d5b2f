/** Addresses and paths as the config file, the command line and the control API take them. */
import { isIP } from "node:net";
import { AddressError, parseAddress, parsePath } from "../../fabric/address.ts";
import { isLoopback, parseIpv4, parseIpv6 } from "../../fabric/ip_address.ts";
import { textProblem } from "./names.ts";

/** Two IPv6 addresses with prefixes, brackets and a comma fit three times. */
const ADDRESS_BYTES_MAX = 400;

/** @returns null when `address` is one to listen on, else what is wrong and what would be right */
export function addressProblem(address: string): string | null {
  return firstProblem(address, parseAddress);
}

/**
 * @param path "destination", "source,destination" or "source@destination"
 * @returns null when it can be used, else what is wrong and what would be right
 */
export function pathProblem(path: string): string | null {
  return firstProblem(path, parsePath);
}

/**
 * Whether an address that {@link addressProblem} accepts is reached by RDMA (`ip:`, `gid:`) and
 * not by the built-in carrier.
 */
export function isRdmaAddress(address: string): boolean {
  return parseAddress(address).kind !== "tcp";
}

/** Where the HTTP interface listens. */
export interface HttpAddress {
  readonly hostname: string;
  readonly port: number;
}

/**
 * @param written an address with its port
 * @returns null when {@link parseHttpAddress} takes it, else what is wrong and what would be right
 */
export function httpAddressProblem(written: string): string | null {
  const problem = textProblem(written, ADDRESS_BYTES_MAX);
  if (problem !== null) return problem;
  if (httpAddress(written) !== undefined) return null;
  return `${JSON.stringify(written)} is no IP address with a port; write for example ` +
    '"127.0.0.1:9942", ":9942" or "[::1]:9942"';
}

/** An address that {@link httpAddressProblem} accepts. */
export function parseHttpAddress(written: string): HttpAddress {
  return httpAddress(written)!;
}

/** Whether an address that {@link addressProblem} accepts and `http` would listen at one place. */
export function sharesAddress(address: string, http: HttpAddress): boolean {
  const { kind, host } = parseAddress(address);
  const other = parseAddress(`tcp:${http.hostname}`).host;
  if (kind !== "tcp" || host.includes(":") !== other.includes(":")) return false;
  return host === other || isEveryAddress(host) || isEveryAddress(other);
}

/** Whether a canonical address stands for all of a machine. */
function isEveryAddress(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** Whether only this machine reaches an IP address. */
export function isLocalAddress(hostname: string): boolean {
  return isLoopback((parseIpv4(hostname) ?? parseIpv6(hostname))!);
}

function httpAddress(written: string): HttpAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([\d.]*)):(\d{1,5})$/.exec(written);
  if (match === null) return undefined;
  const [, v6, v4, digits] = match;
  const hostname = v6 ?? (v4 === "" ? "127.0.0.1" : v4!);
  const port = Number(digits);
  if (isIP(hostname) !== (v6 === undefined ? 4 : 6) || port < 1 || port > 65_535) return undefined;
  return { hostname, port };
}

function firstProblem(written: string, parse: (text: string) => unknown): string | null {
  const problem = textProblem(written, ADDRESS_BYTES_MAX);
  if (problem !== null) return problem;
  const subject = JSON.stringify(written);
  if (isIP(written) !== 0) {
    return `${subject} names no carrier; write "ip:${written}" for RDMA, or "tcp:${written}" for ` +
      "the built-in carrier";
  }
  try {
    parse(written);
    return null;
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    if (/^(tcp|ip):.*[\]\d]:\d+$/.test(written) && !written.includes("::")) {
      return `${subject} holds a port; write the address alone, the port has a key of its own`;
    }
    return error.message;
  }
}
