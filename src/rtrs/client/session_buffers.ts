/**
 * Memory that lanes may use for requests besides their own buffers: an exposure's. It is registered
 * on every path of the session, after each reconnect anew.
 */
import { countdown } from "../countdown.ts";
import type { ClientPath } from "./path.ts";

/** A range that reactor `lane` may use. */
export interface BufferRange {
  readonly lane: number;
  /** Arena offset and length, bytes. */
  readonly at: number;
  readonly length: number;
}

/** See the head of this file. */
export class SessionBuffers {
  /** By their arena offset. */
  private readonly byOffset = new Map<number, BufferRange>();

  /** @param paths as they are now */
  constructor(private readonly paths: () => readonly ClientPath[]) {}

  /** All of them. */
  get ranges(): Iterable<BufferRange> {
    return this.byOffset.values();
  }

  /**
   * Lets requests of reactor `lane` use an arena range as data buffer, now and after every
   * reconnect.
   * @throws SystemError when a device does not take it; nothing is added then
   */
  add(lane: number, at: number, length: number): void {
    const added: ClientPath[] = [];
    try {
      for (const path of this.paths()) {
        path.addBuffers(lane, at, length);
        added.push(path);
      }
    } catch (error) {
      for (const path of added) path.removeBuffers(lane, at, () => {});
      throw error;
    }
    this.byOffset.set(at, { lane, at, length });
  }

  /** Undoes {@link add}; `done` when the range may be used for something else. */
  remove(at: number, done: () => void): void {
    const range = this.byOffset.get(at);
    if (range === undefined) return done();
    this.byOffset.delete(at);
    const paths = [...this.paths()];
    const removed = countdown(paths.length, done);
    for (const path of paths) path.removeBuffers(range.lane, at, removed);
  }
}
