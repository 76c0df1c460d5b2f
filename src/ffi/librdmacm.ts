/**
 * librdmacm: how connections are found, made and ended (man pages rdma_*(3)). Objects are native
 * addresses as numbers; sockaddrs are bytes. All of it is for main. Every function throws
 * {@link MissingLibraryError} where the library is not installed and {@link SystemError} when the
 * call fails.
 */
import { ERRNO, SystemError } from "./errno.ts";
import { errno, type Mapping, mapReserve, setNonBlocking } from "./libc.ts";
import { optionalLibrary, RDMA_PACKAGES } from "./optional_library.ts";
import { addressField, copyBytes, structAt } from "./pointer.ts";
import {
  CM_EVENT,
  CM_OPTION,
  IBV_QP,
  IBV_QP_INIT_ATTR,
  QP_TYPE,
  RDMA_CM_EVENT,
  RDMA_CM_ID,
  RDMA_CONN_PARAM,
  RDMA_EVENT_CHANNEL,
} from "./verbs_layout.ts";

const library = optionalLibrary("librdmacm.so.1", RDMA_PACKAGES, {
  rdma_create_event_channel: { parameters: [], result: "usize" },
  rdma_destroy_event_channel: { parameters: ["usize"], result: "void" },
  rdma_create_id: { parameters: ["usize", "buffer", "usize", "i32"], result: "i32" },
  rdma_destroy_id: { parameters: ["usize"], result: "i32" },
  rdma_set_option: { parameters: ["usize", "i32", "i32", "buffer", "usize"], result: "i32" },
  rdma_bind_addr: { parameters: ["usize", "buffer"], result: "i32" },
  rdma_listen: { parameters: ["usize", "i32"], result: "i32" },
  rdma_resolve_addr: { parameters: ["usize", "buffer", "buffer", "i32"], result: "i32" },
  rdma_resolve_route: { parameters: ["usize", "i32"], result: "i32" },
  rdma_connect: { parameters: ["usize", "buffer"], result: "i32" },
  rdma_accept: { parameters: ["usize", "buffer"], result: "i32" },
  rdma_reject: { parameters: ["usize", "buffer", "u8"], result: "i32" },
  rdma_disconnect: { parameters: ["usize"], result: "i32" },
  rdma_create_qp: { parameters: ["usize", "usize", "buffer"], result: "i32" },
  rdma_destroy_qp: { parameters: ["usize"], result: "void" },
  rdma_get_cm_event: { parameters: ["usize", "buffer"], result: "i32" },
  rdma_ack_cm_event: { parameters: ["usize"], result: "i32" },
});

/** Room for a sockaddr of any family that the library copies from (sockaddr_storage). */
const SOCKADDR_BYTES = 128;
const PRIVATE_DATA_BYTES_MAX = 255;
const ID = "connection id";

function check(result: number, call: string, subject: string): void {
  if (result !== 0) throw new SystemError(errno(), call, subject);
}

/** Calls that read a sockaddr copy as many bytes as its family has; never let them read past it. */
function padded(sockaddr: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SOCKADDR_BYTES);
  bytes.set(sockaddr);
  return bytes;
}

/** A queue of connection events; `fd` is readable when one waits; it is non-blocking. */
export interface EventChannel {
  /** Native address of the rdma_event_channel. */
  readonly address: number;
  readonly fd: number;
}

/** rdma_create_event_channel(3). ENODEV or ENOENT mean that module rdma_ucm is not loaded. */
export function createEventChannel(): EventChannel {
  const address = Number(library().rdma_create_event_channel());
  if (address === 0) {
    throw new SystemError(
      errno(),
      "rdma_create_event_channel",
      "/dev/infiniband/rdma_cm (is module rdma_ucm loaded?)",
    );
  }
  const fd = structAt(address).getInt32(RDMA_EVENT_CHANNEL.FD);
  setNonBlocking(fd);
  return { address, fd };
}

