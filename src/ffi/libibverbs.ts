/**
 * libibverbs, the control half: devices, protection domains, memory, queues. Objects are native
 * addresses as numbers, so they can be sent to another thread. None of this is for the data plane:
 * that is `data_verbs.ts`. Every function throws {@link MissingLibraryError} where the library is
 * not installed and {@link SystemError} when the call fails (man pages ibv_*(3)).
 */
import { errno, setNonBlocking } from "./libc.ts";
import { openMemoryWindowVerbs } from "./data_verbs.ts";
import { ERRNO, SystemError } from "./errno.ts";
import { optionalLibrary, RDMA_PACKAGES } from "./optional_library.ts";
import { addressField, structAt } from "./pointer.ts";
import {
  DEVICE_CAP,
  IBV_COMP_CHANNEL,
  IBV_CONTEXT,
  IBV_CQ,
  IBV_DEVICE_ATTR,
  IBV_MR,
  IBV_MW,
  IBV_QP_ATTR,
  MW_TYPE,
  QP_ATTR_MASK,
  QP_STATE,
} from "./verbs_layout.ts";

const library = optionalLibrary("libibverbs.so.1", RDMA_PACKAGES, {
  ibv_get_device_list: { parameters: ["buffer"], result: "usize" },
  ibv_free_device_list: { parameters: ["usize"], result: "void" },
  ibv_get_device_name: { parameters: ["usize"], result: "pointer" },
  ibv_open_device: { parameters: ["usize"], result: "usize" },
  ibv_close_device: { parameters: ["usize"], result: "i32" },
  ibv_query_device: { parameters: ["usize", "buffer"], result: "i32" },
  ibv_alloc_pd: { parameters: ["usize"], result: "usize" },
  ibv_dealloc_pd: { parameters: ["usize"], result: "i32" },
  ibv_reg_mr: { parameters: ["usize", "usize", "usize", "i32"], result: "usize" },
  ibv_dereg_mr: { parameters: ["usize"], result: "i32" },
  ibv_create_comp_channel: { parameters: ["usize"], result: "usize" },
  ibv_destroy_comp_channel: { parameters: ["usize"], result: "i32" },
  ibv_create_cq: { parameters: ["usize", "i32", "usize", "usize", "i32"], result: "usize" },
  ibv_destroy_cq: { parameters: ["usize"], result: "i32" },
  ibv_modify_qp: { parameters: ["usize", "buffer", "i32"], result: "i32" },
});

/** A call that gives an object: NULL means failure with errno. */
function object(address: bigint, call: string, subject: string): number {
  if (address === 0n) throw new SystemError(errno(), call, subject);
  return Number(address);
}

/** A call that gives 0 or an errno (some providers give -1 and set errno). */
function check(result: number, call: string, subject: string): void {
  if (result !== 0) throw new SystemError(result > 0 ? result : errno(), call, subject);
}

/** Calls `use` with every device of the list, native addresses; the list lives that long. */
function withDevices<T>(use: (devices: readonly number[]) => T): T {
  const verbs = library();
  const count = new Int32Array(1);
  const list = object(
    verbs.ibv_get_device_list(new Uint8Array(count.buffer)),
    "ibv_get_device_list",
    "RDMA devices (is module ib_uverbs loaded?)",
  );
  try {
    const view = structAt(list);
    return use(Array.from({ length: count[0]! }, (_, index) => addressField(view, index * 8)));
  } finally {
    verbs.ibv_free_device_list(BigInt(list));
  }
}

function nameOfDevice(device: number): string {
  const name = library().ibv_get_device_name(BigInt(device));
  return name === null ? "" : new Deno.UnsafePointerView(name).getCString();
}

/** Opens a device by name. The context is of this process; close it with {@link closeDevice}. */
export function openDevice(name: string): number {
  return withDevices((devices) => {
    const device = devices.find((candidate) => nameOfDevice(candidate) === name);
    if (device === undefined) throw new SystemError(ERRNO.ENODEV, "ibv_open_device", name);
    return object(library().ibv_open_device(BigInt(device)), "ibv_open_device", name);
  });
}

