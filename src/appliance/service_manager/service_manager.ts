/**
 * What systemd, or another service manager that speaks its protocol, is told of the life of this
 * process: sd_notify(3). Without NOTIFY_SOCKET nothing happens at all.
 */
import { errnoNumber } from "../../ffi/errno.ts";
import { MonotonicClock } from "../../ffi/monotonic_clock.ts";
import { ApplianceError, type ApplianceEvent, type RunningAppliance } from "../appliance_api.ts";
import { ConfigError } from "../config/problems.ts";
import { type Pulse, pulse, type PulseTiming } from "../reactor/pulse.ts";
import { RELOAD_EVENTS } from "../reconcile/reload_events.ts";
import { EXTEND_BY_MS, EXTEND_FOR_MS_MAX, EXTEND_INTERVAL_MS } from "./limits.ts";
import { STATUS_INTERVAL_MS } from "./limits.ts";
import { type Assignments, NotifySocket } from "./notify_socket.ts";
import { statusLine } from "./status_line.ts";
import { pulseTiming, Watchdog, type WatchdogEnvironment, watchdogMs } from "./watchdog.ts";

/** Variables that the service manager sets. */
export interface ServiceEnvironment extends WatchdogEnvironment {
  readonly NOTIFY_SOCKET?: string | undefined;
}

/** What it needs of a running appliance. */
export type Reported = Pick<RunningAppliance, "status" | "subscribe">;

type Phase = "starting" | "ready" | "reloading" | "stopping";

/** This process as the service manager started it. */
export function serviceEnvironment(): ServiceEnvironment {
  return {
    NOTIFY_SOCKET: Deno.env.get("NOTIFY_SOCKET"),
    WATCHDOG_USEC: Deno.env.get("WATCHDOG_USEC"),
    WATCHDOG_PID: Deno.env.get("WATCHDOG_PID"),
  };
}

/** See the head of this file. From its making to {@link ready} the service is starting. */
export class ServiceManager implements Disposable {
  private phase: Phase = "starting";
  private readonly socket: Pick<NotifySocket, "send"> | undefined;
  private readonly beating: Disposable;
  private extendTimer: ReturnType<typeof setInterval> | undefined;
  private appliance: Reported | undefined;
  private unsubscribe: (() => void) | undefined;
  private statusTimer: ReturnType<typeof setTimeout> | undefined;
  private statusText = "";
  private statusAtMs = -Infinity;

  /**
   * @param beats the reactors that must turn
   * @param extendIntervalMs shorter in tests
   */
  constructor(
    environment = serviceEnvironment(),
    private readonly beats: Pulse = pulse,
    private readonly extendIntervalMs: number = EXTEND_INTERVAL_MS,
  ) {
    this.socket = NotifySocket.open(environment.NOTIFY_SOCKET);
    const limitMs = this.socket && watchdogMs(environment);
    this.beating = this.beat(pulseTiming(limitMs), limitMs);
    this.extend();
  }

  private beat(timing: PulseTiming, limitMs: number | undefined): Disposable {
    if (limitMs !== undefined) {
      const feed = () => this.tell({ WATCHDOG: 1 });
      const now = () => performance.now();
      const watchdog = new Watchdog({ limitMs, pulse: this.beats, feed, now });
      this.beats.onBeat = () => watchdog.onBeat();
    }
    return this.beats.start(timing);
  }

  private tell(assignments: Assignments): void {
    this.socket?.send(assignments);
  }

  /** Asks for more time while this phase goes on, unless a reactor is dead. */
  private extend(): void {
    clearInterval(this.extendTimer);
    if (this.socket === undefined) return;
    const endMs = performance.now() + EXTEND_FOR_MS_MAX;
    this.extendTimer = setInterval(() => {
      if (performance.now() > endMs || this.beats.silent().length > 0) return;
      this.tell({ EXTEND_TIMEOUT_USEC: EXTEND_BY_MS * 1000 });
    }, this.extendIntervalMs);
    Deno.unrefTimer(this.extendTimer);
  }

  /** From now on the status follows what happens in this appliance. */
  follow(appliance: Reported): void {
    if (this.socket === undefined) return;
    this.appliance = appliance;
    this.unsubscribe = appliance.subscribe((event) => this.hear(event));
    this.scheduleStatus();
  }

  /** Every listener is up, and every mapping has been tried. */
  ready(): void {
    this.phase = "ready";
    clearInterval(this.extendTimer);
    this.tell({ READY: 1, ...this.freshStatus() });
  }

  private hear({ event }: ApplianceEvent): void {
    if (event === RELOAD_EVENTS.begun && this.phase === "ready") {
      this.phase = "reloading";
      return this.tell({ RELOADING: 1, MONOTONIC_USEC: monotonicUs() });
    }
    const isReloaded = event === RELOAD_EVENTS.done || event === RELOAD_EVENTS.refused;
    if (isReloaded && this.phase === "reloading") return this.ready();
    this.scheduleStatus();
  }

  /** An orderly stop begins. */
  stopping(): void {
    this.phase = "stopping";
    this.unfollow();
    this.tell({ STOPPING: 1, STATUS: "stopping" });
    this.extend();
  }

  /** It cannot start, or ends because of this. */
  failed(error: unknown): void {
    this.unfollow();
    const text = error instanceof Error ? error.message : String(error);
    const [first, ...others] = text.split("\n");
    const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
    const errno = errnoOf(error);
    this.tell({
      STATUS: `failed: ${first}${more}`,
      ...errno === undefined ? {} : { ERRNO: errno },
    });
  }

  private scheduleStatus(): void {
    if (this.statusTimer !== undefined) return;
    const waitMs = Math.max(0, this.statusAtMs + STATUS_INTERVAL_MS - performance.now());
    this.statusTimer = setTimeout(() => {
      const before = this.statusText;
      const fresh = this.freshStatus();
      if (this.statusText !== before) this.tell(fresh);
    }, waitMs);
    Deno.unrefTimer(this.statusTimer);
  }

  private freshStatus(): Assignments {
    clearTimeout(this.statusTimer);
    this.statusTimer = undefined;
    if (this.appliance === undefined) return {};
    this.statusAtMs = performance.now();
    const text = statusLine(this.appliance.status(), this.beats.silent());
    this.statusText = this.phase === "starting" ? `starting: ${text}` : text;
    return { STATUS: this.statusText };
  }

  private unfollow(): void {
    clearTimeout(this.statusTimer);
    this.unsubscribe?.();
    this.unsubscribe = undefined;
  }

  /** Says nothing more. */
  [Symbol.dispose](): void {
    this.unfollow();
    clearInterval(this.extendTimer);
    this.beats.onBeat = undefined;
    this.beating[Symbol.dispose]();
  }
}

/** CLOCK_MONOTONIC, as the service manager compares it with the time at which it asked. */
function monotonicUs(): number {
  const now = new Float64Array(1);
  new MonotonicClock().read(now);
  return Math.floor(now[0]!);
}

function errnoOf(error: unknown): number | undefined {
  if (error instanceof ConfigError) return errnoNumber("EINVAL");
  return error instanceof ApplianceError ? errnoNumber(error.errnoName) : undefined;
}
