/**
 * What a server export is made of: a file, a block device, memory or nothing, as one reactor
 * sees it. Implementations live in `src/rnbd/backends/`.
 */

/** What a back end tells clients about itself (the OPEN_RSP fields of `docs/protocol.md`). */
export interface BackendGeometry {
  readonly sizeBytes: number;
  readonly logicalBlockBytes: number;
  readonly physicalBlockBytes: number;
  /** 0 = not supported. Units: 512-byte sectors. */
  readonly maxWriteZeroesSectors: number;
  readonly maxDiscardSectors: number;
  readonly discardGranularityBytes: number;
  readonly discardAlignmentBytes: number;
  readonly secureErase: boolean;
  readonly rotational: boolean;
  /** A volatile write cache sits below: writes need FUA or a flush to be durable. */
  readonly writeCache: boolean;
  readonly fua: boolean;
  readonly readOnly: boolean;
}

/**
 * An opened back end, as plain data that main sends to every reactor. `identity` tells whether
 * two opens are the same disk (device and inode numbers), for the rules of sharing.
 */
export type BackendTicket =
  & {
    /**
     * First row of the block (`io_statistics.ts`) in which the reactor of this ticket counts what
     * clients do; absent: nobody asks.
     */
    readonly statisticsRow?: number;
  }
  & BackendSource;

/** What a back end is made of. */
export type BackendSource =
  | {
    readonly kind: "file" | "block";
    readonly identity: string;
    readonly path: string;
    /** Descriptor owned by main: reactors use it and main closes it after all of them closed. */
    readonly fd: number;
    readonly ioMode: "fileio" | "blockio";
    readonly geometry: BackendGeometry;
  }
  | {
    readonly kind: "memory";
    readonly identity: string;
    /** Arena offset of the disk's bytes. */
    readonly at: number;
    readonly geometry: BackendGeometry;
  }
  | {
    readonly kind: "null";
    readonly identity: string;
    readonly geometry: BackendGeometry;
  }
  | {
    /** Simulation only. */
    readonly kind: "sim";
    readonly identity: string;
    readonly disk: number;
    readonly geometry: BackendGeometry;
  };

/** Told when an operation ended. May be called from within the call that started it. */
export interface BackendHandler {
  /**
   * @param slot the number that the operation was started with
   * @param errno 0 or a positive errno
   */
  onBackendDone(slot: number, errno: number): void;
}

/**
 * One opened back end on one reactor, for one session. Operations are checked before they come
 * here: in range, aligned to the logical block, not on read-only media. `slot` is below the
 * queue depth, and has one operation at a time. Each operation ends with `onBackendDone`.
 */
export interface BackendQueue {
  readonly geometry: BackendGeometry;
  /** Reads `length` bytes at byte `offset` of the disk into arena offset `at`. Never short. */
  read(slot: number, offset: number, length: number, at: number): void;
  /** Writes; with `fua` it is on the medium before it is done. */
  write(slot: number, offset: number, length: number, at: number, fua: boolean): void;
  flush(slot: number): void;
  discard(slot: number, offset: number, length: number): void;
  /** Reads as zero afterwards; `mayUnmap` allows a hole. */
  writeZeroes(slot: number, offset: number, length: number, mayUnmap: boolean): void;
  secureErase(slot: number, offset: number, length: number): void;
  /**
   * Where the bytes of a read lie in the arena already, so that they can be sent from there
   * (memory back end); -1 when they have to be read.
   */
  inPlace(offset: number, length: number): number;
  /** Looks how long the disk is now; true when `geometry` said something else, and is right now. */
  refreshSize(): boolean;
  /** Operations that have not ended. */
  readonly inflight: number;
  /** Lets go of the thread's ring; nothing is in flight any more. The ticket stays open. */
  close(): void;
}

/** Makes the reactor's half of a back end from a ticket. */
export type OpenBackendQueue = (
  ticket: BackendTicket,
  queueDepth: number,
  handler: BackendHandler,
) => BackendQueue;
