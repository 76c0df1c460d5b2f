/** The RTRS codecs against the vectors, byte for byte in both directions, and their refusals. */
import assert from "node:assert/strict";
import {
  CONN_REQ,
  CONN_RSP,
  decodeConnectAccept,
  decodeConnectReject,
  decodeConnectRequest,
  encodeConnectAccept,
  encodeConnectReject,
  encodeConnectRequest,
} from "../../src/rtrs/connect_codec.ts";
import { IMMEDIATE, NEED_INVALIDATE_FLAG, NEW_RKEY_FLAG } from "../../src/rtrs/constants.ts";
import {
  chunkBits,
  HEARTBEAT_ACK_IMMEDIATE,
  HEARTBEAT_IMMEDIATE,
  immediateType,
  memoryBits,
  requestBufferId,
  requestImmediate,
  requestOffset,
  responseBufferId,
  responseErrno,
  responseImmediate,
} from "../../src/rtrs/immediate.ts";
import {
  decodeInfoRequest,
  decodeInfoResponse,
  encodeInfoRequest,
  encodeInfoResponse,
  INFO_REQ,
  infoResponseBytes,
} from "../../src/rtrs/info_codec.ts";
import {
  encodeRead,
  encodeReadInto,
  encodeWrite,
  READ_BYTES,
  READ_WITH_BUFFER_BYTES,
  WRITE_BYTES,
} from "../../src/rtrs/request_codec.ts";
import { checkRequest, ParsedRequest } from "../../src/rtrs/server/gate.ts";
import { fromHex, immediateVectors, vector, vectorNames } from "../vectors/vectors.ts";

const PATH_UUID = fromHex("00112233445566778899aabbccddeeff");
const SESSION_UUID = fromHex("f0e1d2c3b4a5968778695a4b3c2d1e0f");
const DEPTH = 512;
const CHUNK_BYTES = 131_072;
const HEADER_BYTES = 4096;

Deno.test("every vector of the file belongs to a test here or in tests/rnbd", () => {
  const tested = ["conn_req_0", "conn_req_2", "conn_rsp_ok", "conn_rsp_ok_noinv"].concat(
    ["conn_rsp_rej_104", "conn_rsp_rej_17", "conn_rsp_rej_6", "info_req", "info_rsp_1"],
    ["info_rsp_4", "rkey_rsp", "sess_info_req", "sess_info_rsp", "open_req", "open_rsp"],
    ["read_req", "read_req_inv", "write_hdr", "write_hdr_fua", "flush_req", "discard_req"],
    ["close_req"],
  );
  assert.deepEqual(vectorNames(), tested);
  assert.equal(immediateVectors().size, 15);
});

for (const [name, cid] of [["conn_req_0", 0], ["conn_req_2", 2]] as const) {
  const request = {
    cid,
    cidNum: 3,
    reconCnt: 1,
    pathUuid: PATH_UUID,
    sessionUuid: SESSION_UUID,
    firstConn: true,
  };
  Deno.test(`connect request ${name} is byte-equal both ways`, () => {
    assert.deepEqual(encodeConnectRequest(request), vector(name));
    assert.deepEqual(decodeConnectRequest(vector(name)), request);
  });
}

for (const [name, flags] of [["conn_rsp_ok", NEW_RKEY_FLAG], ["conn_rsp_ok_noinv", 0]] as const) {
  const accept = { queueDepth: DEPTH, maxIoBytes: 126_976, maxHeaderBytes: HEADER_BYTES, flags };
  Deno.test(`accept ${name} is byte-equal both ways`, () => {
    assert.deepEqual(encodeConnectAccept(accept), vector(name));
    assert.deepEqual(decodeConnectAccept(vector(name)), accept);
  });
}

for (const errno of [104, 17, 6]) {
  Deno.test(`reject with errno ${errno} is byte-equal both ways`, () => {
    assert.deepEqual(encodeConnectReject(errno), vector(`conn_rsp_rej_${errno}`));
    assert.equal(decodeConnectReject(vector(`conn_rsp_rej_${errno}`)), errno);
    assert.equal(typeof decodeConnectAccept(vector(`conn_rsp_rej_${errno}`)), "string");
  });
}

