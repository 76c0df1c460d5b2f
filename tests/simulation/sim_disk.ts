/**
 * A simulated disk: outlives the server's processes, takes its time, fails on request, has a write
 * cache that a power cut empties, and does the blocks of one request at different moments.
 */
import { ERRNO } from "../../src/ffi/errno.ts";
import type { SimProcess } from "../../src/fabric/sim/process.ts";
import type { SimRandom } from "../../src/fabric/sim/random.ts";
import type { BackendGeometry, BackendHandler, BackendQueue } from "../../src/rnbd/backend.ts";

/** How well it works at the moment. */
export interface DiskConditions {
  latencyMinMs: number;
  latencyMaxMs: number;
  errorChance: number;
  noSpaceChance: number;
}

/** Bugs to be found. */
export interface DiskPlants {
  /** Chance that a write is acknowledged and not done. */
  lostWriteChance: number;
  /** Chance that a read returns what was there before the last write. */
  staleReadChance: number;
}

/** A request under way. */
interface Operation {
  readonly kind: "read" | "write" | "zero" | "flush";
  readonly first: number;
  readonly count: number;
  /** Arena offset of the data. */
  readonly at: number;
  readonly fua: boolean;
  /** Blocks of it that were done already. */
  doneCount: number;
  readonly errno: number;
  readonly isLost: boolean;
  /** Of a flush: the blocks that were dirty when it began. */
  readonly dirty: readonly number[];
  readonly process: SimProcess;
}

const SECTOR_BYTES = 512;
/** Chance that a write makes the cache write one of its blocks to the medium. */
const EVICTION_CHANCE = 0.1;

/** See the head of this file. */
export class SimDisk {
  readonly conditions: DiskConditions = {
    latencyMinMs: 0.05,
    latencyMaxMs: 10,
    errorChance: 0,
    noSpaceChance: 0,
  };
  readonly plants: DiskPlants = { lostWriteChance: 0, staleReadChance: 0 };
  readonly geometry: BackendGeometry;
  /** Queues that are open on it. */
  openQueues = 0;
  private readonly content: Uint8Array;
  private readonly medium: Uint8Array;
  /** Content before the last write of each block. */
  private readonly previous: Uint8Array;
  private readonly dirty = new Set<number>();
  private readonly underWay = new Set<Operation>();

  constructor(
    private readonly random: SimRandom,
    readonly blockCount: number,
    readonly blockBytes: number,
    readonly writeCache: boolean,
  ) {
    const sizeBytes = blockCount * blockBytes;
    this.content = new Uint8Array(sizeBytes);
    this.medium = new Uint8Array(sizeBytes);
    this.previous = new Uint8Array(sizeBytes);
    this.geometry = {
      sizeBytes,
      logicalBlockBytes: blockBytes,
      physicalBlockBytes: blockBytes,
      maxWriteZeroesSectors: sizeBytes / SECTOR_BYTES,
      maxDiscardSectors: sizeBytes / SECTOR_BYTES,
      discardGranularityBytes: blockBytes,
      discardAlignmentBytes: 0,
      secureErase: false,
      rotational: false,
      writeCache,
      fua: writeCache,
      readOnly: false,
    };
  }

  /** One thread's queue. */
  open(process: SimProcess, handler: BackendHandler): BackendQueue {
    this.openQueues++;
    return new SimDiskQueue(this, process, handler);
  }

  /** The server is gone: what was under way is done in part. @param losesCache the power went */
  crash(losesCache: boolean): void {
    this.openQueues = 0;
    for (const operation of this.underWay) {
      for (let i = operation.doneCount; i < operation.count; i++) {
        if (operation.kind !== "read" && this.random.chance(0.3)) this.doBlock(operation, i);
      }
    }
    this.underWay.clear();
    if (!losesCache) return;
    for (const block of this.dirty) if (this.random.chance(0.5)) this.persist(block);
    this.dirty.clear();
    this.content.set(this.medium);
    this.previous.set(this.medium);
  }

  /** Starts a request; `done` gets its errno unless the process is killed before. */
  start(
    process: SimProcess,
    kind: Operation["kind"],
    offset: number,
    length: number,
    at: number,
    fua: boolean,
    done: (errno: number) => void,
  ): void {
    const { random, conditions, plants, blockBytes } = this;
    const operation: Operation = {
      kind,
      first: offset / blockBytes,
      count: length / blockBytes,
      at,
      fua,
      doneCount: 0,
      errno: this.pickErrno(kind),
      isLost: kind === "write" && random.chance(plants.lostWriteChance),
      dirty: kind === "flush" ? [...this.dirty] : [],
      process,
    };
    this.underWay.add(operation);
    const latencyMs = random.spread(conditions.latencyMinMs, conditions.latencyMaxMs);
    // Half of the requests do some of their blocks before the rest.
    const firstMs = random.chance(0.5) ? latencyMs * random.unit() : latencyMs;
    process.schedule(firstMs, () => {
      this.advance(operation, random.below(operation.count + 1));
      process.schedule(latencyMs - firstMs, () => {
        this.finish(operation);
        done(operation.errno);
      });
    });
  }