/** Destroys a channel and closes its descriptor; all its ids must be gone. */
export function destroyEventChannel(channel: number): void {
  library().rdma_destroy_event_channel(BigInt(channel));
}

/** rdma_create_id(3): a new id on a channel. @param portSpace one of PORT_SPACE */
export function createId(channel: number, portSpace: number): number {
  const out = new BigUint64Array(1);
  check(
    library().rdma_create_id(BigInt(channel), new Uint8Array(out.buffer), 0n, portSpace),
    "rdma_create_id",
    `port space 0x${portSpace.toString(16)}`,
  );
  return Number(out[0]!);
}

/** rdma_destroy_id(3): its queue pair must be gone. */
export function destroyId(id: number): void {
  check(library().rdma_destroy_id(BigInt(id)), "rdma_destroy_id", ID);
}

/** Lets an id bind to an address that a finished connection still holds. */
export function setReuseAddress(id: number): void {
  switchOn(id, CM_OPTION.ID_REUSEADDR, "RDMA_OPTION_ID_REUSEADDR");
}

/** Keeps an IPv6 id that listens on every address away from IPv4, as IPV6_V6ONLY does. */
export function setAddressFamilyOnly(id: number): void {
  switchOn(id, CM_OPTION.ID_AFONLY, "RDMA_OPTION_ID_AFONLY");
}

function switchOn(id: number, option: number, name: string): void {
  const on = new Uint8Array(new Int32Array([1]).buffer);
  const result = library().rdma_set_option(BigInt(id), CM_OPTION.ID, option, on, 4n);
  check(result, `rdma_set_option(${name})`, ID);
}

/** rdma_bind_addr(3); `subject` names the address in an error. */
export function bindAddress(id: number, sockaddr: Uint8Array, subject: string): void {
  check(library().rdma_bind_addr(BigInt(id), padded(sockaddr)), "rdma_bind_addr", subject);
}

/** rdma_listen(3). */
export function listen(id: number, backlog: number, subject: string): void {
  check(library().rdma_listen(BigInt(id), backlog), "rdma_listen", subject);
}

/**
 * rdma_resolve_addr(3): finds the device that leads to an address. Ends with an event.
 * @param source where to start from; undefined lets the system choose
 */
export function resolveAddress(
  id: number,
  source: Uint8Array | undefined,
  destination: Uint8Array,
  timeoutMs: number,
  subject: string,
): void {
  const from = source === undefined ? null : padded(source);
  check(
    library().rdma_resolve_addr(BigInt(id), from, padded(destination), timeoutMs),
    "rdma_resolve_addr",
    subject,
  );
}

/** rdma_resolve_route(3). Ends with an event. */
export function resolveRoute(id: number, timeoutMs: number, subject: string): void {
  check(library().rdma_resolve_route(BigInt(id), timeoutMs), "rdma_resolve_route", subject);
}

/** What both sides say about a connection when they make it (rdma_conn_param). */
export interface ConnectionParameters {
  readonly privateData: Uint8Array;
  /** RDMA reads that this side answers at a time, and that it starts at a time. */
  readonly responderResources: number;
  readonly initiatorDepth: number;
  /** Times to send again without an answer, 0..7. Only used by {@link connect}. */
  readonly retryCount: number;
  /** Times to send again while the peer has no receive posted, 0..7; 7 is without end. */
  readonly rnrRetryCount: number;
}

let scratch: Mapping | undefined;

