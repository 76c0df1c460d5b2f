/** An appliance with its control API in this process: what `run` and `demo` share. */
import type { RunningAppliance } from "../appliance/appliance_api.ts";
import type { Config } from "../appliance/config/config.ts";
import { ControlApi } from "../appliance/control_api/control_api.ts";
import { VERSION } from "../appliance/version.ts";
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
 * Takes the control socket first: it keeps a second appliance from touching what this one has.
 * @throws ApplianceError
 */
export async function startProgram(config: Config, context: Context): Promise<Program> {
  const api = await ControlApi.start(config.node.runtimeDir, VERSION);
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
    // Without a listener this signal opens V8's inspector; it stays until the process ends.
    Deno.addSignalListener("SIGUSR1", ignore);
  }

  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGTERM", this.onSignal);
    Deno.removeSignalListener("SIGINT", this.onSignal);
  }
}

function ignore(): void {}
