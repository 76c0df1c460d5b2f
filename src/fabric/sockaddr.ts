/**
 * sockaddr_in, sockaddr_in6 (include/uapi/linux/in.h, in6.h) and sockaddr_ib (include/rdma/ib.h):
 * bytes to fields and back.
 */
import {
  formatGid,
  formatIp,
  IPV4_BYTES,
  IPV6_BYTES,
  parseIpv4,
  parseIpv6,
  unmapIpv4,
} from "./ip_address.ts";

/** Address family of IPv4. */
export const AF_INET = 2;
/** Address family of IPv6. */
export const AF_INET6 = 10;
/** Address family of InfiniBand GIDs; only the RDMA connection manager knows it. */
export const AF_IB = 27;

const SOCKADDR_IN = { FAMILY: 0, PORT: 2, ADDRESS: 4, BYTES: 16 } as const;
const SOCKADDR_IN6 = { FAMILY: 0, PORT: 2, ADDRESS: 8, BYTES: 28 } as const;
/** A port is the low 16 bits of the service id. */
const SOCKADDR_IB = {
  FAMILY: 0,
  PARTITION_KEY: 2,
  ADDRESS: 8,
  SERVICE_ID: 24,
  SERVICE_ID_MASK: 32,
  BYTES: 48,
} as const;
/** The full-membership default partition. */
const DEFAULT_PARTITION_KEY = 0xffff;
/** RDMA_IB_IP_PS_IB: the service ids that stand for ports of RDMA_PS_IB. */
const SERVICE_ID_OF_PORTS = 0x13f_0000;

const LAYOUTS = new Map<number, { readonly ADDRESS: number; readonly BYTES: number }>([
  [AF_INET, SOCKADDR_IN],
  [AF_INET6, SOCKADDR_IN6],
  [AF_IB, SOCKADDR_IB],
]);

/** An address and port. `host` is canonical text without brackets. */
export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

function checkPort(port: number): void {
  if (!Number.isInteger(port) || port < 0 || port > 0xffff) {
    throw new RangeError(`Port ${port} is not within 0..65535`);
  }
}

/**
 * Bytes of a socket address. Little-endian hosts only, as the whole program.
 * @param host IPv4 or IPv6 text
 * @throws RangeError when `host` is neither or `port` is out of range
 */
export function encodeSockaddr(host: string, port: number): Uint8Array<ArrayBuffer> {
  checkPort(port);
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
 * Bytes of a sockaddr_ib: a GID, and a port in the port space RDMA_PS_IB, as in the originals
 * (rtrs.c, rtrs_str_gid_to_sockaddr).
 * @param gid eight groups of hex digits, or with `::`
 * @throws RangeError when `gid` is none or `port` is out of range
 */
export function encodeSockaddrIb(gid: string, port: number): Uint8Array<ArrayBuffer> {
  checkPort(port);
  const address = parseIpv6(gid);
  if (address === undefined) throw new RangeError(`"${gid}" is no GID`);
  const bytes = new Uint8Array(SOCKADDR_IB.BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(SOCKADDR_IB.FAMILY, AF_IB, true);
  view.setUint16(SOCKADDR_IB.PARTITION_KEY, DEFAULT_PARTITION_KEY);
  bytes.set(address, SOCKADDR_IB.ADDRESS);
  view.setUint32(SOCKADDR_IB.SERVICE_ID + 4, SERVICE_ID_OF_PORTS + port);
  bytes.fill(0xff, SOCKADDR_IB.SERVICE_ID_MASK, SOCKADDR_IB.SERVICE_ID_MASK + 8);
  return bytes;
}

/** The address family in a socket address of any kind. */
export function familyOfSockaddr(bytes: Uint8Array): number {
  return bytes.length < 2 ? 0 : bytes[0]! | bytes[1]! << 8;
}

/**
 * Fields of a socket address; an IPv4 peer of a dual-stack socket comes out as IPv4, a GID in the
 * form of the originals. The bytes may be longer than the address (sockaddr_storage).
 * @throws RangeError when the bytes are no IPv4, IPv6 or GID socket address
 */
export function decodeSockaddr(bytes: Uint8Array): SocketAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const family = familyOfSockaddr(bytes);
  const layout = LAYOUTS.get(family);
  if (layout === undefined || bytes.length < layout.BYTES) {
    throw new RangeError(`Socket address of family ${family}, ${bytes.length} bytes`);
  }
  const length = family === AF_INET ? IPV4_BYTES : IPV6_BYTES;
  const address = bytes.subarray(layout.ADDRESS, layout.ADDRESS + length);
  if (family === AF_IB) {
    return { host: formatGid(address), port: view.getUint16(SOCKADDR_IB.SERVICE_ID + 6) };
  }
  const { PORT } = family === AF_INET ? SOCKADDR_IN : SOCKADDR_IN6;
  return { host: formatIp(unmapIpv4(address)), port: view.getUint16(PORT) };
}

/** The address family that `host` needs. */
export function familyOf(host: string): number {
  return host.includes(":") ? AF_INET6 : AF_INET;
}
