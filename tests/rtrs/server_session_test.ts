/** INFO, time-outs, and the end of paths and sessions at the server. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeInfoResponse } from "../../src/rtrs/info_codec.ts";
import { HEARTBEAT_ACK_IMMEDIATE, HEARTBEAT_IMMEDIATE } from "../../src/rtrs/immediate.ts";
import type { ServerSession } from "../../src/rtrs/server/session.ts";
import type { RequestFate } from "./harness/fake_fabric.ts";
import { CID_NUM, MAX_IO_BYTES, QUEUE_DEPTH, ServerRig, uuid } from "./harness/server_rig.ts";
import { vector } from "../vectors/vectors.ts";

const CHUNK_BYTES = MAX_IO_BYTES + 4096;
const onlySession = (rig: ServerRig): ServerSession => [...rig.server.sessions.values()][0]!;

Deno.test("INFO_REQ connects the path; INFO_RSP names all chunks in one region", () => {
  const rig = new ServerRig();
  const service = rig.establish("clt1@srv1");
  const session = onlySession(rig);
  const path = [...session.paths.values()][0]!;
  assert.equal(path.state, "CONNECTED");
  assert.equal(session.sessname, "clt1@srv1");
  assert.deepEqual(rig.sessionsUp, [session]);
  const { first, firstLength, kind } = service.take();
  assert.deepEqual([kind, firstLength], ["send", 24]);
  const bytes = rig.memory.arena.u8.slice(first, first + firstLength);
  const exposed = service.exposed[0]!;
  assert.deepEqual(decodeInfoResponse(bytes, QUEUE_DEPTH, CHUNK_BYTES), [{
    ...exposed.address,
    rkey: exposed.rkey,
    length: QUEUE_DEPTH * CHUNK_BYTES,
  }]);
  assert.deepEqual([exposed.at, exposed.length], [session.chunksAt, QUEUE_DEPTH * CHUNK_BYTES]);
});

Deno.test("INFO_RSP waits until every reactor has its connections", () => {
  const rig = new ServerRig({ answersAtOnce: false });
  const service = rig.establish();
  assert.equal(service.posts.length, 0);
  rig.reactors[0]!.answer();
  assert.equal(service.posts.length, 0);
  rig.reactors[1]!.answer();
  assert.equal(service.take().kind, "send");
});

Deno.test("INFO_REQ before all connections are there closes the path (CVE-2024-50062)", () => {
  const rig = new ServerRig();
  rig.connect().finish();
  rig.connect({ cid: 1 }).finish();
  const service = rig.adopter.connections[0]!;
  rig.sendInfo(service, "clt@srv");
  assert.deepEqual(rig.refusals, ["info_too_early"]);
  assert.ok(service.isClosing);
  rig.adopter.settle();
  rig.assertEmpty();
});

Deno.test("INFO_REQ that overtakes the end of the last accept waits for it", () => {
  for (const failure of [undefined, { errno: 104, reason: "the peer went away" }]) {
    const rig = new ServerRig();
    for (const cid of [0, 1]) rig.connect({ cid }).finish();
    const third = rig.connect({ cid: 2 });
    const service = rig.adopter.connections[0]!;
    rig.sendInfo(service, "clt@srv");
    assert.deepEqual([rig.refusals, service.posts, service.isClosing], [[], [], false]);
    third.finish(failure);
    if (failure === undefined) assert.equal(service.take().kind, "send");
    else rig.adopter.settle();
    if (failure !== undefined) rig.assertEmpty();
  }
});

Deno.test("of two sessions that ask for one name at the same time one gets it", () => {
  const rig = new ServerRig({ answersAtOnce: false });
  const first = rig.establish("name");
  const second = rig.establish(
    "name",
    { sessionUuid: uuid(20), pathUuid: uuid(10) },
    "tcp:10.0.0.3",
  );
  for (const reactor of rig.reactors) reactor.answer();
  assert.deepEqual(rig.refusals, ["info_name_taken"]);
  assert.deepEqual([first.isClosing, second.isClosing], [false, true]);
});

const wrongInfo: [string, string | Uint8Array][] = [
  ["one byte short", vector("info_req").subarray(0, 271)],
  ["empty message", new Uint8Array()],
  ["another type", new Uint8Array(272).fill(0x41, 2, 5).fill(1, 0, 1)],
  ["empty name", new Uint8Array(272)],
  ["name with a slash", "a/b"],
  ["name with a dot", "a.b"],
  ["name without an end", new Uint8Array(272).fill(0x41, 2)],
];
for (const [what, info] of wrongInfo) {
  Deno.test(`INFO_REQ that is wrong closes the path: ${what}`, () => {
    const rig = new ServerRig();
    const service = rig.connectPath();
    rig.sendInfo(service, info);
    assert.deepEqual(rig.refusals, ["info_invalid"]);
    assert.deepEqual(rig.sessionsUp, []);
    assert.ok(service.isClosing);
    rig.adopter.settle();
    rig.assertEmpty();
  });
}

Deno.test("a refused path is told as refused, and not as closed as well", () => {
  const rig = new ServerRig();
  rig.establish("clt1@srv1");
  rig.establish("a/b", { sessionUuid: uuid(9), pathUuid: uuid(8) });
  assert.deepEqual([rig.refusals, rig.closeReasons], [["info_invalid"], []]);
});

Deno.test("a second INFO_REQ closes the path, before and after the first was answered", () => {
  for (const answersAtOnce of [false, true]) {
    const rig = new ServerRig({ answersAtOnce });
    const service = rig.establish();
    rig.sendInfo(service, "clt@srv");
    assert.deepEqual(rig.refusals, ["info_invalid"]);
    for (const reactor of rig.reactors) reactor.answersAtOnce = true;
    for (const reactor of rig.reactors) reactor.answer();
    rig.adopter.settle();
    rig.assertEmpty();
  }
});

Deno.test("a name that another session holds closes the path; the holder notices nothing", () => {
  const rig = new ServerRig();
  const holder = rig.establish("name");
  const rival = rig.establish(
    "name",
    { sessionUuid: uuid(20), pathUuid: uuid(10) },
    "tcp:10.0.0.3",
  );
  assert.deepEqual(rig.refusals, ["info_name_taken"]);
  assert.deepEqual([rival.isClosing, holder.isClosing], [true, false]);
  rig.adopter.settle();
  assert.equal(rig.server.sessions.size, 1);
  holder.break();
  rig.adopter.settle();
  rig.assertEmpty();
  rig.establish("name", { sessionUuid: uuid(20), pathUuid: uuid(10) }, "tcp:10.0.0.3");
  assert.equal(rig.sessionsUp.length, 2, "the name is free again");
});

Deno.test("a name whose holder is on its way out is had when that has ended", () => {
  const rig = new ServerRig({ answersAtOnce: false });
  const settle = () => {
    for (let round = 0; round < 10; round++) {
      for (const reactor of rig.reactors) reactor.answer();
      rig.adopter.settle();
    }
  };
  const first = rig.establish("clt@srv");
  settle();
  first.break();
  const request = { pathUuid: uuid(2), sessionUuid: uuid(102) };
  const second = rig.establish("clt@srv", request, "tcp:10.0.1.2");
  for (const reactor of rig.reactors) reactor.answer();
  assert.equal(second.posts.length, 0, "the name is not free yet");
  assert.deepEqual(rig.refusals, []);
  settle();
  assert.equal(second.take().kind, "send");
  assert.deepEqual(rig.refusals, []);
  second.break();
  settle();
  rig.assertEmpty();
});

Deno.test("a second path joins its session, but not under another name", () => {
  const rig = new ServerRig();
  rig.establish("name");
  const used = rig.memory.usedBytes;
  const second = rig.establish("name", { pathUuid: uuid(10) }, "tcp:10.0.0.3");
  assert.equal(rig.sessionsUp.length, 1);
  assert.equal(second.take().kind, "send");
  assert.ok(rig.memory.usedBytes - used < CHUNK_BYTES, "the chunks are shared");
  rig.establish("other", { pathUuid: uuid(11) }, "tcp:10.0.0.4");
  assert.deepEqual(rig.refusals, ["info_invalid"]);
});

Deno.test("requests on the service connection are taken only once INFO_RSP went out", () => {
  const rig = new ServerRig();
  const early = rig.connectPath();
  early.handler.onImmediate(8);
  assert.ok(early.isClosing);
  rig.adopter.settle();
  rig.assertEmpty();
  const service = rig.establish();
  service.take();
  const session = onlySession(rig);
  rig.memory.arena.view.setUint32(session.chunksAt + 8, 2 | 8 << 16, true);
  service.handler.onImmediate(8);
  assert.equal(service.take().immediate, 0x1000_0000);
});

Deno.test("a path that does not get through INFO in 30 s is closed", () => {
  for (const cids of [[0], [1], [0, 1, 2], [1, 2]]) {
    const rig = new ServerRig();
    for (const cid of cids) rig.connect({ cid }).finish();
    rig.clock.advance(29_999);
    assert.deepEqual(rig.refusals, []);
    rig.clock.advance(1);
    assert.deepEqual(rig.refusals, ["setup_timeout"]);
    rig.adopter.settle();
    rig.assertEmpty();
  }
});

Deno.test("a connection whose accept fails takes its path along", () => {
  for (const failing of [0, 1, 2]) {
    const rig = new ServerRig();
    for (let cid = 0; cid < CID_NUM; cid++) {
      const failure = { errno: 104, reason: "the peer went away" };
      rig.connect({ cid }).finish(cid === failing ? failure : undefined);
      if (cid === failing) break;
    }
    rig.adopter.settle();
    rig.assertEmpty();
  }
});

Deno.test("a path that is closed while an accept is under way ends with it", () => {
  const rig = new ServerRig();
  rig.connect().finish();
  const late = rig.connect({ cid: 1 });
  rig.adopter.connections[0]!.break();
  rig.adopter.settle();
  assert.equal(rig.server.sessions.size, 1, "its ticket may still come");
  const ticket = late.finish()!;
  assert.deepEqual(rig.adopter.discarded, [ticket]);
  rig.assertEmpty();
});

Deno.test("one broken connection closes all of its path, on whichever thread it is", () => {
  const rig = new ServerRig();
  const service = rig.establish();
  const attached = rig.reactors[1]!.of("attachServer")[0]!;
  const failure = { errno: 71, reason: "the client broke the protocol" };
  rig.server.onLaneBroken(attached.session, attached.path, failure.reason);
  assert.ok(service.isClosing);
  rig.server.onLaneBroken(attached.session, attached.path, "what follows from it");
  assert.deepEqual(rig.closeReasons, [failure.reason], "the log has the cause, once");
  for (const reactor of rig.reactors) assert.equal(reactor.of("detachServer").length, 1);
  assert.deepEqual(rig.sessionsDown, [], "the session lives until all have ended");
  rig.adopter.settle();
  assert.equal(rig.sessionsDown.length, 1);
  rig.assertEmpty();
});

Deno.test("a request that the user works on keeps the session and its memory", () => {
  let pending: (() => void) | undefined;
  const rig = new ServerRig({
    user: {
      onSessionUp: () => {},
      onAdminRequest: (session, chunk) => pending = () => session.respond(chunk, 0, 0),
      onSessionDown: (_session, done) => done(),
    },
  });
  const service = rig.establish();
  const session = onlySession(rig);
  rig.memory.arena.view.setUint32(session.chunksAt + 8, 2 | 8 << 16, true);
  service.handler.onImmediate(8);
  service.break();
  rig.adopter.settle();
  assert.equal(rig.server.sessions.size, 1);
  assert.ok(rig.memory.usedBytes > rig.ownBytes);
  pending!();
  rig.assertEmpty();
});

Deno.test("reactors that are slow to let go keep the session and its memory", () => {
  const rig = new ServerRig({ answersAtOnce: false });
  const service = rig.establish();
  for (const reactor of rig.reactors) reactor.answer();
  service.break();
  rig.adopter.settle();
  assert.ok(rig.memory.usedBytes > rig.ownBytes);
  rig.reactors[0]!.answer();
  assert.deepEqual(rig.sessionsDown, [], "the other may still work on requests");
  rig.reactors[1]!.answer();
  assert.equal(rig.sessionsDown.length, 1);
  assert.ok(rig.memory.usedBytes > rig.ownBytes, "the lanes are there until they are destroyed");
  for (const reactor of rig.reactors) reactor.answer();
  rig.assertEmpty();
});

Deno.test("a session that leaves one of two paths lives on", () => {
  const rig = new ServerRig();
  const first = rig.establish("name");
  const second = rig.establish("name", { pathUuid: uuid(10) }, "tcp:10.0.0.3");
  first.break();
  rig.adopter.settle();
  assert.deepEqual(rig.sessionsDown, []);
  assert.equal(onlySession(rig).paths.size, 1);
  second.break();
  rig.adopter.settle();
  assert.equal(rig.sessionsDown.length, 1);
  rig.assertEmpty();
});

Deno.test("the next session's chunks hold nothing of the last one's", () => {
  const rig = new ServerRig();
  rig.establish().break();
  const { chunksAt, chunksLength } = onlySession(rig);
  rig.memory.arena.u8.fill(0x77, chunksAt, chunksAt + chunksLength);
  rig.adopter.settle();
  rig.establish("other", { sessionUuid: uuid(3) });
  const next = onlySession(rig);
  assert.equal(next.chunksAt, chunksAt, "the same place, or the test proves nothing");
  const bytes = rig.memory.arena.u8.subarray(chunksAt, chunksAt + chunksLength);
  assert.ok(bytes.every((byte) => byte === 0));
});

Deno.test("a silent client is cut off 35 s after INFO, one that answers stays", () => {
  const rig = new ServerRig();
  const service = rig.establish();
  service.take();
  rig.clock.advance(5000);
  assert.equal(service.take().immediate, HEARTBEAT_IMMEDIATE);
  service.handler.onImmediate(HEARTBEAT_ACK_IMMEDIATE);
  rig.clock.advance(5000);
  assert.equal(service.take().immediate, HEARTBEAT_IMMEDIATE);
  rig.clock.advance(29_999);
  assert.equal(service.isClosing, false);
  rig.clock.advance(1);
  assert.ok(service.isClosing);
  rig.adopter.settle();
  rig.assertEmpty();
});

Deno.test("a heartbeat is answered at once; traffic on a reactor keeps the path alive", () => {
  const rig = new ServerRig();
  const service = rig.establish();
  service.take();
  service.handler.onImmediate(HEARTBEAT_IMMEDIATE);
  assert.equal(service.take().immediate, HEARTBEAT_ACK_IMMEDIATE);
  const { countersAt } = rig.reactors[1]!.of("attachServer")[0]!;
  for (let i = 0; i < 20; i++) {
    rig.memory.arena.u32[countersAt / 4]!++;
    rig.clock.advance(5000);
  }
  assert.equal(service.isClosing, false);
});

Deno.test("whatever happens in whatever order, in the end nothing is left", () => {
  const event = fc.oneof(
    fc.record({ kind: fc.constant("connect"), path: fc.nat(2), cid: fc.nat(2) }),
    fc.record({ kind: fc.constantFrom("finish", "fail", "info"), index: fc.nat(9) }),
    fc.record({ kind: fc.constantFrom("break", "answer", "closed"), index: fc.nat(9) }),
    fc.record({ kind: fc.constant("time"), ms: fc.constantFrom(100, 5000, 31_000) }),
  );
  const sequence = fc.array(event, { maxLength: 60 });
  fc.assert(
    fc.property(sequence, fc.boolean(), (events, answersAtOnce) => {
      const rig = new ServerRig({ answersAtOnce });
      const accepts: RequestFate[] = [];
      for (const what of events) apply(rig, accepts, what);
      let closed = false;
      rig.server.close(() => closed = true);
      for (const accept of accepts) accept.finish();
      for (let round = 0; round < 10; round++) {
        for (const reactor of rig.reactors) reactor.answer();
        rig.adopter.settle();
      }
      assert.ok(closed);
      assert.equal(rig.sessionsUp.length, rig.sessionsDown.length);
      rig.assertEmpty();
    }),
    { numRuns: 1000 },
  );
});

/** Paths 0 and 1 are of one session, path 2 is of another one with the same name. */
function apply(
  rig: ServerRig,
  accepts: RequestFate[],
  what: { kind: string; path?: number; cid?: number; index?: number; ms?: number },
): void {
  const { connections } = rig.adopter;
  const connection = connections[what.index! % Math.max(connections.length, 1)];
  const failure = { errno: 104, reason: "the peer went away" };
  if (what.kind === "connect") {
    const sessionUuid = uuid(what.path === 2 ? 102 : 100);
    const request = { cid: what.cid!, pathUuid: uuid(what.path!), sessionUuid };
    const fate = rig.connect(request, `tcp:10.0.1.${what.path}`);
    if (fate.accepted !== undefined) accepts.push(fate);
  } else if (what.kind === "time") rig.clock.advance(what.ms!);
  else if (what.kind === "answer") rig.reactors[what.index! % 2]!.answer();
  else if (what.kind === "finish") accepts.shift()?.finish();
  else if (what.kind === "fail") accepts.shift()?.finish(failure);
  else if (connection === undefined) return;
  else if (what.kind === "closed") {
    if (connection.isClosing && !connection.isClosed) connection.finishClose();
  } else if (connection.isClosing) return;
  else if (what.kind === "info") rig.sendInfo(connection, "name");
  else if (what.kind === "break") connection.break();
}
