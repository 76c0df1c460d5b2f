/**
 * The verbs of the data plane. All but two are inline functions of infiniband/verbs.h, so no
 * library has a symbol for them: they are called through stubs ({@link buildVerbsImage}) that jump
 * through `object->context->ops`. Arguments are premade pointer objects; nothing is allocated.
 * Results are those of the C functions.
 */
import { loadVerbsImage } from "./native_image.ts";
import { optionalLibrary, RDMA_PACKAGES } from "./optional_library.ts";
import type { NativePointer } from "./pointer.ts";

/** One thread's verbs. Pointers are of the structs that the parameters are named after. */
export interface DataVerbs {
  /** ibv_post_send: 0 or a positive errno; then `bad` (8 bytes) points at the first not posted. */
  postSend(queuePair: NativePointer, workRequest: NativePointer, bad: NativePointer): number;
  /** ibv_post_recv: as {@link DataVerbs.postSend}. */
  postRecv(queuePair: NativePointer, workRequest: NativePointer, bad: NativePointer): number;
  /** ibv_poll_cq: how many of `count` completions it wrote to the array; negative on failure. */
  pollCq(completionQueue: NativePointer, count: number, completions: NativePointer): number;
  /** ibv_req_notify_cq: 0 or a positive errno. `solicitedOnly` is 0 or 1. */
  requestNotifyCq(completionQueue: NativePointer, solicitedOnly: number): number;
  /** ibv_bind_mw, type 1 only: 0 or a positive errno; the window's rkey has changed afterwards. */
  bindMw(queuePair: NativePointer, window: NativePointer, bind: NativePointer): number;
  /** ibv_get_cq_event: 0, or -1 when none waits. Writes 8 bytes to each place. */
  getCqEvent(channel: NativePointer, queueOut: NativePointer, contextOut: NativePointer): number;
  /** ibv_ack_cq_events: takes a lock, so acknowledge many at once. */
  ackCqEvents(completionQueue: NativePointer, count: number): void;
}

const THREE_POINTERS = { parameters: ["pointer", "pointer", "pointer"], result: "i32" } as const;

const library = optionalLibrary("libibverbs.so.1", RDMA_PACKAGES, {
  ibv_get_cq_event: THREE_POINTERS,
  ibv_ack_cq_events: { parameters: ["pointer", "u32"], result: "void" },
});

/**
 * Opens the data plane's verbs for the calling thread (each Worker opens its own).
 * @throws MissingLibraryError, NativeImageError
 */
export function openDataVerbs(): DataVerbs {
  const events = library();
  const image = loadVerbsImage({
    post_send: THREE_POINTERS,
    post_recv: THREE_POINTERS,
    poll_cq: { parameters: ["pointer", "i32", "pointer"], result: "i32" },
    req_notify_cq: { parameters: ["pointer", "i32"], result: "i32" },
    bind_mw: THREE_POINTERS,
  });
  return {
    postSend: image.post_send,
    postRecv: image.post_recv,
    pollCq: image.poll_cq,
    requestNotifyCq: image.req_notify_cq,
    bindMw: image.bind_mw,
    getCqEvent: events.ibv_get_cq_event,
    ackCqEvents: events.ibv_ack_cq_events,
  };
}

/** The inline verbs of the control half. */
export interface MemoryWindowVerbs {
  /** ibv_alloc_mw: the address of the ibv_mw, 0 on failure with errno set. */
  allocMw(pd: bigint, type: number): bigint;
  /** ibv_dealloc_mw: 0 or a positive errno. */
  deallocMw(window: bigint): number;
}

let windowVerbs: MemoryWindowVerbs | undefined;

/** Opens them at first use, once a thread. @throws NativeImageError */
export function openMemoryWindowVerbs(): MemoryWindowVerbs {
  if (windowVerbs !== undefined) return windowVerbs;
  const image = loadVerbsImage({
    alloc_mw: { parameters: ["usize", "i32"], result: "usize" },
    dealloc_mw: { parameters: ["usize"], result: "i32" },
  });
  windowVerbs = { allocMw: image.alloc_mw, deallocMw: image.dealloc_mw };
  return windowVerbs;
}
