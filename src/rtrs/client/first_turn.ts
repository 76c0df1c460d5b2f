/**
 * While a session has no connected path, its paths take turns: one at a time may tell the server
 * to make the session (`first_conn`). The others wait until the server has taken its first
 * connection, and must find the session then: so a path that leads to another server is refused
 * there (ENXIO), instead of being half of a session on each of two servers.
 */
import type { Clock, Timer } from "../clock.ts";
import type { ClientPath } from "./path.ts";

/** A path that gets no answer has its turn so long, longer each round; others wait meanwhile. */
const TURN_MS = 2_000;

/** See the head of this file. */
export class FirstTurn {
  private holder: ClientPath | undefined;
  private readonly waiting: ClientPath[] = [];
  private timer: Timer | undefined;
  private turnMs = TURN_MS;

  /** @param isKnown the server has a connection of another path of the session than this */
  constructor(
    private readonly clock: Clock,
    private readonly isKnown: (path: ClientPath) => boolean,
  ) {}

  /** A path wants to connect: it dials now or when its turn comes. */
  request(path: ClientPath): void {
    if (this.isKnown(path)) return path.dial(false);
    if (this.holder !== undefined) {
      this.waiting.push(path);
      return this.limitTurn();
    }
    this.holder = path;
    path.dial(true);
  }

  private limitTurn(): void {
    if (this.timer !== undefined) return;
    const { turnMs } = this;
    this.timer = this.clock.after(turnMs, () => {
      this.timer = undefined;
      this.turnMs = 2 * turnMs;
      this.holder?.onTurnOver(turnMs);
    });
  }

  /** The server has taken the first connection of a path: the others follow. */
  onReached(path: ClientPath): void {
    if (this.holder === path) this.release();
    this.turnMs = TURN_MS;
    for (const other of this.waiting.splice(0)) other.dial(false);
  }

  /** A path has stopped connecting. */
  leave(path: ClientPath): void {
    const at = this.waiting.indexOf(path);
    if (at >= 0) this.waiting.splice(at, 1);
    if (this.holder === path) this.release();
    if (this.waiting.length === 0) return this.stopTimer();
    if (this.holder !== undefined) return;
    this.holder = this.waiting.shift()!;
    if (this.waiting.length > 0) this.limitTurn();
    this.holder.dial(true);
  }

  private release(): void {
    this.holder = undefined;
    this.stopTimer();
  }

  private stopTimer(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }
}
