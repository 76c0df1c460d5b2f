/** A block queue whose permits and answers the test plays out. */
import assert from "node:assert/strict";
import type { BlockGeometry, BlockQueue, BlockUser } from "../../../src/rnbd/block_queue.ts";
import type { Random } from "../../support/random.ts";

/** A request that waits for its answer. */
export interface FakeRequest {
  readonly permit: number;
  readonly user: BlockUser;
  readonly operation: number;
  readonly flags: number;
  readonly offset: number;
  readonly length: number;
  readonly at: number;
  readonly token: number;
}

/** See the head of this file. */
export class FakeBlocks implements BlockQueue {
  isOpen = true;
  readonly requests: FakeRequest[] = [];
  private readonly free: number[];
  private readonly held = new Set<number>();
  private readonly waiters: BlockUser[] = [];

  constructor(
    readonly geometry: BlockGeometry,
    permits: number,
    private readonly random: Random,
    private readonly seen: (request: FakeRequest) => void,
  ) {
    this.free = Array.from({ length: permits }, (_, i) => 100 + i);
  }

  /** Permits that users have. */
  get permitsOut(): number {
    return this.held.size;
  }

  acquire(user: BlockUser): number {
    const permit = this.free.pop() ?? -1;
    if (permit >= 0) this.held.add(permit);
    else if (!this.waiters.includes(user)) this.waiters.push(user);
    return permit;
  }

  release(permit: number): void {
    assert.ok(this.held.delete(permit), `permit ${permit} is not held`);
    assert.ok(!this.requests.some((request) => request.permit === permit), "released too early");
    this.free.push(permit);
  }

  bufferOf(): number {
    throw new Error("a ublk queue has its own buffers");
  }

  submit(
    permit: number,
    user: BlockUser,
    operation: number,
    flags: number,
    offset: number,
    length: number,
    at: number,
    token: number,
  ): void {
    assert.ok(this.held.has(permit), `permit ${permit} is not held`);
    const request = { permit, user, operation, flags, offset, length, at, token };
    this.seen(request);
    this.requests.push(request);
  }

  /** Tells one who waits that there may be permits, if so. */
  offerPermits(): void {
    if (this.free.length > 0) this.waiters.shift()?.onPermits();
  }

  forget(user: BlockUser): void {
    const at = this.waiters.indexOf(user);
    if (at >= 0) this.waiters.splice(at, 1);
  }

  /** Answers one request, any. */
  answer(errno: number): void {
    const index = this.random.below(this.requests.length);
    const [request] = this.requests.splice(index, 1);
    request!.user.onBlockDone(request!.permit, request!.token, errno);
  }
}
