/** Several paths of a client session: turns, shapes, fail-over, paths added and removed. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ERRNO } from "../../src/ffi/errno.ts";
import type { ClientPath, PathTarget } from "../../src/rtrs/client/path.ts";
import { decodeConnectRequest, encodeConnectReject } from "../../src/rtrs/connect_codec.ts";
import { HEARTBEAT_ACK_IMMEDIATE } from "../../src/rtrs/immediate.ts";
import { PATHS_MAX } from "../../src/rtrs/limits.ts";
import { ClientRig, OFFER, REACTORS, SETTINGS } from "./harness/client_rig.ts";
import type { PendingConnect } from "./harness/fake_fabric.ts";

const EINVAL = 22;
const EBUSY = 16;
const FAILURE = { errno: 104, reason: "the peer went away" };

const target = (number: number): PathTarget => ({
  source: `10.0.${number}.2`,
  destination: `10.0.${number}.1`,
  port: 1234,
});

const twoPaths = (settings = {}) => new ClientRig({ targets: [target(0), target(1)], settings });

/** What a connect says. */
function requestOf(connect: PendingConnect) {
  const request = decodeConnectRequest(connect.target.privateData);
  assert.ok(typeof request === "object");
  return request;
}

/** The connects under way, as `destination cid firstConn`. */
function connects(rig: ClientRig): string[] {
  return rig.fabric.connects.filter((connect) => !connect.isCancelled).map((connect) => {
    const { cid, firstConn } = requestOf(connect);
    return `${connect.target.destination} ${cid}${firstConn ? " first" : ""}`;
  });
}

/** Moves the connect to `number`'s place to the front, where the rig takes it. */
function choose(rig: ClientRig, number: number): void {
  const { connects } = rig.fabric;
  const at = connects.findIndex((connect) =>
    !connect.isCancelled && connect.target.destination === target(number).destination
  );
  assert.ok(at >= 0, `nobody connects to ${number}`);
  connects.unshift(...connects.splice(at, 1));
}

/** A path from the start of its attempt to CONNECTED. */
function establish(rig: ClientRig, number: number, offer = OFFER): void {
  for (let cid = 0; cid <= REACTORS; cid++) {
    choose(rig, number);
    rig.accept(offer);
    if (cid === 0) rig.services[number] = rig.service;
  }
  rig.sendInfoOn(rig.services[number]!, offer);
}

function connected(settings = {}): ClientRig {
  const rig = twoPaths(settings);
  rig.session.start();
  establish(rig, 0);
  establish(rig, 1);
  rig.settle();
  return rig;
}

const [first, second] = [0, 1].map((i) => (rig: ClientRig): ClientPath => rig.session.paths[i]!);

/** The commands of one kind that reactor 0 got, in short. */
const kinds = (rig: ClientRig) => rig.reactors[0]!.commands.map(({ kind }) => kind);

Deno.test("one path at a time may make the session; the others follow once the server has it", () => {
  const rig = twoPaths();
  rig.session.start();
  assert.deepEqual(connects(rig), ["10.0.0.1 0 first"]);
  rig.accept();
  assert.deepEqual(connects(rig).sort(), ["10.0.0.1 1 first", "10.0.1.1 0"]);
  assert.equal(rig.session.isConnected, false);
  rig.session.close(() => {});
  rig.settle();
  rig.assertEmpty();
});

Deno.test("a path that is refused passes its turn on; the session starts with the one that works", () => {
  const rig = twoPaths();
  rig.session.start();
  rig.reject(104);
  assert.deepEqual(connects(rig), ["10.0.1.1 0 first"]);
  assert.deepEqual(rig.events, [], "there is hope");
  establish(rig, 1);
  assert.deepEqual(rig.events, ["connected"]);
  assert.equal(first!(rig).state, "RECONNECTING");
  assert.match(first!(rig).lastFailure!.reason, /refused/);
  rig.clock.advance(1000);
  assert.deepEqual(connects(rig), ["10.0.0.1 0"], "it must find the session");
});

Deno.test("a path without an answer keeps others waiting for two seconds, then longer", () => {
  const rig = twoPaths();
  rig.session.start();
  rig.clock.advance(1999);
  assert.deepEqual(connects(rig), ["10.0.0.1 0 first"]);
  rig.clock.advance(1);
  assert.deepEqual(connects(rig), ["10.0.1.1 0 first"]);
  assert.match(first!(rig).lastFailure!.reason, /did not answer in 2000 ms/);
});

