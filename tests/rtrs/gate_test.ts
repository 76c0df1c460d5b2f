/**
 * Each rule of the RTRS server's gate, by name: who breaks it is cut off and counted; memory around
 * the chunks, other connections' requests and other sessions do not notice.
 */
import assert from "node:assert/strict";
import { NEED_INVALIDATE_FLAG } from "../../src/rtrs/constants.ts";
import { HEARTBEAT_ACK_IMMEDIATE, HEARTBEAT_IMMEDIATE } from "../../src/rtrs/immediate.ts";
import { REQUEST } from "../../src/rtrs/request_codec.ts";
import { REQUEST_REJECTIONS, type RequestRejection } from "../../src/rtrs/server/gate.ts";
import type { FakeConnection } from "./harness/fake_fabric.ts";
import {
  assertGuards,
  CHUNK_BYTES,
  DEPTH,
  guardedArena,
  HEADER_BYTES,
  immediateFor,
  LaneRig,
} from "./harness/lane_rig.ts";

const IO_RSP = 0x1000_0000;

/** Registers a test of an offence: `commit` does it on the given connection. */
function offence(
  name: string,
  reason: RequestRejection,
  commit: (rig: LaneRig, offender: FakeConnection) => void,
  cid = 1,
): void {
  Deno.test(`${name}: cut off as ${reason}`, () => {
    const arena = guardedArena();
    const [rig, bystander] = [new LaneRig(arena, 0), new LaneRig(arena, 1)];
    const offender = rig.connect(cid);
    const colleague = rig.connect(2, offender.connection.path);
    const stranger = bystander.connect();
    colleague.fabric.handler.onImmediate(rig.putRead(2, 512, 32));
    stranger.fabric.handler.onImmediate(bystander.putWrite(0, 512, 32));

    const seen = rig.requests.length;
    commit(rig, offender.fabric);
    assert.deepEqual(rig.counts(), { [reason]: 1 });
    assert.ok(offender.fabric.isClosing, "the offender is disconnected");
    assert.deepEqual(rig.broken, [`the client broke the protocol: ${reason}`]);
    assert.equal(rig.requests.length, seen, "nothing acted on it");
    offender.fabric.handler.onImmediate(rig.putWrite(1, 0, 32));
    assert.equal(rig.requests.length, seen, "nor on what came after it");
    assert.deepEqual(rig.counts(), { [reason]: 1 });

    rig.lane.respond(2, 0, rig.chunkAt(2));
    assert.equal(colleague.fabric.take().firstLength, 512);
    bystander.lane.respond(0, 0, 0);
    assert.equal(stranger.fabric.take().immediate, IO_RSP);
    assert.deepEqual(bystander.counts(), {});
    assertGuards(arena);
  });
}

Deno.test("there is a test for every reason of the gate", () => {
  const source = Deno.readTextFileSync(new URL(import.meta.url));
  for (const reason of REQUEST_REJECTIONS.slice(1)) {
    assert.match(source, new RegExp(`"${reason}",`), reason);
  }
});

offence(
  "buffer id equal to the queue depth (2020, off by one)",
  "buffer_id_out_of_range",
  (_rig, offender) => offender.handler.onImmediate(immediateFor(DEPTH, 32)),
);

offence(
  "offset equal to the chunk size (2020, off by one)",
  "offset_out_of_chunk",
  (_rig, offender) => offender.handler.onImmediate(immediateFor(0, CHUNK_BYTES)),
);

offence(
  "the largest offset the immediate can say",
  "offset_out_of_chunk",
  (_rig, offender) => offender.handler.onImmediate(immediateFor(0, 2 ** 26 - 1)),
);

offence(
  "RTRS message that sticks out of the chunk",
  "offset_out_of_chunk",
  (_rig, offender) => offender.handler.onImmediate(immediateFor(0, CHUNK_BYTES - 3)),
);

offence("READ head that sticks out of the chunk", "offset_out_of_chunk", (rig, offender) => {
  const offset = CHUNK_BYTES - 4;
  rig.arena.view.setUint32(rig.chunkAt(0) + offset, 3 | 32 << 16, true);
  offender.handler.onImmediate(immediateFor(0, offset));
});

offence("READ descriptor that sticks out of the chunk", "offset_out_of_chunk", (rig, offender) => {
  const offset = CHUNK_BYTES - 16;
  const at = rig.chunkAt(0) + offset;
  rig.arena.view.setUint32(at, 3 | 32 << 16, true);
  rig.arena.view.setUint16(at + REQUEST.SG_CNT, 1, true);
  offender.handler.onImmediate(immediateFor(0, offset));
});

for (const type of [0, 1, 4, 0x0302, 0xffff]) {
  offence(`RTRS message type ${type}`, "request_type_unknown", (rig, offender) => {
    const immediate = rig.putWrite(0, 0, 32);
    rig.arena.view.setUint16(rig.chunkAt(0) + 32, type, true);
    offender.handler.onImmediate(immediate);
  });
}

for (const kind of ["putRead", "putWrite"] as const) {
  offence(
    `usr_len beyond the offset in ${kind} (CVE-2026-97413)`,
    "usr_len_beyond_offset",
    (rig, offender) => {
      const immediate = rig[kind](0, 512, 32);
      rig.arena.view.setUint16(rig.chunkAt(0) + 544 + REQUEST.USR_LEN, 545, true);
      offender.handler.onImmediate(immediate);
    },
  );
}

