/** IPv4 and IPv6 addresses: text to bytes and back. */

/** Bytes of an IPv4 address. */
export const IPV4_BYTES = 4;
/** Bytes of an IPv6 address and of a GID. */
export const IPV6_BYTES = 16;

const IPV6_GROUPS = 8;
const V4_MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** The four bytes of a dotted-quad address; undefined when `text` is not one. */
export function parseIpv4(text: string): Uint8Array<ArrayBuffer> | undefined {
  const parts = text.split(".");
  if (parts.length !== IPV4_BYTES) return undefined;
  const bytes = new Uint8Array(IPV4_BYTES);
  for (let i = 0; i < IPV4_BYTES; i++) {
    const part = parts[i]!;
    // A leading zero means octal to some readers and decimal to others: refused.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[i] = Number(part);
  }
  return bytes;
}

function parseGroups(text: string): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    const quad = i === parts.length - 1 ? parseIpv4(part) : undefined;
    if (quad !== undefined) {
      groups.push(quad[0]! << 8 | quad[1]!, quad[2]! << 8 | quad[3]!);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

/** The sixteen bytes of an IPv6 address (RFC 4291 2.2); undefined when `text` is not one. */
export function parseIpv6(text: string): Uint8Array<ArrayBuffer> | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!);
  const tail = halves.length === 2 ? parseGroups(halves[1]!) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = IPV6_GROUPS - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const bytes = new Uint8Array(IPV6_BYTES);
  groups.forEach((group, i) => {
    bytes[2 * i] = group >> 8;
    bytes[2 * i + 1] = group & 0xff;
  });
  return bytes;
}

function groupsOf(bytes: Uint8Array): number[] {
  return Array.from({ length: IPV6_GROUPS }, (_, i) => bytes[2 * i]! << 8 | bytes[2 * i + 1]!);
}

/** Text of an address of 4 or 16 bytes; IPv6 in the short form of RFC 5952. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === IPV4_BYTES) return bytes.join(".");
  if (V4_MAPPED_PREFIX.every((byte, i) => bytes[i] === byte)) {
    return `::ffff:${bytes.subarray(12).join(".")}`;
  }
  const groups = groupsOf(bytes);
  let best = 0;
  let bestLength = 1;
  for (let start = 0; start < IPV6_GROUPS; start++) {
    let end = start;
    while (end < IPV6_GROUPS && groups[end] === 0) end++;
    if (end - start > bestLength) [best, bestLength] = [start, end - start];
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (bestLength === 1) return text(groups);
  return `${text(groups.slice(0, best))}::${text(groups.slice(best + bestLength))}`;
}

/** All eight groups with four digits each: how the originals print a GID. */
export function formatGid(bytes: Uint8Array): string {
  return groupsOf(bytes).map((group) => group.toString(16).padStart(4, "0")).join(":");
}

/** An IPv4 address that travels as IPv6 (`::ffff:a.b.c.d`) as its four bytes; others unchanged. */
export function unmapIpv4(bytes: Uint8Array): Uint8Array {
  const mapped = bytes.length === IPV6_BYTES &&
    V4_MAPPED_PREFIX.every((byte, i) => bytes[i] === byte);
  return mapped ? bytes.subarray(12) : bytes;
}

/** True when the address never leaves this host: 127.0.0.0/8 and ::1. */
export function isLoopback(bytes: Uint8Array): boolean {
  const plain = unmapIpv4(bytes);
  if (plain.length === IPV4_BYTES) return plain[0] === 127;
  return plain.every((byte, i) => byte === (i === IPV6_BYTES - 1 ? 1 : 0));
}
