/** An appliance with its control API in this process: what `run` and `demo` share. */
import type { RunningAppliance } from "../appliance/appliance_api.ts";
import type { Config } from "../appliance/config/config.ts";
import { ControlApi } from "../appliance/control_api/control_api.ts";
import { pulse } from "../appliance/reactor/pulse.ts";
import { statusPage } from "../appliance/status_page/page.ts";
import { VERSION } from "../appliance/version.ts";
import { ignoreSignal, SIGUSR1 } from "../ffi/ignored_signal.ts";
import type { Context } from "./context.ts";

/** A started appliance. */
export interface Program {
  readonly appliance: RunningAppliance;
  /** Path of the control socket. */
  readonly socket: string;
  /** Stops it in order. */
  stop(): Promise<void>;
}

/**
 * Takes the control socket first, which keeps a second appliance from touching what this one has,
 * then what else the config wants to be asked on. All of it answers until the appliance is gone.
 * @throws ApplianceError
 */
export async function startProgram(config: Config, context: Context): Promise<Program> {
  const api = await ControlApi.start({
    runtimeDir: config.node.runtimeDir,
    control: config.control,
    version: VERSION,
    page: statusPage,
    silentReactors: () => pulse.silent(),
  });
  try {
    const appliance = await context.startAppliance(config);
    api.attach(appliance);
    return {
      appliance,
      socket: api.socket,
      async stop() {
        api.detach();
        try {
          await appliance.stop();
        } finally {
          await api.stop();
        }
      },
    };
  } catch (error) {
    await api.stop();
    throw error;
  }
}

/** Deno listens to SIGUSR1 from 0.1 to 0.3 s after its start on, on a busy machine later. */
const INSPECTOR_WATCH_MS = 10_000;
const INSPECTOR_PAUSE_MIN_MS = 20;
/** Of the time so far: the later, the less likely, and an idle program is to stay idle. */
const INSPECTOR_PAUSE_SHARE = 0.1;

/**
 * SIGUSR1 opens V8's inspector, through which everybody on this machine could run code here. Deno
 * begins to listen to it at some moment after the start, and then has the signal again.
 */
function refuseInspector(): void {
  const startedAt = performance.now();
  const refuse = () => {
    ignoreSignal(SIGUSR1);
    const elapsedMs = performance.now() - startedAt;
    if (elapsedMs > INSPECTOR_WATCH_MS) return;
    const pauseMs = Math.max(INSPECTOR_PAUSE_MIN_MS, elapsedMs * INSPECTOR_PAUSE_SHARE);
    Deno.unrefTimer(setTimeout(refuse, pauseMs));
  };
  refuse();
}

/** Settles on the first SIGTERM or SIGINT; a second one ends the process at once. */
export class StopSignals implements Disposable {
  readonly stopped: Promise<void>;
  private readonly onSignal: () => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.stopped = promise;
    let isSecond = false;
    this.onSignal = () => {
      if (isSecond) Deno.exit(1);
      isSecond = true;
      resolve();
    };
    Deno.addSignalListener("SIGTERM", this.onSignal);
    Deno.addSignalListener("SIGINT", this.onSignal);
    refuseInspector();
  }

  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGTERM", this.onSignal);
    Deno.removeSignalListener("SIGINT", this.onSignal);
  }
}

/** Has a program take over its config files on SIGHUP, once it is there. */
export class ReloadSignal implements Disposable {
  program: Program | undefined;

  constructor() {
    Deno.addSignalListener("SIGHUP", this.onSignal);
  }

  private readonly onSignal = (): void => {
    // Errors of the files are in the log, and in the status.
    this.program?.appliance.apply({ timeout_ms: 0 }).catch(ignore);
  };

  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGHUP", this.onSignal);
  }
}

function ignore(): void {}
