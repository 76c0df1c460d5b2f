/** Finds the appliance that a verb talks to. */
import { currentEnvironment, defaultRuntimeDir } from "../appliance/config/environment.ts";
import { loadConfig } from "../appliance/config/load_config.ts";
import { controlSocketPath } from "../appliance/config/names.ts";
import type { VerbArguments } from "./arguments.ts";
import { ControlClient } from "./control_client.ts";

/**
 * By `--socket`, else by the runtime_dir of `--config`, else at the default place.
 * @throws UsageError when both are given, ConfigError when the file is wrong
 */
export function connect(args: VerbArguments): ControlClient {
  const socket = args.text("socket");
  const config = args.text("config");
  if (socket !== undefined && config !== undefined) {
    args.refuse("--socket and --config both say where the appliance is; give one");
  }
  if (socket !== undefined) return new ControlClient(socket);
  const runtimeDir = config === undefined
    ? defaultRuntimeDir(currentEnvironment())
    : loadConfig(config).node.runtimeDir;
  return new ControlClient(controlSocketPath(runtimeDir));
}

/** Whether results are printed as JSON. @throws UsageError */
export function wantsJson(args: VerbArguments): boolean {
  return args.choice("output", ["json", "table"]) === "json";
}
