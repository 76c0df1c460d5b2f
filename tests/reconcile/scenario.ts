/**
 * One run of the reconciler from a seed: a node in a random state, edits of the config, things done
 * by hand, users who come and go, servers that come and go, failures, crashes. Then all of that
 * ends, and the node must become what the config says.
 */
import { SimRandom } from "../../src/fabric/sim/random.ts";
import { SimScheduler } from "../../src/fabric/sim/scheduler.ts";
import { exportKey } from "../../src/appliance/reconcile/desired.ts";
import { ByHand } from "../../src/appliance/reconcile/by_hand.ts";
import type { makePlan } from "../../src/appliance/reconcile/plan.ts";
import { Reconciler } from "../../src/appliance/reconcile/reconciler.ts";
import { ownershipTag } from "../../src/ublk/ownership_tag.ts";
import { type Config } from "../../src/appliance/config/config.ts";
import { ModelNode, NO_TROUBLES, Violation } from "./model_node.ts";
import {
  DEVICES,
  editedConfig,
  NAMES,
  randomConfig,
  randomMapping,
  SESSIONS,
} from "./random_config.ts";

/** Rounds that may pass between the last failure and the end. */
export const ROUNDS_MAX = 40;
/** Virtual time for them. */
const SETTLE_MS = 120_000;
const STORM_EVENTS = 40;

/** A fault that is planted. */
export interface PlantedFault {
  readonly plan?: typeof makePlan;
  readonly node?: typeof ModelNode;
}

/** What a run came to. */
export interface ScenarioResult {
  /** Rounds after the last failure. */
  readonly rounds: number;
  readonly works: number;
}

/** See the head of this file. @throws Violation */
export class Scenario {
  private readonly random: SimRandom;
  private readonly scheduler = new SimScheduler();
  private readonly node: ModelNode;
  private byHand = new ByHand();
  private config: Config;
  private reconciler!: Reconciler;
  private guests = 0;

  constructor(seed: number, private readonly fault: PlantedFault = {}) {
    this.random = new SimRandom(seed);
    this.config = randomConfig(this.random);
    const { node, control, server } = this.config;
    const running = { node, control, server, autoExpose: "ublk" as const };
    this.node = new (fault.node ?? ModelNode)(this.scheduler, this.random.fork(), running);
  }

  run(): ScenarioResult {
    this.randomState();
    this.start();
    for (let i = 0; i < STORM_EVENTS; i++) {
      this.scheduler.runUntil(this.scheduler.now() + this.random.between(0, 1500));
      this.happen();
      // What it tells must never fail, whatever the state.
      this.reconciler.pending();
    }
    return this.settle();
  }

  /** A node as some other config made it, with leftovers of its own and with things of others. */
  private randomState(): void {
    const { node, random } = this;
    const other = randomConfig(random);
    node.exports = [...other.server!.exports];
    for (const session of other.sessions) {
      if (random.chance(0.5)) node.openSession(session, "config", () => {});
    }
    for (const mapping of other.mappings) {
      if (node.sessions.has(mapping.sessname)) node.map(mapping, "config");
    }
    for (const name of [...NAMES, "gone"]) {
      if (random.chance(0.2)) node.addLeftover("here", name);
      if (random.chance(0.2)) {
        node.addForeignDevice(ownershipTag("there", name), random.chance(0.5));
      }
      if (random.chance(0.1)) node.addForeignDevice(ownershipTag("here", name), true);
    }
    node.addForeignDevice({ low: 0, high: 0 }, true);
    node.addForeignDevice({ low: 0, high: 0 }, false);
    // Made for a name that this node does not remember: it cannot be told whose it is.
    node.addForeignDevice(ownershipTag("here", "unknown"), false);
  }

  /** The process starts, or starts again. */
  private start(): void {
    const { scheduler, random, fault } = this;
    this.byHand = new ByHand();
    const { node, control, server } = this.config;
    this.node.running = { node, control, server, autoExpose: "ublk" };
    this.reconciler = new Reconciler(
      {
        world: this.node,
        clock: {
          now: () => scheduler.now(),
          after: (delayMs, action) => {
            const event = scheduler.after(delayMs, action);
            return { cancel: () => event.cancelled = true };
          },
        },
        random: () => random.unit(),
        intervalMs: 10_000,
        ...(fault.plan === undefined ? {} : { plan: fault.plan }),
      },
      this.byHand.desired(this.config),
      { onDone: () => {}, onFailed: () => {}, onWaiting: () => {}, onRound: () => {} },
    );
    this.reconciler.wake();
  }

  private want(): void {
    this.reconciler.want(this.byHand.desired(this.config));
  }

  private apply(): void {
    this.byHand.apply(this.config);
    this.want();
    this.reconciler.tryEverything();
  }

