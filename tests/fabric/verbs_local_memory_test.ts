/** Which local key a post uses: exposed ranges against a plain model. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { RegisteredMemory } from "../../src/fabric/fabric.ts";
import { LocalMemory, NOT_EXPOSED } from "../../src/fabric/verbs/local_memory.ts";

function range(at: number, length: number, lkey: number): RegisteredMemory {
  return { at, length, lkey, rkey: 0, access: "local", address: { high: 0, low: 0 } };
}

Deno.test("verbs: a look-up finds a range that covers, if there is one", () => {
  const ranges = fc.array(fc.tuple(fc.nat(50), fc.integer({ min: 1, max: 30 })), { maxLength: 12 });
  const lookups = fc.array(fc.tuple(fc.nat(90), fc.nat(20), fc.nat(1)), { maxLength: 30 });
  fc.assert(fc.property(ranges, fc.nat(12), lookups, (list, concealed, queries) => {
    const memory = new LocalMemory();
    const all = list.map(([at, length], i) => range(at, length, i + 1));
    for (const one of all) memory.expose(one);
    // What comes from another thread is a copy.
    for (const one of all.splice(0, concealed)) memory.conceal({ ...one });
    for (const [at, length, user] of queries) {
      const found = memory.find(at, length, user);
      const covers = all.filter((one) => one.at <= at && at + length <= one.at + one.length);
      if (covers.length === 0) assert.equal(found, NOT_EXPOSED);
      else assert.ok(covers.some((one) => one.lkey === memory.keyOf(found)));
    }
  }));
});

Deno.test("verbs: hundreds of ranges beyond 4 GiB are told apart", () => {
  const memory = new LocalMemory();
  const base = 2 ** 33;
  for (let i = 0; i < 512; i++) memory.expose(range(base + i * 4096, 4096, i + 1));
  for (let i = 0; i < 512; i++) {
    assert.equal(memory.keyOf(memory.find(base + i * 4096 + 8, 4088, 0)), i + 1);
    assert.equal(memory.find(base + i * 4096 + 8, 4089, 1), NOT_EXPOSED);
  }
});
