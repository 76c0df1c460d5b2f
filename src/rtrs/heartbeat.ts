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
  /** The round trip has a new figure, milliseconds. */
  onLatency?(latencyMs: number): void;
  /** The peer is silent: `silentMs` since the unanswered heartbeat. */
  onSilence(silentMs: number): void;
}

/** Part of the difference that a new sample of the round trip makes: old samples fade. */
const LATENCY_WEIGHT = 1 / 4;

/** Runs from {@link start} to {@link stop}. */
export class Heartbeat {
  private timer: Timer | undefined;
  private missed = 0;
  private lastReceived = 0;
  private sentAt = 0;
  /** The last heartbeat is not answered yet. */
  private isAsking = false;
  /** Round trip of heartbeats, milliseconds, smoothed; 0 before the first answer and after stop. */
  latencyMs = 0;

  /** @param settings as they are now */
  constructor(
    private readonly clock: Clock,
    private readonly settings: () => HeartbeatSettings,
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
    this.latencyMs = 0;
    this.isAsking = false;
  }

  /** The peer answered a heartbeat. */
  onAck(): void {
    if (!this.isAsking) return;
    this.isAsking = false;
    const sampleMs = this.clock.now() - this.sentAt;
    if (this.latencyMs === 0) this.latencyMs = sampleMs;
    else this.latencyMs += (sampleMs - this.latencyMs) * LATENCY_WEIGHT;
    this.path.onLatency?.(this.latencyMs);
  }

  private arm(): void {
    this.timer = this.clock.after(this.settings().intervalMs, () => this.tick());
  }

  private tick(): void {
    const received = this.path.received();
    if (received !== this.lastReceived) this.missed = 0;
    this.lastReceived = received;
    if (this.missed > this.settings().missedMax) {
      this.timer = undefined;
      this.path.onSilence(this.clock.now() - this.sentAt);
      return;
    }
    // No answer for so long says as much as a late one, until one comes.
    const waitedMs = this.isAsking ? this.clock.now() - this.sentAt : 0;
    if (waitedMs > this.latencyMs) this.path.onLatency?.(waitedMs);
    if (this.missed++ === 0) {
      this.isAsking = true;
      this.sentAt = this.clock.now();
      this.path.sendHeartbeat();
    }
    this.arm();
  }
}
