/** A main thread with back ends, and operations as promises, for the tests of this folder. */
import type { BackendHandler, BackendQueue, BackendTicket } from "../../src/rnbd/backend.ts";
import { backendOpener } from "../../src/rnbd/backends/open_queue.ts";
import { allocateZeroes } from "../../src/rnbd/backends/zeroes.ts";
import {
  closeBackend,
  openBackend,
  type OpenRequest,
  releaseMemoryBackend,
} from "../../src/rnbd/server/open_backend.ts";
import { ArenaAllocator, reserveArena } from "../../src/ring/arena.ts";
import { ControlLoop } from "../../src/ring/control_loop.ts";

const arena = reserveArena(2 ** 33);
const QUEUE_DEPTH = 64;
/** Buffer of one slot. */
export const BUFFER_BYTES = 2 ** 20;

/** Main, with what the back ends need; `await using` closes it. */
export class Bench implements AsyncDisposable {
  readonly memory = new ArenaAllocator(arena);
  readonly loop = new ControlLoop(this.memory);
  readonly zeroesAt = allocateZeroes(this.memory);

  /** Opens a path and a queue on it. */
  async open(
    path: string,
    ioMode: OpenRequest["ioMode"] = "fileio",
    accessMode: OpenRequest["accessMode"] = "rw",
  ): Promise<Disk> {
    return this.disk(await openBackend(this.loop, { path, ioMode, accessMode }));
  }

  /** A queue on a ticket. */
  disk(ticket: BackendTicket): Disk {
    return new Disk(this, ticket);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.memory.release(this.zeroesAt);
    await this.loop.close();
  }
}

/** One opened back end; operations give the errno. Slots are taken as needed. */
export class Disk implements BackendHandler, AsyncDisposable {
  readonly queue: BackendQueue;
  private readonly waiting = new Map<number, (errno: number) => void>();
  private readonly free = Array.from({ length: QUEUE_DEPTH }, (_, slot) => slot);
  private readonly buffers: number;
  private readonly u8: Uint8Array<ArrayBuffer>;

  constructor(private readonly bench: Bench, readonly ticket: BackendTicket) {
    this.queue = backendOpener(bench.loop, bench.zeroesAt)(ticket, QUEUE_DEPTH, this);
    this.buffers = bench.memory.allocate(QUEUE_DEPTH * BUFFER_BYTES, "buffers of a test");
    this.u8 = bench.loop.arena.u8;
  }

  get geometry() {
    return this.queue.geometry;
  }

  onBackendDone(slot: number, errno: number): void {
    const resolve = this.waiting.get(slot);
    if (resolve === undefined) throw new Error(`Slot ${slot} ended twice`);
    this.waiting.delete(slot);
    resolve(errno);
  }

  /** Runs one operation on a free slot; `finish` looks at its buffer before another has it. */
  async operate(
    start: (queue: BackendQueue, slot: number, at: number) => void,
    finish?: (at: number) => void,
  ): Promise<number> {
    const slot = this.free.pop();
    if (slot === undefined) throw new Error("No slot is free");
    const { promise, resolve } = Promise.withResolvers<number>();
    this.waiting.set(slot, resolve);
    const at = this.buffers + slot * BUFFER_BYTES;
    start(this.queue, slot, at);
    const errno = await promise;
    finish?.(at);
    this.free.push(slot);
    return errno;
  }

  async read(
    offset: number,
    length: number,
  ): Promise<{ errno: number; bytes: Uint8Array<ArrayBuffer> }> {
    let bytes = new Uint8Array(0);
    const errno = await this.operate((queue, slot, at) => {
      this.u8.fill(0xee, at, at + length);
      queue.read(slot, offset, length, at);
    }, (at) => bytes = this.u8.slice(at, at + length));
    return { errno, bytes };
  }

  write(offset: number, bytes: Uint8Array, fua = false): Promise<number> {
    return this.operate((queue, slot, at) => {
      this.u8.set(bytes, at);
      queue.write(slot, offset, bytes.length, at, fua);
    });
  }

  flush(): Promise<number> {
    return this.operate((queue, slot) => queue.flush(slot));
  }

  discard(offset: number, length: number): Promise<number> {
    return this.operate((queue, slot) => queue.discard(slot, offset, length));
  }

  writeZeroes(offset: number, length: number, mayUnmap: boolean): Promise<number> {
    return this.operate((queue, slot) => queue.writeZeroes(slot, offset, length, mayUnmap));
  }

  secureErase(offset: number, length: number): Promise<number> {
    return this.operate((queue, slot) => queue.secureErase(slot, offset, length));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.queue.close();
    this.bench.memory.release(this.buffers);
    await closeBackend(this.bench.loop, this.ticket);
    releaseMemoryBackend(this.bench.memory, this.ticket);
  }
}

/** Bytes that are different for each seed and place. */
export function pattern(seed: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
