/** What the node should be: what the files say, and what was asked for by hand since. */
import type { Config, ExportConfig, MappingConfig, SessionConfig } from "../config/config.ts";
import { normalDevicePath } from "../config/names.ts";

/** Who wants something: the files, or somebody who said `map`. */
export type Origin = "config" | "manual";

/** A mapping that was made by hand, with the session that it was made over. */
export interface ManualMapping {
  readonly mapping: MappingConfig;
  readonly session: SessionConfig;
}

/** See the head of this file. */
export interface Desired {
  readonly config: Config;
  readonly manual: readonly ManualMapping[];
  /** Declared mappings that were unmapped by hand: left alone until somebody applies. */
  readonly heldMappings: ReadonlySet<string>;
  /** Keys of declared sessions that were changed by hand, likewise; by sessname. */
  readonly heldSessionKeys: ReadonlyMap<string, ReadonlySet<string>>;
}

/** A mapping that should be there. */
export interface WantedMapping {
  readonly mapping: MappingConfig;
  readonly origin: Origin;
}

/** A session that should be there, because a mapping needs it. */
export interface WantedSession {
  readonly session: SessionConfig;
  readonly origin: Origin;
}

/** One text for all spellings of a device of a session: a server knows it once. */
export function deviceKey(mapping: MappingConfig): string {
  return JSON.stringify([mapping.sessname, normalDevicePath(mapping.devicePath)]);
}

/** What tells exports apart; disks that are made here have one name for all clients. */
export function exportKey(rule: ExportConfig): string {
  const who = rule.backend === "path" ? rule.sessname : "";
  return JSON.stringify([normalDevicePath(rule.devicePath), who]);
}

/** What people call an export. */
export function exportName(rule: ExportConfig): string {
  return rule.sessname === "*" ? rule.devicePath : `${rule.devicePath} for ${rule.sessname}`;
}

/** Mappings by name; where the files name what was made by hand, the files win. */
export function wantedMappings(desired: Desired): Map<string, WantedMapping> {
  const wanted = new Map<string, WantedMapping>();
  const devices = new Set<string>();
  for (const mapping of desired.config.mappings) {
    if (desired.heldMappings.has(mapping.name)) continue;
    wanted.set(mapping.name, { mapping, origin: "config" });
    devices.add(deviceKey(mapping));
  }
  for (const { mapping } of desired.manual) {
    if (wanted.has(mapping.name) || devices.has(deviceKey(mapping))) continue;
    wanted.set(mapping.name, { mapping, origin: "manual" });
    devices.add(deviceKey(mapping));
  }
  return wanted;
}

/** Sessions of the mappings that are wanted, by name. */
export function wantedSessions(
  desired: Desired,
  mappings: ReadonlyMap<string, WantedMapping>,
): Map<string, WantedSession> {
  const used = new Set([...mappings.values()].map(({ mapping }) => mapping.sessname));
  const wanted = new Map<string, WantedSession>();
  for (const session of desired.config.sessions) {
    if (used.has(session.sessname)) wanted.set(session.sessname, { session, origin: "config" });
  }
  for (const { session } of desired.manual) {
    const { sessname } = session;
    if (!used.has(sessname) || wanted.has(sessname)) continue;
    wanted.set(sessname, { session, origin: "manual" });
  }
  return wanted;
}
