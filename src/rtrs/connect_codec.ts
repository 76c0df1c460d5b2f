/** CM private data of RTRS: conn_req and conn_rsp, 56 bytes each (rtrs-pri.h:185-226). */
import { RTRS_MAGIC, RTRS_VERSION, RTRS_VERSION_MAJOR } from "./constants.ts";
import { CONNECTIONS_MAX } from "./limits.ts";

/** Offsets of conn_req. */
export const CONN_REQ = {
  CMA_VERSION: 0,
  IP_VERSION: 1,
  MAGIC: 2,
  VERSION: 4,
  CID: 6,
  CID_NUM: 8,
  RECON_CNT: 10,
  PATH_UUID: 12,
  SESSION_UUID: 28,
  BITS: 44,
  BYTES: 56,
} as const;

/** Offsets of conn_rsp. */
export const CONN_RSP = {
  MAGIC: 0,
  VERSION: 2,
  ERRNO: 4,
  QUEUE_DEPTH: 6,
  MAX_IO_SIZE: 8,
  MAX_HDR_SIZE: 12,
  FLAGS: 16,
  BYTES: 56,
} as const;

const UUID_BYTES = 16;
const FIRST_CONN_BIT = 1;

/** What a conn_req says. */
export interface ConnectRequest {
  /** This connection's number on its path, 0 = the service connection. */
  readonly cid: number;
  /** Connections of the path. */
  readonly cidNum: number;
  /** Counts attempts to set up the path; 16 bits. */
  readonly reconCnt: number;
  /** 16 bytes; stays the same over reconnects. */
  readonly pathUuid: Uint8Array;
  /** 16 bytes; names the session. */
  readonly sessionUuid: Uint8Array;
  /** The server may create a session for this uuid. */
  readonly firstConn: boolean;
}

/** What a conn_rsp that accepts says. */
export interface ConnectAccept {
  readonly queueDepth: number;
  /** Data bytes of a chunk. */
  readonly maxIoBytes: number;
  /** Header bytes of a chunk. */
  readonly maxHeaderBytes: number;
  readonly flags: number;
}

