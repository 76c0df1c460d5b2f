/**
 * Addresses as a user writes them. The prefix names the carrier: `tcp:` is the built-in one,
 * `ip:` and `gid:` are RDMA, spelled as in the originals (rtrs.c: "ip:1.2.3.4", "gid:fe80:…").
 */
import { formatGid, formatIp, parseIpv4, parseIpv6 } from "./ip_address.ts";

/** What a prefix can be. */
export const ADDRESS_KINDS = ["tcp", "ip", "gid"] as const;
/** One of {@link ADDRESS_KINDS}. */
export type AddressKind = typeof ADDRESS_KINDS[number];

/** One end of a path. `host` is in canonical form, without brackets. */
export interface FabricAddress {
  readonly kind: AddressKind;
  readonly host: string;
}

/** A path: where it starts (undefined: the system chooses) and where it ends. */
export interface PathAddresses {
  readonly source: FabricAddress | undefined;
  readonly destination: FabricAddress;
}

/** Text that is not an address: which part, and what would be right. */
export class AddressError extends Error {
  override readonly name = "AddressError";
  constructor(
    /** The whole text that was parsed. */
    readonly text: string,
    /** The part of it that is wrong. */
    readonly part: string,
    expected: string,
  ) {
    super(
      part === text
        ? `"${text}": expected ${expected}`
        : `"${text}": "${part}" is wrong, expected ${expected}`,
    );
  }
}

const EXAMPLE = "a prefix and an address, such as tcp:192.0.2.1, ip:192.0.2.1 or gid:fe80::1";

function parseOne(text: string, whole: string): FabricAddress {
  const colon = text.indexOf(":");
  if (colon < 0) throw new AddressError(whole, text, EXAMPLE);
  const kind = text.slice(0, colon);
  if (!ADDRESS_KINDS.includes(kind as AddressKind)) {
    throw new AddressError(whole, text, EXAMPLE);
  }
  const host = text.slice(colon + 1);
  if (kind === "gid") {
    const bytes = parseIpv6(host);
    if (bytes === undefined) {
      throw new AddressError(whole, host, "a GID: eight groups of hex digits, or with ::");
    }
    return { kind, host: formatGid(bytes) };
  }
  const bracketed = host.startsWith("[") && host.endsWith("]");
  const bytes = bracketed ? parseIpv6(host.slice(1, -1)) : parseIpv4(host) ?? parseIpv6(host);
  if (bytes === undefined) {
    throw new AddressError(whole, host, "an IPv4 or IPv6 address (host names are not looked up)");
  }
  return { kind: kind as AddressKind, host: formatIp(bytes) };
}

/**
 * Parses `tcp:…`, `ip:…` or `gid:…`; IPv6 with or without brackets.
 * @throws AddressError
 */
export function parseAddress(text: string): FabricAddress {
  return parseOne(text, text);
}

/** The canonical text of an address; {@link parseAddress} reads it back. */
export function formatAddress(address: FabricAddress): string {
  return `${address.kind}:${address.host}`;
}

/**
 * Parses a destination, `source,destination` or `source@destination`.
 * @throws AddressError
 */
export function parsePath(text: string): PathAddresses {
  const parts = text.split(/[,@]/);
  if (parts.length > 2) {
    throw new AddressError(text, text, "at most two addresses: source,destination");
  }
  const destination = parseOne(parts.at(-1)!, text);
  if (parts.length === 1) return { source: undefined, destination };
  const source = parseOne(parts[0]!, text);
  if (source.kind !== destination.kind) {
    throw new AddressError(
      text,
      parts[0]!,
      `a ${destination.kind}: address, because the destination is one`,
    );
  }
  if (source.host.includes(":") !== destination.host.includes(":")) {
    throw new AddressError(text, parts[0]!, "an address of the same family as the destination");
  }
  return { source, destination };
}

/** `source,destination` or the destination alone, as the originals write it. */
export function formatPath(path: PathAddresses): string {
  const destination = formatAddress(path.destination);
  return path.source === undefined ? destination : `${formatAddress(path.source)},${destination}`;
}
