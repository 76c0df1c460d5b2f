/**
 * The arena block of one connection: what main and the owning thread share, the templates of work
 * requests, completions, and the buffers of receives (at the end, on pages of their own: they
 * alone are registered).
 */
import { IBV_MW_BIND, IBV_RECV_WR, IBV_SEND_WR, IBV_SGE, IBV_WC } from "../../ffi/verbs_layout.ts";
import {
  FIRST_RECEIVE_BYTES,
  MARKER_SLOTS,
  POLL_BATCH_MAX,
  RECEIVE_BYTES,
  SEND_RANGES_MAX,
} from "./limits.ts";

/** One template of a send: the work request and its ranges. */
export const SEND_TEMPLATE_BYTES = IBV_SEND_WR.BYTES + SEND_RANGES_MAX * IBV_SGE.BYTES;

/** One template of a receive: the work request and its range. */
export const RECEIVE_TEMPLATE_BYTES = IBV_RECV_WR.BYTES + IBV_SGE.BYTES;

/** Places in the head of the block, bytes. */
export const BLOCK_HEAD = {
  /** The CM event that ended the connection plus one (32-bit), 0: none. Main writes, once. */
  END_EVENT: 0,
  /** Where a failed post reports the work request: a pointer. */
  BAD_REQUEST: 8,
  /** The ibv_mw_bind that all changes of windows are made with, one after the other. */
  WINDOW_BIND: 16,
  BYTES: 16 + IBV_MW_BIND.BYTES,
} as const;

const PAGE_BYTES = 4096;

/** Sizes and places (bytes from the start of the block). */
export interface ConnectionLayout {
  /** Templates in the send ring: a power of two, at least the depth of the send queue. */
  readonly sendSlots: number;
  readonly sends: number;
  readonly marker: number;
  readonly receives: number;
  readonly completions: number;
  /** The registered part. */
  readonly buffers: number;
  readonly buffersBytes: number;
  readonly bytes: number;
}

/**
 * @param sendDepth work requests that the send queue takes, without the marker
 * @param receiveDepth work requests that the receive queue takes
 */
export function connectionLayout(sendDepth: number, receiveDepth: number): ConnectionLayout {
  const sendSlots = 2 ** Math.ceil(Math.log2(sendDepth));
  const sends = BLOCK_HEAD.BYTES;
  const marker = sends + sendSlots * SEND_TEMPLATE_BYTES;
  const receives = marker + MARKER_SLOTS * SEND_TEMPLATE_BYTES;
  const completions = receives + receiveDepth * RECEIVE_TEMPLATE_BYTES;
  const end = completions + POLL_BATCH_MAX * IBV_WC.BYTES;
  const buffers = Math.ceil(end / PAGE_BYTES) * PAGE_BYTES;
  const buffersBytes = FIRST_RECEIVE_BYTES + (receiveDepth - 1) * RECEIVE_BYTES;
  return {
    sendSlots,
    sends,
    marker,
    receives,
    completions,
    buffers,
    buffersBytes,
    bytes: buffers + buffersBytes,
  };
}

/** Place of the buffer of receive `slot`, bytes from the start of the buffers. */
export function receiveBufferAt(slot: number): number {
  return slot === 0 ? 0 : FIRST_RECEIVE_BYTES + (slot - 1) * RECEIVE_BYTES;
}