/** The 56 bytes of a connect request. */
export function encodeConnectRequest(request: ConnectRequest): Uint8Array {
  const bytes = new Uint8Array(CONN_REQ.BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(CONN_REQ.MAGIC, RTRS_MAGIC, true);
  view.setUint16(CONN_REQ.VERSION, RTRS_VERSION, true);
  view.setUint16(CONN_REQ.CID, request.cid, true);
  view.setUint16(CONN_REQ.CID_NUM, request.cidNum, true);
  view.setUint16(CONN_REQ.RECON_CNT, request.reconCnt & 0xffff, true);
  bytes.set(request.pathUuid, CONN_REQ.PATH_UUID);
  bytes.set(request.sessionUuid, CONN_REQ.SESSION_UUID);
  bytes[CONN_REQ.BITS] = request.firstConn ? FIRST_CONN_BIT : 0;
  return bytes;
}

/**
 * Decodes a connect request with checks 1 to 5 of the kernel's server (rtrs-srv.c:1878-1900).
 * Longer data is normal: InfiniBand pads.
 * @returns the request, or a sentence that says what is wrong
 */
export function decodeConnectRequest(bytes: Uint8Array): ConnectRequest | string {
  if (bytes.length < CONN_REQ.BYTES) return `private data of ${bytes.length} bytes is too short`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const magic = view.getUint16(CONN_REQ.MAGIC, true);
  if (magic !== RTRS_MAGIC) return `wrong magic 0x${magic.toString(16)}`;
  const version = view.getUint16(CONN_REQ.VERSION, true);
  if (version >> 8 !== RTRS_VERSION_MAJOR) {
    return `the client speaks RTRS version ${version >> 8}, not ${RTRS_VERSION_MAJOR}`;
  }
  const cidNum = view.getUint16(CONN_REQ.CID_NUM, true);
  if (cidNum > CONNECTIONS_MAX) return `${cidNum} connections a path are too many`;
  const cid = view.getUint16(CONN_REQ.CID, true);
  if (cid >= cidNum) return `connection ${cid} of ${cidNum}`;
  return {
    cid,
    cidNum,
    reconCnt: view.getUint16(CONN_REQ.RECON_CNT, true),
    pathUuid: bytes.slice(CONN_REQ.PATH_UUID, CONN_REQ.PATH_UUID + UUID_BYTES),
    sessionUuid: bytes.slice(CONN_REQ.SESSION_UUID, CONN_REQ.SESSION_UUID + UUID_BYTES),
    firstConn: (bytes[CONN_REQ.BITS]! & FIRST_CONN_BIT) !== 0,
  };
}

function responseHead(): [Uint8Array, DataView] {
  const bytes = new Uint8Array(CONN_RSP.BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(CONN_RSP.MAGIC, RTRS_MAGIC, true);
  view.setUint16(CONN_RSP.VERSION, RTRS_VERSION, true);
  return [bytes, view];
}

/** The 56 bytes that accept a connection. */
export function encodeConnectAccept(accept: ConnectAccept): Uint8Array {
  const [bytes, view] = responseHead();
  view.setUint16(CONN_RSP.QUEUE_DEPTH, accept.queueDepth, true);
  view.setUint32(CONN_RSP.MAX_IO_SIZE, accept.maxIoBytes, true);
  view.setUint32(CONN_RSP.MAX_HDR_SIZE, accept.maxHeaderBytes, true);
  view.setUint32(CONN_RSP.FLAGS, accept.flags, true);
  return bytes;
}

/** The 56 bytes that refuse a connection; `errno` positive, on the wire it is negative. */
export function encodeConnectReject(errno: number): Uint8Array {
  if (errno <= 0 || errno > 0x7fff) throw new RangeError(`Reject errno ${errno}`);
  const [bytes, view] = responseHead();
  view.setInt16(CONN_RSP.ERRNO, -errno, true);
  return bytes;
}

/**
 * Decodes an accept with the checks of the kernel's client (rtrs-clt.c:1840-1860).
 * @returns the accept, or a sentence that says what is wrong
 */
export function decodeConnectAccept(bytes: Uint8Array): ConnectAccept | string {
  if (bytes.length < CONN_RSP.BYTES) return `accept of ${bytes.length} bytes is too short`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const magic = view.getUint16(CONN_RSP.MAGIC, true);
  if (magic !== RTRS_MAGIC) return `wrong magic 0x${magic.toString(16)} in the accept`;
  const version = view.getUint16(CONN_RSP.VERSION, true);
  if (version >> 8 !== RTRS_VERSION_MAJOR) {
    return `the server speaks RTRS version ${version >> 8}, not ${RTRS_VERSION_MAJOR}`;
  }
  const errno = view.getInt16(CONN_RSP.ERRNO, true);
  if (errno !== 0) return `accept with errno ${errno}`;
  const queueDepth = view.getUint16(CONN_RSP.QUEUE_DEPTH, true);
  if (queueDepth === 0) return "accept with queue depth 0";
  return {
    queueDepth,
    maxIoBytes: view.getUint32(CONN_RSP.MAX_IO_SIZE, true),
    maxHeaderBytes: view.getUint32(CONN_RSP.MAX_HDR_SIZE, true),
    flags: view.getUint32(CONN_RSP.FLAGS, true),
  };
}

/** Positive errno of a reject; ECONNRESET when it carries no usable one (rtrs-clt.c:1937). */
export function decodeConnectReject(bytes: Uint8Array): number {
  const ECONNRESET = 104;
  if (bytes.length < CONN_RSP.BYTES) return ECONNRESET;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint16(CONN_RSP.MAGIC, true) !== RTRS_MAGIC) return ECONNRESET;
  const errno = view.getInt16(CONN_RSP.ERRNO, true);
  return errno < 0 ? -errno : ECONNRESET;
}
