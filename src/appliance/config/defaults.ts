/** Settings of things that are made by command and not by the config file. */
import type { MappingConfig, SessionConfig } from "./config.ts";
import { parseConfig } from "./load_config.ts";

/** A session with the defaults of `[[session]]`. */
export function defaultSession(sessname: string, paths: readonly string[]): SessionConfig {
  const quoted = paths.map((path) => JSON.stringify(path)).join(", ");
  const text = `[[session]]\nsessname = ${JSON.stringify(sessname)}\npaths = [${quoted}]\n`;
  return parseConfig(text, null).sessions[0]!;
}

/** A mapping with the defaults of `[[mapping]]`. */
export function defaultMapping(sessname: string, devicePath: string): MappingConfig {
  const session = `[[session]]\nsessname = ${
    JSON.stringify(sessname)
  }\npaths = ["tcp:127.0.0.1"]\n`;
  const mapping = `[[mapping]]\nsessname = ${JSON.stringify(sessname)}\n` +
    `device_path = ${JSON.stringify(devicePath)}\n`;
  return parseConfig(session + mapping, null).mappings[0]!;
}
