/** Time that stands still until the test moves it. */
import type { Clock, Timer } from "../../../src/rtrs/clock.ts";

interface Alarm extends Timer {
  readonly at: number;
  readonly action: () => void;
}

export class FakeClock implements Clock {
  private time = 0;
  private alarms: Alarm[] = [];

  now(): number {
    return this.time;
  }

  after(delayMs: number, action: () => void): Timer {
    const alarm: Alarm = {
      at: this.time + delayMs,
      action,
      cancel: () => this.alarms = this.alarms.filter((other) => other !== alarm),
    };
    this.alarms.push(alarm);
    return alarm;
  }

  /** Timers that are set. */
  get pending(): number {
    return this.alarms.length;
  }

  /** Lets time pass; what falls due runs at its time, in order. */
  advance(byMs: number): void {
    const end = this.time + byMs;
    for (;;) {
      const due = this.alarms.filter((alarm) => alarm.at <= end);
      if (due.length === 0) break;
      const next = due.reduce((first, alarm) => alarm.at < first.at ? alarm : first);
      next.cancel();
      this.time = next.at;
      next.action();
    }
    this.time = end;
  }
}
