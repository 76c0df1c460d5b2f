/** Mappings and sessions as the text of a config file, without what is the default anyway. */
import { stringify } from "smol-toml";
import type { MappingConfig, SessionConfig } from "../config/config.ts";
import { defaultMapping, defaultSession } from "../config/defaults.ts";
import { mappingSettings, sessionSettings } from "./differences.ts";

type Settings = Readonly<Record<string, unknown>>;

/** All of `required`, and what differs from the default. */
function written(settings: Settings, defaults: Settings, required: readonly string[]): Settings {
  const isWritten = ([key, value]: [string, unknown]) =>
    required.includes(key) || JSON.stringify(value) !== JSON.stringify(defaults[key]);
  return Object.fromEntries(Object.entries(settings).filter(isWritten));
}

function session(config: SessionConfig): Settings {
  const defaults = sessionSettings(defaultSession(config.sessname, config.paths));
  const settings = { sessname: config.sessname, ...sessionSettings(config) };
  return written(settings, defaults, ["sessname", "paths"]);
}

function mapping(config: MappingConfig): Settings {
  const defaults = mappingSettings(defaultMapping(config.sessname, config.devicePath));
  return written(mappingSettings(config), defaults, ["sessname", "device_path"]);
}

/** TOML that loads as these; sessions first. */
export function configText(
  sessions: readonly SessionConfig[],
  mappings: readonly MappingConfig[],
): string {
  if (sessions.length + mappings.length === 0) return "";
  return stringify({
    ...(sessions.length === 0 ? {} : { session: sessions.map(session) }),
    ...(mappings.length === 0 ? {} : { mapping: mappings.map(mapping) }),
  });
}
