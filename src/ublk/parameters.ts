/** struct ublk_params from and to what the program knows of a disk. */
import type { BlockGeometry } from "../rnbd/block_queue.ts";
import { ATTRIBUTE, PARAMETER_TYPE, PARAMETERS } from "./commands.ts";
import { IO_BYTES_MAX, PAGE_BYTES, RANGE_SECTORS_MAX, SECTOR_BYTES } from "./limits.ts";

/** What the kernel tells of a device that exists. */
export interface DeviceParameters {
  readonly sizeBytes: number;
  readonly logicalBlockBytes: number;
  readonly maxIoBytes: number;
  readonly readOnly: boolean;
  /** Numbers of the block device; 0 before it is started. */
  readonly diskMajor: number;
  readonly diskMinor: number;
}

/** Longest READ or WRITE that is offered: whole pages, as the driver rounds its buffers. */
export function offeredIoBytes(geometry: BlockGeometry): number {
  return Math.min(Math.floor(geometry.maxIoBytes / PAGE_BYTES) * PAGE_BYTES, IO_BYTES_MAX);
}

/** Why a disk cannot be a ublk device; undefined when it can (drivers/block/ublk_drv.c:527). */
export function parametersProblem(geometry: BlockGeometry): string | undefined {
  const { logicalBlockBytes: block } = geometry;
  if (!Number.isInteger(Math.log2(block)) || block < SECTOR_BYTES || block > PAGE_BYTES) {
    return `the driver allows logical blocks of ${SECTOR_BYTES} to ${PAGE_BYTES} bytes, and the ` +
      `device has ${block}; expose it with "nbd"`;
  }
  if (geometry.maxIoBytes < PAGE_BYTES) {
    return `the driver needs I/O of at least ${PAGE_BYTES} bytes, and the server allows ` +
      `${geometry.maxIoBytes}; raise max_io_size there`;
  }
  return undefined;
}

/** Exponent of the largest power of two that is not above `bytes`. */
const shiftOf = (bytes: number) => Math.floor(Math.log2(bytes));

const rangeSectors = (bytes: number) =>
  Math.min(Math.floor(bytes / SECTOR_BYTES), RANGE_SECTORS_MAX);

/** Writes the parameters of a disk for SET_PARAMS; {@link parametersProblem} has found none. */
export function encodeParameters(view: DataView, at: number, geometry: BlockGeometry): void {
  for (let i = 0; i < PARAMETERS.BYTES; i += 4) view.setUint32(at + i, 0, true);
  const set = (offset: number, value: number) => view.setUint32(at + offset, value, true);
  const setShift = (offset: number, bytes: number) => view.setUint8(at + offset, shiftOf(bytes));
  const maxIoBytes = offeredIoBytes(geometry);
  const block = geometry.logicalBlockBytes;
  // A physical block may be no power of two, or absurd: it is a hint, so the nearest one does.
  const physical = Math.min(Math.max(geometry.physicalBlockBytes, block), maxIoBytes);
  const discard = rangeSectors(geometry.maxDiscardBytes);
  const zeroes = rangeSectors(geometry.maxWriteZeroesBytes);
  const hasRanges = !geometry.readOnly && (discard > 0 || zeroes > 0);
  const sectors = geometry.sizeBytes / SECTOR_BYTES;
  set(PARAMETERS.LEN, PARAMETERS.BYTES);
  set(PARAMETERS.TYPES, PARAMETER_TYPE.BASIC | (hasRanges ? PARAMETER_TYPE.DISCARD : 0));
  set(
    PARAMETERS.ATTRIBUTES,
    (geometry.readOnly ? ATTRIBUTE.READ_ONLY : 0) |
      (geometry.writeCache ? ATTRIBUTE.VOLATILE_CACHE : 0) |
      (geometry.fua ? ATTRIBUTE.FUA : 0),
  );
  setShift(PARAMETERS.LOGICAL_SHIFT, block);
  setShift(PARAMETERS.PHYSICAL_SHIFT, physical);
  setShift(PARAMETERS.IO_MIN_SHIFT, physical);
  setShift(PARAMETERS.IO_OPT_SHIFT, maxIoBytes);
  set(PARAMETERS.MAX_SECTORS, maxIoBytes / SECTOR_BYTES);
  set(PARAMETERS.DEV_SECTORS, sectors % 2 ** 32);
  set(PARAMETERS.DEV_SECTORS + 4, Math.floor(sectors / 2 ** 32));
  if (!hasRanges) return;
  set(PARAMETERS.DISCARD_ALIGNMENT, geometry.discardAlignmentBytes);
  set(PARAMETERS.DISCARD_GRANULARITY, Math.max(geometry.discardGranularityBytes, block));
  set(PARAMETERS.MAX_DISCARD_SECTORS, discard);
  set(PARAMETERS.MAX_WRITE_ZEROES_SECTORS, zeroes);
  view.setUint16(at + PARAMETERS.MAX_DISCARD_SEGMENTS, 1, true);
}

/** Reads the answer to GET_PARAMS. */
export function decodeParameters(view: DataView, at: number): DeviceParameters {
  const get = (offset: number) => view.getUint32(at + offset, true);
  const sectors = get(PARAMETERS.DEV_SECTORS) + get(PARAMETERS.DEV_SECTORS + 4) * 2 ** 32;
  return {
    sizeBytes: sectors * SECTOR_BYTES,
    logicalBlockBytes: 2 ** view.getUint8(at + PARAMETERS.LOGICAL_SHIFT),
    maxIoBytes: get(PARAMETERS.MAX_SECTORS) * SECTOR_BYTES,
    readOnly: (get(PARAMETERS.ATTRIBUTES) & ATTRIBUTE.READ_ONLY) !== 0,
    diskMajor: get(PARAMETERS.DISK_MAJOR),
    diskMinor: get(PARAMETERS.DISK_MINOR),
  };
}