Deno.test("connect request: garbage in reserved bytes and padding behind it is accepted", () => {
  const bytes = new Uint8Array(92).fill(0xee);
  bytes.set(vector("conn_req_2").subarray(0, CONN_REQ.BITS + 1));
  bytes[CONN_REQ.BITS] = 0xff;
  assert.deepEqual(decodeConnectRequest(bytes), decodeConnectRequest(vector("conn_req_2")));
});

Deno.test("connect request: the five checks on private data, one byte away from right", () => {
  const bend = (change: (view: DataView) => void): unknown => {
    const bytes = vector("conn_req_2");
    change(new DataView(bytes.buffer));
    return decodeConnectRequest(bytes);
  };
  assert.equal(typeof decodeConnectRequest(vector("conn_req_2").subarray(0, 55)), "string");
  assert.equal(typeof decodeConnectRequest(new Uint8Array()), "string");
  assert.equal(typeof bend((view) => view.setUint16(CONN_REQ.MAGIC, 0x1bbe, true)), "string");
  for (const version of [0x0100, 0x0300, 0x0002, 0]) {
    const outcome = bend((view) => view.setUint16(CONN_REQ.VERSION, version, true));
    assert.equal(typeof outcome, "string", `version ${version}`);
  }
  assert.equal(typeof bend((view) => view.setUint16(CONN_REQ.VERSION, 0x0207, true)), "object");
  assert.equal(typeof bend((view) => view.setUint16(CONN_REQ.CID_NUM, 4097, true)), "string");
  assert.equal(typeof bend((view) => view.setUint16(CONN_REQ.CID_NUM, 4096, true)), "object");
  assert.equal(typeof bend((view) => view.setUint16(CONN_REQ.CID, 3, true)), "string");
  assert.equal(typeof bend((view) => view.setUint16(CONN_REQ.CID_NUM, 0, true)), "string");
});

Deno.test("connect request: recon_cnt is cut to 16 bits", () => {
  const request = decodeConnectRequest(vector("conn_req_0"));
  assert.ok(typeof request === "object");
  const again = decodeConnectRequest(encodeConnectRequest({ ...request, reconCnt: 0x1_0002 }));
  assert.ok(typeof again === "object");
  assert.equal(again.reconCnt, 2);
});

Deno.test("accept: garbage in reserved bytes and padding is accepted, minor 7 as well", () => {
  const bytes = new Uint8Array(196).fill(0xee);
  bytes.set(vector("conn_rsp_ok").subarray(0, 20));
  bytes[CONN_RSP.VERSION] = 7;
  assert.deepEqual(decodeConnectAccept(bytes), decodeConnectAccept(vector("conn_rsp_ok")));
});

Deno.test("accept: short, wrong magic, major 1 or 3, errno, depth 0 are refused", () => {
  const bend = (at: number, value: number): unknown => {
    const bytes = vector("conn_rsp_ok");
    new DataView(bytes.buffer).setUint16(at, value, true);
    return decodeConnectAccept(bytes);
  };
  assert.equal(typeof decodeConnectAccept(vector("conn_rsp_ok").subarray(0, 55)), "string");
  assert.equal(typeof bend(CONN_RSP.MAGIC, 0xbd1b), "string");
  assert.equal(typeof bend(CONN_RSP.VERSION, 0x0100), "string");
  assert.equal(typeof bend(CONN_RSP.VERSION, 0x0300), "string");
  assert.equal(typeof bend(CONN_RSP.ERRNO, 5), "string");
  assert.equal(typeof bend(CONN_RSP.ERRNO, 0xffff), "string");
  assert.equal(typeof bend(CONN_RSP.QUEUE_DEPTH, 0), "string");
});

