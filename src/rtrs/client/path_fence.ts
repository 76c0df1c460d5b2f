/**
 * Makes sure that a path which is down here has ended at the server too: that nothing sent on it
 * can take effect any more. Only then may its requests be sent again, or its buffer ids be used.
 *
 * A connect request tells: it names the dead path, goes where another path of the session goes, and
 * may not make a session. While the server still knows the path, it must answer ECONNRESET, and
 * ours ends the path then, because a newer recon_cnt says that the client has given it up
 * (rtrs-srv.c:1790-1826 has the order of the checks). Any other answer says that it is gone:
 * EEXIST, since the other path is there, or ENXIO from a server that was restarted.
 */
import type { ConnectAttempt } from "../../fabric/fabric.ts";
import { ERRNO } from "../../ffi/errno.ts";
import type { Timer } from "../clock.ts";
import { decodeConnectReject, encodeConnectRequest } from "../connect_codec.ts";
import { SERVICE_QUEUE_LIMITS } from "../limits.ts";
import type { ClientSession } from "./session.ts";

/** Pauses between questions: the server's disk may still be at work. */
const PAUSE_MS = 5;
const PAUSE_MAX_MS = 1_000;

/** See the head of this file. */
export class PathFence {
  private attempt: ConnectAttempt | undefined;
  private timer: Timer | undefined;
  private pauseMs = PAUSE_MS;
  private questions = 0;
  private isArmed = false;
  private isOver = false;

  /**
   * @param path handle of the path; `pathUuid` its name at the server
   * @param reconCnt of its next attempt
   * @param reached called once, unless it is cancelled before
   */
  constructor(
    private readonly session: ClientSession,
    readonly path: number,
    private readonly pathUuid: Uint8Array,
    private readonly reconCnt: number,
    private readonly reached: () => void,
  ) {}

  /** The path's connections are closed here: from now on it makes sense to ask. */
  arm(): void {
    this.isArmed = true;
    this.start();
  }

  /** Asks, if nobody does yet and there is a connected path that leads to the server. */
  start(): void {
    if (!this.isArmed || this.isOver || this.attempt !== undefined || this.timer !== undefined) {
      return;
    }
    const paths = this.session.paths.filter((path) => path.state === "CONNECTED");
    if (paths.length === 0) return;
    const { target } = paths[this.questions++ % paths.length]!;
    const { fabric, settings, sessionUuid, laneControls } = this.session;
    const privateData = encodeConnectRequest({
      cid: 0,
      cidNum: laneControls.length + 1,
      reconCnt: this.reconCnt,
      pathUuid: this.pathUuid,
      sessionUuid,
      firstConn: false,
    });
    const limits = SERVICE_QUEUE_LIMITS;
    const { connectTimeoutMs: timeoutMs } = settings;
    this.attempt = fabric.connect({ ...target, privateData, limits, timeoutMs }, (outcome) => {
      this.attempt = undefined;
      if (outcome.kind === "failed") return this.askLater();
      if (outcome.kind === "rejected") {
        const isThere = decodeConnectReject(outcome.privateData) === ERRNO.ECONNRESET;
        return isThere ? this.askLater() : this.end();
      }
      // The server took it for a path of its own between other addresses: the dead one is gone.
      this.session.environment.adopter.discard(outcome.ticket);
      fabric.release(outcome.ticket);
      this.end();
    });
  }

  private askLater(): void {
    const { clock } = this.session.environment;
    this.timer = clock.after(this.pauseMs, () => {
      this.timer = undefined;
      this.start();
    });
    this.pauseMs = Math.min(2 * this.pauseMs, PAUSE_MAX_MS);
  }

  /** The server has said it in another way: it has taken the path's next connection. */
  end(): void {
    if (this.isOver) return;
    this.cancel();
    this.reached();
  }

  /** Nobody wants to know any more. */
  cancel(): void {
    this.isOver = true;
    this.attempt?.cancel();
    this.timer?.cancel();
  }
}
