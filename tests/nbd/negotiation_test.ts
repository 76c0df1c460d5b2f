/** The negotiation without I/O: bytes in, bytes out. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import type { NbdExport } from "../../src/nbd/export_description.ts";
import { OPTION_BYTES_MAX, OPTION_SKIPPED_BYTES_MAX, OPTIONS_MAX } from "../../src/nbd/limits.ts";
import { Negotiation } from "../../src/nbd/negotiation.ts";
import { INFO, OPTION, REPLY } from "../../src/nbd/protocol.ts";
import { fakeDiskOptions } from "./harness/fake_disk.ts";
import { encodeOption, infoRequest } from "./harness/raw_client.ts";

const FIXED_AND_NO_ZEROES = "00000003";
const OPTION_MAGIC = "49484156454f5054";
const REPLY_MAGIC = "0003e889045565a9";
/** HAS_FLAGS, FLUSH, FUA, TRIM, WRITE_ZEROES, CAN_MULTI_CONN; DF comes with structured replies. */
const FLAGS = "016d";
const FLAGS_STRUCTURED = "01ed";
const SIZE = "0000000004000000";
const BLOCK_SIZES = "00000200" + "00001000" + "02000000";

function exportOf(geometry = {}): NbdExport {
  const { geometry: all } = fakeDiskOptions(geometry);
  return { name: "disk0", description: "d", geometry: () => all };
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** Feeds hex as the machine wants it; returns all it answered. */
function feed(negotiation: Negotiation, ...parts: string[]): string {
  let input = Buffer.from(parts.join(""), "hex");
  let output = "";
  while (input.length > 0 && negotiation.outcome === null) {
    const wanted = negotiation.wantedBytes;
    assert.ok(input.length >= wanted, `wants ${wanted}, the vector has ${input.length}`);
    output += hex(negotiation.receive(input.subarray(0, wanted)));
    input = input.subarray(wanted);
  }
  assert.equal(input.length, 0, "bytes after the outcome");
  return output;
}

const option = (number: number, data = "") =>
  OPTION_MAGIC + number.toString(16).padStart(8, "0") +
  (data.length / 2).toString(16).padStart(8, "0") + data;

const reply = (number: number, type: number, data = "") =>
  REPLY_MAGIC + number.toString(16).padStart(8, "0") + type.toString(16).padStart(8, "0") +
  (data.length / 2).toString(16).padStart(8, "0") + data;

/** Start of an error reply, up to its length. */
const refusal = (number: number, type: number) => reply(number, type).slice(0, -8);

Deno.test("Negotiation greets with fixed newstyle and no zeroes", () => {
  const negotiation = new Negotiation(exportOf());
  assert.equal(hex(negotiation.greeting()), "4e42444d41474943" + OPTION_MAGIC + "0003");
});

Deno.test("Negotiation answers EXPORT_NAME with size, flags and, for old clients, 124 zeroes", () => {
  for (const [flags, padding] of [["00000001", 124], ["00000000", 124], ["00000003", 0]] as const) {
    for (const name of ["", hex(new TextEncoder().encode("disk0"))]) {
      const negotiation = new Negotiation(exportOf());
      const output = feed(negotiation, flags, option(OPTION.EXPORT_NAME, name));
      assert.equal(output, SIZE + FLAGS + "00".repeat(padding));
      assert.deepEqual(negotiation.outcome, {
        kind: "transmission",
        structured: false,
        transmissionFlags: 0x16d,
      });
    }
  }
});

Deno.test("Negotiation takes STRUCTURED_REPLY and GO, and tells what was asked for", () => {
  const negotiation = new Negotiation(exportOf());
  const structured = feed(negotiation, FIXED_AND_NO_ZEROES, option(OPTION.STRUCTURED_REPLY));
  assert.equal(structured, reply(OPTION.STRUCTURED_REPLY, REPLY.ACK));
  const types = [INFO.NAME, INFO.DESCRIPTION, INFO.BLOCK_SIZE, 77];
  const output = feed(negotiation, option(OPTION.GO, hex(infoRequest("disk0", types))));
  const expected = [
    reply(OPTION.GO, REPLY.INFO, "0000" + SIZE + FLAGS_STRUCTURED),
    reply(OPTION.GO, REPLY.INFO, "0003" + BLOCK_SIZES),
    reply(OPTION.GO, REPLY.INFO, "0001" + hex(new TextEncoder().encode("disk0"))),
    reply(OPTION.GO, REPLY.INFO, "0002" + hex(new TextEncoder().encode("d"))),
    reply(OPTION.GO, REPLY.ACK),
  ];
  assert.equal(output, expected.join(""));
  assert.deepEqual(negotiation.outcome, {
    kind: "transmission",
    structured: true,
    transmissionFlags: 0x1ed,
  });
});

Deno.test("Negotiation answers INFO like GO and goes on", () => {
  const info = new Negotiation(exportOf());
  const go = new Negotiation(exportOf());
  const data = hex(infoRequest("", [INFO.BLOCK_SIZE]));
  const told = feed(info, FIXED_AND_NO_ZEROES, option(OPTION.INFO, data));
  const went = feed(go, FIXED_AND_NO_ZEROES, option(OPTION.GO, data));
  const asGo = told.replaceAll(REPLY_MAGIC + "00000006", REPLY_MAGIC + "00000007");
  assert.equal(asGo, went);
  assert.equal(info.outcome, null);
  assert.equal(feed(info, option(OPTION.ABORT)), reply(OPTION.ABORT, REPLY.ACK));
  assert.deepEqual(info.outcome, { kind: "aborted" });
});

Deno.test("Negotiation lists its one export by name and description", () => {
  const negotiation = new Negotiation(exportOf());
  const output = feed(negotiation, FIXED_AND_NO_ZEROES, option(OPTION.LIST));
  const entry = "00000005" + hex(new TextEncoder().encode("disk0d"));
  assert.equal(output, reply(OPTION.LIST, REPLY.SERVER, entry) + reply(OPTION.LIST, REPLY.ACK));
});

Deno.test("Negotiation tells transmission flags and block sizes from the geometry", () => {
  const cases = [
    [{ readOnly: true }, "010f", BLOCK_SIZES],
    [{ maxDiscardBytes: 0 }, "014d", BLOCK_SIZES],
    [{ maxWriteZeroesBytes: 0 }, "016d", BLOCK_SIZES],
    [
      { logicalBlockBytes: 4096, physicalBlockBytes: 65_536 },
      "016d",
      "00001000" + "00010000" + "02000000",
    ],
    [{ physicalBlockBytes: 5000 }, "016d", "00000200" + "00002000" + "02000000"],
  ] as const;
  for (const [geometry, flags, sizes] of cases) {
    const negotiation = new Negotiation(exportOf(geometry));
    const data = hex(infoRequest("", [INFO.BLOCK_SIZE]));
    const output = feed(negotiation, FIXED_AND_NO_ZEROES, option(OPTION.GO, data));
    const expected = reply(OPTION.GO, REPLY.INFO, "0000" + SIZE + flags) +
      reply(OPTION.GO, REPLY.INFO, "0003" + sizes) + reply(OPTION.GO, REPLY.ACK);
    assert.equal(output, expected);
  }
});

Deno.test("Negotiation refuses what it does not know and goes on", () => {
  const negotiation = new Negotiation(exportOf());
  feed(negotiation, FIXED_AND_NO_ZEROES);
  for (const number of [OPTION.STARTTLS, 4, 9, 10, 11, 0, 0xffff_ffff]) {
    const output = feed(negotiation, option(number, "0102"));
    assert.ok(output.startsWith(refusal(number, REPLY.ERR_UNSUP)), output);
  }
  for (const number of [OPTION.LIST, OPTION.STRUCTURED_REPLY]) {
    const output = feed(negotiation, option(number, "00"));
    assert.ok(output.startsWith(refusal(number, REPLY.ERR_INVALID)), output);
  }
  const unknown = feed(negotiation, option(OPTION.GO, hex(infoRequest("disk1"))));
  assert.ok(unknown.startsWith(refusal(OPTION.GO, REPLY.ERR_UNKNOWN)), unknown);
  assert.equal(negotiation.outcome, null);
});

Deno.test("Negotiation refuses GO whose lengths disagree", () => {
  const good = hex(infoRequest("disk0", [INFO.NAME]));
  const bent = [
    "",
    "00000000",
    "0000000600000000",
    good.slice(0, -2),
    good + "00",
    "ffffffff" + good.slice(8),
    "000000050000000000ffff",
  ];
  for (const data of bent) {
    const negotiation = new Negotiation(exportOf());
    const output = feed(negotiation, FIXED_AND_NO_ZEROES, option(OPTION.GO, data));
    assert.ok(output.startsWith(refusal(OPTION.GO, REPLY.ERR_INVALID)), `${data}: ${output}`);
  }
});

Deno.test("Negotiation skips oversized option data, up to a bound", () => {
  const negotiation = new Negotiation(exportOf());
  const data = "00".repeat(OPTION_BYTES_MAX * 2 + 1);
  const output = feed(negotiation, FIXED_AND_NO_ZEROES, option(OPTION.GO, data));
  assert.ok(output.startsWith(refusal(OPTION.GO, REPLY.ERR_TOO_BIG)), output);
  assert.ok(feed(negotiation, option(OPTION.GO, hex(infoRequest("")))).length > 0);
  assert.equal(negotiation.outcome?.kind, "transmission");
});

Deno.test("Negotiation hangs up on what no reply can answer", () => {
  const length = (bytes: number) => bytes.toString(16).padStart(8, "0");
  const cases = [
    ["client_flags", "00000004"],
    ["client_flags", "80000003"],
    ["option_magic", FIXED_AND_NO_ZEROES + "49484156454f5055" + "0000000300000000"],
    ["export_unknown", FIXED_AND_NO_ZEROES + option(OPTION.EXPORT_NAME, "61")],
    [
      "option_too_long",
      FIXED_AND_NO_ZEROES + OPTION_MAGIC + "00000001" + length(OPTION_BYTES_MAX + 1),
    ],
    [
      "option_too_long",
      FIXED_AND_NO_ZEROES + OPTION_MAGIC + "00000007" + length(OPTION_SKIPPED_BYTES_MAX + 1),
    ],
    ["option_too_many", FIXED_AND_NO_ZEROES + option(OPTION.LIST).repeat(OPTIONS_MAX + 1)],
  ] as const;
  for (const [failure, input] of cases) {
    const negotiation = new Negotiation(exportOf());
    feed(negotiation, input);
    assert.deepEqual(negotiation.outcome, { kind: "failed", failure });
  }
});

Deno.test("Negotiation wants exact amounts and nothing after the outcome", () => {
  const negotiation = new Negotiation(exportOf());
  assert.throws(() => negotiation.receive(new Uint8Array(3)), RangeError);
  feed(negotiation, FIXED_AND_NO_ZEROES, option(OPTION.ABORT));
  assert.throws(() => negotiation.receive(new Uint8Array(16)), RangeError);
});

Deno.test("Negotiation answers every option with well-formed replies that name it", () => {
  const anOption = fc.record({
    number: fc.oneof(fc.integer({ min: 2, max: 12 }), fc.integer({ min: 0, max: 2 ** 31 })),
    data: fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.tuple(fc.string({ maxLength: 12 }), fc.array(fc.nat(9), { maxLength: 5 }))
        .map(([name, types]) => infoRequest(name, types)),
    ),
  });
  fc.assert(fc.property(fc.array(anOption, { maxLength: 20 }), (options) => {
    const negotiation = new Negotiation(exportOf());
    negotiation.receive(new Uint8Array([0, 0, 0, 3]));
    for (const { number, data } of options) {
      if (negotiation.outcome !== null) break;
      const input = encodeOption(number, data);
      let output = hex(negotiation.receive(input.subarray(0, 16)));
      if (data.length > 0 && negotiation.outcome === null) {
        assert.equal(negotiation.wantedBytes, data.length);
        output += hex(negotiation.receive(data));
      }
      if (number !== OPTION.EXPORT_NAME) assertReplies(Buffer.from(output, "hex"), number);
    }
  }));
});

function assertReplies(bytes: Buffer, number: number): void {
  assert.ok(bytes.length > 0);
  let final = false;
  for (let at = 0; at < bytes.length;) {
    assert.equal(final, false, "a reply after the final one");
    assert.equal(bytes.toString("hex", at, at + 8), REPLY_MAGIC);
    assert.equal(bytes.readUInt32BE(at + 8), number);
    const type = bytes.readUInt32BE(at + 12);
    final = type !== REPLY.SERVER && type !== REPLY.INFO;
    at += 20 + bytes.readUInt32BE(at + 16);
    assert.ok(at <= bytes.length);
  }
  assert.ok(final);
}
