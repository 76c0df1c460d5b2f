/**
 * A node as the reconciler sees it, without a node: sessions and mappings of a process that may
 * crash, block devices of a kernel that outlives it, servers that come, go and refuse. It checks
 * what must never happen while it happens.
 */
import type { SimRandom } from "../../src/fabric/sim/random.ts";
import type { SimScheduler } from "../../src/fabric/sim/scheduler.ts";
import type {
  Actual,
  ActualFailure,
  RunningSettings,
  Users,
} from "../../src/appliance/reconcile/actual.ts";
import { leftoverUse, mappingUse } from "../../src/appliance/reconcile/actual.ts";
import { deviceKey, exportKey, type Origin } from "../../src/appliance/reconcile/desired.ts";
import { editedExports } from "../../src/appliance/reconcile/export_steps.ts";
import type { ExportEdit, Work } from "../../src/appliance/reconcile/step.ts";
import type { WorkFailure, World } from "../../src/appliance/reconcile/world.ts";
import type {
  ExportConfig,
  MappingConfig,
  SessionConfig,
} from "../../src/appliance/config/config.ts";
import { type OwnershipTag, ownershipTag } from "../../src/ublk/ownership_tag.ts";
import { leftoverDevices } from "../../src/ublk/own_devices.ts";

/** Something happened that must never happen. */
export class Violation extends Error {
  override readonly name = "Violation";
}

interface ModelSession {
  config: SessionConfig;
  origin: Origin;
  isConnected: boolean;
}

interface ModelMapping {
  config: MappingConfig;
  origin: Origin;
  state: "open" | "opening" | "closed";
  failure: ActualFailure | undefined;
  /** Number of its block device; undefined: an NBD socket. */
  device: number | undefined;
  readonly users: Set<string>;
}

interface KernelDevice {
  readonly id: number;
  readonly tag: OwnershipTag;
  serverPid: number;
  readonly users: Set<string>;
}

/** How likely things go wrong. */
export interface Troubles {
  /** A piece of work fails, maybe half-way. */
  readonly workFails: number;
  /** What is opened cannot be exposed. */
  readonly exposeFails: number;
  /** A new mapping's block device of an earlier start does not fit any more. */
  readonly leftoverMisfits: number;
}

export const NO_TROUBLES: Troubles = { workFails: 0, exposeFails: 0, leftoverMisfits: 0 };

const FOREIGN_PID = 77;
const DEAD_PID = 3;
const RETRY_MS = 700;

/** See the head of this file. */
export class ModelNode implements World {
  /** Survives the process. */
  readonly kernel = new Map<number, KernelDevice>();
  /** Of the devices, those that nobody here may touch. */
  readonly foreign = new Set<number>();
  /** Tags by name. */
  readonly remembered = new Map<string, OwnershipTag>();
  /** Ends with the process. */
  readonly sessions = new Map<string, ModelSession>();
  readonly mappings = new Map<string, ModelMapping>();
  readonly leaving = new Map<string, MappingConfig>();
  exports: ExportConfig[] = [];
  readonly holders = new Map<string, Set<string>>();
  running: RunningSettings;
  /** Of servers. */
  readonly awayServers = new Set<string>();
  /** Devices (`sessname path`) that are refused for good, as things are. */
  readonly refused = new Set<string>();
  troubles: Troubles = NO_TROUBLES;
  /** Pieces of work so far. */
  works = 0;
  /** Counts up with every crash; what an earlier process began comes to nothing. */
  generation = 1;
  private readonly hasLivePaths: boolean;
  private nextDevice = 0;
  private readonly busy = new Set<string>();

  constructor(
    readonly scheduler: SimScheduler,
    readonly random: SimRandom,
    running: RunningSettings,
  ) {
    this.running = running;
    this.hasLivePaths = random.chance(0.5);
  }

  private get pid(): number {
    return 1000 + this.generation;
  }

  // What the world outside does.

  /** A device that is none of ours: of another program, another node, or of a living process. */
  addForeignDevice(tag: OwnershipTag, isServed: boolean): void {
    const id = this.nextDevice++;
    const serverPid = isServed ? FOREIGN_PID : DEAD_PID;
    this.kernel.set(id, { id, tag, serverPid, users: new Set() });
    this.foreign.add(id);
  }

