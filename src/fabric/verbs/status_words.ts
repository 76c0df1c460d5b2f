/** What completions and CM events mean, in words. */
import { ERRNO } from "../../ffi/errno.ts";
import { CM_EVENT, WC_STATUS } from "../../ffi/verbs_layout.ts";

type Meaning = readonly [errno: number, sentence: string];

const STATUS: Readonly<Record<number, Meaning>> = {
  [WC_STATUS.LOC_LEN_ERR]: [
    ERRNO.EMSGSIZE,
    "a message is longer than the receive that was posted for it (local length error)",
  ],
  [WC_STATUS.LOC_QP_OP_ERR]: [
    ERRNO.EINVAL,
    "a work request was malformed (local queue pair operation error)",
  ],
  [WC_STATUS.LOC_PROT_ERR]: [
    ERRNO.EFAULT,
    "a work request names memory that is not registered (local protection error)",
  ],
  [WC_STATUS.WR_FLUSH_ERR]: [ERRNO.ECONNRESET, "the connection was reset"],
  [WC_STATUS.MW_BIND_ERR]: [ERRNO.EFAULT, "a memory window could not be bound"],
  [WC_STATUS.BAD_RESP_ERR]: [ERRNO.EPROTO, "the peer's device answered nonsense (bad response)"],
  [WC_STATUS.LOC_ACCESS_ERR]: [
    ERRNO.EACCES,
    "the peer wrote where it may not (local access error)",
  ],
  [WC_STATUS.REM_INV_REQ_ERR]: [
    ERRNO.EPROTO,
    "the peer's device refused a message as invalid (remote invalid request)",
  ],
  [WC_STATUS.REM_ACCESS_ERR]: [
    ERRNO.EACCES,
    "the peer's device refused a write or an invalidation: its memory is not registered with " +
    "that key (remote access error)",
  ],
  [WC_STATUS.REM_OP_ERR]: [
    ERRNO.EREMOTEIO,
    "the peer's device could not complete a message (remote operation error)",
  ],
  [WC_STATUS.RETRY_EXC_ERR]: [
    ERRNO.ETIMEDOUT,
    "the peer's device does not answer (retries exceeded)",
  ],
  [WC_STATUS.RNR_RETRY_EXC_ERR]: [
    ERRNO.ENOBUFS,
    "the peer posted no receives (receiver-not-ready retries exceeded)",
  ],
  [WC_STATUS.REM_ABORT_ERR]: [ERRNO.ECONNABORTED, "the peer's device aborted a message"],
  [WC_STATUS.FATAL_ERR]: [ERRNO.EIO, "the device failed (fatal error)"],
  [WC_STATUS.RESP_TIMEOUT_ERR]: [ERRNO.ETIMEDOUT, "the peer's device did not answer in time"],
};

/** Positive errno and words for an IBV_WC_* status that is not SUCCESS. */
export function meaningOfStatus(status: number, vendorError: number): Meaning {
  const known = STATUS[status];
  if (known !== undefined) return known;
  return [ERRNO.EIO, `the device reports completion status ${status} (vendor ${vendorError})`];
}

const END_EVENTS: Readonly<Record<number, Meaning>> = {
  [CM_EVENT.CONNECT_ERROR]: [ERRNO.ECONNABORTED, "the connection could not be completed"],
  [CM_EVENT.UNREACHABLE]: [ERRNO.EHOSTUNREACH, "the peer is not reachable"],
  [CM_EVENT.REJECTED]: [ERRNO.ECONNREFUSED, "the peer rejected the connection"],
  [CM_EVENT.DISCONNECTED]: [ERRNO.ECONNRESET, "the peer closed the connection"],
  [CM_EVENT.DEVICE_REMOVAL]: [ERRNO.ENODEV, "the RDMA device was removed"],
  [CM_EVENT.ADDR_CHANGE]: [ERRNO.EADDRNOTAVAIL, "the address of this side changed"],
  [CM_EVENT.TIMEWAIT_EXIT]: [ERRNO.ECONNRESET, "the connection has ended"],
};

/** True for the CM events that end an established connection. */
export function endsConnection(event: number): boolean {
  return END_EVENTS[event] !== undefined;
}

/** Positive errno and words for a CM event that ended a connection; undefined for another. */
export function meaningOfEnd(event: number): Meaning | undefined {
  return END_EVENTS[event];
}