  private pickErrno(kind: Operation["kind"]): number {
    if (this.random.chance(this.conditions.errorChance)) return ERRNO.EIO;
    const takesSpace = kind === "write" || kind === "zero";
    return takesSpace && this.random.chance(this.conditions.noSpaceChance) ? ERRNO.ENOSPC : 0;
  }

  private advance(operation: Operation, count: number): void {
    while (operation.doneCount < count) this.doBlock(operation, operation.doneCount++);
  }

  private finish(operation: Operation): void {
    this.underWay.delete(operation);
    if (operation.errno !== 0) return;
    this.advance(operation, operation.count);
    for (const block of operation.dirty) this.persist(block);
    if (!operation.fua) return;
    for (let i = 0; i < operation.count; i++) this.persist(operation.first + i);
  }

  private doBlock(operation: Operation, index: number): void {
    const { blockBytes, content, previous } = this;
    const block = operation.first + index;
    const from = block * blockBytes;
    const at = operation.at + index * blockBytes;
    const memory = operation.process.memory.arena.u8;
    if (operation.kind === "read") {
      const isStale = this.random.chance(this.plants.staleReadChance);
      memory.set((isStale ? previous : content).subarray(from, from + blockBytes), at);
      return;
    }
    if (operation.isLost) return;
    previous.set(content.subarray(from, from + blockBytes), from);
    if (operation.kind === "zero") content.fill(0, from, from + blockBytes);
    else content.set(memory.subarray(at, at + blockBytes), from);
    this.dirty.add(block);
    if (!this.writeCache || this.random.chance(EVICTION_CHANCE)) this.persist(block);
  }

  private persist(block: number): void {
    const from = block * this.blockBytes;
    this.medium.set(this.content.subarray(from, from + this.blockBytes), from);
    this.dirty.delete(block);
  }
}

/** A disk as one lane sees it. */
class SimDiskQueue implements BackendQueue {
  readonly geometry: BackendGeometry;
  inflight = 0;
  private readonly busy = new Set<number>();
  private isOpen = true;

  constructor(
    private readonly disk: SimDisk,
    private readonly process: SimProcess,
    private readonly handler: BackendHandler,
  ) {
    this.geometry = disk.geometry;
  }

  read(slot: number, offset: number, length: number, at: number): void {
    this.start(slot, "read", offset, length, at, false);
  }

  write(slot: number, offset: number, length: number, at: number, fua: boolean): void {
    this.start(slot, "write", offset, length, at, fua);
  }

  flush(slot: number): void {
    this.start(slot, "flush", 0, 0, 0, false);
  }

  discard(slot: number, offset: number, length: number): void {
    this.start(slot, "zero", offset, length, 0, false);
  }

  writeZeroes(slot: number, offset: number, length: number, _mayUnmap: boolean): void {
    this.start(slot, "zero", offset, length, 0, false);
  }

  secureErase(slot: number, _offset: number, _length: number): void {
    this.handler.onBackendDone(slot, ERRNO.EOPNOTSUPP);
  }

  inPlace(_offset: number, _length: number): number {
    return -1;
  }

  refreshSize(): boolean {
    return false;
  }

  close(): void {
    if (!this.isOpen) throw new Error("A disk queue was closed twice");
    if (this.inflight > 0) {
      throw new Error(`A disk queue was closed with ${this.inflight} requests`);
    }
    this.isOpen = false;
    this.disk.openQueues--;
  }

  private start(
    slot: number,
    kind: Operation["kind"],
    offset: number,
    length: number,
    at: number,
    fua: boolean,
  ): void {
    if (!this.isOpen) throw new Error("A request on a closed disk queue");
    if (this.busy.has(slot)) throw new Error(`Slot ${slot} of a disk queue is used twice`);
    this.busy.add(slot);
    this.inflight++;
    this.disk.start(this.process, kind, offset, length, at, fua, (errno) => {
      this.busy.delete(slot);
      this.inflight--;
      this.handler.onBackendDone(slot, errno);
    });
  }
}
