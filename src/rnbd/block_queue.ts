/**
 * The seam between a mapped disk and whoever uses it (NBD socket, ublk queue, bench, verify):
 * the block queues of one reactor. Synchronous, allocates nothing per I/O.
 */

/** Operations, numbered as on the wire (rnbd-proto.h:194). */
export const BLOCK_OP = {
  READ: 0,
  WRITE: 1,
  FLUSH: 2,
  DISCARD: 3,
  SECURE_ERASE: 4,
  WRITE_ZEROES: 5,
} as const;

/** Flags of a request. */
export const BLOCK_FLAG = {
  /** On the medium before it is done. */
  FUA: 1,
  /** WRITE_ZEROES must leave the range allocated. */
  NO_UNMAP: 2,
} as const;

/** What a user of a mapped disk must know of it. */
export interface BlockGeometry {
  readonly sizeBytes: number;
  readonly logicalBlockBytes: number;
  readonly physicalBlockBytes: number;
  /** Longest READ or WRITE, bytes: the session's max_io_size cut to whole blocks. */
  readonly maxIoBytes: number;
  /** 0 = not supported; bytes. */
  readonly maxDiscardBytes: number;
  readonly maxWriteZeroesBytes: number;
  readonly discardGranularityBytes: number;
  /** Where the first granule that can be discarded starts, bytes. */
  readonly discardAlignmentBytes: number;
  readonly secureErase: boolean;
  readonly readOnly: boolean;
  readonly writeCache: boolean;
  readonly fua: boolean;
}

/** Somebody who submits to block queues; one object per NBD connection, ublk queue, … */
export interface BlockUser {
  /**
   * A submitted request ended. The permit stays with the user until `release`.
   * @param token the number given to `submit`
   * @param errno 0 or a positive errno
   */
  onBlockDone(permit: number, token: number, errno: number): void;
  /** Permits may be had again after `acquire` returned -1. Called once per failed acquire. */
  onPermits(): void;
}

/**
 * A mapped disk on one reactor. A request needs a permit (a chunk of the server); each permit
 * comes with a data buffer of `maxIoBytes` in memory that the server may write to.
 */
export interface BlockQueue {
  readonly geometry: BlockGeometry;
  /** False while the device is `closed`: every submit fails with EIO. */
  readonly isOpen: boolean;
  /** Takes a permit, or returns -1 and calls `user.onPermits` later. */
  acquire(user: BlockUser): number;
  /** Gives a permit back; its buffer must not be used any more. */
  release(permit: number): void;
  /** Arena offset of the data buffer of a permit. */
  bufferOf(permit: number): number;
  /**
   * Submits a request; exactly one `onBlockDone` follows, never from within this call.
   * The caller has checked range and alignment against the geometry.
   * @param offset bytes, a multiple of the logical block; `length` bytes, at most `maxIoBytes`
   *   for READ and WRITE
   * @param at arena offset of the data, inside the permit's buffer (READ, WRITE; else 0)
   */
  submit(
    permit: number,
    user: BlockUser,
    operation: number,
    flags: number,
    offset: number,
    length: number,
    at: number,
    token: number,
  ): void;
}
