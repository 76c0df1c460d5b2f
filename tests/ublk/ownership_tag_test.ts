/** The mark on our devices. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { isOurs, isSameTag, ownershipTag } from "../../src/ublk/ownership_tag.ts";

Deno.test("tag: the documented bits, the same for ever", () => {
  // Devices outlive programs: another value would orphan them.
  assert.deepEqual(ownershipTag("store-1", "scratch"), { low: 0x5cd1_c342, high: 0x524e_4257 });
});

Deno.test("tag: ours is known by its magic, others are not", () => {
  assert.ok(isOurs(ownershipTag("a", "b")));
  assert.ok(!isOurs({ low: 0x524e42, high: 0 }));
  assert.ok(!isOurs({ low: 0, high: 0x524e_4300 }));
  assert.ok(isOurs({ low: 0, high: 0x524e_42ff }));
});

Deno.test("tag: node and mapping both count, and where one ends", () => {
  assert.ok(!isSameTag(ownershipTag("a", "bc"), ownershipTag("ab", "c")));
  fc.assert(fc.property(fc.string(), fc.string(), fc.string(), (node, one, other) => {
    const tag = ownershipTag(node, one);
    assert.ok(isOurs(tag));
    assert.ok(tag.low >= 0 && tag.low <= 0xffff_ffff && tag.high <= 0xffff_ffff);
    assert.equal(isSameTag(tag, ownershipTag(node, other)), one === other);
  }));
});
