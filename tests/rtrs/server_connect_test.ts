/** The server's checks on connect requests, in the order of the kernel's (rtrs-srv.c:1866-1987). */
import assert from "node:assert/strict";
import { decodeConnectAccept } from "../../src/rtrs/connect_codec.ts";
import { CID_NUM, MAX_IO_BYTES, QUEUE_DEPTH, ServerRig, uuid } from "./harness/server_rig.ts";
import { vector } from "../vectors/vectors.ts";

const ENXIO = 6;
const ENOMEM = 12;
const EEXIST = 17;
const ECONNRESET = 104;

Deno.test("checks 1 to 5: private data that is none gets ECONNRESET and leaves nothing", () => {
  const bend = (at: number, value: number): Uint8Array => {
    const bytes = vector("conn_req_0");
    new DataView(bytes.buffer).setUint16(at, value, true);
    return bytes;
  };
  const wrong = [
    vector("conn_req_0").subarray(0, 55),
    new Uint8Array(),
    bend(2, 0x1bbe),
    bend(4, 0x0300),
    bend(8, 4097),
    bend(6, 3),
    bend(8, 0),
  ];
  const rig = new ServerRig();
  for (const bytes of wrong) {
    const fate = rig.fabric.request(bytes);
    assert.deepEqual(rig.refusal(fate), [ECONNRESET, "connect_request_invalid"]);
  }
  assert.equal(rig.refusals.length, wrong.length);
  rig.assertEmpty();
});

Deno.test("check 6: unknown session without first_conn gets ENXIO; a known one does not need it", () => {
  const rig = new ServerRig();
  const fate = rig.connect({ firstConn: false });
  assert.deepEqual(rig.refusal(fate), [ENXIO, "connect_session_unknown"]);
  rig.assertEmpty();
  rig.connect().finish();
  assert.ok(rig.connect({ cid: 1, firstConn: false }).accepted);
  const other = rig.connect({ pathUuid: uuid(9), firstConn: false }, "tcp:10.0.0.3");
  assert.ok(other.accepted, "a second path of the session");
});

Deno.test("check 7: a session for whose chunks there is no memory gets ENOMEM", () => {
  const rig = new ServerRig({ arenaBytes: 65_536 });
  assert.deepEqual(rig.refusal(rig.connect()), [ENOMEM, "connect_no_memory"]);
  rig.assertEmpty();
});

Deno.test("check 9c: a path for which there is no memory gets ENOMEM and takes its session along", () => {
  const rig = new ServerRig();
  const chunkMemory = QUEUE_DEPTH * (MAX_IO_BYTES + 4096);
  const left = rig.memory.arena.buffer.byteLength - rig.memory.usedBytes - 4096;
  const filler = rig.memory.allocate(left - chunkMemory, "filler");
  assert.deepEqual(rig.refusal(rig.connect()), [ENOMEM, "connect_no_memory"]);
  rig.memory.release(filler);
  rig.assertEmpty();
  assert.ok(rig.connect().accepted, "it works when there is room again");
});

Deno.test("check 8: of a known path only new connections of the same count are taken", () => {
  const rig = new ServerRig();
  const fate = rig.connect();
  const again = rig.connect();
  assert.deepEqual(rig.refusal(again), [ECONNRESET, "connect_cid_taken"], "while it is accepted");
  fate.finish();
  assert.deepEqual(rig.refusal(rig.connect()), [ECONNRESET, "connect_cid_taken"]);
  const differs = rig.connect({ cid: 1, cidNum: CID_NUM + 1 });
  assert.deepEqual(rig.refusal(differs), [ECONNRESET, "connect_cid_num_differs"]);
  assert.ok(rig.connect({ cid: 2 }).accepted, "their order does not matter");
});

Deno.test("check 8a: while the old incarnation lives or closes, its path is refused", () => {
  const rig = new ServerRig();
  const service = rig.establish();
  assert.deepEqual(rig.refusal(rig.connect()), [ECONNRESET, "connect_path_state"], "connected");
  service.break();
  const closing = rig.connect();
  assert.deepEqual(rig.refusal(closing), [ECONNRESET, "connect_path_state"], "closing");
  rig.adopter.settle();
  rig.assertEmpty();
  assert.ok(rig.connect({ reconCnt: 2 }).accepted, "gone");
});

Deno.test("check 8a: a session that ends takes no new path", () => {
  const rig = new ServerRig();
  let finish = () => {};
  rig.onSessionDown = (done) => finish = done;
  rig.establish().break();
  rig.adopter.settle();
  const other = rig.connect({ pathUuid: uuid(9) }, "tcp:10.0.0.3");
  assert.deepEqual(rig.refusal(other), [ECONNRESET, "connect_path_state"]);
  finish();
  rig.assertEmpty();
});

Deno.test("check 9a: at most 128 paths a session", () => {
  const rig = new ServerRig();
  for (let i = 0; i < 128; i++) {
    assert.ok(rig.connect({ pathUuid: uuid(i) }, `tcp:10.0.1.${i}`).accepted, `path ${i}`);
  }
  const fate = rig.connect({ pathUuid: uuid(200) }, "tcp:10.0.2.1");
  assert.deepEqual(rig.refusal(fate), [ECONNRESET, "connect_too_many_paths"]);
});

Deno.test("check 9b: a second path between the same addresses gets EEXIST", () => {
  const rig = new ServerRig();
  rig.connect().finish();
  const twin = rig.connect({ pathUuid: uuid(9) });
  assert.deepEqual(rig.refusal(twin), [EEXIST, "connect_path_exists"]);
  assert.ok(rig.connect({ pathUuid: uuid(9) }, "tcp:10.0.0.9").accepted);
  assert.ok(rig.connect({ pathUuid: uuid(8) }, undefined, "tcp:10.0.0.8").accepted);
  const session = rig.connect({ pathUuid: uuid(7), sessionUuid: uuid(70) });
  assert.ok(session.accepted, "another session may use the same addresses");
});

Deno.test("the same accept goes out on every connection: sizes, and no flags", () => {
  const rig = new ServerRig();
  for (const cid of [0, 1, 2]) {
    const fate = rig.connect({ cid });
    assert.equal(fate.accepted!.length, 56);
    assert.deepEqual(decodeConnectAccept(fate.accepted!), {
      queueDepth: QUEUE_DEPTH,
      maxIoBytes: MAX_IO_BYTES,
      maxHeaderBytes: 4096,
      flags: 0,
    });
  }
});

Deno.test("the kernel client's connection count (CPUs + 1) is spread over the reactors", () => {
  const rig = new ServerRig();
  rig.establish("clt@srv", { cidNum: 6 });
  const cids = rig.reactors.map((reactor) => reactor.of("attachServer").map(({ cid }) => cid));
  assert.deepEqual(cids, [[1, 3, 5], [2, 4]]);
  assert.deepEqual(rig.adopter.adopted.length, 1, "main has the service connection only");
});

Deno.test("a server that shuts down takes nobody new and ends when the last one is gone", () => {
  const rig = new ServerRig();
  const service = rig.establish();
  const session = [...rig.server.sessions.values()][0]!;
  let closed = 0;
  const late = rig.connect({ pathUuid: uuid(9), cid: 1 }, "tcp:10.0.0.3");
  rig.server.close(() => closed++);
  assert.equal(rig.fabric.isListening, false);
  assert.ok(service.isClosing);
  late.finish();
  assert.equal(session.paths.size, 1, "the half-made path is gone, the other waits for the fabric");
  rig.adopter.settle();
  assert.equal(closed, 1);
  rig.assertEmpty();
});
