/** What a back end announces of itself, from what was found out about it. Pure functions. */
import type { BlockDeviceSizes } from "../../ffi/block_ioctl.ts";
import type { BackendGeometry } from "../backend.ts";
import {
  PHYSICAL_BLOCK_BYTES_MAX,
  WRITTEN_ZEROES_BYTES_MAX,
  ZEROING_SECTORS_MAX,
} from "./limits.ts";

const SECTOR_BYTES = 512;

type IoMode = "fileio" | "blockio";

/** What was found out about a file. */
export interface FileFindings {
  readonly sizeBytes: number;
  readonly logicalBlockBytes: number;
  /** st_blksize. */
  readonly preferredBlockBytes: number;
  readonly punchesHoles: boolean;
  readonly rotational: boolean;
  readonly ioMode: IoMode;
  readonly readOnly: boolean;
}

/** The limits of a device's request queue that are announced (see `block_features.ts`). */
export interface DeviceFindings {
  readonly rotational: boolean;
  readonly writeCache: boolean;
  readonly discardBytesMax: number;
  readonly discardGranularityBytes: number;
  readonly discardAlignmentBytes: number;
  readonly writeZeroesBytesMax: number;
}

const roundDown = (bytes: number, unit: number) => Math.floor(bytes / unit) * unit;

/** Sectors of one discard or write-zeroes: whole logical blocks, within what 32 bits count. */
function zeroingSectors(bytes: number, logicalBlockBytes: number): number {
  const limit = Math.min(bytes, ZEROING_SECTORS_MAX * SECTOR_BYTES);
  return roundDown(limit, logicalBlockBytes) / SECTOR_BYTES;
}

/** The largest power of two in `bytes`, between the logical block and `most`. */
function physicalBlock(bytes: number, logicalBlockBytes: number, most: number): number {
  const isPowerOfTwo = bytes > 0 && Number.isInteger(Math.log2(bytes));
  return Math.max(logicalBlockBytes, Math.min(isPowerOfTwo ? bytes : SECTOR_BYTES, most));
}

/**
 * A regular file. In fileio mode every write is on the medium before it is done, so no volatile
 * cache is announced; in blockio mode the disk below may have one, and it is.
 */
export function fileGeometry(findings: FileFindings): BackendGeometry {
  const { logicalBlockBytes, punchesHoles, readOnly } = findings;
  const PAGE_BYTES = 4096;
  const zeroingBytes = punchesHoles ? Infinity : WRITTEN_ZEROES_BYTES_MAX;
  const physical = physicalBlock(findings.preferredBlockBytes, logicalBlockBytes, PAGE_BYTES);
  const cached = findings.ioMode === "blockio";
  return {
    sizeBytes: roundDown(findings.sizeBytes, logicalBlockBytes),
    logicalBlockBytes,
    physicalBlockBytes: physical,
    maxWriteZeroesSectors: readOnly ? 0 : zeroingSectors(zeroingBytes, logicalBlockBytes),
    maxDiscardSectors: punchesHoles ? zeroingSectors(Infinity, logicalBlockBytes) : 0,
    discardGranularityBytes: punchesHoles ? physical : 0,
    discardAlignmentBytes: 0,
    secureErase: false,
    rotational: findings.rotational,
    writeCache: cached,
    fua: cached,
    readOnly,
  };
}

/**
 * A block device. Secure erase is never announced: io_uring has no such operation, and the ioctl
 * would hold up a whole reactor.
 * @param features undefined when sysfs does not know the device: then the careful answer
 */
export function deviceGeometry(
  sizes: BlockDeviceSizes,
  features: DeviceFindings | undefined,
  how: { discardsByCommand: boolean; ioMode: IoMode; readOnly: boolean },
): BackendGeometry {
  const { logicalBlockBytes } = sizes;
  const zeroesBytes = features?.writeZeroesBytesMax ?? 0;
  // Without the discard command a hole is punched, which such a device does by zeroing.
  const discards = !how.readOnly && (how.discardsByCommand || zeroesBytes > 0);
  const discardBytes = discards ? features?.discardBytesMax ?? 0 : 0;
  const cached = how.ioMode === "blockio" && (features?.writeCache ?? true);
  return {
    sizeBytes: roundDown(sizes.sizeBytes, logicalBlockBytes),
    logicalBlockBytes,
    physicalBlockBytes: physicalBlock(
      sizes.physicalBlockBytes,
      logicalBlockBytes,
      PHYSICAL_BLOCK_BYTES_MAX,
    ),
    maxWriteZeroesSectors: how.readOnly
      ? 0
      : zeroingSectors(zeroesBytes > 0 ? zeroesBytes : WRITTEN_ZEROES_BYTES_MAX, logicalBlockBytes),
    maxDiscardSectors: zeroingSectors(discardBytes, logicalBlockBytes),
    discardGranularityBytes: discardBytes > 0
      ? Math.max(features?.discardGranularityBytes ?? 0, logicalBlockBytes)
      : 0,
    discardAlignmentBytes: discardBytes > 0 ? features?.discardAlignmentBytes ?? 0 : 0,
    secureErase: false,
    rotational: features?.rotational ?? false,
    writeCache: cached,
    fua: cached,
    readOnly: how.readOnly || sizes.readOnly,
  };
}

/** A disk in memory, or none: no cache below it, everything can be zeroed. */
export function madeGeometry(sizeBytes: number, logicalBlockBytes: number): BackendGeometry {
  const PAGE_BYTES = 4096;
  return {
    sizeBytes: roundDown(sizeBytes, logicalBlockBytes),
    logicalBlockBytes,
    physicalBlockBytes: Math.max(PAGE_BYTES, logicalBlockBytes),
    maxWriteZeroesSectors: zeroingSectors(Infinity, logicalBlockBytes),
    maxDiscardSectors: zeroingSectors(Infinity, logicalBlockBytes),
    discardGranularityBytes: logicalBlockBytes,
    discardAlignmentBytes: 0,
    secureErase: false,
    rotational: false,
    writeCache: false,
    fua: false,
    readOnly: false,
  };
}
