/** What a connection calls of libibverbs and librdmacm, on the thread that owns it. */
import { SystemError } from "../../ffi/errno.ts";
import { type DataVerbs, openDataVerbs } from "../../ffi/data_verbs.ts";
import { moveQueuePairToError } from "../../ffi/libibverbs.ts";
import { disconnect } from "../../ffi/librdmacm.ts";
import { structAt } from "../../ffi/pointer.ts";

/** Reads a 32-bit field of an ibv_mw, at its byte offset. */
export interface WindowFields {
  getUint32(offset: number): number;
}

/** The calls; tests put an in-memory device in their place. */
export interface ConnectionOperations extends DataVerbs {
  /** Fields of an ibv_mw at a native address; made once a window. */
  windowFields(window: number): WindowFields;
  /**
   * Ends a connection: the queue pair goes into the error state, the peer is told.
   * @param queuePair, id native addresses
   * @returns false when the device is gone, so that nothing posted will ever complete
   */
  disconnect(queuePair: number, id: number): boolean;
}

/** Errors a queue pair, flushes it, tells the peer; see {@link ConnectionOperations}. */
export function disconnectBoth(queuePair: number, id: number): boolean {
  try {
    moveQueuePairToError(queuePair);
  } catch (cause) {
    if (cause instanceof SystemError) return false;
    throw cause;
  }
  try {
    disconnect(id, "connection");
  } catch (cause) {
    // The peer was first.
    if (!(cause instanceof SystemError)) throw cause;
  }
  return true;
}

/** Opens the calls for this thread. @throws MissingLibraryError, NativeImageError */
export function openConnectionOperations(): ConnectionOperations {
  return { ...openDataVerbs(), disconnect: disconnectBoth, windowFields: structAt };
}
