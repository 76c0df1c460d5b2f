/** Addresses and paths as the config file, the command line and the control API take them. */
import { isIP } from "node:net";
import { AddressError, parseAddress, parsePath } from "../../fabric/address.ts";
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
