/**
 * Heartbeat of one side of a path (rtrs.c:328-412): a message goes out when nothing was heard for
 * a period, and the path is given up when the peer stays silent. Any traffic counts.
 */
import type { Clock, Timer } from "./clock.ts";

/** How often, and how patient. */
export interface HeartbeatSettings {
  readonly intervalMs: number;
  /** Ticks without a sign of life, after the first, before the path is given up. */
  readonly missedMax: number;
}

/** What a heartbeat needs of its path. */
export interface HeartbeatPath {
  /** Messages received so far on all connections of the path; wraps. */
  received(): number;
  sendHeartbeat(): void;
  /** The peer is silent: `silentMs` since the unanswered heartbeat. */
  onSilence(silentMs: number): void;
}

/** Runs from {@link start} to {@link stop}. */
export class Heartbeat {
  private timer: Timer | undefined;
  private missed = 0;
  private lastReceived = 0;
  private sentAt = 0;
  /** Round trip of the last answered heartbeat, milliseconds; 0 before the first. */
  latencyMs = 0;

  constructor(
    private readonly clock: Clock,
    private readonly settings: HeartbeatSettings,
    private readonly path: HeartbeatPath,
  ) {}

  /** The path is connected: the first tick comes after one period. */
  start(): void {
    this.stop();
    this.missed = 0;
    this.lastReceived = this.path.received();
    this.arm();
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  /** The peer answered a heartbeat. */
  onAck(): void {
    if (this.sentAt > 0) this.latencyMs = this.clock.now() - this.sentAt;
  }

  private arm(): void {
    this.timer = this.clock.after(this.settings.intervalMs, () => this.tick());
  }

  private tick(): void {
    const received = this.path.received();
    if (received !== this.lastReceived) this.missed = 0;
    this.lastReceived = received;
    if (this.missed > this.settings.missedMax) {
      this.timer = undefined;
      this.path.onSilence(this.clock.now() - this.sentAt);
      return;
    }
    if (this.missed++ === 0) {
      this.sentAt = this.clock.now();
      this.path.sendHeartbeat();
    }
    this.arm();
  }
}
