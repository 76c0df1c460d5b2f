/** Properties of the RNBD codecs: round trips, and no input that a decoder chokes on. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeOpen,
  decodeOpenResponse,
  encodeIo,
  encodeOpen,
  encodeOpenResponse,
  OPEN,
  OPEN_RSP,
  type OpenResponse,
  SESS_INFO,
} from "../../src/rnbd/codec.ts";
import type { AccessModeCode } from "../../src/rnbd/access_mode.ts";
import { geometryOf } from "../../src/rnbd/client/device.ts";
import { checkIo, ioDeviceId, ParsedIo } from "../../src/rnbd/server/io_gate.ts";
import { ParsedRequest } from "../../src/rtrs/server/gate.ts";
import { encodeClose, encodeSessionInfo } from "../../src/rnbd/codec.ts";

const GUARD_BYTES = 64;
const GUARD = 0x5a;

/** Runs an encoder in the middle of guarded memory; returns what it wrote. */
function guarded(length: number, write: (view: DataView, at: number) => void): Uint8Array {
  const bytes = new Uint8Array(length + 2 * GUARD_BYTES).fill(GUARD);
  write(new DataView(bytes.buffer), GUARD_BYTES);
  const isGuard = (byte: number) => byte === GUARD;
  assert.ok(bytes.subarray(0, GUARD_BYTES).every(isGuard), "wrote in front of the message");
  assert.ok(bytes.subarray(GUARD_BYTES + length).every(isGuard), "wrote behind the message");
  return bytes.slice(GUARD_BYTES, GUARD_BYTES + length);
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const u16 = fc.nat(0xffff);
const word = fc.integer({ min: 0, max: 0xffff_ffff });

const openResponse: fc.Arbitrary<OpenResponse> = fc.record({
  deviceId: word,
  sizeSectors: fc.integer({ min: 0, max: 2 ** 44 - 1 }),
  maxHwSectors: word,
  maxWriteZeroesSectors: word,
  maxDiscardSectors: word,
  discardGranularityBytes: word,
  discardAlignmentBytes: word,
  physicalBlockBytes: u16,
  logicalBlockBytes: fc.constantFrom(512, 1024, 2048, 4096, 8192, 32_768),
  maxSegments: u16,
  secureDiscard: u16,
  cachePolicy: fc.nat(255),
}, { noNullPrototype: true });

Deno.test("OPEN_RSP survives a round trip and is written whole, nothing beside it", () => {
  fc.assert(fc.property(openResponse, (response) => {
    const bytes = guarded(OPEN_RSP.BYTES, (view, at) => encodeOpenResponse(view, at, response));
    assert.deepEqual(decodeOpenResponse(viewOf(bytes), 0), response);
    // Reserved bytes are zero even where the chunk held something else: no leak of its content.
    assert.ok(bytes.subarray(OPEN_RSP.CACHE_POLICY + 1).every((byte) => byte === 0));
  }));
});

Deno.test("OPEN survives a round trip for every name that fits", () => {
  const name = fc.string({ unit: "grapheme", maxLength: 254 }).filter((text) =>
    !text.includes("\0") && new TextEncoder().encode(text).length <= 254 &&
    !/[\ud800-\udfff]/u.test(text)
  );
  fc.assert(
    fc.property(name, fc.constantFrom<AccessModeCode>(0, 1, 2), (device, mode) => {
      const bytes = guarded(OPEN.BYTES, (view, at) => encodeOpen(view, at, mode, device));
      assert.deepEqual(decodeOpen(viewOf(bytes), 0, OPEN.BYTES), { mode, name: device });
    }),
    { numRuns: 300 },
  );
});

Deno.test("the short messages are written whole, nothing beside them", () => {
  guarded(SESS_INFO.BYTES, (view, at) => encodeSessionInfo(view, at, 1));
  guarded(8, (view, at) => encodeClose(view, at, 5));
  guarded(32, (view, at) => encodeIo(view, at, 5, 0x101, 512, 512));
});

Deno.test("OPEN and OPEN_RSP of any bytes: values or a reason", () => {
  const bytes = fc.uint8Array({ minLength: OPEN.BYTES, maxLength: OPEN.BYTES });
  fc.assert(
    fc.property(bytes, fc.boolean(), fc.nat(300), (input, typed, length) => {
      // The view ends with the message: a read behind it would throw.
      const open = decodeOpen(viewOf(input), 0, OPEN.BYTES);
      if (typeof open !== "string") assert.ok(new TextEncoder().encode(open.name).length <= 254);
      if (length < OPEN.BYTES) assert.equal(typeof decodeOpen(viewOf(input), 0, length), "string");
      if (typed) input.set([3, 0]);
      const response = decodeOpenResponse(viewOf(input.subarray(0, OPEN_RSP.BYTES)), 0);
      if (typeof response === "string") return;
      assert.ok(response.logicalBlockBytes >= 512);
      assert.ok(Number.isSafeInteger(response.sizeSectors * 512));
    }),
    { numRuns: 500 },
  );
});

Deno.test("the geometry of any OPEN_RSP is in whole blocks and within 32-bit lengths", () => {
  fc.assert(fc.property(openResponse, fc.integer({ min: 4096, max: 2 ** 20 }), (response, max) => {
    const geometry = geometryOf(response, "rw", max);
    const block = geometry.logicalBlockBytes;
    for (
      const bytes of [
        geometry.sizeBytes,
        geometry.maxIoBytes,
        geometry.maxDiscardBytes,
        geometry.maxWriteZeroesBytes,
      ]
    ) {
      assert.equal(bytes % block, 0);
    }
    assert.ok(geometry.maxDiscardBytes <= 0xffff_ffff);
    assert.ok(geometry.maxWriteZeroesBytes <= 0xffff_ffff);
    assert.ok(geometry.maxIoBytes <= max);
    assert.ok(geometry.physicalBlockBytes >= block);
    assert.ok(geometry.sizeBytes <= response.sizeSectors * 512);
  }));
});

Deno.test("IO messages: offsets up to 2^53 survive a round trip through the gate", () => {
  const sector = fc.integer({ min: 0, max: 2 ** 43 });
  fc.assert(fc.property(sector, word, fc.integer({ min: 1, max: 256 }), (at, device, sectors) => {
    const bytes = guarded(
      32,
      (view, place) => encodeIo(view, place, device, 1, at * 512, sectors * 512),
    );
    const request = new ParsedRequest();
    request.userLength = 32;
    request.dataLength = sectors * 512;
    const io = new ParsedIo();
    assert.equal(ioDeviceId(viewOf(bytes), request), device);
    const geometry = { ...DISK, sizeBytes: 2 ** 52 + 2 ** 30, logicalBlockBytes: 512 };
    assert.equal(checkIo(viewOf(bytes), request, geometry, false, io), 0);
    assert.deepEqual([io.offset, io.length], [at * 512, sectors * 512]);
  }));
});

const DISK = {
  sizeBytes: 2 ** 20,
  logicalBlockBytes: 4096,
  physicalBlockBytes: 4096,
  maxWriteZeroesSectors: 64,
  maxDiscardSectors: 128,
  discardGranularityBytes: 4096,
  discardAlignmentBytes: 0,
  secureErase: false,
  rotational: false,
  writeCache: true,
  fua: true,
  readOnly: false,
};

Deno.test("the IO gate: whatever a message says, what passes is aligned and on the disk", () => {
  const message = fc.record({
    rw: fc.oneof({ weight: 9, arbitrary: fc.nat(6) }, { weight: 1, arbitrary: word }),
    high: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: word }),
    low: fc.oneof(fc.nat(260).map((n) => n * 8), word),
    size: fc.oneof(fc.nat(20).map((n) => n * 4096), word),
    isRead: fc.boolean(),
    carriesData: fc.boolean(),
    hasBuffer: fc.boolean(),
    readOnly: fc.boolean(),
  });
  let passed = 0;
  fc.assert(
    fc.property(message, (is) => {
      const view = new DataView(new ArrayBuffer(32));
      [4, 0, is.low, is.high, is.rw, is.size].forEach((v, i) => view.setUint32(4 * i, v, true));
      const request = new ParsedRequest();
      request.userLength = 32;
      request.isRead = is.isRead;
      request.dataLength = is.carriesData ? is.size : 0;
      request.hasBuffer = is.isRead && request.dataLength > 0 && is.hasBuffer;
      const io = new ParsedIo();
      if (checkIo(view, request, DISK, is.readOnly, io) !== 0) return;
      passed++;
      assert.ok(io.operation <= 5 && io.operation !== 4);
      if (io.operation === 2) return assert.equal(io.length, 0);
      assert.ok(io.length > 0 && io.length % 4096 === 0 && io.offset % 4096 === 0);
      assert.ok(io.offset + io.length <= DISK.sizeBytes);
      assert.ok(!is.readOnly || io.operation === 0);
      if (io.operation <= 1) assert.equal(request.dataLength, io.length);
      if (io.operation === 0) assert.ok(request.hasBuffer);
      if (io.operation === 3) assert.ok(io.length <= 128 * 512);
      if (io.operation === 5) assert.ok(io.length <= 64 * 512);
    }),
    { numRuns: 20_000 },
  );
  assert.ok(passed > 100, `only ${passed} passed: the generator is too wild to test the rest`);
});
