/**
 * The lanes of a client session on all threads: made for the shape that the first path's server
 * offers, kept over reconnects, made anew when a server comes back with another shape.
 */
import type { FabricFailure } from "../../fabric/fabric.ts";
import { ERRNO } from "../../ffi/errno.ts";
import type { ArenaAllocator } from "../../ring/arena.ts";
import type { ConnectAccept } from "../connect_codec.ts";
import { countdown } from "../countdown.ts";
import type { LaneControl } from "../lane_control.ts";
import { ClientLane, type ClientLaneUser } from "./lane.ts";
import type { MpathPolicy } from "./policy.ts";
import {
  allotLanes,
  describeShape,
  isSameShape,
  type LaneAllotment,
  shapeProblem,
} from "./shape.ts";

/** Who gets to know that the lanes are ready, or why they cannot be. */
export type ShapeReady = (failure: FabricFailure | undefined) => void;

/** See the head of this file. */
export class SessionLanes {
  admin: ClientLane | undefined;
  allotments: LaneAllotment[] = [];
  /** What the server offered last; undefined before the first connection. */
  offer: ConnectAccept | undefined;
  /** While the old lanes go: the shape of the new ones, and who waits for them. */
  private next: { readonly offer: ConnectAccept; readonly ready: ShapeReady[] } | undefined;
  /** While the reactors let go of the lanes: what follows. */
  private destroying: (() => void)[] | undefined;
  private isClosed = false;

  /**
   * @param handle of the session
   * @param policy as it is now
   * @param beforeRelease called while the counters of the old lanes can still be read
   */
  constructor(
    private readonly handle: number,
    private readonly memory: ArenaAllocator,
    private readonly controls: readonly LaneControl[],
    private readonly policy: () => MpathPolicy,
    private readonly user: ClientLaneUser,
    private readonly beforeRelease: () => void,
  ) {}

  /** There are lanes, and they do not fit an offer. */
  mustChange(offer: ConnectAccept): boolean {
    return this.admin !== undefined && !isSameShape(this.offer!, offer);
  }

  /**
   * A server offers a shape.
   * @param isShared other paths use the lanes as they are, or wait for those that come
   */
  prepare(offer: ConnectAccept, isShared: boolean, ready: ShapeReady): void {
    const problem = shapeProblem(offer, this.controls.length);
    if (problem !== undefined) return ready({ errno: ERRNO.EPROTO, reason: problem });
    const settled = this.next?.offer ?? (this.admin === undefined ? undefined : this.offer);
    const isSame = settled !== undefined && isSameShape(settled, offer);
    if (isSame && this.next === undefined) return ready(undefined);
    if (isSame) return void this.next!.ready.push(ready);
    if (settled !== undefined && isShared) {
      const reason = `the server offers ${describeShape(offer)}, but the session has ` +
        `${describeShape(settled)}: all paths of a session must lead to one server`;
      return ready({ errno: ERRNO.EINVAL, reason });
    }
    this.next = { offer, ready: [ready] };
    const { next } = this;
    this.destroy(() => {
      if (this.isClosed || this.next !== next) return;
      this.next = undefined;
      const failure = this.create(offer);
      for (const callback of next.ready) callback(failure);
    });
  }

  private create(offer: ConnectAccept): FabricFailure | undefined {
    const { memory } = this;
    try {
      this.allotments = allotLanes(
        memory,
        this.handle,
        offer,
        this.controls.length,
        this.policy(),
      );
    } catch (error) {
      if (error instanceof RangeError) return { errno: ERRNO.ENOMEM, reason: error.message };
      throw error;
    }
    this.offer = offer;
    this.admin = new ClientLane(memory.arena, this.allotments[0]!.setup, this.user);
    this.controls.forEach((lane, i) => lane.createClient(this.allotments[i + 1]!.setup));
    return undefined;
  }

  /** Lets go of everything for good; `done` when memory is free. */
  close(done: () => void): void {
    this.isClosed = true;
    this.destroy(done);
  }

  private destroy(done: () => void): void {
    if (this.destroying !== undefined) {
      this.destroying.push(done);
      return;
    }
    if (this.admin === undefined) return done();
    this.admin = undefined;
    const callbacks = [done];
    this.destroying = callbacks;
    const destroyed = countdown(this.controls.length, () => {
      this.beforeRelease();
      for (const lane of this.allotments) this.memory.release(lane.at);
      this.allotments = [];
      this.destroying = undefined;
      for (const callback of callbacks) callback();
    });
    for (const lane of this.controls) lane.destroyClient(this.handle, destroyed);
  }

  /** The session has a path, or has none any more. */
  setUp(isUp: boolean): void {
    this.admin?.setUp(isUp);
    if (this.admin === undefined) return;
    for (const lane of this.controls) lane.setClientUp(this.handle, isUp);
  }

  /** The policy has changed. */
  updatePolicy(): void {
    if (this.admin === undefined) return;
    this.admin.policy = this.policy();
    for (const lane of this.controls) lane.setClientPolicy(this.handle, this.policy());
  }

  /** Nothing sent on a path can take effect at the server any more. */
  onPathEnded(path: number): void {
    this.admin?.onPathEnded(path);
    if (this.admin === undefined) return;
    for (const lane of this.controls) lane.endClientPath(this.handle, path);
  }
}