  /** A device that an earlier start of this node left. */
  addLeftover(node: string, name: string): void {
    const id = this.nextDevice++;
    this.kernel.set(id, {
      id,
      tag: ownershipTag(node, name),
      serverPid: DEAD_PID,
      users: new Set(),
    });
    this.remembered.set(name, ownershipTag(node, name));
  }

  /** The process dies: all of it goes, the kernel keeps its devices and their users. */
  crash(): void {
    this.generation++;
    this.sessions.clear();
    this.mappings.clear();
    this.leaving.clear();
    this.busy.clear();
    this.exports = [];
    this.holders.clear();
  }

  loseServer(sessname: string): void {
    this.awayServers.add(sessname);
    const session = this.sessions.get(sessname);
    if (session !== undefined) session.isConnected = false;
    for (const mapping of this.mappingsOf(sessname)) {
      mapping.state = "closed";
      mapping.failure = { reason: "server away", isTerminal: false, nextTryMs: RETRY_MS };
    }
  }

  /** It is back, and sessions that try by themselves notice; devices are opened anew then. */
  bringServer(sessname: string): void {
    if (!this.awayServers.delete(sessname)) return;
    const session = this.sessions.get(sessname);
    if (session !== undefined) this.later(() => this.connect(session));
  }

  private mappingsOf(sessname: string): ModelMapping[] {
    return [...this.mappings.values()].filter(({ config }) => config.sessname === sessname);
  }

  /** Users of everything, and whether more may come. */
  openable(): { readonly isOpen: boolean; readonly users: Set<string> }[] {
    return [
      ...[...this.mappings.values()].map((mapping) => ({
        isOpen: mapping.state === "open",
        users: this.usersOf(mapping),
      })),
      ...[...this.kernel.values()].map(({ users }) => ({ isOpen: true, users })),
    ];
  }

  private usersOf(mapping: ModelMapping): Set<string> {
    return mapping.device === undefined ? mapping.users : this.kernel.get(mapping.device)!.users;
  }

  private after(delayMs: number, action: () => void): void {
    const { generation } = this;
    this.scheduler.after(delayMs, () => {
      if (generation === this.generation) action();
    });
  }

  private later(action: () => void): void {
    this.after(this.random.between(0, 300), action);
  }

  private connect(session: ModelSession): void {
    const { sessname } = session.config;
    if (this.awayServers.has(sessname) || this.sessions.get(sessname) !== session) return;
    session.isConnected = true;
    for (const mapping of this.mappingsOf(sessname)) this.open(mapping);
  }

  private open(mapping: ModelMapping): void {
    const { name, sessname, devicePath } = mapping.config;
    if (mapping.state === "open") return;
    mapping.state = "opening";
    this.later(() => {
      if (this.mappings.get(name) !== mapping || mapping.state !== "opening") return;
      if (this.refused.has(`${sessname} ${devicePath}`)) {
        mapping.state = "closed";
        mapping.failure = { reason: "EPERM", isTerminal: true, nextTryMs: null };
      } else if (this.random.chance(this.troubles.exposeFails)) {
        mapping.state = "closed";
        mapping.failure = { reason: "cannot expose", isTerminal: false, nextTryMs: null };
      } else this.expose(mapping);
    });
  }

  private expose(mapping: ModelMapping): void {
    mapping.state = "open";
    mapping.failure = undefined;
    if (mapping.config.expose === "nbd" || mapping.device !== undefined) return;
    const tag = ownershipTag(this.running.node.name, mapping.config.name);
    const [own] = this.leftovers().filter(({ name }) => name === mapping.config.name);
    if (own !== undefined && !this.random.chance(this.troubles.leftoverMisfits)) {
      mapping.device = own.id;
      this.kernel.get(own.id)!.serverPid = this.pid;
      return;
    }
    const id = this.nextDevice++;
    this.kernel.set(id, { id, tag, serverPid: this.pid, users: new Set() });
    mapping.device = id;
  }