  private happen(): void {
    const { node, random } = this;
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
        this.config = editedConfig(random, this.config);
        return this.apply();
      case 3:
        return random.chance(0.5) ? this.crash() : this.mapByHand();
      case 4:
        return random.chance(0.5) ? this.unmapByHand() : this.changeByHand();
      case 5:
        return node.loseServer(random.pick(SESSIONS));
      case 6:
        return node.bringServer(random.pick(SESSIONS));
      case 7:
        return this.refuse();
      case 8:
        node.troubles = { workFails: 0.3, exposeFails: 0.3, leftoverMisfits: 0.5 };
        return;
      case 9:
        node.troubles = NO_TROUBLES;
        return;
      default:
        return this.comeAndGo();
    }
  }

  private crash(): void {
    this.reconciler.stop();
    this.node.crash();
    this.node.exports = [...this.config.server!.exports];
    this.start();
  }

  private refuse(): void {
    const device = `${this.random.pick(SESSIONS)} ${this.random.pick(DEVICES)}`;
    if (!this.node.refused.delete(device)) this.node.refused.add(device);
  }

  private comeAndGo(): void {
    const { node, random } = this;
    for (const { isOpen, users } of node.openable()) {
      if (random.chance(0.3)) users.clear();
      else if (isOpen && random.chance(0.2)) users.add(`guest ${this.guests++}`);
    }
    for (const rule of node.exports) {
      const key = exportKey(rule);
      if (random.chance(0.5)) node.holders.delete(key);
      else if (random.chance(0.3)) node.holders.set(key, new Set(["a client"]));
    }
  }

  /** As the verb does it. */
  private mapByHand(): void {
    const { node, random, config } = this;
    const mapping = randomMapping(random, random.pick([...NAMES, "by hand"]));
    const declared = config.sessions.find(({ sessname }) => sessname === mapping.sessname)!;
    const session = node.sessions.get(mapping.sessname)?.config ?? declared;
    const desired = this.byHand.desired(config);
    const isTaken = [...config.mappings, ...desired.manual.map((manual) => manual.mapping)]
      .some(({ name, sessname, devicePath }) =>
        name === mapping.name ||
        (sessname === mapping.sessname && devicePath === mapping.devicePath)
      );
    if (isTaken) return;
    this.byHand.map(mapping, session, config);
    this.want();
  }

  /** As the verb does it: the mapping goes at once. */
  private unmapByHand(): void {
    const { node, random } = this;
    const names = [...node.mappings.keys()];
    if (names.length === 0) return;
    const name = random.pick(names);
    this.byHand.unmap(name, this.config);
    this.want();
  }

  /** As the verb does it. */
  private changeByHand(): void {
    const { node, random } = this;
    const sessions = [...node.sessions.values()];
    if (sessions.length === 0) return;
    const session = random.pick(sessions);
    const mpathPolicy = random.pick(["round-robin", "min-latency"] as const);
    session.config = { ...session.config, mpathPolicy };
    this.byHand.changeSession(session.config, ["mpath_policy"], this.config);
    this.want();
  }

  /** The storm is over: everything is healed, everybody has gone, and the config is applied. */
  private settle(): ScenarioResult {
    const { node, scheduler } = this;
    node.troubles = NO_TROUBLES;
    node.refused.clear();
    for (const sessname of SESSIONS) node.bringServer(sessname);
    for (const { users } of node.openable()) users.clear();
    node.holders.clear();
    this.apply();
    const { rounds } = this.reconciler;
    const end = scheduler.now() + SETTLE_MS;
    for (let seen = -1; scheduler.now() < end; scheduler.step()) {
      // Only a round can find that all is done.
      if (seen === this.reconciler.rounds) continue;
      seen = this.reconciler.rounds;
      if (this.isDone()) break;
    }
    const needed = this.reconciler.rounds - rounds;
    this.assertDone();
    if (needed > ROUNDS_MAX) throw new Violation(`it took ${needed} rounds`);
    this.assertSecondApplyDoesNothing();
    return { rounds: needed, works: node.works };
  }

  private steps() {
    return this.reconciler.pending().filter(({ action }) => action !== "restart");
  }

  private isDone(): boolean {
    return this.steps().length === 0 && this.node.leaving.size === 0;
  }

  /** Judged without the plan. */
  private assertDone(): void {
    const { node, config } = this;
    const manual = this.byHand.manual().map(({ mapping }) => mapping);
    const wanted = [...config.mappings, ...manual];
    const byName = (a: { name: string }, b: { name: string }) => a.name < b.name ? -1 : 1;
    const is = [...node.mappings.values()].map((mapping) => mapping.config).toSorted(byName);
    equal("mappings", is, wanted.toSorted(byName));
    for (const { config: { name }, state } of node.mappings.values()) {
      equal(`state of ${name}`, state, "open");
    }
    const used = config.sessions.filter((session) =>
      wanted.some(({ sessname }) => sessname === session.sessname)
    );
    const bySessname = (a: { sessname: string }, b: { sessname: string }) =>
      a.sessname < b.sessname ? -1 : 1;
    const sessions = [...node.sessions.values()].map((session) => session.config);
    equal("sessions", sessions.toSorted(bySessname), used.toSorted(bySessname));
    equal("exports", node.exports, config.server!.exports);
    const left = node.leftovers().filter(({ name }) => name !== "unknown");
    equal("leftovers", left, []);
    equal("interval", node.running.node.reconcileIntervalMs, config.node.reconcileIntervalMs);
    for (const id of node.foreign) equal(`foreign device ${id}`, node.kernel.has(id), true);
  }

  private assertSecondApplyDoesNothing(): void {
    const before = this.node.works;
    this.apply();
    this.scheduler.runUntil(this.scheduler.now() + 30_000);
    equal("works of a second apply", this.node.works - before, 0);
  }
}

function equal(what: string, is: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(is), JSON.stringify(wanted)];
  if (a !== b) throw new Violation(`${what}: ${a}\n  instead of ${b}`);
}
