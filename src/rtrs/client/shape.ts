/** The shape of a session: how the server's chunks are cut, and how the client splits them. */
import type { Arena, ArenaAllocator } from "../../ring/arena.ts";
import type { ConnectAccept } from "../connect_codec.ts";
import { ADMIN_BUFFER_BYTES, ADMIN_PERMITS, REQUEST_HEADER_SLOT_BYTES } from "../limits.ts";
import { memoryBits } from "../immediate.ts";
import type { ClientLaneSetup } from "./lane.ts";

const PAGE_BYTES = 4096;
/** Longest user message (OPEN) with its READ message: what a header area must hold. */
const HEADER_BYTES_MIN = 288;

/** Why a server's offer cannot be used; undefined when it can. */
export function shapeProblem(offer: ConnectAccept, lanes: number): string | undefined {
  const { queueDepth, maxIoBytes, maxHeaderBytes } = offer;
  if (queueDepth < ADMIN_PERMITS + lanes) {
    return `the server's queue depth of ${queueDepth} is too small for ${lanes} reactors; ` +
      `at least ${ADMIN_PERMITS + lanes} is needed`;
  }
  if (maxHeaderBytes < HEADER_BYTES_MIN) return `a header area of ${maxHeaderBytes} bytes`;
  if (maxIoBytes < PAGE_BYTES) return `a maximum I/O size of ${maxIoBytes} bytes`;
  const chunkBytes = maxIoBytes + maxHeaderBytes;
  if (chunkBytes > 2 ** memoryBits(queueDepth)) {
    return `${queueDepth} chunks of ${chunkBytes} bytes do not fit the immediate`;
  }
  return undefined;
}

/** Memory and ids of one lane. */
export interface LaneAllotment {
  readonly setup: ClientLaneSetup;
  /** Arena offset of everything the lane uses. */
  readonly at: number;
  /** Length of the data buffers from `setup.buffersAt`: what the server may write to. */
  readonly buffersLength: number;
  /** Length of the header slots from `setup.headersAt`, whole pages. */
  readonly headersLength: number;
}

function allot(
  memory: ArenaAllocator,
  session: number,
  offer: ConnectAccept,
  firstPermit: number,
  permits: number,
  bufferBytes: number,
): LaneAllotment {
  const COUNTER_BYTES = 64;
  const buffersLength = Math.ceil(permits * bufferBytes / PAGE_BYTES) * PAGE_BYTES;
  // Counters get a page of their own: what a device may read ends where theirs begins.
  const headersLength = Math.ceil(permits * REQUEST_HEADER_SLOT_BYTES / PAGE_BYTES) * PAGE_BYTES;
  const at = memory.allocate(buffersLength + headersLength + COUNTER_BYTES, `session ${session}`);
  const headersAt = at + buffersLength;
  return {
    at,
    buffersLength,
    headersLength,
    setup: {
      session,
      queueDepth: offer.queueDepth,
      chunkBytes: offer.maxIoBytes + offer.maxHeaderBytes,
      firstPermit,
      permits,
      headersAt,
      buffersAt: at,
      bufferBytes,
      receivedIndex: (headersAt + headersLength) / 4,
    },
  };
}

/**
 * The allotments of a session: lane 0 of the result is main's (admin), the rest the reactors'.
 * @throws RangeError when the arena has no room; nothing is allocated then
 */
export function allotLanes(
  memory: ArenaAllocator,
  session: number,
  offer: ConnectAccept,
  lanes: number,
): LaneAllotment[] {
  const result: LaneAllotment[] = [];
  const bufferBytes = Math.ceil(offer.maxIoBytes / PAGE_BYTES) * PAGE_BYTES;
  const share = Math.floor((offer.queueDepth - ADMIN_PERMITS) / lanes);
  try {
    result.push(allot(memory, session, offer, 0, ADMIN_PERMITS, ADMIN_BUFFER_BYTES));
    for (let i = 0; i < lanes; i++) {
      const first = ADMIN_PERMITS + i * share;
      result.push(allot(memory, session, offer, first, share, bufferBytes));
    }
  } catch (error) {
    for (const lane of result) memory.release(lane.at);
    throw error;
  }
  return result;
}

function sumOverLanes(arena: Arena, lanes: readonly LaneAllotment[], word: number): number {
  let sum = 0;
  for (const lane of lanes) sum += arena.u32[lane.setup.receivedIndex + word]!;
  return sum;
}

/** Messages received on all lanes so far; wraps at 2^32. */
export function receivedOnAll(arena: Arena, lanes: readonly LaneAllotment[]): number {
  return sumOverLanes(arena, lanes, 0) >>> 0;
}

/** Requests in flight on all lanes. */
export function inflightOnAll(arena: Arena, lanes: readonly LaneAllotment[]): number {
  return sumOverLanes(arena, lanes, 1);
}
