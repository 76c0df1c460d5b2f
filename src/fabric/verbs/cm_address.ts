/** Addresses as rdma_cm takes and gives them: IPv4, IPv6, or AF_IB (a GID and a service id). */
import { PORT_SPACE } from "../../ffi/verbs_layout.ts";
import { formatGid, parseIpv6 } from "../ip_address.ts";
import { decodeSockaddr, encodeSockaddr } from "../sockaddr.ts";

/** What the addresses of a fabric are; also the prefix of their text. */
export type VerbsAddressKind = "ip" | "gid";

/** struct sockaddr_ib (include/uapi/rdma/ib_user_sa.h, rdma/ib.h). */
const SOCKADDR_IB = {
  FAMILY: 0,
  PARTITION_KEY: 2,
  GID: 8,
  SERVICE_ID: 24,
  SERVICE_MASK: 32,
  BYTES: 48,
} as const;
const AF_IB = 27;
/** The default partition, full member. */
const PARTITION_KEY = 0xffff;

/** The port space of addresses of this kind. */
export function portSpaceOf(kind: VerbsAddressKind): number {
  return kind === "gid" ? PORT_SPACE.IB : PORT_SPACE.TCP;
}

function encodeSockaddrIb(gid: string, port: number): Uint8Array<ArrayBuffer> {
  const address = parseIpv6(gid);
  if (address === undefined) throw new RangeError(`"${gid}" is no GID`);
  const bytes = new Uint8Array(SOCKADDR_IB.BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(SOCKADDR_IB.FAMILY, AF_IB, true);
  view.setUint16(SOCKADDR_IB.PARTITION_KEY, PARTITION_KEY);
  bytes.set(address, SOCKADDR_IB.GID);
  // The service id is port space and port, all bits of it (rtrs.c:428-435).
  view.setUint32(SOCKADDR_IB.SERVICE_ID + 4, PORT_SPACE.IB << 16 | port);
  bytes.fill(0xff, SOCKADDR_IB.SERVICE_MASK, SOCKADDR_IB.SERVICE_MASK + 8);
  return bytes;
}

/**
 * @param host text without prefix
 * @throws RangeError when it is no address of this kind
 */
export function encodeCmAddress(
  kind: VerbsAddressKind,
  host: string,
  port: number,
): Uint8Array<ArrayBuffer> {
  return kind === "gid" ? encodeSockaddrIb(host, port) : encodeSockaddr(host, port);
}

function isSockaddrIb(bytes: Uint8Array): boolean {
  return bytes[0] === AF_IB && bytes[1] === 0;
}

/** Canonical text with prefix, without port. */
export function formatCmAddress(bytes: Uint8Array): string {
  if (!isSockaddrIb(bytes)) return `ip:${decodeSockaddr(bytes).host}`;
  return `gid:${formatGid(bytes.subarray(SOCKADDR_IB.GID, SOCKADDR_IB.GID + 16))}`;
}

/** The port: of AF_IB the low 16 bits of the service id. */
export function portOfCmAddress(bytes: Uint8Array): number {
  if (!isSockaddrIb(bytes)) return decodeSockaddr(bytes).port;
  return bytes[SOCKADDR_IB.SERVICE_ID + 6]! << 8 | bytes[SOCKADDR_IB.SERVICE_ID + 7]!;
}
