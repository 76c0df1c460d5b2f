/** The shape of a session: how the server's chunks are cut, and how the client splits them. */
import type { ArenaAllocator } from "../../ring/arena.ts";
import type { ConnectAccept } from "../connect_codec.ts";
import {
  ADMIN_BUFFER_BYTES,
  ADMIN_PERMITS,
  PATHS_MAX,
  REQUEST_HEADER_SLOT_BYTES,
} from "../limits.ts";
import { memoryBits } from "../immediate.ts";
import { INFO_REQ } from "../info_codec.ts";
import { PATH_COUNTER_BYTES } from "../path_counters.ts";
import type { ClientLaneSetup } from "./lane.ts";
import type { MpathPolicy } from "./policy.ts";

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

/** Whether two offers cut the chunks alike. */
export function isSameShape(a: ConnectAccept, b: ConnectAccept): boolean {
  return a.queueDepth === b.queueDepth && a.maxIoBytes === b.maxIoBytes &&
    a.maxHeaderBytes === b.maxHeaderBytes;
}

/** An offer in words. */
export function describeShape({ queueDepth, maxIoBytes, maxHeaderBytes }: ConnectAccept): string {
  return `${queueDepth} chunks of ${maxIoBytes} and ${maxHeaderBytes} bytes`;
}

/** Where INFO_REQ lies, behind the header slots; it is the same on all paths. */
export function infoRequestAt(setup: ClientLaneSetup): number {
  return setup.headersAt + setup.permits * REQUEST_HEADER_SLOT_BYTES;
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
  policy: MpathPolicy,
  offer: ConnectAccept,
  firstPermit: number,
  permits: number,
  bufferBytes: number,
): LaneAllotment {
  const countersLength = PATHS_MAX * PATH_COUNTER_BYTES;
  const buffersLength = Math.ceil(permits * bufferBytes / PAGE_BYTES) * PAGE_BYTES;
  // Counters get a page of their own: what a device may read ends where theirs begins.
  const headerBytes = permits * REQUEST_HEADER_SLOT_BYTES + INFO_REQ.BYTES;
  const headersLength = Math.ceil(headerBytes / PAGE_BYTES) * PAGE_BYTES;
  const at = memory.allocate(buffersLength + headersLength + countersLength, `session ${session}`);
  const headersAt = at + buffersLength;
  return {
    at,
    buffersLength,
    headersLength,
    setup: {
      session,
      policy,
      queueDepth: offer.queueDepth,
      chunkBytes: offer.maxIoBytes + offer.maxHeaderBytes,
      firstPermit,
      permits,
      headersAt,
      buffersAt: at,
      bufferBytes,
      countersAt: headersAt + headersLength,
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
  policy: MpathPolicy,
): LaneAllotment[] {
  const result: LaneAllotment[] = [];
  const bufferBytes = Math.ceil(offer.maxIoBytes / PAGE_BYTES) * PAGE_BYTES;
  const share = Math.floor((offer.queueDepth - ADMIN_PERMITS) / lanes);
  try {
    result.push(allot(memory, session, policy, offer, 0, ADMIN_PERMITS, ADMIN_BUFFER_BYTES));
    for (let i = 0; i < lanes; i++) {
      const first = ADMIN_PERMITS + i * share;
      result.push(allot(memory, session, policy, offer, first, share, bufferBytes));
    }
  } catch (error) {
    for (const lane of result) memory.release(lane.at);
    throw error;
  }
  return result;
}
