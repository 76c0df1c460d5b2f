/** sockaddr_in and sockaddr_in6 (include/uapi/linux/in.h, in6.h): bytes to fields and back. */
import { formatIp, IPV4_BYTES, IPV6_BYTES, parseIpv4, parseIpv6, unmapIpv4 } from "./ip_address.ts";

/** Address family of IPv4. */
export const AF_INET = 2;
/** Address family of IPv6. */
export const AF_INET6 = 10;

const SOCKADDR_IN = { FAMILY: 0, PORT: 2, ADDRESS: 4, BYTES: 16 } as const;
const SOCKADDR_IN6 = { FAMILY: 0, PORT: 2, ADDRESS: 8, BYTES: 28 } as const;

/** An address and port. `host` is canonical text without brackets. */
export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Bytes of a socket address. Little-endian hosts only, as the whole program.
 * @param host IPv4 or IPv6 text
 * @throws RangeError when `host` is neither or `port` is out of range
 */
export function encodeSockaddr(host: string, port: number): Uint8Array<ArrayBuffer> {
  if (!Number.isInteger(port) || port < 0 || port > 0xffff) {
    throw new RangeError(`Port ${port} is not within 0..65535`);
  }
  const ipv4 = parseIpv4(host);
  const address = ipv4 ?? parseIpv6(host);
  if (address === undefined) throw new RangeError(`"${host}" is no IPv4 or IPv6 address`);
  const layout = ipv4 === undefined ? SOCKADDR_IN6 : SOCKADDR_IN;
  const bytes = new Uint8Array(layout.BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(layout.FAMILY, ipv4 === undefined ? AF_INET6 : AF_INET, true);
  view.setUint16(layout.PORT, port);
  bytes.set(address, layout.ADDRESS);
  return bytes;
}

/**
 * Fields of a socket address; an IPv4 peer of a dual-stack socket comes out as IPv4.
 * @throws RangeError when the bytes are no IPv4 or IPv6 socket address
 */
export function decodeSockaddr(bytes: Uint8Array): SocketAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const family = bytes.length >= 2 ? view.getUint16(SOCKADDR_IN.FAMILY, true) : 0;
  const layout = family === AF_INET ? SOCKADDR_IN : SOCKADDR_IN6;
  if ((family !== AF_INET && family !== AF_INET6) || bytes.length < layout.BYTES) {
    throw new RangeError(`Socket address of family ${family}, ${bytes.length} bytes`);
  }
  const length = family === AF_INET ? IPV4_BYTES : IPV6_BYTES;
  const address = bytes.subarray(layout.ADDRESS, layout.ADDRESS + length);
  return { host: formatIp(unmapIpv4(address)), port: view.getUint16(layout.PORT) };
}

/** The address family that `host` needs. */
export function familyOf(host: string): number {
  return host.includes(":") ? AF_INET6 : AF_INET;
}
