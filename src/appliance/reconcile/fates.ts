/**
 * What becomes of the mappings and sessions that are there: who stays, who goes, who is made anew,
 * and who has to wait for whom. A mapping that is in use is not taken away, unless it says `force`;
 * what needs its name, its device or its session waits with it.
 */
import type { MappingConfig, SessionConfig } from "../config/config.ts";
import { parsePath } from "../../fabric/address.ts";
import type { PlanChange } from "../status.ts";
import { type Actual, type ActualMapping, mappingUse, type Users } from "./actual.ts";
import { type Desired, deviceKey, wantedMappings, wantedSessions } from "./desired.ts";
import type { WantedMapping, WantedSession } from "./desired.ts";
import { mappingChanges, sessionChanges } from "./differences.ts";
import type { Removals } from "./step.ts";

/** Whether a mapping or a session can be taken away now. */
export interface Departure {
  /** In words; null: nothing is in the way. */
  readonly waitsFor: string | null;
  /** False: its users have not been asked for yet. */
  readonly isKnown: boolean;
}

const FREE: Departure = { waitsFor: null, isKnown: true };

/** A mapping that is there but not as it should be: its successor takes its place. */
export interface Succession {
  readonly before: ActualMapping;
  readonly changes: readonly PlanChange[];
  readonly isRemake: boolean;
}

/** See the head of this file. */
export class Fates {
  readonly mappings: ReadonlyMap<string, WantedMapping>;
  readonly sessions: ReadonlyMap<string, WantedSession>;
  /** What is there now, by the name of the wanted mapping that follows it. */
  readonly successions = new Map<string, Succession>();
  /** Mappings that are there, and nobody wants. */
  readonly unwanted: readonly ActualMapping[];
  /** What takes the place of a mapping, by that one's name. */
  private readonly followers = new Map<string, MappingConfig>();
  private readonly byName: ReadonlyMap<string, ActualMapping>;
  private readonly byDevice: ReadonlyMap<string, ActualMapping>;
  private readonly bySession = new Map<string, ActualMapping[]>();
  private readonly remadeSessions = new Set<string>();
  private readonly departures = new Map<string, Departure>();

  constructor(
    readonly desired: Desired,
    readonly actual: Actual,
    private readonly users: Users,
  ) {
    this.mappings = wantedMappings(desired);
    this.sessions = wantedSessions(desired, this.mappings);
    this.byName = new Map(actual.mappings.map((mapping) => [mapping.config.name, mapping]));
    this.byDevice = new Map(actual.mappings.map((one) => [deviceKey(one.config), one]));
    for (const mapping of actual.mappings) {
      const { sessname } = mapping.config;
      const others = this.bySession.get(sessname);
      if (others === undefined) this.bySession.set(sessname, [mapping]);
      else others.push(mapping);
    }
    for (const [name, wanted] of this.mappings) {
      const before = this.predecessor(wanted.mapping);
      if (before === undefined) continue;
      this.successions.set(name, this.compare(before, wanted));
      this.followers.set(before.config.name, wanted.mapping);
    }
    this.unwanted = actual.mappings.filter(({ config }) => !this.followers.has(config.name));
    for (const { config } of actual.sessions) {
      const isRemade = this.sessionChanges(config).some(({ key }) => !this.isLive(config, key));
      if (isRemade) this.remadeSessions.add(config.sessname);
    }
    this.decideDepartures();
  }

  /** The mapping of that name, or the one of that device whose name nobody wants any more. */
  private predecessor(wanted: MappingConfig): ActualMapping | undefined {
    const named = this.byName.get(wanted.name);
    if (named !== undefined) return named;
    const renamed = this.byDevice.get(deviceKey(wanted));
    if (renamed === undefined || this.mappings.has(renamed.config.name)) return undefined;
    return renamed;
  }

  private compare(before: ActualMapping, { mapping }: WantedMapping): Succession {
    const changes = mappingChanges(before.config, mapping);
    const { autoExpose } = this.actual.running;
    const isLive = ({ key }: PlanChange) =>
      key === "on_remove" ||
      (key === "device_path" && deviceKey(before.config) === deviceKey(mapping)) ||
      (key === "expose" &&
        before.exposedAs === (mapping.expose === "auto" ? autoExpose : mapping.expose));
    return { before, changes, isRemake: !changes.every(isLive) };
  }

