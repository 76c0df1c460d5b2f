/** What the owner of a connection that could not be made is told. */
import { ERRNO, SystemError } from "../../ffi/errno.ts";
import { NativeImageError } from "../../ffi/native_image.ts";
import { MissingLibraryError } from "../../ffi/optional_library.ts";
import { CM_EVENT } from "../../ffi/verbs_layout.ts";
import type { CmEvent } from "../../ffi/librdmacm.ts";
import type { FabricFailure } from "../fabric.ts";
import { meaningOfEnd } from "./status_words.ts";

/** IB_CM_REJ_* (include/rdma/ib_cm.h): why a request was refused, where a user can do something. */
const REJECT_REASON = {
  INVALID_SERVICE_ID: 8,
  STALE_CONNECTION: 10,
  CONSUMER_DEFINED: 28,
} as const;

/** Private data that begins as a reject of the protocols above does. */
const REJECT_DATA_MIN_BYTES = 4;

/** True when the program at the other end refused, and says why. */
export function isConsumerReject(event: CmEvent): boolean {
  return event.type === CM_EVENT.REJECTED && event.status === REJECT_REASON.CONSUMER_DEFINED &&
    event.privateData.length >= REJECT_DATA_MIN_BYTES;
}

/** errno and words for the event that ended an attempt to connect. */
export function failureOfEvent(event: CmEvent, subject: string): FabricFailure {
  const [errno, sentence] = meaningOfEvent(event);
  return { errno, reason: `${subject}: ${sentence}` };
}

function meaningOfEvent(event: CmEvent): readonly [errno: number, sentence: string] {
  // A negative status is an errno of the kernel.
  const errno = event.status < 0 ? -event.status : 0;
  switch (event.type) {
    case CM_EVENT.ADDR_ERROR:
      return [errno || ERRNO.EHOSTUNREACH, "no RDMA device leads to this address"];
    case CM_EVENT.ROUTE_ERROR:
      return [errno || ERRNO.EHOSTUNREACH, "there is no route to this address"];
    case CM_EVENT.REJECTED:
      return meaningOfReject(event.status);
    default: {
      const known = meaningOfEnd(event.type);
      if (known === undefined) return [ERRNO.EPROTO, `unexpected ${event.name}`];
      return [errno || known[0], known[1]];
    }
  }
}

function meaningOfReject(reason: number): readonly [errno: number, sentence: string] {
  if (reason === REJECT_REASON.INVALID_SERVICE_ID) {
    return [ERRNO.ECONNREFUSED, "nobody listens on this port"];
  }
  if (reason === REJECT_REASON.STALE_CONNECTION) {
    return [ERRNO.ECONNRESET, "the peer still has an old connection with this number"];
  }
  return [ERRNO.ECONNREFUSED, `the peer refused the connection (reason ${reason})`];
}

/**
 * errno and words for what was thrown while a connection was made.
 * @throws what is a bug
 */
export function failureOfError(cause: unknown, subject: string): FabricFailure {
  if (cause instanceof SystemError) {
    return { errno: cause.errno, reason: `${subject}: ${cause.message}` };
  }
  if (cause instanceof MissingLibraryError || cause instanceof NativeImageError) {
    return { errno: ERRNO.ENOSYS, reason: `${subject}: ${cause.message}` };
  }
  // The arena is full, or the target was no address.
  if (cause instanceof RangeError) {
    return { errno: ERRNO.ENOMEM, reason: `${subject}: ${cause.message}` };
  }
  throw cause;
}
