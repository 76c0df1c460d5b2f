/** INFO_REQ and INFO_RSP, the first messages of a path (rtrs-pri.h:233-250). */
import { IMMEDIATE_PAYLOAD_BITS, RTRS_MESSAGE } from "./constants.ts";
import { chunkBits } from "./immediate.ts";

/** Offsets of INFO_REQ. */
export const INFO_REQ = { TYPE: 0, NAME: 2, NAME_BYTES: 255, BYTES: 272 } as const;
/** Offsets of INFO_RSP and of each descriptor in it. */
export const INFO_RSP = {
  TYPE: 0,
  SG_CNT: 2,
  HEAD_BYTES: 8,
  ADDRESS: 0,
  RKEY: 8,
  LENGTH: 12,
  DESCRIPTOR_BYTES: 16,
} as const;

/** One region of the server's chunk memory. */
export interface ChunkRegion {
  readonly high: number;
  readonly low: number;
  readonly rkey: number;
  readonly length: number;
}

/** Why a session name cannot be used (rtrs-srv.c:821, rtrs-clt.c:2814); undefined when it can. */
export function sessionNameProblem(name: string): string | undefined {
  const bytes = new TextEncoder().encode(name).length;
  if (bytes === 0) return "is empty";
  if (bytes >= INFO_REQ.NAME_BYTES) return `has ${bytes} bytes; at most 254 are possible`;
  if (/[/.]/.test(name)) return "holds '/' or '.'";
  if (name.includes("\0")) return "holds a NUL character";
  return undefined;
}

/** Writes INFO_REQ at `bytes`, which is zeroed and INFO_REQ.BYTES long. */
export function encodeInfoRequest(bytes: Uint8Array, name: string): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint16(INFO_REQ.TYPE, RTRS_MESSAGE.INFO_REQUEST, true);
  new TextEncoder().encodeInto(name, bytes.subarray(INFO_REQ.NAME));
}

/** The session name of an INFO_REQ, or a sentence in an object that says what is wrong. */
export function decodeInfoRequest(bytes: Uint8Array): string | { readonly problem: string } {
  if (bytes.length < INFO_REQ.BYTES) return { problem: `INFO_REQ of ${bytes.length} bytes` };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const type = view.getUint16(INFO_REQ.TYPE, true);
  if (type !== RTRS_MESSAGE.INFO_REQUEST) return { problem: `message type ${type} for INFO_REQ` };
  const field = bytes.slice(INFO_REQ.NAME, INFO_REQ.NAME + INFO_REQ.NAME_BYTES);
  const end = field.indexOf(0);
  if (end < 0) return { problem: "session name without a terminating NUL" };
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const name = decoder.decode(field.subarray(0, end));
    const problem = sessionNameProblem(name);
    return problem === undefined ? name : { problem: `session name ${problem}` };
  } catch {
    return { problem: "session name is not UTF-8" };
  }
}

/** Bytes of an INFO_RSP with `count` descriptors. */
export function infoResponseBytes(count: number): number {
  return INFO_RSP.HEAD_BYTES + count * INFO_RSP.DESCRIPTOR_BYTES;
}

/** Writes INFO_RSP at `bytes`, which is zeroed and infoResponseBytes(regions.length) long. */
export function encodeInfoResponse(bytes: Uint8Array, regions: readonly ChunkRegion[]): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint16(INFO_RSP.TYPE, RTRS_MESSAGE.INFO_RESPONSE, true);
  view.setUint16(INFO_RSP.SG_CNT, regions.length, true);
  regions.forEach((region, i) => {
    const at = infoResponseBytes(i);
    view.setUint32(at + INFO_RSP.ADDRESS, region.low, true);
    view.setUint32(at + INFO_RSP.ADDRESS + 4, region.high, true);
    view.setUint32(at + INFO_RSP.RKEY, region.rkey, true);
    view.setUint32(at + INFO_RSP.LENGTH, region.length, true);
  });
}

/**
 * Decodes INFO_RSP with all checks of the kernel's client (rtrs-clt.c:2414-2519), and one more:
 * the immediate must have room for the real number of chunks.
 * @returns the regions, or a sentence that says what is wrong
 */
export function decodeInfoResponse(
  bytes: Uint8Array,
  queueDepth: number,
  chunkBytes: number,
): ChunkRegion[] | string {
  if (bytes.length < INFO_RSP.HEAD_BYTES) return `INFO_RSP of ${bytes.length} bytes`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const type = view.getUint16(INFO_RSP.TYPE, true);
  if (type !== RTRS_MESSAGE.INFO_RESPONSE) return `message type ${type} for INFO_RSP`;
  const count = view.getUint16(INFO_RSP.SG_CNT, true);
  if (count === 0) return "INFO_RSP without regions";
  if (bytes.length < infoResponseBytes(count)) {
    return `INFO_RSP of ${bytes.length} bytes for ${count} regions`;
  }
  if (queueDepth % count !== 0) return `${count} regions do not divide queue depth ${queueDepth}`;
  if (chunkBits(queueDepth) + chunkBits(chunkBytes) > IMMEDIATE_PAYLOAD_BITS) {
    return `${queueDepth} chunks of ${chunkBytes} bytes do not fit the immediate`;
  }
  const regions: ChunkRegion[] = [];
  let total = 0;
  for (let i = 0; i < count; i++) {
    const at = infoResponseBytes(i);
    const length = view.getUint32(at + INFO_RSP.LENGTH, true);
    if (length === 0 || length % chunkBytes !== 0) {
      return `region ${i} of ${length} bytes is no multiple of the chunk size ${chunkBytes}`;
    }
    total += length;
    regions.push({
      low: view.getUint32(at + INFO_RSP.ADDRESS, true),
      high: view.getUint32(at + INFO_RSP.ADDRESS + 4, true),
      rkey: view.getUint32(at + INFO_RSP.RKEY, true),
      length,
    });
  }
  if (total !== queueDepth * chunkBytes) {
    return `regions of ${total} bytes for ${queueDepth} chunks of ${chunkBytes} bytes`;
  }
  return regions;
}