/** struct rdma_conn_param; its private data lies in native memory until the next call. */
function encodeParameters(parameters: ConnectionParameters): Uint8Array<ArrayBuffer> {
  const { privateData } = parameters;
  if (privateData.length > PRIVATE_DATA_BYTES_MAX) {
    throw new RangeError(`${privateData.length} bytes of private data, at most 255 can be sent`);
  }
  const PAGE_BYTES = 4096;
  scratch ??= mapReserve(PAGE_BYTES);
  new Uint8Array(scratch.buffer).set(privateData);
  const bytes = new Uint8Array(RDMA_CONN_PARAM.BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(RDMA_CONN_PARAM.PRIVATE_DATA, BigInt(scratch.address), true);
  bytes[RDMA_CONN_PARAM.PRIVATE_DATA_LENGTH] = privateData.length;
  bytes[RDMA_CONN_PARAM.RESPONDER_RESOURCES] = parameters.responderResources;
  bytes[RDMA_CONN_PARAM.INITIATOR_DEPTH] = parameters.initiatorDepth;
  bytes[RDMA_CONN_PARAM.RETRY_COUNT] = parameters.retryCount;
  bytes[RDMA_CONN_PARAM.RNR_RETRY_COUNT] = parameters.rnrRetryCount;
  return bytes;
}

/** rdma_connect(3), after the route event and {@link createQueuePair}. Ends with an event. */
export function connect(id: number, parameters: ConnectionParameters, subject: string): void {
  check(
    library().rdma_connect(BigInt(id), encodeParameters(parameters)),
    "rdma_connect",
    subject,
  );
}

/** rdma_accept(3) of a CONNECT_REQUEST's id, after {@link createQueuePair}. Ends with an event. */
export function accept(id: number, parameters: ConnectionParameters, subject: string): void {
  check(library().rdma_accept(BigInt(id), encodeParameters(parameters)), "rdma_accept", subject);
}

/** rdma_reject(3) of a CONNECT_REQUEST's id; the id is still to be destroyed. */
export function reject(id: number, privateData: Uint8Array, subject: string): void {
  const bytes = new Uint8Array(privateData);
  check(library().rdma_reject(BigInt(id), bytes, bytes.length), "rdma_reject", subject);
}

/**
 * rdma_disconnect(3): flushes the queue pair and tells the peer, which gets DISCONNECTED. The peer
 * must answer with a disconnect of its own (or destroy its id): only then this side gets its event.
 */
export function disconnect(id: number, subject: string): void {
  check(library().rdma_disconnect(BigInt(id)), "rdma_disconnect", subject);
}

/** What a queue pair is made of. */
export interface QueuePairConfig {
  readonly pd: number;
  readonly sendQueue: number;
  readonly receiveQueue: number;
  readonly sendsMax: number;
  readonly receivesMax: number;
  /** Ranges of one send and of one receive. */
  readonly sendRangesMax: number;
  readonly receiveRangesMax: number;
  readonly inlineBytesMax: number;
}

/** A queue pair. */
export interface QueuePair {
  /** Native address of the ibv_qp. */
  readonly address: number;
  /** qp_num: what completions name it by. */
  readonly number: number;
}

/** rdma_create_qp(3): a reliable connection's queue pair on an id, ready for receives. */
export function createQueuePair(id: number, config: QueuePairConfig, subject: string): QueuePair {
  const bytes = new Uint8Array(IBV_QP_INIT_ATTR.BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(IBV_QP_INIT_ATTR.SEND_CQ, BigInt(config.sendQueue), true);
  view.setBigUint64(IBV_QP_INIT_ATTR.RECV_CQ, BigInt(config.receiveQueue), true);
  view.setUint32(IBV_QP_INIT_ATTR.MAX_SEND_WR, config.sendsMax, true);
  view.setUint32(IBV_QP_INIT_ATTR.MAX_RECV_WR, config.receivesMax, true);
  view.setUint32(IBV_QP_INIT_ATTR.MAX_SEND_SGE, config.sendRangesMax, true);
  view.setUint32(IBV_QP_INIT_ATTR.MAX_RECV_SGE, config.receiveRangesMax, true);
  view.setUint32(IBV_QP_INIT_ATTR.MAX_INLINE_DATA, config.inlineBytesMax, true);
  view.setUint32(IBV_QP_INIT_ATTR.QP_TYPE, QP_TYPE.RC, true);
  check(library().rdma_create_qp(BigInt(id), BigInt(config.pd), bytes), "rdma_create_qp", subject);
  const address = addressField(structAt(id), RDMA_CM_ID.QP);
  return { address, number: structAt(address).getUint32(IBV_QP.QP_NUM) };
}

/** rdma_destroy_qp(3): nothing posted on it refers to memory afterwards. */
export function destroyQueuePair(id: number): void {
  library().rdma_destroy_qp(BigInt(id));
}

/** A connection event, copied out and acknowledged. */
export interface CmEvent {
  /** One of CM_EVENT. */
  readonly type: number;
  /** As the header names it, such as `RDMA_CM_EVENT_REJECTED`. */
  readonly name: string;
  /** 0, a negative errno, or for REJECTED the reason of the fabric (28: by the peer's program). */
  readonly status: number;
  /** The id it is of; on CONNECT_REQUEST a new id. */
  readonly id: number;
  /** On CONNECT_REQUEST the id that listens, else 0. */
  readonly listenId: number;
  /** As received: the fabric pads it with zeros. */
  readonly privateData: Uint8Array<ArrayBuffer>;
  /** The peer's, on CONNECT_REQUEST and ESTABLISHED. */
  readonly queuePairNumber: number;
  readonly responderResources: number;
  readonly initiatorDepth: number;
}

const EVENT_NAMES = new Map<number, string>(
  Object.entries(CM_EVENT).map(([name, type]) => [type, `RDMA_CM_EVENT_${name}`]),
);

function decodeEvent(address: number): CmEvent {
  const view = structAt(address);
  const type = view.getUint32(RDMA_CM_EVENT.EVENT);
  const data = addressField(view, RDMA_CM_EVENT.PRIVATE_DATA);
  const length = view.getUint8(RDMA_CM_EVENT.PRIVATE_DATA_LENGTH);
  return {
    type,
    name: EVENT_NAMES.get(type) ?? `RDMA_CM_EVENT ${type}`,
    status: view.getInt32(RDMA_CM_EVENT.STATUS),
    id: addressField(view, RDMA_CM_EVENT.ID),
    listenId: addressField(view, RDMA_CM_EVENT.LISTEN_ID),
    privateData: data === 0 ? new Uint8Array() : copyBytes(data, length),
    queuePairNumber: view.getUint32(RDMA_CM_EVENT.QP_NUM),
    responderResources: view.getUint8(RDMA_CM_EVENT.RESPONDER_RESOURCES),
    initiatorDepth: view.getUint8(RDMA_CM_EVENT.INITIATOR_DEPTH),
  };
}

/** The next event of a channel, or undefined when none waits (rdma_get_cm_event(3)). */
export function nextEvent(channel: number): CmEvent | undefined {
  const out = new BigUint64Array(1);
  if (library().rdma_get_cm_event(BigInt(channel), new Uint8Array(out.buffer)) !== 0) {
    const failure = errno();
    if (failure === ERRNO.EAGAIN) return undefined;
    throw new SystemError(failure, "rdma_get_cm_event", "event channel");
  }
  const address = out[0]!;
  const event = decodeEvent(Number(address));
  check(library().rdma_ack_cm_event(address), "rdma_ack_cm_event", event.name);
  return event;
}

/** The device context (ibv_context) of an id; 0 until its address is resolved or bound. */
export function contextOf(id: number): number {
  return addressField(structAt(id), RDMA_CM_ID.VERBS);
}

/** Port of that device, from 1. */
export function devicePortOf(id: number): number {
  return structAt(id).getUint8(RDMA_CM_ID.PORT_NUM);
}

/** This side's sockaddr (IPv4, IPv6 or AF_IB), with its port. */
export function sourceAddress(id: number): Uint8Array<ArrayBuffer> {
  return copyBytes(id + RDMA_CM_ID.SOURCE_ADDRESS, SOCKADDR_BYTES);
}

/** The peer's sockaddr. */
export function destinationAddress(id: number): Uint8Array<ArrayBuffer> {
  return copyBytes(id + RDMA_CM_ID.DESTINATION_ADDRESS, SOCKADDR_BYTES);
}