Deno.test("reject: errno 0, a positive one, short data and wrong magic mean ECONNRESET", () => {
  const withErrno = (errno: number): number => {
    const bytes = vector("conn_rsp_rej_17");
    new DataView(bytes.buffer).setInt16(CONN_RSP.ERRNO, errno, true);
    return decodeConnectReject(bytes);
  };
  assert.equal(withErrno(0), 104);
  assert.equal(withErrno(17), 104);
  assert.equal(withErrno(-12), 12);
  assert.equal(decodeConnectReject(vector("conn_rsp_rej_17").subarray(0, 55)), 104);
  assert.equal(decodeConnectReject(new Uint8Array(56)), 104);
});

Deno.test("reject: an errno that a client would take for success cannot be encoded", () => {
  for (const errno of [0, -17, 0x8000]) {
    assert.throws(() => encodeConnectReject(errno), RangeError);
  }
});

Deno.test("info_req is byte-equal both ways", () => {
  const bytes = new Uint8Array(INFO_REQ.BYTES);
  encodeInfoRequest(bytes, "clt1@srv1");
  assert.deepEqual(bytes, vector("info_req"));
  assert.equal(decodeInfoRequest(vector("info_req")), "clt1@srv1");
});

Deno.test("info_req: what lies behind the name and in reserved bytes does not matter", () => {
  const bytes = vector("info_req").fill(0xee, 12);
  assert.equal(decodeInfoRequest(bytes), "clt1@srv1");
});

Deno.test("info_req: size, type and the rules for names", () => {
  const problem = (bytes: Uint8Array): boolean => typeof decodeInfoRequest(bytes) === "object";
  const named = (name: string | Uint8Array): Uint8Array => {
    const bytes = new Uint8Array(INFO_REQ.BYTES);
    bytes.set(typeof name === "string" ? new TextEncoder().encode(name) : name, INFO_REQ.NAME);
    return bytes;
  };
  assert.ok(problem(vector("info_req").subarray(0, 271)));
  assert.ok(problem(new Uint8Array([1, ...vector("info_req").subarray(1)])), "type 1");
  assert.ok(problem(named("")), "empty");
  assert.ok(problem(named("a/b")));
  assert.ok(problem(named("a.b")));
  assert.ok(problem(named("x".repeat(255))), "no NUL");
  assert.ok(problem(named(new Uint8Array([0xc3, 0x28]))), "not UTF-8");
  assert.equal(decodeInfoRequest(named("x".repeat(254))), "x".repeat(254));
  assert.equal(decodeInfoRequest(named("\u{feff}x")), "\u{feff}x", "a BOM is part of the name");
});

const REGION_1 = [{ high: 0x7f12, low: 0x3400_0000, rkey: 0x0011_2233, length: 67_108_864 }];
const REGIONS_4 = [0, 1, 2, 3].map((i) => ({
  high: 1,
  low: i * 0x2_0000,
  rkey: 0x1001 + i * 0x100,
  length: CHUNK_BYTES,
}));

for (
  const [name, regions, depth] of [["info_rsp_1", REGION_1, 512], [
    "info_rsp_4",
    REGIONS_4,
    4,
  ]] as const
) {
  Deno.test(`${name} is byte-equal both ways`, () => {
    const bytes = new Uint8Array(infoResponseBytes(regions.length));
    encodeInfoResponse(bytes, regions);
    assert.deepEqual(bytes, vector(name));
    assert.deepEqual(decodeInfoResponse(vector(name), depth, CHUNK_BYTES), regions);
  });
}

