/** The reconciler on virtual time: 1,000 seeds, and planted faults that the same seeds find. */
import assert from "node:assert/strict";
import { makePlan } from "../../src/appliance/reconcile/plan.ts";
import type { Step } from "../../src/appliance/reconcile/step.ts";
import { ModelNode } from "./model_node.ts";
import { type PlantedFault, Scenario, type ScenarioResult } from "./scenario.ts";

const SEEDS = 1000;

function runSeed(seed: number, fault?: PlantedFault): ScenarioResult {
  try {
    return new Scenario(seed, fault).run();
  } catch (error) {
    throw new Error(`Seed ${seed}: ${error}`, { cause: error });
  }
}

Deno.test(`${SEEDS} seeds: it ends in the desired state, and nothing is torn out`, () => {
  let works = 0;
  for (let seed = 1; seed <= SEEDS; seed++) works += runSeed(seed).works;
  assert.ok(works > 20 * SEEDS, `only ${works} pieces of work: the scenarios are too tame`);
});

Deno.test("a run repeats from its seed", () => {
  assert.deepEqual(runSeed(7), runSeed(7));
});

/** Runs the same seeds until the fault shows. */
function assertFound(fault: () => PlantedFault, message: RegExp): void {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      new Scenario(seed, fault()).run();
    } catch (error) {
      assert.match(String(error), message);
      return;
    }
  }
  assert.fail(`${SEEDS} seeds did not find the fault`);
}

/** A planner that leaves some steps out. */
const without = (isLeftOut: (step: Step) => boolean): PlantedFault => ({
  plan: (...input) => makePlan(...input).filter((step) => !isLeftOut(step)),
});

const isSessionRemoval = ({ action, kind }: Step) => action === "remove" && kind === "session";

Deno.test("planted: sessions that nobody uses are not closed", () => {
  assertFound(() => without(isSessionRemoval), /sessions: /);
});

Deno.test("planted: mappings that are not open are not tried", () => {
  assertFound(
    () => without(({ work }) => work?.kind === "reopen"),
    /state of \w+: "(closed|opening)"/,
  );
});

Deno.test("planted: changes of a mapping in use are forgotten", () => {
  assertFound(() => without(({ work }) => work?.kind === "changeMapping"), /mappings: /);
});

Deno.test("planted: devices that an earlier start left are kept", () => {
  assertFound(() => without(({ work }) => work?.kind === "deleteLeftover"), /leftovers: /);
});

Deno.test("planted: a foreign device is taken away", () => {
  class Greedy extends ModelNode {
    override leftovers() {
      const served = [...this.mappings.values()].map(({ device }) => device);
      return [...this.kernel.values()].filter(({ id }) => !served.includes(id))
        .map(({ id }) => ({ id, name: "gone" }));
    }
  }
  assertFound(() => ({ node: Greedy }), /device \d+ is not ours/);
});

Deno.test("planted: whoever uses a mapping is not looked at", () => {
  const plan: typeof makePlan = (desired, actual) => {
    const nobody = { get: () => [], has: () => true } as unknown as ReadonlyMap<string, string[]>;
    return makePlan(desired, actual, nobody);
  };
  assertFound(() => ({ plan }), /is torn out of guest|is in use/);
});

Deno.test("planted: what was being made anew when the process died is lost", () => {
  const fault = (): PlantedFault => {
    const underWay = new Set<string>();
    const lost = new Set<string>();
    class Forgetful extends ModelNode {
      override crash(): void {
        for (const name of underWay) lost.add(name);
        super.crash();
      }
    }
    const plan: typeof makePlan = (...input) => {
      const steps = makePlan(...input);
      for (const { config, state } of input[1].mappings) {
        if (state === "open") underWay.delete(config.name);
      }
      for (const step of steps) if (step.action === "remake") underWay.add(step.name);
      return steps.filter((step) => step.action !== "add" || !lost.has(step.name));
    };
    return { node: Forgetful, plan };
  };
  assertFound(fault, /mappings: /);
});

Deno.test("planted: an export goes before the one that follows it is there", () => {
  const plan: typeof makePlan = (...input) =>
    makePlan(...input).map((step) => step.kind === "export" ? { ...step, isReady: true } : step);
  assertFound(() => ({ plan }), /everything is exported/);
});

Deno.test("planted: two pieces of work on one thing", () => {
  const plan: typeof makePlan = (...input) =>
    makePlan(...input).map((step) => ({ ...step, locks: [], needs: [] }));
  assertFound(() => ({ plan }), /two pieces of work|no mapping|is mapped twice|no session|is open/);
});

Deno.test("it does not spin: rounds follow events, and pauses end", () => {
  let plans = 0;
  const plan: typeof makePlan = (...input) => {
    plans++;
    return makePlan(...input);
  };
  const SEEDS_COUNTED = 20;
  for (let seed = 1; seed <= SEEDS_COUNTED; seed++) runSeed(seed, { plan });
  const each = plans / SEEDS_COUNTED;

  assert.ok(each < 1000, `${each} plans in a run of a minute or two`);
});
