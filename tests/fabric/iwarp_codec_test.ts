/** CRC32C, MPA and Terminate codecs, and the table of exposed memory. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { crc32c, crc32cOf } from "../../src/fabric/iwarp/crc32c.ts";
import { wantsCrc } from "../../src/fabric/iwarp/crc_policy.ts";
import { encodeFpdu } from "../../src/fabric/iwarp/fpdu.ts";
import {
  decodeMpaHeader,
  encodeMpaFrame,
  MPA_FRAME,
  MPA_REJECTION_NAMES,
  userPrivateData,
} from "../../src/fabric/iwarp/mpa.ts";
import { RegistrationKeys } from "../../src/fabric/iwarp/registration_keys.ts";
import { REJECT, REJECTION_NAMES } from "../../src/fabric/iwarp/rejection.ts";
import { OUT_OF_BOUNDS, TaggedMemory, UNKNOWN_STAG } from "../../src/fabric/iwarp/tagged_memory.ts";
import {
  decodeTerminateControl,
  describeTerminate,
  encodeTerminate,
  encodeTerminateControl,
} from "../../src/fabric/iwarp/terminate.ts";
import {
  concat,
  mpaFrame,
  plainCrc32c,
  plainFpdu,
  REPLY_KEY,
  REQUEST_KEY,
  untaggedFrame,
  words,
} from "./iwarp_frames.ts";

const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
const ISCSI_READ = concat(
  words(0x01c0_0000, 0, 0, 0, 0x1400_0000, 0x0000_0400, 0x0000_0014, 0x0000_0018),
  words(0x2800_0000, 0, 0x0200_0000, 0),
);

Deno.test("crc32c: the vectors of RFC 3720 B.4", () => {
  assert.equal(crc32cOf(new Uint8Array(32)), 0x8a91_36aa);
  assert.equal(crc32cOf(new Uint8Array(32).fill(0xff)), 0x62a8_ab43);
  assert.equal(crc32cOf(ascending), 0x46dd_794e);
  assert.equal(crc32cOf(ascending.toReversed()), 0x113f_db5c);
  assert.equal(crc32cOf(ISCSI_READ), 0xd996_3a56);
});

Deno.test("crc32c: equals the bitwise one at every alignment, whole and in pieces", () => {
  fc.assert(fc.property(
    fc.uint8Array({ maxLength: 300 }),
    fc.nat(7),
    fc.nat(300),
    (bytes, skew, cut) => {
      const buffer = new ArrayBuffer(320);
      const memory = { u8: new Uint8Array(buffer), u32: new Uint32Array(buffer) };
      memory.u8.set(bytes, skew);
      const wanted = plainCrc32c(bytes);
      assert.equal(crc32c(memory, skew, bytes.length), wanted);
      const first = Math.min(cut, bytes.length);
      const before = crc32c(memory, skew, first);
      assert.equal(crc32c(memory, skew + first, bytes.length - first, before), wanted);
    },
  ));
});

Deno.test("encodeFpdu() equals the plain construction, with and without CRC", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), fc.boolean(), (segment, crc) => {
    assert.deepEqual(encodeFpdu(segment, crc), plainFpdu(segment, crc));
  }));
});

Deno.test("encodeMpaFrame(): revision 1, and revision 2 with IRD and ORD of 0", () => {
  const privateData = ascending;
  assert.deepEqual(
    encodeMpaFrame("request", { crc: true, reject: false, revision: 1, privateData }),
    mpaFrame(REQUEST_KEY, 0x40, 1, privateData),
  );
  assert.deepEqual(
    encodeMpaFrame("reply", { crc: false, reject: true, revision: 2, privateData }),
    mpaFrame(REPLY_KEY, 0x30, 2, concat(words(0), privateData)),
  );
  const tooLong = new Uint8Array(509);
  const frame = { crc: false, reject: false, revision: 2 as const, privateData: tooLong };
  assert.throws(() => encodeMpaFrame("request", frame), /509 bytes; at most 508/);
});

Deno.test("decodeMpaHeader() reads back what encodeMpaFrame() makes", () => {
  fc.assert(fc.property(
    fc.constantFrom("request" as const, "reply" as const),
    fc.boolean(),
    fc.boolean(),
    fc.constantFrom(1 as const, 2 as const),
    fc.uint8Array({ maxLength: 508 }),
    (kind, crc, reject, revision, privateData) => {
      const bytes = encodeMpaFrame(kind, { crc, reject, revision, privateData });
      const header = decodeMpaHeader(kind, bytes.subarray(0, MPA_FRAME.HEADER_BYTES));
      if (typeof header === "string") throw new Error(header);
      const rest = bytes.subarray(MPA_FRAME.HEADER_BYTES);
      assert.equal(header.privateDataBytes, rest.length);
      assert.deepEqual([header.crc, header.reject, header.revision], [crc, reject, revision]);
      assert.deepEqual(userPrivateData(header, rest), privateData);
    },
  ));
});

Deno.test("decodeMpaHeader() names what is wrong", () => {
  const none = new Uint8Array(0);
  const cases: [Uint8Array, string][] = [
    [mpaFrame(REPLY_KEY, 0, 1, none), "mpa_key"],
    [mpaFrame("GET / HTTP/1.1\r\n", 0, 1, none), "mpa_key"],
    [mpaFrame(REQUEST_KEY, 0, 0, none), "mpa_revision"],
    [mpaFrame(REQUEST_KEY, 0, 3, none), "mpa_revision"],
    [mpaFrame(REQUEST_KEY, 0x80, 1, none), "mpa_markers"],
    [mpaFrame(REQUEST_KEY, 0, 1, none, 513), "mpa_private_data"],
    [mpaFrame(REQUEST_KEY, 0x10, 2, none, 3), "mpa_private_data"],
  ];
  for (const [bytes, reason] of cases) assert.equal(decodeMpaHeader("request", bytes), reason);
  // In revision 1 the bit of enhanced set-up is reserved, and not looked at.
  assert.equal(typeof decodeMpaHeader("request", mpaFrame(REQUEST_KEY, 0x10, 1, none)), "object");
});

Deno.test("decodeMpaHeader() takes any bytes", () => {
  const key = new TextEncoder().encode(REQUEST_KEY);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 24 }), fc.boolean(), (bytes, withKey) => {
    const input = withKey ? concat(key, bytes) : bytes;
    const header = decodeMpaHeader("request", input.subarray(0, MPA_FRAME.HEADER_BYTES));
    if (typeof header === "string") assert.ok(MPA_REJECTION_NAMES.includes(header));
    else assert.ok(header.privateDataBytes <= 512);
  }));
});

Deno.test("Terminate: bytes, and every control word is read and described", () => {
  const error = { layer: 1, type: 1, code: 2 };
  const control = encodeTerminateControl(error);
  assert.equal(control, 0x1102_0000);
  for (const crc of [false, true]) {
    const payload = words(control);
    const frame = untaggedFrame({ rdmap: 0x47, queue: 2, sequence: 1, payload, crc });
    assert.deepEqual(encodeTerminate(error, crc), frame);
  }
  fc.assert(fc.property(fc.nat(0xffff_ffff), (word) => {
    const decoded = decodeTerminateControl(word);
    assert.equal(encodeTerminateControl(decoded), (word & 0xffff_0000) >>> 0);
    const number = `${decoded.layer}.${decoded.type}.${decoded.code}`;
    assert.ok(describeTerminate(decoded).endsWith(`(${number})`));
  }));
  assert.equal(describeTerminate(error), "DDP: STag not of this stream (1.1.2)");
});

Deno.test("REJECT indexes REJECTION_NAMES", () => {
  const named = Object.entries(REJECT).map(([key, index]) => [index, `iwarp_${key.toLowerCase()}`]);
  assert.deepEqual(named, REJECTION_NAMES.map((name, index) => [index, name]));
});

Deno.test("wantsCrc(): auto asks for CRCs unless both ends are on loopback", () => {
  assert.deepEqual(
    [wantsCrc("auto", true), wantsCrc("auto", false), wantsCrc("on", true), wantsCrc("off", false)],
    [false, true, true, false],
  );
});

/** Memory that a peer calls (`high`, `low`) of key `rkey`. */
function remote(rkey: number, at: number, length: number, high: number, low: number) {
  return { at, length, access: "remote", lkey: 0, rkey, address: { high, low } } as const;
}