Deno.test("info_rsp: each check of the client", () => {
  const encoded = (lengths: readonly number[]): Uint8Array => {
    const bytes = new Uint8Array(infoResponseBytes(lengths.length));
    const region = { high: 1, low: 0, rkey: 1 };
    encodeInfoResponse(bytes, lengths.map((length) => ({ ...region, length })));
    return bytes;
  };
  const refused = (bytes: Uint8Array, depth: number, chunk = 8192): boolean =>
    typeof decodeInfoResponse(bytes, depth, chunk) === "string";
  assert.ok(!refused(encoded([8192, 8192]), 2));
  assert.ok(!refused(encoded([16_384]), 2));
  assert.ok(refused(encoded([]), 2), "no region");
  assert.ok(refused(encoded([8192, 8192, 8192]), 4), "3 regions do not divide 4 chunks");
  assert.ok(refused(encoded([8192, 0]), 2), "an empty region");
  assert.ok(refused(encoded([8192, 8191]), 2), "no multiple of the chunk");
  assert.ok(refused(encoded([8192]), 2), "too short");
  assert.ok(refused(encoded([8192, 16_384]), 2), "too long");
  assert.ok(refused(encoded([8192, 8192]).subarray(0, -1), 2), "the array is cut off");
  assert.ok(refused(encoded([8192, 8192]).subarray(0, 7), 2), "the head is cut off");
  assert.ok(refused(encoded([1 << 20]), 512, 1 << 20), "the immediate has 19 bits for 20");
  const wrongType = encoded([16_384]);
  wrongType[0] = 4;
  assert.ok(refused(wrongType, 2), "another message");
  assert.ok(!refused(new Uint8Array([...encoded([16_384]), 1, 2, 3]), 2), "bytes behind it");
  assert.ok(!refused(encoded([16_384]).fill(0xee, 4, 8), 2), "reserved bytes");
});

Deno.test("READ, WRITE and FLUSH messages are byte-equal", () => {
  const encoded = (length: number, write: (view: DataView) => void): Uint8Array => {
    const bytes = new Uint8Array(length).fill(0xee);
    write(new DataView(bytes.buffer));
    return bytes;
  };
  const read = (flags: number) =>
    encoded(
      READ_WITH_BUFFER_BYTES,
      (view) => encodeReadInto(view, 0, 32, flags, 0x7f00, 0xbb00_0000, 0x5502, 4096),
    );
  assert.deepEqual(read(0), vector("read_req").slice(32));
  assert.deepEqual(read(NEED_INVALIDATE_FLAG), vector("read_req_inv").slice(32));
  const write = encoded(WRITE_BYTES, (view) => encodeWrite(view, 0, 32));
  for (const name of ["write_hdr", "write_hdr_fua", "discard_req"]) {
    assert.deepEqual(write, vector(name).slice(32));
  }
  assert.deepEqual(encoded(WRITE_BYTES, (v) => encodeWrite(v, 0, 8)), vector("close_req").slice(8));
  assert.deepEqual(encoded(READ_BYTES, (v) => encodeRead(v, 0, 32)), vector("flush_req").slice(32));
});

for (
  const [name, dataLength, userLength, hasBuffer] of [
    ["read_req", 4096, 32, true],
    ["read_req_inv", 4096, 32, true],
    ["write_hdr", 4096, 32, false],
    ["flush_req", 0, 32, false],
    ["discard_req", 0, 32, false],
    ["close_req", 0, 8, false],
    ["sess_info_req", 36, 36, true],
    ["open_req", 56, 264, true],
  ] as const
) {
  Deno.test(`the gate reads ${name} as it was meant`, () => {
    const chunk = new Uint8Array(CHUNK_BYTES);
    chunk.set(vector(name), dataLength);
    const request = new ParsedRequest();
    const offset = dataLength + userLength;
    const view = new DataView(chunk.buffer);
    assert.equal(checkRequest(view, 0, CHUNK_BYTES, HEADER_BYTES, offset, request), 0);
    assert.equal(request.userAt, dataLength);
    assert.equal(request.userLength, userLength);
    assert.equal(request.dataLength, dataLength);
    assert.equal(request.hasBuffer, hasBuffer);
    if (!name.startsWith("read_req")) return;
    const { addressHigh, addressLow, rkey } = request;
    assert.deepEqual([addressHigh, addressLow >>> 0, rkey], [0x7f00, 0xbb00_0000, 0x5502]);
  });
}

