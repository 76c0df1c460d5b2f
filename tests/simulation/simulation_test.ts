/**
 * The simulation itself: it passes on the program as it is, runs the same way twice, and notices
 * each kind of bug that it is there for. The bugs are built into the simulated disk, fabric or
 * workload, never into the program.
 */
import assert from "node:assert/strict";
import { type Outcome, simulate } from "./simulate.ts";
import type { Plants } from "./world.ts";

const CANARY_SEEDS = [1, 2, 3];
/** Seeds until a planted bug must have been noticed. */
const PLANTED_SEEDS = 30;

function resultOf(outcome: Outcome) {
  if ("error" in outcome) throw outcome.error;
  return outcome.result;
}

/** Runs seeds until the plant is noticed, and checks that it is noticed for what it is. */
function assertNoticed(plants: Plants, expected: RegExp): void {
  for (let seed = 1; seed <= PLANTED_SEEDS; seed++) {
    const outcome = simulate(seed, plants);
    if ("result" in outcome) continue;
    assert.equal(outcome.error.name, "SimFailure", outcome.error.stack);
    assert.match(outcome.error.message, expected);
    return;
  }
  assert.fail(`not noticed in ${PLANTED_SEEDS} seeds`);
}

Deno.test("a seed passes on the program as it is, with traffic that succeeds", () => {
  for (const seed of CANARY_SEEDS) {
    const { requests, succeeded } = resultOf(simulate(seed));
    assert.ok(requests > 100, `seed ${seed} made ${requests} requests`);
    assert.ok(succeeded > requests / 4, `${succeeded} of ${requests} requests succeeded`);
  }
});

Deno.test("the same seed runs the same way twice, another one does not", () => {
  const first = resultOf(simulate(7));
  assert.deepEqual(resultOf(simulate(7)), first);
  assert.notEqual(resultOf(simulate(8)).traceHash, first.traceHash);
});

Deno.test("a lost write is noticed", () => {
  assertNoticed({ lostWriteChance: 0.01 }, /block \d+: /);
});

Deno.test("a stale read is noticed", () => {
  assertNoticed({ staleReadChance: 0.01 }, /a read .* returned/);
});

Deno.test("a leaked permit is noticed", () => {
  assertNoticed({ leakPermitChance: 0.001 }, /\d+ of \d+ permits are free|has no permit/);
});

Deno.test("a late write into a recycled buffer is noticed", () => {
  assertNoticed({ lateWrites: true }, /wrote to the buffer|returned/);
});

Deno.test("a request that is dropped when its path is lost is noticed", () => {
  assertNoticed({ droppedFailOver: true }, /though a path was alive|ended with/);
});

Deno.test("a request that is sent again while it may still take effect is noticed", () => {
  assertNoticed(
    { blindFences: true },
    /returned|was acknowledged|wrote to the buffer|has lost a path/,
  );
});
