/** Properties of the RTRS codecs: round trips, and no input that a decoder chokes on. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeConnectAccept,
  decodeConnectReject,
  decodeConnectRequest,
  encodeConnectAccept,
  encodeConnectReject,
  encodeConnectRequest,
} from "../../src/rtrs/connect_codec.ts";
import { IMMEDIATE } from "../../src/rtrs/constants.ts";
import {
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
  sessionNameProblem,
} from "../../src/rtrs/info_codec.ts";
import {
  encodeReadInto,
  encodeWrite,
  READ_WITH_BUFFER_BYTES,
} from "../../src/rtrs/request_codec.ts";
import { checkRequest, ParsedRequest, REQUEST_REJECTIONS } from "../../src/rtrs/server/gate.ts";

const uuid = fc.uint8Array({ minLength: 16, maxLength: 16 });
const u16 = fc.nat(0xffff);
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

const connectRequest = fc.integer({ min: 1, max: 4096 }).chain((cidNum) =>
  fc.record({
    cid: fc.nat(cidNum - 1),
    cidNum: fc.constant(cidNum),
    reconCnt: u16,
    pathUuid: uuid,
    sessionUuid: uuid,
    firstConn: fc.boolean(),
  }, { noNullPrototype: true })
);
const accept = fc.record({
  queueDepth: fc.integer({ min: 1, max: 0xffff }),
  maxIoBytes: u32,
  maxHeaderBytes: u32,
  flags: u32,
}, { noNullPrototype: true });

Deno.test("connect requests, accepts and rejects survive a round trip, padded or not", () => {
  fc.assert(
    fc.property(
      connectRequest,
      accept,
      fc.integer({ min: 1, max: 0x7fff }),
      fc.nat(140),
      (request, offer, errno, padding) => {
        const padded = (bytes: Uint8Array) => {
          const longer = new Uint8Array(bytes.length + padding).fill(0x5a);
          longer.set(bytes);
          return longer;
        };
        assert.deepEqual(decodeConnectRequest(padded(encodeConnectRequest(request))), request);
        assert.deepEqual(decodeConnectAccept(padded(encodeConnectAccept(offer))), offer);
        assert.equal(decodeConnectReject(padded(encodeConnectReject(errno))), errno);
      },
    ),
  );
});

Deno.test("whatever bytes come, the connect decoders answer and stay within their view", () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(bytes, connectRequest, fc.nat(200), (random, request, cut) => {
      // A view in the middle of other memory: reading beside it would show in the outcome.
      for (const input of [random, encodeConnectRequest(request).subarray(0, cut)]) {
        const outcomes = [0x00, 0xff].map((fill) => {
          const around = new Uint8Array(input.length + 400).fill(fill);
          around.set(input, 200);
          const view = around.subarray(200, 200 + input.length);
          const decoded = [decodeConnectRequest(view), decodeConnectAccept(view)];
          return [...decoded, decodeConnectReject(view)];
        });
        assert.deepEqual(outcomes[0], outcomes[1]);
        const errno = outcomes[0]![2] as number;
        assert.ok(errno > 0, "a reject is never taken for success");
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("every session name that is allowed survives a round trip, all others are refused", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (name) => {
      const fits = new TextEncoder().encode(name).length < INFO_REQ.NAME_BYTES;
      const isWellFormed = !/[\ud800-\udfff]/u.test(name);
      const allowed = name !== "" && fits && !/[/.\0]/.test(name);
      assert.equal(sessionNameProblem(name) === undefined, allowed);
      if (!allowed || !isWellFormed) return;
      const bytes = new Uint8Array(INFO_REQ.BYTES);
      encodeInfoRequest(bytes, name);
      assert.equal(decodeInfoRequest(bytes), name);
    }),
    { numRuns: 500 },
  );
});

Deno.test("INFO_REQ of any bytes: a usable name or a reason", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, typed) => {
      if (typed && bytes.length > 2) bytes.fill(0, 0, 2);
      const outcome = decodeInfoRequest(bytes);
      if (typeof outcome === "string") assert.equal(sessionNameProblem(outcome), undefined);
      else assert.ok(outcome.problem.length > 0);
    }),
    { numRuns: 500 },
  );
});

const shape = fc.record({
  regions: fc.integer({ min: 1, max: 16 }),
  chunksPerRegion: fc.integer({ min: 1, max: 16 }),
  chunkBytes: fc.integer({ min: 512, max: 2 ** 19 }),
});

Deno.test("INFO_RSP survives a round trip; cut anywhere it is refused", () => {
  fc.assert(fc.property(shape, u32, u32, u32, fc.nat(1000), (cut, high, low, rkey, at) => {
    const length = cut.chunksPerRegion * cut.chunkBytes;
    const depth = cut.regions * cut.chunksPerRegion;
    const regions = Array.from({ length: cut.regions }, () => ({ high, low, rkey, length }));
    const bytes = new Uint8Array(infoResponseBytes(regions.length));
    encodeInfoResponse(bytes, regions);
    assert.deepEqual(decodeInfoResponse(bytes, depth, cut.chunkBytes), regions);
    const shorter = bytes.subarray(0, at % bytes.length);
    assert.equal(typeof decodeInfoResponse(shorter, depth, cut.chunkBytes), "string");
  }));
});

Deno.test("INFO_RSP of any bytes: regions that add up to the chunks, or a reason", () => {
  const bytes = fc.uint8Array({ maxLength: 120 });
  fc.assert(
    fc.property(bytes, fc.integer({ min: 1, max: 64 }), u16, (input, depth, chunk) => {
      if (input.length > 4) input.set([1, 0, input[2]! & 3, 0]);
      const outcome = decodeInfoResponse(input, depth, chunk + 1);
      if (typeof outcome === "string") return;
      assert.equal(outcome.reduce((sum, region) => sum + region.length, 0), depth * (chunk + 1));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("immediates of requests: id and offset survive for every depth", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 0xffff }), u32, u32, (depth, a, b) => {
      const bits = memoryBits(depth);
      const bufferId = a % depth;
      const offset = b % 2 ** bits;
      const immediate = requestImmediate(bufferId, offset, bits);
      assert.equal(immediateType(immediate), IMMEDIATE.IO_REQUEST);
      assert.equal(requestBufferId(immediate, bits), bufferId);
      assert.equal(requestOffset(immediate, bits), offset);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("immediates of answers: id and errno survive, an error never becomes success", () => {
  fc.assert(
    fc.property(fc.nat(0x7_ffff), fc.nat(4095), fc.boolean(), (id, errno, invalidated) => {
      const immediate = responseImmediate(id, errno, invalidated);
      assert.ok(immediate >= 0 && immediate <= 0xffff_ffff);
      assert.equal(responseBufferId(immediate), id);
      assert.equal(responseErrno(immediate), errno <= 511 ? errno : 5);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("the gate reads back what the client's encoders wrote", () => {
  const lengths = fc.record({ user: fc.integer({ min: 4, max: 300 }), data: fc.nat(8000) });
  fc.assert(
    fc.property(lengths, fc.boolean(), u32, u32, u32, (length, isRead, high, low, key) => {
      const chunkBytes = 12_288;
      const view = new DataView(new ArrayBuffer(chunkBytes));
      const offset = length.data + length.user;
      if (isRead) encodeReadInto(view, offset, length.user, 0, high, low, key, length.data);
      else encodeWrite(view, offset, length.user);
      const request = new ParsedRequest();
      const reason = checkRequest(view, 0, chunkBytes, 4096, offset, request);
      if (isRead && length.data === 0) {
        return assert.equal(REQUEST_REJECTIONS[reason], "descriptor_length");
      }
      assert.equal(reason, 0);
      assert.equal(request.isRead, isRead);
      assert.equal(request.userAt, length.data);
      assert.equal(request.userLength, length.user);
      assert.equal(request.dataLength, length.data);
      if (!isRead) return;
      const words = [request.addressHigh, request.addressLow, request.rkey];
      assert.deepEqual(words.map((word) => word >>> 0), [high, low, key]);
    }),
    { numRuns: 500 },
  );
});

Deno.test("the gate: whatever a chunk holds, what passes lies within the chunk", () => {
  const CHUNK_BYTES = 8192;
  const content = fc.record({
    offset: fc.oneof(
      fc.nat(CHUNK_BYTES + 64),
      fc.integer({ min: CHUNK_BYTES - READ_WITH_BUFFER_BYTES, max: CHUNK_BYTES }),
    ),
    type: fc.oneof(fc.constantFrom(2, 3), u16),
    userLength: fc.oneof(fc.nat(400), u16),
    flags: u16,
    count: fc.oneof(fc.constantFrom(0, 1), u16),
    length: fc.oneof(fc.nat(CHUNK_BYTES), u32),
    agrees: fc.boolean(),
  });
  fc.assert(
    fc.property(content, (is) => {
      // The buffer ends with the chunk, so that a read behind it would throw.
      const view = new DataView(new ArrayBuffer(CHUNK_BYTES));
      const put = (at: number, value: number) => {
        if (at + 2 <= CHUNK_BYTES) view.setUint16(at, value & 0xffff, true);
      };
      const dataLength = is.agrees ? Math.max(is.offset - is.userLength, 0) : is.length;
      [is.type, is.userLength, is.flags, is.count].forEach((v, i) => put(is.offset + 2 * i, v));
      put(is.offset + 20, dataLength);
      put(is.offset + 22, Math.floor(dataLength / 65_536));
      const request = new ParsedRequest();
      const reason = checkRequest(view, 0, CHUNK_BYTES, 4096, is.offset, request);
      assert.ok(REQUEST_REJECTIONS[reason] !== undefined);
      if (reason !== 0) return;
      assert.equal(request.dataLength + request.userLength, is.offset);
      assert.equal(request.userAt, request.dataLength);
      assert.ok(request.userLength >= 4 && request.userLength <= 4096);
      assert.ok(is.offset + (request.isRead ? (request.hasBuffer ? 24 : 8) : 4) <= CHUNK_BYTES);
      assert.ok(request.dataLength <= CHUNK_BYTES);
      assert.ok(!request.hasBuffer || (request.isRead && request.dataLength > 0));
    }),
    { numRuns: 5000 },
  );
});