Deno.test("when all have failed the user hears of it, once for each round", () => {
  const rig = twoPaths();
  rig.session.start();
  rig.reject(104);
  assert.deepEqual(rig.events, []);
  rig.reject(17);
  assert.deepEqual(rig.events, ["failed"]);
  assert.equal(rig.failures[0]!.errno, 17);
  assert.ok(rig.retries[0]! <= 1000);
});

Deno.test("back-off is each path's own", () => {
  const rig = connected();
  const reconnects: number[] = [];
  for (let i = 0; i < 3; i++) {
    rig.session.onLaneBroken(second!(rig).handle, FAILURE);
    rig.settle();
    rig.reject(17);
    rig.settle();
    for (let round = 0; round <= i; round++) {
      rig.clock.advance(second!(rig).nextTryAt! - rig.clock.now());
      if (round < i) rig.reject(104);
    }
    reconnects.push(second!(rig).reconnects);
    establish(rig, 1);
    rig.settle();
  }
  assert.deepEqual(reconnects, [0, 1, 2]);
  assert.equal(first!(rig).state, "CONNECTED");
  assert.equal(first!(rig).reconnects, 0);
  assert.equal(rig.session.reconnects, 3);
  assert.deepEqual(rig.events, ["connected"]);
});

Deno.test("a path whose server has another shape is refused in words, and the session goes on", () => {
  const rig = twoPaths();
  rig.session.start();
  establish(rig, 0);
  choose(rig, 1);
  rig.accept({ ...OFFER, queueDepth: 16 });
  rig.settle();
  assert.equal(second!(rig).state, "RECONNECTING");
  const { errno, reason } = second!(rig).lastFailure!;
  assert.equal(errno, EINVAL);
  assert.match(reason, /offers 16 chunks .* session has 8 chunks .*lead to one server/);
  assert.deepEqual(rig.session.offer, OFFER);
  assert.equal(rig.session.isConnected, true);
});

Deno.test("a lost path: the reactors are asked to send again once the server has let go of it", () => {
  const rig = connected();
  const [lost, other] = [first!(rig), second!(rig)];
  rig.session.onLaneBroken(lost.handle, FAILURE);
  assert.deepEqual(rig.events, ["connected"], "the session stays");
  assert.deepEqual(connects(rig), [], "its connections must be closed first");
  rig.settle();
  const [question] = rig.fabric.connects.filter((connect) => !connect.isCancelled);
  assert.equal(question!.target.destination, other.target.destination);
  const { firstConn, cid, reconCnt } = requestOf(question!);
  assert.deepEqual([firstConn, cid, reconCnt], [false, 0, 2]);
  assert.equal(kinds(rig).includes("endClientPath"), false);
  rig.reject(104);
  assert.equal(kinds(rig).includes("endClientPath"), false, "the server still has it");
  rig.clock.advance(5);
  rig.reject(17);
  const [command] = rig.reactors[0]!.of("endClientPath");
  assert.equal(command!.path, lost.handle);
});

for (const errno of [6, 17, 12]) {
  Deno.test(`errno ${errno} to the question says that the path is gone`, () => {
    const rig = connected();
    rig.session.onLaneBroken(first!(rig).handle, FAILURE);
    rig.settle();
    const [before] = rig.reactors.map((reactor) => reactor.of("endClientPath").length);
    rig.fabric.takeConnect().done({ kind: "rejected", privateData: encodeConnectReject(errno) });
    assert.deepEqual([before, rig.reactors[0]!.of("endClientPath").length], [0, 1]);
  });
}

Deno.test("a server that takes the question for a path is told off; the dead path is gone", () => {
  const rig = connected();
  rig.session.onLaneBroken(first!(rig).handle, FAILURE);
  rig.settle();
  const tickets = rig.fabric.tickets.size;
  rig.accept();
  assert.equal(rig.fabric.tickets.size, tickets);
  assert.equal(rig.adopter.discarded.length, 1);
  assert.equal(rig.reactors[0]!.of("endClientPath").length, 1);
});