  // What the reconciler sees.

  /** As the program chooses them. */
  leftovers() {
    const served = new Set([...this.mappings.values()].flatMap(({ device }) => device ?? []));
    const isServed = ({ id, serverPid }: KernelDevice) =>
      served.has(id) || serverPid === FOREIGN_PID || serverPid === this.pid;
    return leftoverDevices([...this.kernel.values()], this.remembered, isServed);
  }

  actual(): Actual {
    return {
      running: this.running,
      mappings: [...this.mappings.values()].map(({ config, origin, state, failure }) => ({
        config,
        origin,
        exposedAs: config.expose === "nbd" ? "nbd" as const : "ublk" as const,
        state,
        failure,
      })),
      leaving: [...this.leaving.values()],
      sessions: [...this.sessions.values()].map(({ config, origin }) => ({
        config,
        origin,
        hasLivePaths: this.hasLivePaths,
      })),
      exports: this.exports.map((config) => ({
        config,
        holders: [...this.holders.get(exportKey(config)) ?? []],
      })),
      leftovers: this.leftovers().map(({ id, name }) => ({ id, name, device: `/dev/ublkb${id}` })),
    };
  }

  askUsers(keys: readonly string[], done: (users: Users) => void): void {
    this.later(() => done(new Map(keys.map((key) => [key, this.usersByKey(key)]))));
  }

  private usersByKey(key: string): string[] {
    for (const mapping of this.mappings.values()) {
      if (mappingUse(mapping.config.name) === key) return [...this.usersOf(mapping)];
    }
    for (const device of this.kernel.values()) {
      if (leftoverUse(device.id) === key) return [...device.users];
    }
    return [];
  }

  remember(names: readonly string[]): void {
    const node = this.running.node.name;
    for (const name of names) {
      if (!this.remembered.has(name)) this.remembered.set(name, ownershipTag(node, name));
    }
  }

  // What the reconciler does.

  run(work: Work, done: (failure: WorkFailure | undefined) => void): void {
    this.works++;
    const keys = keysOf(work);
    for (const key of keys) {
      if (this.busy.has(key)) throw new Violation(`two pieces of work on ${key}`);
      this.busy.add(key);
    }
    const end = (failure?: WorkFailure) => {
      for (const key of keys) this.busy.delete(key);
      done(failure);
    };
    const isFailing = this.random.chance(this.troubles.workFails);
    if (isFailing && this.random.chance(0.5)) {
      return this.later(() => end({ reason: "it failed", isTerminal: this.random.chance(0.2) }));
    }
    this.act(work, () => {
      // Half of the failures come when it is done already.
      end(isFailing ? { reason: "it failed late", isTerminal: false } : undefined);
    });
  }

  private act(work: Work, end: () => void): void {
    switch (work.kind) {
      case "openSession":
        return this.openSession(work.session, work.origin, end);
      case "changeSession": {
        const session = this.existingSession(work.session.sessname);
        session.config = work.session;
        session.origin = work.origin;
        return this.later(end);
      }
      case "closeSession":
        return this.closeSession(work.sessname, work.mappings, end);
      case "map":
        this.map(work.mapping, work.origin);
        return end();
      case "changeMapping": {
        const mapping = this.existingMapping(work.mapping.name);
        mapping.config = work.mapping;
        mapping.origin = work.origin;
        return end();
      }
      case "reopen":
        return this.reopen(this.existingMapping(work.name), end);
      case "unmap":
        return this.unmap(work.name, work.force, end);
      case "setExport":
        return this.setExport(work.edit, end);
      case "deleteLeftover":
        return this.deleteLeftover(work.id, end);
      case "changeNode": {
        const node = { ...this.running.node, ...work.settings };
        this.running = { ...this.running, node };
        return end();
      }
    }
  }

  private existingSession(sessname: string): ModelSession {
    const session = this.sessions.get(sessname);
    if (session === undefined) throw new Violation(`no session ${sessname}`);
    return session;
  }

  private existingMapping(name: string): ModelMapping {
    const mapping = this.mappings.get(name);
    if (mapping === undefined) throw new Violation(`no mapping ${name}`);
    return mapping;
  }

