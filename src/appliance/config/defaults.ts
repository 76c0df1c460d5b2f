/** Settings of things that are made by command and not by the config file. */
import type { SessionConfig } from "./config.ts";
import { parseConfig } from "./load_config.ts";

/** A session with the defaults of `[[session]]`. */
export function defaultSession(sessname: string, paths: readonly string[]): SessionConfig {
  const quoted = paths.map((path) => JSON.stringify(path)).join(", ");
  const text = `[[session]]\nsessname = ${JSON.stringify(sessname)}\npaths = [${quoted}]\n`;
  return parseConfig(text, null).sessions[0]!;
}