Deno.test("its own next connection says the same as the answer to the question", () => {
  const rig = connected();
  rig.session.onLaneBroken(first!(rig).handle, FAILURE);
  rig.settle();
  rig.clock.advance(1000);
  choose(rig, 0);
  rig.accept();
  assert.equal(rig.reactors[0]!.of("endClientPath").length, 1);
  assert.ok(connects(rig).every((connect) => connect.startsWith("10.0.0.1")), "nobody asks");
});

Deno.test("after a full outage the session is up when every lost path has ended at the server", () => {
  const rig = connected();
  for (const path of rig.session.paths) rig.session.onLaneBroken(path.handle, FAILURE);
  assert.deepEqual(rig.events, ["connected", "disconnected"]);
  const ups = rig.reactors[0]!.of("setClientUp").map(({ isUp }) => isUp);
  assert.deepEqual(ups, [true, false]);
  rig.settle();
  rig.clock.advance(1000);
  establish(rig, 0);
  assert.equal(first!(rig).state, "CONNECTED");
  assert.equal(rig.session.isConnected, false, "the second may still be at work there");
  choose(rig, 0);
  rig.reject(6);
  assert.equal(rig.session.isConnected, true);
  assert.deepEqual(rig.events.filter((event) => event === "connected").length, 2);
});

Deno.test("the last path, and the only one that is connected, cannot be removed", () => {
  const rig = twoPaths();
  rig.session.start();
  establish(rig, 0);
  assert.equal(rig.session.removePath(first!(rig), () => assert.fail())!.errno, EBUSY);
  let removed = 0;
  assert.equal(rig.session.removePath(second!(rig), () => removed++), undefined);
  rig.settle();
  assert.equal(removed, 1);
  assert.equal(rig.session.removePath(first!(rig), () => assert.fail())!.errno, EINVAL);
  assert.equal(rig.session.paths.length, 1);
});

Deno.test("a removed path is drained on every thread before it is closed", () => {
  const rig = connected();
  for (const reactor of rig.reactors) reactor.answersAtOnce = false;
  let removed = 0;
  const leaving = first!(rig);
  assert.equal(rig.session.removePath(leaving, () => removed++), undefined);
  assert.equal(rig.services[0]!.isClosing, false);
  rig.reactors[0]!.answer();
  assert.equal(rig.services[0]!.isClosing, false, "reactor 1 has requests on it");
  rig.reactors[1]!.answer();
  assert.equal(rig.services[0]!.isClosing, true);
  rig.settle();
  assert.equal(removed, 1);
  assert.deepEqual(rig.session.paths, [rig.session.paths[0]]);
  assert.deepEqual(rig.events, ["connected"]);
});

Deno.test("a path that breaks while it is drained is removed all the same", () => {
  const rig = connected();
  for (const reactor of rig.reactors) reactor.answersAtOnce = false;
  let removed = 0;
  rig.session.removePath(first!(rig), () => removed++);
  rig.session.onLaneBroken(first!(rig).handle, FAILURE);
  rig.settle();
  assert.equal(removed, 1);
  assert.deepEqual(rig.session.paths.map(({ slot }) => slot), [1]);
});

Deno.test("a path that is added is connected at once and may use what exposures have added", () => {
  const rig = connected();
  rig.session.buffers.add(0, 8192, 4096);
  rig.session.addPath(target(2));
  assert.deepEqual(connects(rig), ["10.0.2.1 0"]);
  establish(rig, 2);
  const attach = rig.reactors[0]!.of("attachClient").at(-1)!;
  assert.ok(attach.memory.memory.some(({ at }) => at === 8192));
  assert.equal(attach.slot, 2);
  assert.throws(() => rig.session.addPath(target(2)), /already/);
});

Deno.test("slots of removed paths are used again, and there are no more than the protocol has", () => {
  const rig = new ClientRig({ targets: Array.from({ length: PATHS_MAX }, (_, i) => target(i)) });
  assert.throws(() => rig.session.addPath(target(PATHS_MAX)), /more are impossible/);
  rig.session.removePath(rig.session.paths[3]!, () => {});
  assert.equal(rig.session.addPath(target(PATHS_MAX)).slot, 3);
});