Deno.test("immediates of requests: all vectors, both ways", () => {
  const vectors = immediateVectors();
  const bits = memoryBits(DEPTH);
  const cases: [string, number, number][] = [
    ["SESS_INFO, buffer 0: off 36+36", 0, 72],
    ["OPEN, buffer 0: off 56+264", 0, 320],
    ["4K READ or WRITE, buffer 0: off 4096+32", 0, 4128],
    ["4K READ or WRITE, buffer 5", 5, 4128],
    ["4K READ or WRITE, buffer 511", 511, 4128],
    ["FLUSH / DISCARD, buffer 3: off 32", 3, 32],
    ["CLOSE, buffer 1: off 8", 1, 8],
  ];
  for (const [name, bufferId, offset] of cases) {
    const value = vectors.get(name)!;
    assert.equal(requestImmediate(bufferId, offset, bits), value, name);
    assert.equal(immediateType(value), IMMEDIATE.IO_REQUEST);
    assert.equal(requestBufferId(value, bits), bufferId);
    assert.equal(requestOffset(value, bits), offset);
  }
});

Deno.test("immediates of answers: all vectors, both ways", () => {
  const vectors = immediateVectors();
  const cases: [string, number, number, boolean][] = [
    ["IO_RSP ok, buffer 5", 5, 0, false],
    ["IO_RSP_W_INV ok, buffer 5", 5, 0, true],
    ["IO_RSP -EIO(5), buffer 5", 5, 5, false],
    ["IO_RSP -ENOTCONN(107), buffer 511", 511, 107, false],
    ["IO_RSP -ENOENT(2), buffer 0 (failed OPEN)", 0, 2, false],
    ["IO_RSP -EPERM(1), buffer 0 (failed OPEN)", 0, 1, false],
  ];
  for (const [name, bufferId, errno, invalidated] of cases) {
    const value = vectors.get(name)!;
    assert.equal(responseImmediate(bufferId, errno, invalidated), value, name);
    const type = invalidated ? IMMEDIATE.IO_RESPONSE_INVALIDATED : IMMEDIATE.IO_RESPONSE;
    assert.equal(immediateType(value), type);
    assert.equal(responseBufferId(value), bufferId);
    assert.equal(responseErrno(value), errno);
  }
  assert.equal(HEARTBEAT_IMMEDIATE, vectors.get("HB_MSG"));
  assert.equal(HEARTBEAT_ACK_IMMEDIATE, vectors.get("HB_ACK"));
});

Deno.test("an errno that does not fit nine bits becomes EIO, never another one or success", () => {
  for (const errno of [512, 513, 524, 1023, 4095]) {
    assert.equal(responseErrno(responseImmediate(7, errno, false)), 5);
  }
  assert.equal(responseErrno(responseImmediate(7, 511, false)), 511);
});

Deno.test("bits of the immediate for the depths of the table", () => {
  const rows = [[1, 0, 0x1020], [2, 1, 0x0800_1020], [3, 2, 0x0800_1020], [4, 2, 0x0c00_1020]]
    .concat([[64, 6, 0x0fc0_1020], [100, 7, 0x0c60_1020], [128, 7, 0x0fe0_1020]])
    .concat([[511, 9, 0x0ff0_1020], [512, 9, 0x0ff8_1020], [513, 10, 0x0800_1020]])
    .concat([[1024, 10, 0x0ffc_1020], [2048, 11, 0x0ffe_1020]]);
  for (const [depth, bits, immediate] of rows as [number, number, number][]) {
    assert.equal(chunkBits(depth), bits, `depth ${depth}`);
    assert.equal(memoryBits(depth), 28 - bits);
    const value = requestImmediate(depth - 1, 4128, memoryBits(depth));
    assert.equal(value, immediate, `depth ${depth}`);
    assert.equal(requestBufferId(value, memoryBits(depth)), depth - 1);
    assert.equal(requestOffset(value, memoryBits(depth)), 4128);
  }
  assert.equal(memoryBits(65_535), 12);
  assert.equal(requestBufferId(requestImmediate(65_534, 4095, 12), 12), 65_534);
});
