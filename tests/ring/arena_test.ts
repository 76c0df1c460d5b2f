/** The arena and its allocator. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  Arena,
  ArenaAllocator,
  plainArena,
  reserveArena,
  wrapArena,
} from "../../src/ring/arena.ts";

const PAGE = 4096;

Deno.test("the allocator: pages, zeroed, never offset 0, never two owners of a byte", () => {
  const command = fc.oneof(
    fc.record({ kind: fc.constant("allocate"), bytes: fc.integer({ min: 0, max: 60_000 }) }),
    fc.record({ kind: fc.constant("release"), index: fc.nat(50) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
      const arena = plainArena(2 ** 18);
      const memory = new ArenaAllocator(arena);
      const live: { at: number; bytes: number; mark: number }[] = [];
      let mark = 0;
      for (const what of commands) {
        if ("index" in what) {
          const range = live.splice(what.index % Math.max(live.length, 1), 1)[0];
          if (range !== undefined) memory.release(range.at);
        } else {
          let at: number;
          try {
            at = memory.allocate(what.bytes, "a test");
          } catch (error) {
            assert.ok(error instanceof RangeError);
            continue;
          }
          assert.ok(at > 0 && at % PAGE === 0);
          const bytes = Math.ceil(Math.max(what.bytes, 1) / PAGE) * PAGE;
          assert.ok(at + bytes <= arena.buffer.byteLength);
          assert.ok(arena.u8.subarray(at, at + bytes).every((byte) => byte === 0), "not zeroed");
          mark = mark % 255 + 1;
          arena.u8.fill(mark, at, at + bytes);
          live.push({ at, bytes, mark });
        }
        for (const range of live) {
          const whole = arena.u8.subarray(range.at, range.at + range.bytes);
          assert.ok(whole.every((byte) => byte === range.mark), "two owners of a byte");
        }
        assert.equal(memory.usedBytes, live.reduce((sum, range) => sum + range.bytes, 0));
      }
      for (const range of live) memory.release(range.at);
      assert.equal(memory.usedBytes, 0);
      // All of it in one piece again: neighbours were merged.
      const all = arena.buffer.byteLength - PAGE;
      assert.equal(memory.allocate(all, "everything"), PAGE);
    }),
    { numRuns: 200 },
  );
});

Deno.test("the allocator says what wanted the memory, and how much is used", () => {
  const memory = new ArenaAllocator(plainArena(8 * PAGE));
  memory.allocate(2 * PAGE, "the first");
  assert.throws(() => memory.allocate(6 * PAGE, "the second"), /24576.*the second.*8192 of 32768/);
});

Deno.test("releasing what is not allocated is a fault of the caller", () => {
  const memory = new ArenaAllocator(plainArena(8 * PAGE));
  const at = memory.allocate(PAGE, "a test");
  assert.throws(() => memory.release(at + PAGE), RangeError);
  memory.release(at);
  assert.throws(() => memory.release(at), RangeError);
});

Deno.test("a reserved arena: freed pages read as zero, far offsets work, addresses add up", () => {
  const length = 2 ** 34;
  const arena = reserveArena(length);
  const memory = new ArenaAllocator(arena);
  const far = memory.allocate(2 ** 33, "space to cross 2^32") + 2 ** 32 + 12_288;
  arena.u8[far] = 7;
  arena.view.setUint32(far + 4, 0xdead_beef, true);
  assert.equal(arena.u32[far / 4 + 1], 0xdead_beef);
  assert.equal(arena.addressHigh(far) * 2 ** 32 + (far >>> 0), arena.base + far);
  const other = wrapArena(arena.base, length);
  assert.equal(other.u8[far], 7, "another thread's views show the same bytes");
  memory.release(PAGE);
  assert.equal(arena.u8[far], 0);
});

Deno.test("an arena whose base is not aligned is refused", () => {
  assert.throws(() => new Arena(PAGE, new ArrayBuffer(PAGE)), RangeError);
});