  /** How a session differs from what it should be, but for what was changed by hand. */
  sessionChanges(config: SessionConfig): readonly PlanChange[] {
    const wanted = this.sessions.get(config.sessname);
    if (wanted === undefined) return [];
    const held = this.desired.heldSessionKeys.get(config.sessname);
    return sessionChanges(config, wanted.session).filter(({ key }) => !held?.has(key));
  }

  /** Whether this key of a session can be changed while it is in use. */
  private isLive(config: SessionConfig, key: string): boolean {
    if (key === "dest_port" || key === "crc") return false;
    if (key !== "paths") return true;
    const session = this.actual.sessions.find((one) => one.config.sessname === config.sessname)!;
    const wanted = this.sessions.get(config.sessname)!.session;
    const carrier = (path: string) => parsePath(path).destination.kind;
    // A session has one carrier to its end.
    const isSame = carrier(config.paths[0]!) === carrier(wanted.paths[0]!);
    return session.hasLivePaths && isSame;
  }

  isRemadeSession(sessname: string): boolean {
    return this.remadeSessions.has(sessname);
  }

  /** Mappings that use a session now. */
  mappingsOf(sessname: string): readonly ActualMapping[] {
    return this.bySession.get(sessname) ?? [];
  }

  /** Those, and whether each may be taken from its users. */
  removalsOf(sessname: string): Removals {
    return this.mappingsOf(sessname)
      .map(({ config }) => ({ name: config.name, force: this.isForced(config) }));
  }

  /** What the file says of a mapping; when it says nothing any more, what it said last. */
  isForced(config: MappingConfig): boolean {
    return (this.followers.get(config.name) ?? config).onRemove === "force";
  }

  /** Whether the mapping `name`, that is there, can be taken away. */
  departure(name: string): Departure {
    return this.departures.get(name)!;
  }

  /** Whether a session, that is there, can be taken away with all its mappings. */
  sessionDeparture(sessname: string): Departure {
    return together(this.mappingsOf(sessname).map(({ config }) => this.useOf(config)));
  }

  private useOf(config: MappingConfig): Departure {
    if (this.isForced(config)) return FREE;
    const users = this.users.get(mappingUse(config.name));
    if (users === undefined) return { waitsFor: null, isKnown: false };
    if (users.length === 0) return FREE;
    return { waitsFor: `${config.name} is in use: ${users.join(", ")}`, isKnown: true };
  }

  /** Mappings that hold what `wanted` needs; not the one whose place it takes. */
  holders(wanted: MappingConfig): readonly ActualMapping[] {
    const before = this.successions.get(wanted.name)?.before;
    const holders = [this.byName.get(wanted.name), this.byDevice.get(deviceKey(wanted))];
    return holders.filter((holder) => holder !== undefined && holder !== before) as ActualMapping[];
  }

  /** Whether a name or a device that it needs is being given up at this moment. */
  isAwaited(wanted: MappingConfig): boolean {
    return this.actual.leaving.some((gone) =>
      gone.name === wanted.name || deviceKey(gone) === deviceKey(wanted)
    );
  }

  /** What `wanted` waits for besides its predecessor's users. */
  requirements(wanted: MappingConfig): Departure {
    const holders = this.holders(wanted).map(({ config }) => this.departure(config.name));
    const { sessname } = wanted;
    const session = this.isRemadeSession(sessname) ? [this.sessionDeparture(sessname)] : [];
    return together([...holders, ...session]);
  }

  /** A chain of mappings that take each other's place waits as long as one of them does. */
  private decideDepartures(): void {
    for (const { config } of this.actual.mappings) {
      this.departures.set(config.name, this.useOf(config));
    }
    const remade = [...this.successions].filter(([, { isRemake }]) => isRemake);
    for (let isChanged = true; isChanged;) {
      isChanged = false;
      for (const [name, { before }] of remade) {
        const known = this.departure(before.config.name);
        if (known.waitsFor !== null || !known.isKnown) continue;
        const needed = this.requirements(this.mappings.get(name)!.mapping);
        if (needed.waitsFor === null && needed.isKnown) continue;
        this.departures.set(before.config.name, needed);
        isChanged = true;
      }
    }
  }
}

function together(departures: readonly Departure[]): Departure {
  const waiting = departures.find(({ waitsFor }) => waitsFor !== null);
  const isKnown = departures.every((departure) => departure.isKnown);
  return { waitsFor: waiting?.waitsFor ?? null, isKnown };
}
