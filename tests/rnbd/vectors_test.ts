/** The RNBD codecs against the vectors, byte for byte in both directions, and their refusals. */
import assert from "node:assert/strict";
import type { BackendGeometry } from "../../src/rnbd/backend.ts";
import { BLOCK_OP } from "../../src/rnbd/block_queue.ts";
import {
  CACHE_POLICY,
  CLOSE,
  decodeOpen,
  decodeOpenResponse,
  encodeClose,
  encodeIo,
  encodeOpen,
  encodeOpenResponse,
  encodeSessionInfo,
  IO,
  messageType,
  OPEN,
  OPEN_RSP,
  RNBD_MESSAGE,
  RW_FLAG,
  SESS_INFO,
} from "../../src/rnbd/codec.ts";
import { checkIo, ioDeviceId, ParsedIo } from "../../src/rnbd/server/io_gate.ts";
import { checkRequest, ParsedRequest } from "../../src/rtrs/server/gate.ts";
import { vector } from "../vectors/vectors.ts";

const CHUNK_BYTES = 131_072;
const DISK: BackendGeometry = {
  sizeBytes: 2 ** 50,
  logicalBlockBytes: 512,
  physicalBlockBytes: 4096,
  maxWriteZeroesSectors: 0x40_0000,
  maxDiscardSectors: 0x40_0000,
  discardGranularityBytes: 4096,
  discardAlignmentBytes: 0,
  secureErase: false,
  rotational: false,
  writeCache: true,
  fua: true,
  readOnly: false,
};

