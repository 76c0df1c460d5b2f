/** When a path that is down is tried again: with back-off and jitter, so many times. */
import type { Clock, Timer } from "../clock.ts";
import { backoffMs } from "./backoff.ts";

/** Settings from the config; they may change at any time. */
export interface RetrySettings {
  readonly reconnectDelayMs: number;
  readonly reconnectDelayMaxMs: number;
  /** -1 = for ever. */
  readonly maxReconnectAttempts: number;
}

/** See the head of this file. */
export class PathRetry {
  /** When the next attempt is due, by the clock; undefined when none is. */
  dueAt: number | undefined;
  private failures = 0;
  private timer: Timer | undefined;

  /**
   * @param settings as they are now
   * @param connect makes the attempt
   */
  constructor(
    private readonly clock: Clock,
    private readonly randomBytes: (length: number) => Uint8Array,
    private readonly settings: () => RetrySettings,
    private readonly connect: () => void,
  ) {}

  /** More attempts are allowed, after one more failure. */
  get isAllowed(): boolean {
    const { maxReconnectAttempts } = this.settings();
    return maxReconnectAttempts < 0 || this.failures < maxReconnectAttempts;
  }

  /** An attempt failed, or what it made was lost: the next one follows, if it may. */
  schedule(): void {
    const isAllowed = this.isAllowed;
    this.failures++;
    if (!isAllowed) return;
    const jitter = 0.75 + this.randomBytes(1)[0]! / 1024;
    const delayMs = backoffMs(this.settings(), this.failures) * jitter;
    this.dueAt = this.clock.now() + delayMs;
    this.timer = this.clock.after(delayMs, () => this.now());
  }

  /** Tries now instead of when it is due; does nothing when no attempt is. */
  now(): void {
    if (this.timer === undefined) return;
    this.cancel();
    this.connect();
  }

  /** No attempt is due any more. */
  cancel(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.dueAt = undefined;
  }

  /** The path is connected, or a user wants a fresh start: pauses start anew. */
  reset(): void {
    this.failures = 0;
  }
}