Deno.test("settings change online: policy, attempts, and what had given up tries again", () => {
  const rig = connected({ maxReconnectAttempts: 0 });
  rig.session.onLaneBroken(second!(rig).handle, FAILURE);
  rig.settle();
  rig.reject(17);
  assert.equal(second!(rig).state, "CLOSED");
  rig.session.update({ ...SETTINGS, maxReconnectAttempts: 5, policy: "round-robin" });
  assert.deepEqual(rig.reactors[0]!.of("setClientPolicy").map(({ policy }) => policy), [
    "round-robin",
  ]);
  assert.equal(rig.session.adminLane!.policy, "round-robin");
  assert.deepEqual(connects(rig), ["10.0.1.1 0"]);
});

Deno.test("latency is each path's own, smoothed, and written where the lanes see it", () => {
  const rig = connected();
  const lines = rig.session.allotments.map(({ setup }) => (setup.countersAt + 64) / 4 + 2);
  const latencies = () => lines.map((line) => rig.memory.arena.u32[line]!);
  rig.clock.advance(5004);
  rig.services[1]!.handler.onImmediate(HEARTBEAT_ACK_IMMEDIATE);
  assert.deepEqual(latencies(), lines.map(() => 4000));
  rig.clock.advance(5004);
  rig.services[1]!.handler.onImmediate(HEARTBEAT_ACK_IMMEDIATE);
  assert.equal(first!(rig).heartbeat.latencyMs, 0);
  assert.ok(latencies()[0]! > 4000 && latencies()[0]! < 9000, "one sample moves it by a part");
});

Deno.test("of two paths whose removal is asked for at once, one stays", () => {
  const rig = new ClientRig({ targets: [target(0), target(1)] });
  rig.session.start();
  rig.accept();
  const [first, second] = rig.session.paths;
  assert.equal(rig.session.removePath(first!, () => {}), undefined);
  assert.equal(rig.session.removePath(second!, () => {})?.errno, ERRNO.EINVAL);
  rig.settle();
  assert.deepEqual(rig.session.paths, [second]);
});

Deno.test("whatever happens to several paths in whatever order, close ends all and nothing is left", () => {
  const kind = fc.constantFrom(
    ...["accept", "accept", "accept", "info", "info", "time", "settle", "answer"],
    ...["other", "reject", "break", "lane", "add", "remove", "disconnect", "reconnect"],
  );
  const event = fc.record({ kind, index: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 120 }), fc.boolean(), (events, answersAtOnce) => {
      const rig = new ClientRig({ targets: [target(0), target(1)], answersAtOnce });
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
    { numRuns: 1000 },
  );
});

function apply(rig: ClientRig, kind: string, index: number): void {
  const { connects } = rig.fabric;
  connects.splice(0, Infinity, ...connects.filter((connect) => !connect.isCancelled));
  if (connects.length > 0) connects.unshift(...connects.splice(index % connects.length, 1));
  const isConnecting = connects.length > 0;
  const services = rig.adopter.connections.filter((service) => !service.isClosing);
  const service = services[index % Math.max(1, services.length)];
  const path = rig.session.paths[index % rig.session.paths.length]!;
  if (kind === "time") rig.clock.advance([100, 1000, 5000, 31_000, 90_000, 10][index]!);
  else if (kind === "accept" && isConnecting) rig.accept();
  else if (kind === "other" && isConnecting) rig.accept({ ...OFFER, queueDepth: 16 });
  else if (kind === "reject" && isConnecting) rig.reject([17, 104, 6][index % 3]!);
  else if (kind === "info" && service !== undefined) {
    rig.sendInfoOn(service, rig.session.offer ?? OFFER);
  } else if (kind === "break" && service !== undefined) service.break(FAILURE);
  else if (kind === "lane") rig.session.onLaneBroken(path.handle, FAILURE);
  else if (kind === "answer") rig.reactors[index % REACTORS]!.answer();
  else if (kind === "settle") rig.adopter.settle();
  else if (kind === "remove") rig.session.removePath(path, () => {});
  else if (kind === "disconnect") path.disconnect(() => {});
  else if (kind === "reconnect") path.reconnect();
  else if (
    kind === "add" &&
    !rig.session.paths.some(({ target: { destination } }) =>
      destination === target(index).destination
    )
  ) rig.session.addPath(target(index));
}