/** Closes a context from {@link openDevice}; never one that belongs to an rdma_cm_id. */
export function closeDevice(context: number): void {
  check(library().ibv_close_device(BigInt(context)), "ibv_close_device", "context");
}

/** Name of the device that a context is of. */
export function deviceName(context: number): string {
  return nameOfDevice(addressField(structAt(context), IBV_CONTEXT.DEVICE));
}

/** Limits of a device. */
export interface DeviceLimits {
  readonly queuePairsMax: number;
  /** Work requests of one queue. */
  readonly workRequestsMax: number;
  /** Gathered or scattered ranges of one work request. */
  readonly rangesMax: number;
  readonly completionQueuesMax: number;
  /** Entries of one completion queue. */
  readonly completionsMax: number;
  readonly memoryRegionsMax: number;
  readonly memoryRegionBytesMax: number;
  readonly memoryWindowsMax: number;
  /** RDMA reads and atomics in flight, for responder_resources and initiator_depth. */
  readonly readsMax: number;
  readonly portCount: number;
  /** Whether it says that it can do memory windows of type 1. */
  readonly hasMemoryWindows: boolean;
}

/** ibv_query_device(3). */
export function queryDevice(context: number): DeviceLimits {
  const bytes = new Uint8Array(IBV_DEVICE_ATTR.BYTES);
  check(
    library().ibv_query_device(BigInt(context), bytes),
    "ibv_query_device",
    deviceName(context),
  );
  const view = new DataView(bytes.buffer);
  const int = (offset: number) => view.getInt32(offset, true);
  return {
    queuePairsMax: int(IBV_DEVICE_ATTR.MAX_QP),
    workRequestsMax: int(IBV_DEVICE_ATTR.MAX_QP_WR),
    rangesMax: int(IBV_DEVICE_ATTR.MAX_SGE),
    completionQueuesMax: int(IBV_DEVICE_ATTR.MAX_CQ),
    completionsMax: int(IBV_DEVICE_ATTR.MAX_CQE),
    memoryRegionsMax: int(IBV_DEVICE_ATTR.MAX_MR),
    memoryRegionBytesMax: Number(view.getBigUint64(IBV_DEVICE_ATTR.MAX_MR_SIZE, true)),
    memoryWindowsMax: int(IBV_DEVICE_ATTR.MAX_MW),
    readsMax: int(IBV_DEVICE_ATTR.MAX_QP_RD_ATOM),
    portCount: view.getUint8(IBV_DEVICE_ATTR.PHYS_PORT_COUNT),
    hasMemoryWindows: (int(IBV_DEVICE_ATTR.DEVICE_CAP_FLAGS) & DEVICE_CAP.MEM_WINDOW) !== 0,
  };
}

/** A protection domain: memory and queue pairs of one path belong to it. */
export function allocatePd(context: number): number {
  return object(library().ibv_alloc_pd(BigInt(context)), "ibv_alloc_pd", deviceName(context));
}

/** Frees a protection domain; EBUSY while something belongs to it. */
export function deallocatePd(pd: number): void {
  check(library().ibv_dealloc_pd(BigInt(pd)), "ibv_dealloc_pd", "protection domain");
}

/** Registered memory as the device knows it. */
export interface MemoryRegion {
  /** Native address of the ibv_mr. */
  readonly address: number;
  readonly lkey: number;
  readonly rkey: number;
}

/**
 * ibv_reg_mr(3): lets the device at `length` bytes from native address `start`; the pages are
 * locked. ENOMEM means that the limit on locked memory (ulimit -l) is too small.
 * @param access bits of ACCESS
 */
