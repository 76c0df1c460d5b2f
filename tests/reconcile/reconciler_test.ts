/** The reconciler's sense of time: pauses, final failures, waiting, rest; on virtual time. */
import assert from "node:assert/strict";
import { SimScheduler } from "../../src/fabric/sim/scheduler.ts";
import { parseConfig } from "../../src/appliance/config/load_config.ts";
import type { Actual, Users } from "../../src/appliance/reconcile/actual.ts";
import type { Desired } from "../../src/appliance/reconcile/desired.ts";
import { Reconciler } from "../../src/appliance/reconcile/reconciler.ts";
import type { Work } from "../../src/appliance/reconcile/step.ts";
import type { WorkFailure } from "../../src/appliance/reconcile/world.ts";

const CONFIG = parseConfig(
  `[node]
name = "here"
runtime_dir = "/run/here"

[[session]]
sessname = "s"
paths = ["tcp:10.0.0.1"]

[[mapping]]
name = "a"
sessname = "s"
device_path = "disk"
`,
  null,
);
const INTERVAL_MS = 10_000;

/** A reconciler whose world does what the test says. */
class Rig {
  readonly scheduler = new SimScheduler();
  readonly works: string[] = [];
  readonly waiting: string[] = [];
  users: string[] = [];
  /** What comes of the next piece of work. */
  outcome: (work: Work) => WorkFailure | undefined = () => undefined;
  actual: Actual;
  readonly reconciler: Reconciler;

  constructor(has: Partial<Actual> = {}, declared = CONFIG) {
    const { node, control } = CONFIG;
    this.actual = {
      running: { node, control, server: undefined, autoExpose: "nbd" },
      mappings: [],
      leaving: [],
      sessions: CONFIG.sessions.map((config) => ({
        config,
        origin: "config",
        hasLivePaths: true,
      })),
      exports: [],
      leftovers: [],
      ...has,
    };
    const desired: Desired = {
      config: declared,
      manual: [],
      heldMappings: new Set(),
      heldSessionKeys: new Map(),
    };
    const { scheduler } = this;
    const clock = {
      now: () => scheduler.now(),
      after: (delayMs: number, action: () => void) => {
        const event = scheduler.after(delayMs, action);
        return { cancel: () => event.cancelled = true };
      },
    };
    const world = {
      actual: () => this.actual,
      askUsers: (keys: readonly string[], done: (users: Users) => void) =>
        done(new Map(keys.map((key) => [key, this.users]))),
      remember: () => {},
      run: (work: Work, done: (failure: WorkFailure | undefined) => void) => {
        this.works.push(`${Math.round(scheduler.now())} ${work.kind}`);
        done(this.outcome(work));
      },
    };
    const parts = { world, clock, random: () => 0.5, intervalMs: INTERVAL_MS };
    this.reconciler = new Reconciler(parts, desired, {
      onDone: () => {},
      onFailed: () => {},
      onWaiting: ({ name, waitsFor }) => this.waiting.push(`${name}: ${waitsFor}`),
      onRound: () => {},
    });
  }

  /** The mapping is there. */
  map(): void {
    const mapping = {
      config: CONFIG.mappings[0]!,
      origin: "config" as const,
      exposedAs: "nbd" as const,
      state: "open" as const,
      failure: undefined,
    };
    this.actual = { ...this.actual, mappings: [mapping] };
  }

  /** Works since the last call, until then. */
  until(timeMs: number): string[] {
    this.scheduler.runUntil(timeMs);
    return this.works.splice(0);
  }
}

const NOTHING = { ...CONFIG, sessions: [], mappings: [] };
const fails = (isTerminal: boolean) => () => ({ reason: "no luck", isTerminal });

Deno.test("passing failures: again with growing pauses; pending tells why and when", () => {
  const rig = new Rig();
  rig.outcome = fails(false);
  rig.reconciler.wake();
  assert.deepEqual(rig.until(4000), ["1 map", "501 map", "1501 map", "3501 map"]);
  const [step] = rig.reconciler.pending();
  assert.deepEqual([step!.name, step!.last_error, step!.next_try_ms], ["a", "no luck", 3501]);
  assert.equal(rig.reconciler.isAtRest(), false);
  rig.outcome = () => {
    rig.map();
    return undefined;
  };
  assert.deepEqual(rig.until(60_000), ["7501 map"]);
  assert.deepEqual([rig.reconciler.pending(), rig.reconciler.isAtRest()], [[], true]);
});

Deno.test("final failures: not again until somebody asks, or something else is wanted", () => {
  const rig = new Rig();
  rig.outcome = fails(true);
  rig.reconciler.wake();
  assert.deepEqual(rig.until(120_000), ["1 map"]);
  const [step] = rig.reconciler.pending();
  assert.deepEqual([step!.last_error, step!.next_try_ms], ["no luck", null]);
  assert.equal(rig.reconciler.isAtRest(), true, "there is nothing to wait for");
  rig.reconciler.wake();
  assert.deepEqual(rig.until(121_000), []);
  rig.reconciler.wake("mapping a");
  assert.deepEqual(rig.until(122_000), ["121001 map"]);
  rig.reconciler.tryEverything();
  assert.deepEqual(rig.until(123_000), ["122001 map"]);
  const mappings = [{ ...CONFIG.mappings[0]!, accessMode: "ro" as const }];
  rig.reconciler.want({
    config: { ...CONFIG, mappings },
    manual: [],
    heldMappings: new Set(),
    heldSessionKeys: new Map(),
  });
  assert.deepEqual(rig.until(124_000), ["123001 map"]);
});

Deno.test("what has no effect is not repeated at once", () => {
  const rig = new Rig();
  rig.reconciler.wake();
  assert.deepEqual(rig.until(4000), ["1 map", "501 map", "1501 map", "3501 map"]);
  assert.equal(rig.reconciler.pending()[0]!.last_error, "it was done, and had no effect");
});

Deno.test("in use: told once, looked at every second, done when the users are gone", () => {
  const rig = new Rig({ sessions: [] }, NOTHING);
  rig.map();
  rig.users = ["process 7 (fio)"];
  rig.reconciler.wake();
  assert.deepEqual(rig.until(5500), []);
  const wait = "a is in use: process 7 (fio)";
  assert.deepEqual(rig.waiting, [`a: ${wait}`]);
  assert.equal(rig.reconciler.pending()[0]!.waits_for, wait);
  assert.equal(rig.reconciler.isAtRest(), false, "they may go");
  rig.users = [];
  rig.outcome = () => {
    rig.actual = { ...rig.actual, mappings: [] };
    return undefined;
  };
  assert.deepEqual(rig.until(20_000), ["6001 unmap"]);
});

Deno.test("nothing happens: a round every interval, and none after the end", () => {
  const rig = new Rig({}, CONFIG);
  rig.map();
  rig.reconciler.wake();
  rig.until(5 * INTERVAL_MS + 1000);
  assert.equal(rig.reconciler.rounds, 6);
  rig.reconciler.stop();
  rig.reconciler.wake();
  rig.until(10 * INTERVAL_MS);
  assert.equal(rig.reconciler.rounds, 6);
});
