/** Finds the appliance that a verb talks to. */
import { currentEnvironment, defaultRuntimeDir } from "../appliance/config/environment.ts";
import { controlSocketPath } from "../appliance/config/names.ts";
import type { VerbArguments } from "./arguments.ts";
import { ControlClient } from "./control_client.ts";

/**
 * By `--socket`, else by the runtime_dir of `--config`, else at the default place.
 * @throws UsageError when both are given, ConfigError when the file does not say where
 */
export async function connect(args: VerbArguments): Promise<ControlClient> {
  const socket = args.text("socket");
  const config = args.text("config");
  if (socket !== undefined && config !== undefined) {
    args.refuse("--socket and --config both say where the appliance is; give one");
  }
  return new ControlClient(await socketPath(socket, config));
}

async function socketPath(socket: string | undefined, config: string | undefined): Promise<string> {
  if (socket !== undefined) return socket;
  if (config === undefined) return controlSocketPath(defaultRuntimeDir(currentEnvironment()));
  // Loaded only here: the TOML parser is not needed otherwise.
  const { loadRuntimeDir } = await import("../appliance/config/load_config.ts");
  return controlSocketPath(loadRuntimeDir(config));
}
