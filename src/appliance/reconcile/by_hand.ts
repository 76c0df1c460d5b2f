/**
 * What was done by hand since the files were taken over last: rounds leave it as it is. What the
 * files name is theirs again with the next apply; what they do not name lasts until it is unmapped.
 */
import type { Config, MappingConfig, SessionConfig } from "../config/config.ts";
import { type Desired, deviceKey, type ManualMapping } from "./desired.ts";

/** See the head of this file. */
export class ByHand {
  private readonly mappings = new Map<string, MappingConfig>();
  private readonly sessions = new Map<string, SessionConfig>();
  private readonly unmapped = new Set<string>();
  private readonly changedKeys = new Map<string, Set<string>>();

  /** Together with what the files say. */
  desired(config: Config): Desired {
    return {
      config,
      manual: this.manual(),
      heldMappings: this.unmapped,
      heldSessionKeys: this.changedKeys,
    };
  }

  /** Together with what the files say, should they be taken over now. */
  desiredAfterApply(config: Config): Desired {
    return {
      config,
      manual: this.manual(),
      heldMappings: new Set(),
      heldSessionKeys: new Map(),
    };
  }

  /** Mappings that no file names, with their sessions. */
  manual(): ManualMapping[] {
    return [...this.mappings.values()].map((mapping) => ({
      mapping,
      session: this.sessions.get(mapping.sessname)!,
    }));
  }

  /** Somebody mapped it; `config` may declare it too. */
  map(mapping: MappingConfig, session: SessionConfig, config: Config): void {
    const declared = config.mappings.find(({ name }) => name === mapping.name);
    if (declared !== undefined && deviceKey(declared) === deviceKey(mapping)) {
      this.unmapped.delete(mapping.name);
      return;
    }
    this.mappings.set(mapping.name, mapping);
    this.sessions.set(mapping.sessname, session);
  }

  /** Somebody unmapped it. */
  unmap(name: string, config: Config): void {
    this.forgetMapping(name);
    if (config.mappings.some((mapping) => mapping.name === name)) this.unmapped.add(name);
  }

  private forgetMapping(name: string): void {
    const mapping = this.mappings.get(name);
    if (mapping === undefined) return;
    this.mappings.delete(name);
    const isUsed = [...this.mappings.values()].some((one) => one.sessname === mapping.sessname);
    if (!isUsed) this.sessions.delete(mapping.sessname);
  }

  /** Somebody changed these keys of a session. */
  changeSession(session: SessionConfig, keys: readonly string[], config: Config): void {
    const { sessname } = session;
    if (this.sessions.has(sessname)) this.sessions.set(sessname, session);
    if (!config.sessions.some((declared) => declared.sessname === sessname)) return;
    const held = this.changedKeys.get(sessname) ?? new Set();
    for (const key of keys) held.add(key);
    this.changedKeys.set(sessname, held);
  }

  /** The files are taken over: what they name is as they say. */
  apply(config: Config): void {
    this.unmapped.clear();
    this.changedKeys.clear();
    const names = new Set(config.mappings.map(({ name }) => name));
    const devices = new Set(config.mappings.map(deviceKey));
    for (const [name, mapping] of this.mappings) {
      if (names.has(name) || devices.has(deviceKey(mapping))) this.forgetMapping(name);
    }
    // Should the file drop it later, it stays for them as it was last.
    for (const session of config.sessions) {
      if (this.sessions.has(session.sessname)) this.sessions.set(session.sessname, session);
    }
  }
}
