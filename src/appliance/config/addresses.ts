/** Which of the addresses that exist can be used in this version. */
import { isIP } from "node:net";
import { AddressError, type FabricAddress, parseAddress, parsePath } from "../../fabric/address.ts";
import { textProblem } from "./names.ts";

/** Two IPv6 addresses with prefixes, brackets and a comma fit three times. */
const ADDRESS_BYTES_MAX = 400;

/** @returns null when `address` is one to listen on, else what is wrong and what would be right */
export function addressProblem(address: string): string | null {
  return firstProblem(address, () => [parseAddress(address)]);
}

/**
 * @param path "destination", "source,destination" or "source@destination"
 * @returns null when it can be used, else what is wrong and what would be right
 */
export function pathProblem(path: string): string | null {
  return firstProblem(path, () => {
    const { source, destination } = parsePath(path);
    return source === undefined ? [destination] : [source, destination];
  });
}

function firstProblem(written: string, parse: () => readonly FabricAddress[]): string | null {
  const problem = textProblem(written, ADDRESS_BYTES_MAX);
  if (problem !== null) return problem;
  const subject = JSON.stringify(written);
  if (isIP(written) !== 0) return `${subject} names no carrier; write "tcp:${written}"`;
  try {
    const address = parse().find(({ kind }) => kind !== "tcp");
    if (address === undefined) return null;
    return `${subject} needs RDMA verbs, which this version does not have yet; use the built-in ` +
      'carrier, "tcp:…"';
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    if (/^tcp:.*[\]\d]:\d+$/.test(written) && !written.includes("::")) {
      return `${subject} holds a port; write the address alone, the port has a key of its own`;
    }
    return error.message;
  }
}
