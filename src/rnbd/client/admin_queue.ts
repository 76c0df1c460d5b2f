/**
 * The client's admin messages (SESS_INFO, OPEN, CLOSE): a bounded queue in front of the few
 * permits of the session's admin lane on main.
 */
import { ERRNO } from "../../ffi/errno.ts";
import type { ClientLane } from "../../rtrs/client/lane.ts";
import { ADMIN_QUEUE_MAX } from "../limits.ts";

/** One admin message. */
export interface AdminMessage {
  /** Writes the message at arena offset `at` and returns its length. */
  build(view: DataView, at: number): number;
  /** Bytes of the answer; 0 = the answer is an errno only. */
  readonly answerBytes: number;
  /** @param answerAt arena offset of the answer, valid during the call, when errno is 0 */
  done(errno: number, answerAt: number): void;
}

/** See the head of this file. */
export class AdminQueue {
  private readonly waiting: AdminMessage[] = [];
  private readonly inflight = new Map<number, AdminMessage>();

  /** @param lane the admin lane; undefined while there is none */
  constructor(private readonly lane: () => ClientLane | undefined) {}

  /** Sends a message as soon as a permit is free; without a connection it fails with ENOTCONN. */
  send(message: AdminMessage): void {
    if (this.waiting.length >= ADMIN_QUEUE_MAX) return message.done(ERRNO.ENOBUFS, 0);
    this.waiting.push(message);
    this.pump();
  }

  /** The answer for `permit` is there, or its connection died. */
  onResponse(permit: number, errno: number): void {
    const lane = this.lane();
    const message = this.inflight.get(permit);
    this.inflight.delete(permit);
    message?.done(errno, lane?.bufferOf(permit) ?? 0);
    lane?.release(permit);
    this.pump();
  }

  private pump(): void {
    while (this.waiting.length > 0) {
      const lane = this.lane();
      if (lane === undefined || !lane.isConnected) {
        this.waiting.shift()!.done(ERRNO.ENOTCONN, 0);
        continue;
      }
      const permit = lane.acquire();
      if (permit < 0) return;
      const message = this.waiting.shift()!;
      const length = message.build(lane.arena.view, lane.headerOf(permit));
      this.inflight.set(permit, message);
      const isSent = message.answerBytes > 0
        ? lane.read(permit, length, lane.bufferOf(permit), message.answerBytes)
        : lane.write(permit, length, 0, 0);
      if (!isSent) this.onResponse(permit, ERRNO.ENOTCONN);
    }
  }
}
