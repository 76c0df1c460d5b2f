/** A mapped device, the control half: what was asked for, and how far it is. */
import { describeErrno, ERRNO } from "../../ffi/errno.ts";
import type { Timer } from "../../rtrs/clock.ts";
import type { AccessModeName } from "../access_mode.ts";
import type { BlockGeometry } from "../block_queue.ts";
import { OTHER_WRITER_PATIENCE_MS } from "../limits.ts";
import { CACHE_POLICY, type OpenResponse, SECTOR_BYTES } from "../codec.ts";

/** Why a device is not open, and when it is tried again. */
export interface DeviceFailure {
  readonly errno: number;
  readonly reason: string;
}

/** One mapping of a session. */
export class ClientDevice {
  state: "open" | "closed" = "closed";
  /** Kept while closed: users must know the size of what they have open. */
  geometry: BlockGeometry | undefined;
  /** The server's id; it means something only while {@link isHeld}. */
  deviceId = 0;
  /** The server has it open for this connection: a CLOSE is due when it is removed. */
  isHeld = false;
  lastFailure: DeviceFailure | undefined;
  /** By the clock; undefined = no try is due. */
  nextTryAt: number | undefined;
  failures = 0;
  /** When the server began to refuse it, by the clock; undefined = it has not yet. */
  refusedSince: number | undefined;
  retryTimer: Timer | undefined;
  /** An OPEN is under way. */
  isOpening = false;
  /** Waits for the end of that. */
  onOpeningEnded: (() => void) | undefined;
  isRemoved = false;

  /** @param handle name of the device in this process */
  constructor(
    readonly handle: number,
    readonly devicePath: string,
    readonly mode: AccessModeName,
  ) {}
}

/** The name or the access mode is wrong: only a change on either side makes another answer. */
const FINAL_REFUSALS: ReadonlySet<number> = new Set([
  ERRNO.EPERM,
  ERRNO.ENOENT,
  ERRNO.EACCES,
  ERRNO.EINVAL,
  ERRNO.EROFS,
  ERRNO.ENOTBLK,
]);

/**
 * Whether a server that refused an OPEN would only do so again.
 * @param refusedMs how long it has refused so far
 */
export function isFinalRefusal(errno: number, mode: AccessModeName, refusedMs: number): boolean {
  const mayBeOtherWriter = errno === ERRNO.EPERM && mode !== "ro";
  return FINAL_REFUSALS.has(errno) &&
    !(mayBeOtherWriter && refusedMs < OTHER_WRITER_PATIENCE_MS);
}

/** Words for the errno of a refused OPEN. */
export function explainOpenErrno(errno: number, devicePath: string, mode: AccessModeName): string {
  const hint = errno === ERRNO.ENOENT
    ? "the server has no such device below its dev_search_path"
    : errno === ERRNO.EPERM
    ? mode === "ro"
      ? "the server's exports do not allow it"
      : "another client has it open for writing, or the server's exports do not allow it"
    : errno === ERRNO.EINVAL
    ? "the server refuses the name"
    : errno === ERRNO.EROFS
    ? "it is read-only at the server; use access_mode ro"
    : errno === ERRNO.EACCES
    ? mode === "ro"
      ? "the server may not open it"
      : "the server may not open it, or it is read-only there: try access_mode ro"
    : errno === ERRNO.ENOTBLK
    ? "it is neither a block device nor a file"
    : "see the server's log";
  return `the server refused to open ${devicePath} (${mode}): ${describeErrno(errno)}: ${hint}`;
}

/** What users may know of a device, from OPEN_RSP and the session's sizes. */
export function geometryOf(
  response: OpenResponse,
  mode: AccessModeName,
  maxIoBytes: number,
): BlockGeometry {
  const block = response.logicalBlockBytes;
  const wholeBlocks = (bytes: number) => Math.floor(bytes / block) * block;
  const rangeBytes = (sectors: number) =>
    wholeBlocks(Math.min(sectors * SECTOR_BYTES, 0xffff_ffff));
  return {
    sizeBytes: wholeBlocks(response.sizeSectors * SECTOR_BYTES),
    logicalBlockBytes: block,
    physicalBlockBytes: Math.max(response.physicalBlockBytes, block),
    maxIoBytes: wholeBlocks(maxIoBytes),
    maxDiscardBytes: rangeBytes(response.maxDiscardSectors),
    maxWriteZeroesBytes: rangeBytes(response.maxWriteZeroesSectors),
    discardGranularityBytes: response.discardGranularityBytes,
    discardAlignmentBytes: response.discardAlignmentBytes,
    secureErase: response.secureDiscard !== 0,
    readOnly: mode === "ro",
    writeCache: (response.cachePolicy & CACHE_POLICY.WRITEBACK) !== 0,
    fua: (response.cachePolicy & CACHE_POLICY.FUA) !== 0,
  };
}
