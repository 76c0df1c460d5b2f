/** The client's path and session: set-up, what can go wrong in it, back-off, and the end. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeConnectAccept, encodeConnectReject } from "../../src/rtrs/connect_codec.ts";
import { HEARTBEAT_ACK_IMMEDIATE, HEARTBEAT_IMMEDIATE } from "../../src/rtrs/immediate.ts";
import { ClientRig, OFFER, REACTORS, regionsOf } from "./harness/client_rig.ts";
import { vector } from "../vectors/vectors.ts";

Deno.test("set-up: the connections one after the other, INFO, then the reactors", () => {
  const rig = new ClientRig();
  rig.session.start();
  for (let cid = 0; cid <= REACTORS; cid++) {
    assert.equal(rig.fabric.connects.length, 1, "strictly one at a time");
    const { cid: number, cidNum, reconCnt, firstConn } = rig.request;
    assert.deepEqual([number, cidNum, reconCnt, firstConn], [cid, REACTORS + 1, 1, true]);
    rig.accept();
  }
  const service = rig.service;
  assert.ok(service.limits!.receiveBytesMax >= 8 + 16 * OFFER.queueDepth);
  const { kind, first, firstLength } = service.take();
  assert.deepEqual([kind, firstLength], ["send", 272]);
  const expected = vector("info_req");
  expected.set(new TextEncoder().encode("clt@srv\0\0"), 2);
  assert.deepEqual(rig.memory.arena.u8.slice(first, first + firstLength), expected);
  assert.deepEqual(service.exposed.map(({ access }) => access), ["remote", "local"]);
  assert.deepEqual(rig.events, []);

  rig.sendInfo();
  assert.deepEqual(rig.events, ["connected"]);
  assert.equal(rig.path.state, "CONNECTED");
  rig.reactors.forEach((reactor, i) => {
    const [attach] = reactor.of("attachClient");
    assert.equal(attach!.cid, i + 1);
    assert.deepEqual(attach!.memory.regions, regionsOf(OFFER));
    const setup = reactor.of("createClient")[0]!.setup;
    const [exposed] = attach!.memory.memory;
    assert.equal(exposed!.at, setup.buffersAt);
    assert.ok(exposed!.length >= setup.permits * setup.bufferBytes);
  });
});

Deno.test("buffer ids: admin's first, then each reactor its own, all below the depth", () => {
  const rig = new ClientRig();
  rig.session.start();
  rig.establish();
  const setups = rig.reactors.map((reactor) => reactor.of("createClient")[0]!.setup);
  assert.deepEqual(setups.map((setup) => [setup.firstPermit, setup.permits]), [[2, 3], [5, 3]]);
  const admin = rig.session.adminLane!.setup;
  assert.deepEqual([admin.firstPermit, admin.permits], [0, 2]);
});

for (
  const [errno, word] of [[104, "incarnation"], [17, "addresses"], [6, "know"], [
    12,
    "memory",
  ]] as const
) {
  Deno.test(`a reject with errno ${errno} on any connection is told and tried again`, () => {
    for (let accepted = 0; accepted <= REACTORS; accepted++) {
      const rig = new ClientRig();
      rig.session.start();
      for (let i = 0; i < accepted; i++) rig.accept();
      rig.reject(errno);
      rig.settle();
      assert.deepEqual(rig.events, ["failed"]);
      assert.equal(rig.failures[0]!.errno, errno);
      assert.match(rig.failures[0]!.reason, new RegExp(word));
      assert.equal(rig.path.state, "RECONNECTING");
      rig.clock.advance(1000);
      assert.equal(rig.request.reconCnt, 2);
      assert.equal(rig.request.cid, 0, "from the first connection again (3e4289b29e21)");
      rig.establish();
      assert.deepEqual(rig.events, ["failed", "connected"]);
      assert.equal(rig.path.lastFailure, undefined);
    }
  });
}

Deno.test("rejects that carry no usable errno are failures all the same", () => {
  for (const privateData of [new Uint8Array(), new Uint8Array(56), encodeConnectAccept(OFFER)]) {
    const rig = new ClientRig();
    rig.session.start();
    rig.fabric.takeConnect().done({ kind: "rejected", privateData });
    rig.settle();
    assert.deepEqual([rig.events, rig.failures[0]!.errno], [["failed"], 104]);
  }
});

Deno.test("an accept that is none fails the attempt and its connection is let go", () => {
  for (const privateData of [new Uint8Array(55), encodeConnectReject(5), new Uint8Array(56)]) {
    const rig = new ClientRig();
    rig.session.start();
    const ticket = rig.fabric.ticket("a", "b");
    rig.fabric.takeConnect().done({ kind: "established", ticket, privateData });
    rig.settle();
    assert.deepEqual([rig.events, rig.failures[0]!.errno], [["failed"], 104]);
    assert.deepEqual(rig.adopter.discarded, [ticket]);
    assert.equal(rig.fabric.tickets.size, 0);
  }
});

const badOffers: [string, Partial<typeof OFFER>][] = [
  ["a depth below one id a lane", { queueDepth: REACTORS + 1 }],
  ["no room for OPEN", { maxHeaderBytes: 287 }],
  ["less than a page", { maxIoBytes: 4095 }],
  ["chunks that the immediate cannot address", { queueDepth: 65_535 }],
  ["a chunk size that wraps at 2^32", { maxIoBytes: 0xffff_ffff, maxHeaderBytes: 4097 }],
];
for (const [what, offer] of badOffers) {
  Deno.test(`an offer of ${what} fails the attempt and allocates nothing`, () => {
    const rig = new ClientRig();
    rig.session.start();
    rig.accept({ ...OFFER, ...offer });
    rig.settle();
    assert.deepEqual(rig.events, ["failed"]);
    assert.equal(rig.failures[0]!.errno, 71);
    assert.equal(rig.memory.usedBytes, 0);
  });
}

Deno.test("an offer for which there is no memory fails the attempt and allocates nothing", () => {
  const rig = new ClientRig({ arenaBytes: 65_536 });
  rig.session.start();
  rig.accept();
  rig.settle();
  assert.deepEqual([rig.events, rig.failures[0]!.errno], [["failed"], 12]);
  assert.equal(rig.memory.usedBytes, 0);
  rig.clock.advance(1000);
  assert.equal(rig.fabric.connects.length, 1, "it is tried again");
});

Deno.test("INFO_RSP that makes no sense fails the attempt", () => {
  const [region] = regionsOf(OFFER);
  const wrong = [[], [region!, region!], [{ ...region!, length: region!.length - 1 }]];
  for (const regions of wrong) {
    const rig = new ClientRig();
    rig.session.start();
    rig.acceptAll();
    rig.sendInfo(regions);
    rig.settle();
    assert.deepEqual([rig.events, rig.failures[0]!.errno], [["failed"], 22]);
    for (const reactor of rig.reactors) assert.deepEqual(reactor.of("attachClient"), []);
  }
});

Deno.test("a server that hangs up on INFO_REQ: the failure says that the name may be taken", () => {
  const rig = new ClientRig();
  rig.session.start();
  rig.acceptAll();
  const failure = { errno: 104, reason: "the peer closed the connection" };
  rig.service.handler.onBroken(failure);
  rig.settle();
  assert.match(rig.failures[0]!.reason, /^the peer closed .*name, clt@srv: another client may/);
  assert.equal(rig.failures[0]!.errno, 104);

  // Before and after, an end has nothing to do with the name.
  const early = new ClientRig();
  early.session.start();
  early.accept();
  early.service.handler.onBroken(failure);
  early.settle();
  assert.deepEqual(early.failures, [failure]);
  const late = new ClientRig();
  late.session.start();
  late.establish();
  late.service.handler.onBroken(failure);
  late.settle();
  assert.deepEqual(late.failures[0], failure);
});

Deno.test("INFO_RSP that nobody asked for, and a second one, fail the attempt", () => {
  const early = new ClientRig();
  early.session.start();
  early.accept();
  early.sendInfo();
  early.settle();
  assert.deepEqual([early.events, early.failures[0]!.errno], [["failed"], 71]);

  const twice = new ClientRig({ answersAtOnce: false });
  twice.session.start();
  twice.acceptAll();
  twice.sendInfo();
  twice.sendInfo();
  twice.settle();
  assert.deepEqual(twice.events, ["failed"]);
  for (const reactor of twice.reactors) assert.equal(reactor.of("attachClient").length, 1);
});

Deno.test("a server that does not answer is given up after the time-out, at every stage", () => {
  for (let accepted = 0; accepted <= REACTORS + 1; accepted++) {
    const rig = new ClientRig();
    rig.session.start();
    for (let i = 0; i < accepted; i++) rig.accept();
    rig.clock.advance(29_999);
    assert.deepEqual(rig.events, []);
    rig.clock.advance(1);
    rig.settle();
    assert.deepEqual([rig.events, rig.failures[0]!.errno], [["failed"], 110]);
    if (accepted <= REACTORS) assert.ok(rig.fabric.connects[0]!.isCancelled);
  }
});

Deno.test("back-off: doubles, has a cap that it never exceeds, and starts anew once connected", () => {
  const rig = new ClientRig({ settings: { reconnectDelayMaxMs: 10_000 } });
  rig.session.start();
  for (let attempt = 0; attempt < 12; attempt++) {
    rig.reject(104);
    rig.clock.advance(rig.retries.at(-1)!);
  }
  rig.retries.forEach((delayMs, i) => {
    const full = Math.min(1000 * 2 ** i, 10_000);
    assert.ok(delayMs! >= full * 0.75 && delayMs! <= full, `delay ${i}: ${delayMs}`);
  });
  rig.establish();
  rig.service.break();
  rig.settle();
  assert.ok(rig.retries.at(-1)! <= 1000);
  assert.equal(rig.session.reconnects, 0);
  rig.clock.advance(1000);
  rig.establish();
  assert.equal(rig.session.reconnects, 1);
});

Deno.test("max_reconnect_attempts: that many tries after the first, then never again", () => {
  for (const attempts of [0, 1, 3]) {
    const rig = new ClientRig({ settings: { maxReconnectAttempts: attempts } });
    rig.session.start();
    for (let i = 0; i <= attempts; i++) {
      rig.reject(104);
      rig.clock.advance(60_000);
    }
    assert.equal(rig.retries.length, attempts + 1);
    assert.equal(rig.retries.at(-1), undefined);
    assert.equal(rig.path.state, "CLOSED");
    assert.equal(rig.fabric.connects.length, 0);
    assert.equal(rig.session.nextTryAt, undefined);
  }
});

Deno.test("retryNow cuts the wait short, and does nothing at any other time", () => {
  const rig = new ClientRig();
  rig.session.start();
  rig.session.retryNow();
  assert.equal(rig.fabric.connects.length, 1);
  rig.reject(104);
  assert.ok(rig.session.nextTryAt !== undefined);
  rig.session.retryNow();
  assert.equal(rig.session.nextTryAt, undefined);
  assert.equal(rig.fabric.connects.length, 1);
  rig.establish();
  rig.session.retryNow();
  rig.clock.advance(60_000);
  assert.equal(rig.fabric.connects.length, 0);
});

Deno.test("a connection that breaks, wherever, disconnects once and is tried again", () => {
  for (const where of ["service", "reactor"] as const) {
    const rig = new ClientRig();
    rig.session.start();
    rig.establish();
    const service = rig.service;
    const failure = { errno: 104, reason: "the peer went away" };
    if (where === "service") service.break(failure);
    else rig.session.onLaneBroken(rig.path.handle, failure);
    rig.session.onLaneBroken(rig.path.handle, failure);
    assert.deepEqual(rig.events, ["connected", "disconnected"]);
    assert.ok(service.isClosing, "all connections of the path are closed together");
    for (const reactor of rig.reactors) assert.equal(reactor.of("detachClient").length, 1);
    rig.settle();
    assert.deepEqual(rig.events, ["connected", "disconnected", "failed"]);
    assert.equal(rig.fabric.tickets.size, 0);
    assert.equal(rig.fabric.registered.size, 0);
    rig.clock.advance(1000);
    rig.establish();
    assert.equal(rig.session.reconnects, 1);
    for (const reactor of rig.reactors) {
      assert.equal(reactor.of("createClient").length, 1, "the same shape keeps its lanes");
    }
  }
});

Deno.test("news of a path that is not this one changes nothing", () => {
  const rig = new ClientRig();
  rig.session.start();
  rig.establish();
  rig.session.onLaneBroken(rig.path.handle + 1, { errno: 5, reason: "other" });
  assert.deepEqual(rig.events, ["connected"]);
});

Deno.test("uuids and name stay the same over reconnects, recon_cnt grows", () => {
  const rig = new ClientRig();
  rig.session.start();
  const first = rig.request;
  rig.establish();
  rig.service.break();
  rig.settle();
  rig.clock.advance(1000);
  assert.deepEqual(rig.request, { ...first, reconCnt: 2 });
});

Deno.test("a server of another shape on reconnect gets new lanes, the old memory is freed", () => {
  const rig = new ClientRig();
  rig.session.start();
  rig.establish();
  const used = rig.memory.usedBytes;
  rig.service.break();
  rig.settle();
  rig.clock.advance(1000);
  const larger = { ...OFFER, queueDepth: 16 };
  rig.establish(larger);
  assert.deepEqual(rig.session.offer, larger);
  for (const reactor of rig.reactors) {
    const setups = reactor.of("createClient").map((command) => command.setup);
    assert.deepEqual(setups.map((setup) => setup.permits), [3, 7]);
    assert.equal(reactor.of("destroyClient").length, 1);
    const kinds = reactor.commands.map((command) => command.kind);
    assert.ok(kinds.indexOf("destroyClient") < kinds.lastIndexOf("createClient"));
  }
  assert.ok(rig.memory.usedBytes > used);
  let closed = false;
  rig.session.close(() => closed = true);
  rig.settle();
  assert.ok(closed);
  rig.assertEmpty();
});

Deno.test("an attempt that is overtaken while the old lanes go leaves the new one alone", () => {
  const rig = new ClientRig();
  rig.session.start();
  rig.establish();
  rig.service.break();
  rig.settle();
  rig.clock.advance(1000);
  for (const reactor of rig.reactors) reactor.answersAtOnce = false;
  rig.accept({ ...OFFER, queueDepth: 16 });
  rig.clock.advance(30_000);
  assert.equal(rig.events.at(-1), "failed", "the reactors took too long");
  rig.clock.advance(2000);
  rig.accept({ ...OFFER, queueDepth: 32 });
  for (const reactor of rig.reactors) reactor.answersAtOnce = true;
  for (const reactor of rig.reactors) reactor.answer();
  rig.acceptRest({ ...OFFER, queueDepth: 32 });
  assert.equal(rig.session.isConnected, true);
  assert.equal(rig.session.offer!.queueDepth, 32);
  rig.session.close(() => {});
  rig.settle();
  rig.assertEmpty();
});

Deno.test("a silent server is given up 35 s after the path came up; any traffic keeps it", () => {
  const rig = new ClientRig();
  rig.session.start();
  rig.establish();
  const service = rig.service;
  service.take();
  rig.clock.advance(5000);
  assert.equal(service.take().immediate, HEARTBEAT_IMMEDIATE);
  const { countersAt } = rig.reactors[1]!.of("createClient")[0]!.setup;
  rig.memory.arena.u32[countersAt / 4]!++;
  rig.clock.advance(34_999);
  assert.equal(service.isClosing, false);
  rig.clock.advance(1);
  assert.ok(service.isClosing);
  assert.deepEqual(rig.events, ["connected", "disconnected"]);
  assert.equal(rig.failures[0]!.errno, 110);
});

Deno.test("a heartbeat is answered at once, and an answer gives the latency", () => {
  const rig = new ClientRig();
  rig.session.start();
  rig.establish();
  rig.service.take();
  rig.service.handler.onImmediate(HEARTBEAT_IMMEDIATE);
  assert.equal(rig.service.take().immediate, HEARTBEAT_ACK_IMMEDIATE);
  rig.clock.advance(5003);
  rig.service.handler.onImmediate(HEARTBEAT_ACK_IMMEDIATE);
  assert.equal(rig.path.heartbeat.latencyMs, 3);
});

const stages: [string, (rig: ClientRig) => void][] = [
  ["before it was started", () => {}],
  ["connecting the first connection", (rig) => rig.session.start()],
  ["connecting the second one", (rig) => {
    rig.session.start();
    rig.accept();
  }],
  ["waiting for INFO_RSP", (rig) => {
    rig.session.start();
    rig.acceptAll();
  }],
  ["connected in part", (rig) => {
    rig.session.start();
    rig.acceptAll();
    for (const reactor of rig.reactors) reactor.answersAtOnce = false;
    rig.sendInfo();
    rig.reactors[0]!.answer();
  }],
  ["connected", (rig) => {
    rig.session.start();
    rig.establish();
  }],
  ["tearing down after a loss", (rig) => {
    rig.session.start();
    rig.establish();
    for (const reactor of rig.reactors) reactor.answersAtOnce = false;
    rig.service.break();
  }],
  ["tearing down after a failed attempt", (rig) => {
    rig.session.start();
    rig.acceptAll();
    rig.service.break();
  }],
  ["waiting to try again", (rig) => {
    rig.session.start();
    rig.establish();
    rig.service.break();
    rig.settle();
    assert.ok(rig.session.nextTryAt !== undefined);
  }],
  ["waiting for old lanes to go", (rig) => {
    rig.session.start();
    rig.establish();
    rig.service.break();
    rig.settle();
    rig.clock.advance(1000);
    for (const reactor of rig.reactors) reactor.answersAtOnce = false;
    rig.accept({ ...OFFER, queueDepth: 16 });
  }],
  ["given up", (rig) => {
    rig.session.start();
    rig.reject(104);
  }],
];
for (const [stage, arrange] of stages) {
  Deno.test(`close ${stage}: done once, nothing is left, nothing happens after it`, () => {
    const maxReconnectAttempts = stage === "given up" ? 0 : -1;
    const rig = new ClientRig({ settings: { maxReconnectAttempts } });
    arrange(rig);
    let closed = 0;
    rig.session.close(() => {
      closed++;
      assert.equal(rig.memory.usedBytes, 0, "done means done");
    });
    assert.ok(closed <= 1);
    rig.settle();
    assert.equal(closed, 1);
    rig.assertEmpty();
    const events = rig.events.length;
    rig.session.retryNow();
    rig.clock.advance(100_000);
    assert.equal(rig.events.length, events);
    assert.equal(closed, 1);
    rig.assertEmpty();
  });
}

Deno.test("whatever happens in whatever order, close ends it and nothing is left", () => {
  const event = fc.record({
    kind: fc.constantFrom("accept", "other", "reject", "info", "break", "lane", "answer", "settle")
      .chain((kind) => fc.constantFrom(kind, "accept", "info", "time")),
    index: fc.nat(5),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), fc.boolean(), (events, atOnce) => {
      const rig = new ClientRig({ answersAtOnce: atOnce });
      rig.session.start();
      for (const { kind, index } of events) apply(rig, kind, index);
      let closed = 0;
      rig.session.close(() => closed++);
      rig.settle();
      assert.equal(closed, 1);
      rig.assertEmpty();
      const ups = rig.events.filter((name) => name === "connected").length;
      const downs = rig.events.filter((name) => name === "disconnected").length;
      assert.equal(ups, downs);
    }),
    { numRuns: 2000 },
  );
});

function apply(rig: ClientRig, kind: string, index: number): void {
  const isConnecting = rig.fabric.connects.some((connect) => !connect.isCancelled);
  rig.fabric.connects.splice(0, Infinity, ...rig.fabric.connects.filter((c) => !c.isCancelled));
  const service = rig.adopter.connections.at(-1);
  const isAlive = service !== undefined && !service.isClosing;
  const failure = { errno: 104, reason: "the peer went away" };
  if (kind === "time") rig.clock.advance([100, 1000, 5000, 31_000, 90_000, 10][index]!);
  else if (kind === "accept" && isConnecting) rig.accept();
  else if (kind === "other" && isConnecting) rig.accept({ ...OFFER, queueDepth: 16 });
  else if (kind === "reject" && isConnecting) rig.reject(17);
  else if (kind === "info" && isAlive) rig.sendInfo(regionsOf(rig.session.offer ?? OFFER));
  else if (kind === "break" && isAlive) service.break(failure);
  else if (kind === "lane") rig.session.onLaneBroken(rig.path.handle, failure);
  else if (kind === "answer") rig.reactors[index % REACTORS]!.answer();
  else if (kind === "settle") rig.adopter.settle();
}