  /** Also for the verbs. */
  openSession(config: SessionConfig, origin: Origin, end: () => void): void {
    if (this.sessions.has(config.sessname)) throw new Violation(`${config.sessname} is open`);
    const session = { config, origin, isConnected: false };
    this.sessions.set(config.sessname, session);
    this.later(() => this.connect(session));
    end();
  }

  private closeSession(
    sessname: string,
    removals: readonly { readonly name: string; readonly force: boolean }[],
    end: () => void,
  ): void {
    this.existingSession(sessname);
    const going = new Set(removals.map(({ name }) => name));
    const others = this.mappingsOf(sessname).filter(({ config }) => !going.has(config.name));
    if (others.length > 0) throw new Violation(`${sessname} is closed below its mappings`);
    for (const { name, force } of removals) {
      // A crash may come between any two of them.
      if (this.mappings.has(name)) this.unmap(name, force, () => {});
    }
    const close = () => {
      const isFree = ![...this.leaving.values()].some((one) => one.sessname === sessname);
      if (!isFree) return this.later(close);
      if (this.mappingsOf(sessname).length > 0) throw new Violation(`${sessname} is still used`);
      this.sessions.delete(sessname);
      end();
    };
    this.later(close);
  }

  /** Also for the verbs. */
  map(config: MappingConfig, origin: Origin): void {
    const session = this.existingSession(config.sessname);
    const all = [...this.mappings.values()].map((mapping) => mapping.config);
    for (const other of [...all, ...this.leaving.values()]) {
      if (other.name === config.name) throw new Violation(`${config.name} is mapped twice`);
      if (deviceKey(other) === deviceKey(config)) throw new Violation(`a device is mapped twice`);
    }
    const failure = session.isConnected
      ? undefined
      : { reason: "not connected", isTerminal: false, nextTryMs: RETRY_MS };
    const mapping: ModelMapping = {
      config,
      origin,
      state: "closed",
      failure,
      device: undefined,
      users: new Set(),
    };
    this.mappings.set(config.name, mapping);
    if (session.isConnected) this.open(mapping);
  }

  private reopen(mapping: ModelMapping, end: () => void): void {
    const session = this.existingSession(mapping.config.sessname);
    if (session.isConnected) this.open(mapping);
    else this.connect(session);
    this.later(end);
  }

  /** Also for the verbs. */
  unmap(name: string, force: boolean, end: () => void): void {
    const mapping = this.existingMapping(name);
    const users = this.usersOf(mapping);
    if (!force && users.size > 0) throw new Violation(`${name} is torn out of ${[...users]}`);
    this.mappings.delete(name);
    this.leaving.set(name, mapping.config);
    if (mapping.device !== undefined) this.kernel.delete(mapping.device);
    this.later(() => {
      this.leaving.delete(name);
      end();
    });
  }

  private setExport(edit: ExportEdit, end: () => void): void {
    const after = editedExports(this.exports, edit);
    if (after.length === 0 && edit.order.length > 0) throw new Violation("everything is exported");
    this.exports = after;
    end();
  }

  private deleteLeftover(id: number, end: () => void): void {
    const device = this.kernel.get(id);
    if (device === undefined) return this.later(end);
    if (this.foreign.has(id)) throw new Violation(`device ${id} is not ours`);
    if (device.users.size > 0) throw new Violation(`device ${id} is in use`);
    this.kernel.delete(id);
    this.later(end);
  }
}

function keysOf(work: Work): string[] {
  switch (work.kind) {
    case "openSession":
    case "changeSession":
      return [`session ${work.session.sessname}`];
    case "closeSession":
      return [`session ${work.sessname}`, ...work.mappings.map(({ name }) => `mapping ${name}`)];
    case "map":
    case "changeMapping":
      return [`mapping ${work.mapping.name}`];
    case "reopen":
    case "unmap":
      return [`mapping ${work.name}`];
    case "setExport":
      return [`export ${work.edit.key}`];
    case "deleteLeftover":
      return [`leftover ${work.id}`];
    case "changeNode":
      return ["node"];
  }
}