/** What `write` makes of memory that held something else before. */
function encoded(length: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(length).fill(0xee);
  write(new DataView(bytes.buffer));
  return bytes;
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

Deno.test("SESS_INFO and its answer are byte-equal", () => {
  const request = (type: number) =>
    encoded(SESS_INFO.BYTES, (view) => encodeSessionInfo(view, 0, type));
  assert.deepEqual(request(RNBD_MESSAGE.SESS_INFO), vector("sess_info_req").slice(0, 36));
  assert.deepEqual(request(RNBD_MESSAGE.SESS_INFO_RSP), vector("sess_info_rsp"));
  assert.equal(messageType(viewOf(vector("sess_info_rsp")), 0), RNBD_MESSAGE.SESS_INFO_RSP);
});

Deno.test("OPEN is byte-equal both ways", () => {
  const bytes = encoded(OPEN.BYTES, (view) => encodeOpen(view, 0, 1, "dev/nullb0"));
  assert.deepEqual(bytes, vector("open_req").slice(0, OPEN.BYTES));
  const open = decodeOpen(viewOf(vector("open_req")), 0, OPEN.BYTES);
  assert.deepEqual(open, { mode: 1, name: "dev/nullb0" });
});

Deno.test("OPEN: garbage in header padding, reserved bytes and behind the name is accepted", () => {
  const bytes = vector("open_req");
  bytes.fill(0xee, 2, 4);
  bytes[5] = 0xee;
  bytes.fill(0xee, OPEN.NAME + "dev/nullb0".length + 1, OPEN.BYTES);
  const open = decodeOpen(viewOf(bytes), 0, OPEN.BYTES);
  assert.deepEqual(open, { mode: 1, name: "dev/nullb0" });
});

Deno.test("OPEN: too short, without a NUL, not UTF-8", () => {
  const bytes = vector("open_req");
  assert.equal(typeof decodeOpen(viewOf(bytes), 0, OPEN.BYTES - 1), "string");
  assert.equal(typeof decodeOpen(viewOf(bytes.fill(0x61, OPEN.NAME)), 0, OPEN.BYTES), "string");
  bytes.set([0xff, 0xfe, 0], OPEN.NAME);
  assert.equal(typeof decodeOpen(viewOf(bytes), 0, OPEN.BYTES), "string");
});

Deno.test("OPEN: names of 254 bytes fit, longer ones are an error of the caller", () => {
  const view = new DataView(new ArrayBuffer(OPEN.BYTES));
  const longest = "x".repeat(254);
  encodeOpen(view, 0, 0, longest);
  assert.deepEqual(decodeOpen(view, 0, OPEN.BYTES), { mode: 0, name: longest });
  assert.throws(() => encodeOpen(view, 0, 0, `${longest}x`), RangeError);
  assert.throws(() => encodeOpen(view, 0, 0, "é".repeat(128)), RangeError);
});

const RESPONSE = {
  deviceId: 0,
  sizeSectors: 2_097_152,
  maxHwSectors: 2560,
  maxWriteZeroesSectors: 0,
  maxDiscardSectors: 0x40_0000,
  discardGranularityBytes: 4096,
  discardAlignmentBytes: 0,
  physicalBlockBytes: 4096,
  logicalBlockBytes: 512,
  maxSegments: 128,
  secureDiscard: 0,
  cachePolicy: CACHE_POLICY.FUA | CACHE_POLICY.WRITEBACK,
};

Deno.test("OPEN_RSP is byte-equal both ways", () => {
  const bytes = encoded(OPEN_RSP.BYTES, (view) => encodeOpenResponse(view, 0, RESPONSE));
  assert.deepEqual(bytes, vector("open_rsp"));
  assert.deepEqual(decodeOpenResponse(viewOf(vector("open_rsp")), 0), RESPONSE);
});

Deno.test("OPEN_RSP: garbage in padding, the obsolete byte and reserved bytes is accepted", () => {
  const bytes = vector("open_rsp");
  bytes.fill(0xee, 2, 4);
  bytes[OPEN_RSP.ROTATIONAL] = 0xee;
  bytes.fill(0xee, OPEN_RSP.CACHE_POLICY + 1);
  assert.deepEqual(decodeOpenResponse(viewOf(bytes), 0), RESPONSE);
});

Deno.test("OPEN_RSP: sizes above 2^32 sectors", () => {
  const bytes = encoded(
    OPEN_RSP.BYTES,
    (view) => encodeOpenResponse(view, 0, { ...RESPONSE, sizeSectors: 2 ** 43 + 5 }),
  );
  const response = decodeOpenResponse(viewOf(bytes), 0);
  assert.ok(typeof response === "object");
  assert.equal(response.sizeSectors, 2 ** 43 + 5);
});

Deno.test("OPEN_RSP: nonsense is refused", () => {
  const bend = (at: number, value: number): string => {
    const bytes = vector("open_rsp");
    viewOf(bytes).setUint16(at, value, true);
    return typeof decodeOpenResponse(viewOf(bytes), 0);
  };
  assert.equal(bend(0, RNBD_MESSAGE.OPEN), "string");
  for (const block of [0, 1, 256, 513, 768, 4095]) {
    assert.equal(bend(OPEN_RSP.LOGICAL_BLOCK_SIZE, block), "string", `block ${block}`);
  }
  assert.equal(bend(OPEN_RSP.LOGICAL_BLOCK_SIZE, 4096), "object");
  assert.equal(bend(OPEN_RSP.NSECTORS + 6, 0xffff), "string", "more than 2^53 bytes");
});

Deno.test("CLOSE is byte-equal", () => {
  const bytes = encoded(CLOSE.BYTES, (view) => encodeClose(view, 0, 0));
  assert.deepEqual(bytes, vector("close_req").slice(0, CLOSE.BYTES));
  const other = encoded(CLOSE.BYTES, (view) => encodeClose(view, 0, 0xfedc_ba98));
  assert.equal(viewOf(other).getUint32(CLOSE.DEVICE_ID, true), 0xfedc_ba98);
});

const { SYNC, FUA, PREFLUSH, NO_UNMAP } = RW_FLAG;
const IO_VECTORS: [string, number, number, number, number, number][] = [
  ["read_req", 0, BLOCK_OP.READ | SYNC, 8, 4096, 4096],
  ["write_hdr", 0, BLOCK_OP.WRITE | SYNC, 8, 4096, 4096],
  ["write_hdr_fua", 7, BLOCK_OP.WRITE | SYNC | FUA, 0x12_3456_789a, 4096, 4096],
  ["flush_req", 0, BLOCK_OP.FLUSH | SYNC | FUA, 0, 0, 0],
  ["discard_req", 0, BLOCK_OP.DISCARD, 2048, 2 ** 20, 0],
];

for (const [name, device, rw, sector, length, dataLength] of IO_VECTORS) {
  Deno.test(`IO message ${name} is byte-equal both ways`, () => {
    const message = vector(name).slice(0, IO.BYTES);
    const bytes = encoded(IO.BYTES, (view) => encodeIo(view, 0, device, rw, sector * 512, length));
    // We have no priorities to pass on; the vector with one is decoded only.
    if (name === "write_hdr_fua") message.fill(0, IO.PRIO, IO.PRIO + 2);
    assert.deepEqual(bytes, message);
    const io = readIo(vector(name), dataLength);
    assert.deepEqual([io.device, io.reason], [device, 0]);
    assert.deepEqual(
      [io.operation, io.offset, io.length, io.fua, io.preflush, io.mayUnmap],
      [rw & 0xff, sector * 512, length, (rw & FUA) !== 0, false, true],
    );
  });
}

/** Passes a request (user message and RTRS message) through both gates. */
function readIo(tail: Uint8Array, dataLength: number, userLength: number = IO.BYTES) {
  const chunk = new Uint8Array(CHUNK_BYTES);
  chunk.set(tail, dataLength);
  const view = viewOf(chunk);
  const request = new ParsedRequest();
  assert.equal(checkRequest(view, 0, CHUNK_BYTES, 4096, dataLength + userLength, request), 0);
  const io = new ParsedIo();
  const device = ioDeviceId(view, request);
  const reason = device < 0 ? -1 : checkIo(view, request, DISK, false, io);
  return { device, reason, ...io };
}

Deno.test("IO messages of 24, 26, 28 and 32 bytes mean the same; shorter ones are none", () => {
  const message = vector("write_hdr_fua");
  for (const userLength of [24, 26, 28, 32]) {
    const tail = new Uint8Array(userLength + 4);
    tail.set(message.subarray(0, userLength));
    tail.set([2, 0, userLength, 0], userLength);
    const io = readIo(tail, 4096, userLength);
    assert.deepEqual([io.device, io.reason, io.length], [7, 0, 4096], `${userLength} bytes`);
  }
  const short = new Uint8Array(24);
  short.set(message.subarray(0, 20));
  short.set([2, 0, 20, 0], 20);
  assert.ok(readIo(short, 4096, 20).device < 0);
});

Deno.test("IO message: padding, tail and unknown flag bits do not matter; 0x400 and 0x800 do", () => {
  const message = vector("write_hdr");
  message.fill(0xee, 2, 4);
  message.fill(0xee, IO.PRIO, IO.BYTES);
  viewOf(message).setUint32(IO.RW, 0xffff_f000 | BLOCK_OP.WRITE, true);
  const io = readIo(message, 4096);
  assert.deepEqual([io.reason, io.operation, io.fua, io.preflush], [
    0,
    BLOCK_OP.WRITE,
    false,
    false,
  ]);
  viewOf(message).setUint32(IO.RW, BLOCK_OP.WRITE | PREFLUSH | NO_UNMAP, true);
  const flagged = readIo(message, 4096);
  assert.deepEqual([flagged.preflush, flagged.mayUnmap], [true, false]);
});