Deno.test("TaggedMemory.locate(): only what lies wholly inside, however the 64 bits wrap", () => {
  const memory = new TaggedMemory();
  const at = 3 * 2 ** 32;
  memory.expose(remote(7, at, 2 ** 33, 0x100, 0xffff_fff0));
  assert.equal(memory.locate(7, 0x100, 0xffff_fff0, 1), at);
  assert.equal(memory.locate(7, 0x101, 0, 1), at + 16);
  assert.equal(memory.locate(7, 0x102, 0xffff_ffef, 1), at + 2 ** 33 - 1);
  assert.equal(memory.locate(7, 0x102, 0xffff_ffef, 2), OUT_OF_BOUNDS);
  assert.equal(memory.locate(7, 0x102, 0xffff_fff0, 1), OUT_OF_BOUNDS);
  assert.equal(memory.locate(7, 0x100, 0xffff_ffef, 1), OUT_OF_BOUNDS);
  assert.equal(memory.locate(7, 0, 0xffff_fff0, 1), OUT_OF_BOUNDS);
  assert.equal(memory.locate(7, 0xffff_ffff, 0xffff_ffff, 1), OUT_OF_BOUNDS);
  assert.equal(memory.locate(8, 0x100, 0xffff_fff0, 1), UNKNOWN_STAG);
  assert.equal(memory.locate(0, 0x100, 0xffff_fff0, 1), UNKNOWN_STAG);
  assert.throws(() => memory.expose(remote(0, at, 1, 0, 0)));
});

Deno.test("TaggedMemory keeps and forgets the right ranges", () => {
  // Keys that collide in a small table.
  const key = fc.integer({ min: 1, max: 40 }).map((n) => n * 0x0100_0000 + (n & 3));
  fc.assert(fc.property(fc.array(fc.tuple(key, fc.boolean()), { maxLength: 200 }), (steps) => {
    const memory = new TaggedMemory();
    const model = new Set<number>();
    for (const [rkey, isAdding] of steps) {
      if (isAdding) memory.expose(remote(rkey, rkey, 8, 1, 0));
      else assert.equal(memory.invalidate(rkey), model.has(rkey));
      if (isAdding) model.add(rkey);
      else model.delete(rkey);
      for (const [one] of steps) {
        assert.equal(memory.locate(one, 1, 0, 8), model.has(one) ? one : UNKNOWN_STAG);
      }
    }
  }));
});

Deno.test("RegistrationKeys gives distinct keys and addresses that are no native ones", () => {
  const keys = new RegistrationKeys();
  const given = Array.from({ length: 1000 }, () => keys.register(4096, 8, "remote"));
  assert.equal(new Set(given.map((memory) => memory.rkey)).size, 1000);
  assert.equal(keys.register(4096, 8, "local").rkey, 0);
  for (const { rkey, address } of given) {
    assert.notEqual(rkey, 0);
    assert.ok(address.high >= 0x100 && address.low === 0);
  }
});
