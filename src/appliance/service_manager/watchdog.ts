/**
 * The watchdog of the service manager (sd_watchdog_enabled(3)): it is fed while the whole process
 * is alive, which is more than that this code runs. A process with a dead reactor is restarted:
 * the kernel keeps the requests of its block devices meanwhile.
 */
import { log } from "../log.ts";
import { type Pulse, PULSE_TIMING, type PulseTiming } from "../reactor/pulse.ts";
import { BEATS_PER_WATCHDOG, SILENT_SHARE_OF_WATCHDOG } from "./limits.ts";

/** Variables that say how often; of this process unless WATCHDOG_PID names another one. */
export interface WatchdogEnvironment {
  readonly WATCHDOG_USEC?: string | undefined;
  readonly WATCHDOG_PID?: string | undefined;
}

/** Time after which an unfed watchdog bites, milliseconds; undefined: there is none. */
export function watchdogMs(environment: WatchdogEnvironment, pid = Deno.pid): number | undefined {
  const { WATCHDOG_USEC, WATCHDOG_PID } = environment;
  if (WATCHDOG_USEC === undefined) return undefined;
  const isNumber = (text: string) => /^[1-9]\d{0,15}$/.test(text);
  if (!isNumber(WATCHDOG_USEC) || (WATCHDOG_PID !== undefined && !isNumber(WATCHDOG_PID))) {
    const variables = { watchdog_usec: WATCHDOG_USEC, watchdog_pid: WATCHDOG_PID };
    log.warn("watchdog left alone", { ...variables, reason: "one of them is no number" });
    return undefined;
  }
  if (WATCHDOG_PID !== undefined && Number(WATCHDOG_PID) !== pid) return undefined;
  return Number(WATCHDOG_USEC) / 1000;
}

/** How often reactors are asked, so that a watchdog of that time can go by it. */
export function pulseTiming(limitMs: number | undefined): PulseTiming {
  if (limitMs === undefined) return PULSE_TIMING;
  const intervalMs = Math.min(PULSE_TIMING.intervalMs, limitMs / BEATS_PER_WATCHDOG);
  const silentBeats = Math.floor(limitMs * SILENT_SHARE_OF_WATCHDOG / intervalMs);
  return { intervalMs, silentBeats: Math.min(PULSE_TIMING.silentBeats, silentBeats) };
}

/** What a watchdog works with. */
export interface WatchdogParts {
  readonly limitMs: number;
  readonly pulse: Pick<Pulse, "now" | "silent" | "unheardSince">;
  feed(): void;
  /** Milliseconds, from any beginning. */
  now(): number;
}

/** See the head of this file. */
export class Watchdog {
  private fedAtMs = -Infinity;
  private fedAtBeat = 0;
  private isWithheld = false;

  constructor(private readonly parts: WatchdogParts) {}

  /** To be called with every beat: feeds at half the time, if all reactors answered since. */
  onBeat(): void {
    const { limitMs, pulse } = this.parts;
    const nowMs = this.parts.now();
    if (nowMs - this.fedAtMs < limitMs / 2) return;
    const isHeard = pulse.unheardSince(this.fedAtBeat).length === 0;
    const silent = pulse.silent();
    if (!isHeard || silent.length > 0) return this.withhold(silent);
    this.isWithheld = false;
    this.fedAtMs = nowMs;
    this.fedAtBeat = pulse.now;
    this.parts.feed();
  }

  /** One that is only late is not told of: it may answer by the next beat. */
  private withhold(silent: readonly number[]): void {
    if (this.isWithheld || silent.length === 0) return;
    this.isWithheld = true;
    const reason =
      "not every reactor answers; unless they do, the service manager ends the process";
    log.error("watchdog not fed", { reactors: silent.join(","), reason });
  }
}