export function registerMemory(
  pd: number,
  start: number,
  length: number,
  access: number,
): MemoryRegion {
  const address = object(
    library().ibv_reg_mr(BigInt(pd), BigInt(start), BigInt(length), access),
    "ibv_reg_mr",
    `${length} bytes`,
  );
  const view = structAt(address);
  return { address, lkey: view.getUint32(IBV_MR.LKEY), rkey: view.getUint32(IBV_MR.RKEY) };
}

/** Ends a registration; EBUSY, or EINVAL on soft-RoCE, while a memory window is bound to it. */
export function deregisterMemory(region: number): void {
  check(library().ibv_dereg_mr(BigInt(region)), "ibv_dereg_mr", "memory region");
}

/** A completion channel: `fd` is readable when an event waits; it is non-blocking. */
export interface CompletionChannel {
  /** Native address of the ibv_comp_channel. */
  readonly address: number;
  readonly fd: number;
}

/** ibv_create_comp_channel(3). Events are taken with `getCqEvent` of data_verbs.ts. */
export function createCompletionChannel(context: number): CompletionChannel {
  const address = object(
    library().ibv_create_comp_channel(BigInt(context)),
    "ibv_create_comp_channel",
    deviceName(context),
  );
  const fd = structAt(address).getInt32(IBV_COMP_CHANNEL.FD);
  setNonBlocking(fd);
  return { address, fd };
}

/** Destroys a channel and closes its descriptor; EBUSY while a completion queue uses it. */
export function destroyCompletionChannel(channel: number): void {
  const result = library().ibv_destroy_comp_channel(BigInt(channel));
  check(result, "ibv_destroy_comp_channel", "completion channel");
}

/** A completion queue. */
export interface CompletionQueue {
  /** Native address of the ibv_cq. */
  readonly address: number;
  /** Entries it really has: at least what was asked for. */
  readonly entries: number;
}

/**
 * ibv_create_cq(3).
 * @param channel address of its completion channel, 0 for none
 */
export function createCompletionQueue(
  context: number,
  entries: number,
  channel: number,
): CompletionQueue {
  const address = object(
    library().ibv_create_cq(BigInt(context), entries, 0n, BigInt(channel), 0),
    "ibv_create_cq",
    `${deviceName(context)}, ${entries} entries`,
  );
  return { address, entries: structAt(address).getInt32(IBV_CQ.CQE) };
}

/** Destroys a completion queue. Waits for ever while an event of it is not acknowledged. */
export function destroyCompletionQueue(queue: number): void {
  check(library().ibv_destroy_cq(BigInt(queue)), "ibv_destroy_cq", "completion queue");
}

/** Moves a queue pair to the error state: everything posted on it completes as flushed. */
export function moveQueuePairToError(queuePair: number): void {
  const attributes = new Uint8Array(IBV_QP_ATTR.BYTES);
  new DataView(attributes.buffer).setUint32(IBV_QP_ATTR.QP_STATE, QP_STATE.ERR, true);
  const result = library().ibv_modify_qp(BigInt(queuePair), attributes, QP_ATTR_MASK.STATE);
  check(result, "ibv_modify_qp(IBV_QPS_ERR)", "queue pair");
}

/** A memory window of type 1, not bound yet. */
export interface MemoryWindow {
  /** Native address of the ibv_mw; its rkey changes with every bind. */
  readonly address: number;
  readonly rkey: number;
}

/** ibv_alloc_mw(3), type 1: may be bound through any queue pair of its protection domain. */
export function allocateMemoryWindow(pd: number): MemoryWindow {
  library();
  const result = openMemoryWindowVerbs().allocMw(BigInt(pd), MW_TYPE.TYPE_1);
  const address = object(result, "ibv_alloc_mw", "protection domain");
  return { address, rkey: structAt(address).getUint32(IBV_MW.RKEY) };
}

/** ibv_dealloc_mw(3): frees a window, and unbinds it. */
export function deallocateMemoryWindow(window: number): void {
  check(
    openMemoryWindowVerbs().deallocMw(BigInt(window)),
    "ibv_dealloc_mw",
    "memory window",
  );
}
