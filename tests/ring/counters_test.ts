/** Counters in shared memory, and the list of deferred tasks. */
import assert from "node:assert/strict";
import { plainArena } from "../../src/ring/arena.ts";
import { CounterBlock } from "../../src/ring/counters.ts";
import { DeferredTasks, type Flushable } from "../../src/ring/executor.ts";

Deno.test("counters: named, side by side, whole numbers beyond 2^32", () => {
  const arena = plainArena(8192);
  const names = ["a", "b", "c"] as const;
  const first = new CounterBlock(arena, 4096, names);
  const second = new CounterBlock(arena, 4096 + CounterBlock.bytes(names), names);
  first.add("a");
  first.add("c", 2 ** 40 + 1);
  second.add("a", 7);
  arena.f64[first.indexOf("b")]! += 3;
  assert.deepEqual(first.read(), { a: 1, b: 3, c: 2 ** 40 + 1 });
  assert.deepEqual(second.read(), { a: 7, b: 0, c: 0 });
  assert.throws(() => first.indexOf("d" as "a"), RangeError);
});

/** A task that notes that it ran and then does something. */
function task(name: string, ran: string[], then: () => void = () => {}): Flushable {
  return {
    deferred: false,
    flush: () => {
      ran.push(name);
      then();
    },
  };
}

Deno.test("deferred tasks run once each, in order, however often they were added", () => {
  const tasks = new DeferredTasks();
  const ran: string[] = [];
  const [a, b] = [task("a", ran), task("b", ran)];
  for (const item of [a, b, a, b]) tasks.add(item);
  assert.equal(a.deferred, true);
  tasks.run();
  assert.deepEqual(ran, ["a", "b"]);
  assert.equal(a.deferred, false);
  tasks.run();
  assert.deepEqual(ran, ["a", "b"]);
});

Deno.test("a task may defer others and itself again; run ends when nothing is left", () => {
  const tasks = new DeferredTasks();
  const ran: string[] = [];
  let again = 3;
  const other = task("other", ran);
  const self: Flushable = task("self", ran, () => {
    tasks.add(other);
    if (--again > 0) tasks.add(self);
  });
  tasks.add(self);
  tasks.run();
  assert.deepEqual(ran, ["self", "other", "self", "other", "self", "other"]);
});
