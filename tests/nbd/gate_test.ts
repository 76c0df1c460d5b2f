/** The gate: every rule, and a model of it. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { transmissionFlags } from "../../src/nbd/export_description.ts";
import { judge, type RejectionName, REJECTIONS } from "../../src/nbd/gate.ts";
import { COMMAND, COMMAND_FLAG, NBD_ERROR } from "../../src/nbd/protocol.ts";
import { fakeDiskOptions } from "./harness/fake_disk.ts";

const MIB = 2 ** 20;
const SIZE = 64 * MIB;
const { READ, WRITE, FLUSH, TRIM, CACHE, WRITE_ZEROES, BLOCK_STATUS, RESIZE } = COMMAND;

interface Case {
  readonly command: number;
  readonly flags?: number;
  readonly offset?: number;
  readonly length?: number;
  readonly geometry?: Record<string, unknown>;
  readonly structured?: boolean;
  readonly closed?: boolean;
}

function judged(one: Case): RejectionName {
  const { geometry } = fakeDiskOptions(one.geometry ?? {});
  const offered = transmissionFlags(geometry, one.structured ?? true);
  const { command, flags = 0, offset = 0, length = 512, closed = false } = one;
  return REJECTIONS[judge(command, flags, offset, length, offered, geometry, !closed)]!.name;
}

const RULES: readonly (readonly [RejectionName, Case])[] = [
  ["none", { command: READ }],
  ["none", { command: READ, flags: COMMAND_FLAG.DF | COMMAND_FLAG.FUA, length: 32 * MIB }],
  ["none", { command: READ, offset: SIZE - 512 }],
  ["none", { command: WRITE, flags: COMMAND_FLAG.FUA, length: 32 * MIB }],
  ["none", { command: FLUSH, length: 0 }],
  ["none", { command: TRIM, length: SIZE }],
  ["none", { command: WRITE_ZEROES, flags: COMMAND_FLAG.NO_HOLE, length: SIZE }],
  ["unknown", { command: 9, length: 0 }],
  ["unknown_with_length", { command: 9, length: 1 }],
  ["unknown_with_length", { command: 65_535, length: 1 }],
  ["not_offered", { command: CACHE }],
  ["not_offered", { command: BLOCK_STATUS }],
  ["not_offered", { command: RESIZE }],
  ["not_offered", { command: TRIM, geometry: { maxDiscardBytes: 0 } }],
  ["flags", { command: READ, flags: COMMAND_FLAG.NO_HOLE }],
  ["flags", { command: READ, flags: COMMAND_FLAG.DF, structured: false }],
  ["flags", { command: WRITE, flags: COMMAND_FLAG.DF }],
  ["flags", { command: WRITE, flags: 1 << 5 }],
  ["flags", { command: TRIM, flags: COMMAND_FLAG.NO_HOLE }],
  ["flags", { command: WRITE_ZEROES, flags: COMMAND_FLAG.FAST_ZERO }],
  ["flags", { command: FLUSH, flags: 0x8000, length: 0 }],
  ["flush_range", { command: FLUSH, length: 512 }],
  ["flush_range", { command: FLUSH, length: 0, offset: 512 }],
  ["read_only", { command: WRITE, geometry: { readOnly: true } }],
  ["read_only", { command: TRIM, geometry: { readOnly: true } }],
  ["read_only", { command: WRITE_ZEROES, geometry: { readOnly: true } }],
  ["none", { command: FLUSH, length: 0, geometry: { readOnly: true } }],
  ["zero_length", { command: READ, length: 0 }],
  ["zero_length", { command: WRITE, length: 0 }],
  ["zero_length", { command: TRIM, length: 0 }],
  ["zero_length", { command: WRITE_ZEROES, length: 0 }],
  ["read_too_long", { command: READ, length: 32 * MIB + 512 }],
  ["write_too_long", { command: WRITE, length: 32 * MIB + 512 }],
  ["unaligned", { command: READ, offset: 1 }],
  ["unaligned", { command: WRITE, length: 511 }],
  ["unaligned", { command: READ, geometry: { logicalBlockBytes: 4096 } }],
  ["beyond_end", { command: READ, offset: SIZE }],
  ["beyond_end", { command: READ, offset: SIZE - 512, length: 1024 }],
  ["beyond_end", { command: READ, offset: 2 ** 64 - 2048 }],
  ["beyond_end", { command: TRIM, offset: SIZE }],
  ["write_beyond_end", { command: WRITE, offset: SIZE }],
  ["write_beyond_end", { command: WRITE_ZEROES, offset: 2 ** 63 }],
  ["device_closed", { command: READ, closed: true }],
  ["device_closed", { command: FLUSH, length: 0, closed: true }],
  ["beyond_end", { command: READ, offset: SIZE, closed: true }],
];

Deno.test("judge() gives every rule its own rejection", () => {
  for (const [name, one] of RULES) assert.equal(judged(one), name, JSON.stringify(one));
  const covered = new Set(RULES.map(([name]) => name));
  const missing = REJECTIONS.filter(({ name }) => name !== "magic" && !covered.has(name));
  assert.deepEqual(missing, []);
});

Deno.test("rejections carry the errors that the protocol names", () => {
  const error = (name: RejectionName) => REJECTIONS.find((one) => one.name === name)!.error;
  assert.equal(error("read_only"), NBD_ERROR.EPERM);
  assert.equal(error("beyond_end"), NBD_ERROR.EINVAL);
  assert.equal(error("write_beyond_end"), NBD_ERROR.ENOSPC);
  assert.equal(error("read_too_long"), NBD_ERROR.EOVERFLOW);
  assert.equal(error("device_closed"), NBD_ERROR.EIO);
  assert.equal(error("magic"), 0);
});

Deno.test("judge() lets nothing through that is out of range, unaligned or not allowed", () => {
  const { geometry } = fakeDiskOptions();
  const number = fc.oneof(
    fc.nat(2 ** 27).map((n) => n * 512),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(Number),
    fc.constantFrom(0, SIZE, SIZE - 512, SIZE + 512),
  );
  const property = fc.property(
    fc.nat(12),
    fc.oneof(fc.constant(0), fc.nat(65_535)),
    number,
    number.map((n) => n % 2 ** 32),
    fc.boolean(),
    (command, flags, offset, length, readOnly) => {
      const shape = { ...geometry, readOnly };
      const offered = transmissionFlags(shape, true);
      if (judge(command, flags, offset, length, offered, shape, true) !== 0) return;
      assert.ok([READ, WRITE, FLUSH, TRIM, WRITE_ZEROES].includes(command as 0));
      assert.ok(offset + length <= SIZE && offset % 512 === 0 && length % 512 === 0);
      assert.ok(!readOnly || command === READ || command === FLUSH);
      assert.equal(length === 0, command === FLUSH);
    },
  );
  fc.assert(property, { numRuns: 5000 });
});