offence("usr_len 0xffff at offset 0", "usr_len_beyond_offset", (rig, offender) => {
  rig.arena.view.setUint32(rig.chunkAt(0), 2 | 0xffff << 16, true);
  offender.handler.onImmediate(immediateFor(0, 0));
});

offence(
  "usr_len too short for any message",
  "usr_len_beyond_offset",
  (rig, offender) => offender.handler.onImmediate(rig.putWrite(0, 512, 3)),
);

for (const count of [2, 256, 0xffff]) {
  offence(`READ with ${count} descriptors`, "descriptor_count", (rig, offender) => {
    const immediate = rig.putRead(0, 512, 32);
    rig.arena.view.setUint16(rig.chunkAt(0) + 544 + REQUEST.SG_CNT, count, true);
    offender.handler.onImmediate(immediate);
  });
}

// rdma_write_sg (June 2026): the answer would carry what lies behind the chunk's data.
for (const length of [511, 513, CHUNK_BYTES, CHUNK_BYTES + 1, 0xffff_ffff]) {
  offence(
    `READ of 512 bytes with a descriptor of ${length}`,
    "descriptor_length",
    (rig, offender) => offender.handler.onImmediate(rig.putRead(0, 512, 32, length)),
  );
}

offence("READ with an empty descriptor", "descriptor_length", (rig, offender) => {
  const immediate = rig.putRead(0, 512, 32);
  rig.arena.view.setUint32(rig.chunkAt(0) + 544 + REQUEST.LENGTH, 0, true);
  offender.handler.onImmediate(immediate);
});

offence(
  "READ with a descriptor but no room for data",
  "descriptor_length",
  (rig, offender) => offender.handler.onImmediate(rig.putRead(0, 0, 32, 1)),
);

offence(
  "WRITE whose messages do not fit the header area",
  "header_too_long",
  (rig, offender) => offender.handler.onImmediate(rig.putWrite(0, 0, HEADER_BYTES - 3)),
);

offence(
  "READ whose messages do not fit the header area",
  "header_too_long",
  (rig, offender) => offender.handler.onImmediate(rig.putRead(0, 512, HEADER_BYTES - 23)),
);

offence("buffer id of a request that is under way", "buffer_id_in_flight", (rig, offender) => {
  // Chunk 2 belongs to the colleague's request.
  offender.handler.onImmediate(rig.putWrite(2, 512, 32));
});

for (const type of [1, 2, 3, 7, 10, 15]) {
  offence(
    `immediate of type ${type}`,
    "immediate_type_unknown",
    (_rig, offender) => offender.handler.onImmediate(type * 2 ** 28),
  );
}

for (const immediate of [HEARTBEAT_IMMEDIATE, HEARTBEAT_ACK_IMMEDIATE]) {
  offence(
    `heartbeat ${immediate >>> 28} on an I/O connection`,
    "heartbeat_on_io_connection",
    (_rig, offender) => offender.handler.onImmediate(immediate),
  );
}

offence(
  "SEND on an I/O connection",
  "message_unexpected",
  (rig, offender) => offender.handler.onSend(rig.chunkAt(0), 32),
);

offence(
  "SEND with invalidate",
  "invalidation_unexpected",
  (_rig, offender) => offender.handler.onInvalidated(5),
);

offence(
  "request on a service connection before INFO",
  "path_not_connected",
  (rig, offender) => offender.handler.onImmediate(rig.putRead(0, 36, 36)),
  0,
);

Deno.test("NEED_INVAL without a descriptor, unknown flags: tolerated, the flags mean nothing", () => {
  const rig = new LaneRig();
  const { fabric } = rig.connect();
  for (const flags of [NEED_INVALIDATE_FLAG, 0xfffe, 0xffff]) {
    const immediate = rig.putRead(0, 0, 32);
    rig.arena.view.setUint16(rig.chunkAt(0) + 32 + REQUEST.FLAGS, flags, true);
    fabric.handler.onImmediate(immediate);
    assert.equal(rig.requests.at(-1)!.hasBuffer, false);
    rig.lane.respond(0, 0, 0);
    assert.equal(fabric.take().immediate, IO_RSP);
  }
  assert.deepEqual(rig.counts(), {});
});

Deno.test("the longest requests that fit are let through", () => {
  const rig = new LaneRig();
  const { fabric } = rig.connect();
  const most = CHUNK_BYTES - 32 - 24;
  fabric.handler.onImmediate(rig.putRead(0, most, 32));
  fabric.handler.onImmediate(rig.putWrite(1, CHUNK_BYTES - 36, 32));
  fabric.handler.onImmediate(rig.putWrite(2, 0, HEADER_BYTES - 4));
  assert.deepEqual(rig.counts(), {});
  assert.deepEqual(
    rig.requests.map(({ dataLength, userLength }) => [dataLength, userLength]),
    [[most, 32], [CHUNK_BYTES - 36, 32], [0, HEADER_BYTES - 4]],
  );
  assertGuards(rig.arena);
});
