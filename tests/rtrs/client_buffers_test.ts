/** Ranges that exposures add to a session, and paths that are dropped and connected on request. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ClientRig, OFFER, REACTORS } from "./harness/client_rig.ts";

const FAILURE = { errno: 104, reason: "the peer went away" };
const LENGTH = 65_536;

function connected(answersAtOnce = true): ClientRig {
  const rig = new ClientRig({ answersAtOnce });
  rig.session.start();
  rig.establish();
  return rig;
}

/** Arena offsets that lane `lane` of the last attempt may use besides its own. */
function known(rig: ClientRig, lane: number): number[] {
  const { commands } = rig.reactors[lane]!;
  const attach = commands.findLastIndex(({ kind }) => kind === "attachClient");
  const ranges = new Set<number>();
  for (const command of commands.slice(attach)) {
    if (command.kind === "attachClient") {
      for (const { at } of command.memory.memory.slice(2)) ranges.add(at);
    } else if (command.kind === "exposeClient") ranges.add(command.memory.at);
    else if (command.kind === "concealClient") ranges.delete(command.memory.at);
  }
  return [...ranges].sort((a, b) => a - b);
}

Deno.test("added buffers are registered for their lane only, at once and after a reconnect", () => {
  const rig = connected();
  const registered = rig.fabric.registered.size;
  rig.session.buffers.add(1, 8192, LENGTH);
  assert.deepEqual([known(rig, 0), known(rig, 1)], [[], [8192]]);
  const [memory] = rig.reactors[1]!.of("exposeClient").map((command) => command.memory);
  assert.deepEqual([memory!.at, memory!.length, memory!.access], [8192, LENGTH, "remote"]);
  assert.equal(rig.fabric.registered.size, registered + 1);
  rig.service.break();
  rig.settle();
  assert.equal(rig.fabric.registered.size, 0);
  rig.session.buffers.add(0, 131_072, LENGTH);
  rig.clock.advance(2000);
  rig.establish();
  assert.deepEqual([known(rig, 0), known(rig, 1)], [[131_072], [8192]]);
});

Deno.test("removed buffers stay registered until the lane has let go of them", () => {
  const rig = connected();
  rig.session.buffers.add(0, 8192, LENGTH);
  const registered = rig.fabric.registered.size;
  rig.reactors[0]!.answersAtOnce = false;
  let isRemoved = false;
  rig.session.buffers.remove(8192, () => isRemoved = true);
  assert.deepEqual([isRemoved, rig.fabric.registered.size], [false, registered]);
  rig.reactors[0]!.answer();
  assert.deepEqual([isRemoved, rig.fabric.registered.size], [true, registered - 1]);
  assert.deepEqual(known(rig, 0), []);
});

Deno.test("buffers removed during a tear-down are let go at its end", () => {
  const rig = connected();
  rig.session.buffers.add(0, 8192, LENGTH);
  rig.session.onLaneBroken(rig.path.handle, FAILURE);
  let isRemoved = false;
  rig.session.buffers.remove(8192, () => isRemoved = true);
  assert.equal(isRemoved, false);
  rig.settle();
  assert.equal(isRemoved, true);
  rig.clock.advance(2000);
  rig.establish();
  assert.deepEqual(known(rig, 0), []);
});

Deno.test("whatever is added and removed between whatever breaks, lanes know what they should", () => {
  const event = fc.record({
    kind: fc.constantFrom("add", "remove", "break", "connect", "info", "answer", "settle", "time"),
    lane: fc.nat(REACTORS - 1),
    range: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const rig = new ClientRig({ answersAtOnce: false });
      rig.session.start();
      const ranges = new Map<number, number>();
      let removals = 0;
      for (const { kind, lane, range } of events) {
        const at = range * 2 ** 20;
        if (kind === "add" && !ranges.has(at)) {
          ranges.set(at, lane);
          rig.session.buffers.add(lane, at, LENGTH);
        } else if (kind === "remove" && ranges.delete(at)) {
          removals++;
          rig.session.buffers.remove(at, () => removals--);
        } else step(rig, kind);
      }
      for (let i = 0; i < 5 && !rig.session.isConnected; i++) {
        rig.settle();
        rig.clock.advance(31_000);
        for (let n = 0; n <= 2 * REACTORS; n++) step(rig, "connect");
        step(rig, "info");
      }
      rig.settle();
      assert.equal(rig.session.isConnected, true);
      assert.equal(removals, 0, "a removal never ended");
      for (let lane = 0; lane < REACTORS; lane++) {
        const expected = [...ranges].filter(([, owner]) => owner === lane).map(([at]) => at);
        assert.deepEqual(known(rig, lane), expected.sort((a, b) => a - b));
      }
      assert.equal(rig.fabric.registered.size, 2 * (REACTORS + 1) + ranges.size);
      rig.session.close(() => {});
      rig.settle();
      rig.assertEmpty();
    }),
    { numRuns: 1000 },
  );
});

function step(rig: ClientRig, kind: string): void {
  const live = rig.fabric.connects.filter((connect) => !connect.isCancelled);
  rig.fabric.connects.splice(0, Infinity, ...live);
  const service = rig.adopter.connections.at(-1);
  const isAlive = service !== undefined && !service.isClosing;
  if (kind === "break" && isAlive) service.break(FAILURE);
  else if (kind === "connect" && live.length > 0) {
    rig.accept();
    rig.settle();
  } else if (kind === "info" && isAlive && rig.path.state === "CONNECTING") rig.sendInfo();
  else if (kind === "answer") { for (const reactor of rig.reactors) reactor.answer(); }
  else if (kind === "settle") rig.settle();
  else if (kind === "time") rig.clock.advance(2000);
}

Deno.test("disconnect: the path stays down until reconnect", () => {
  const rig = connected();
  let isDown = false;
  rig.path.disconnect(() => isDown = true);
  rig.settle();
  assert.equal(isDown, true);
  assert.equal(rig.path.state, "CLOSED");
  rig.clock.advance(1e6);
  assert.equal(rig.fabric.connects.length, 0, "it connects by itself");
  assert.equal(rig.path.reconnect(), true);
  rig.establish();
  assert.deepEqual(rig.events, ["connected", "disconnected", "connected"]);
});

Deno.test("disconnect ends a wait for the next attempt as well", () => {
  const rig = new ClientRig();
  rig.session.start();
  rig.reject(17);
  rig.path.disconnect(() => {});
  rig.clock.advance(1e6);
  assert.equal(rig.fabric.connects.length, 0);
  assert.equal(rig.session.nextTryAt, undefined);
});

Deno.test("reconnect of a path that is up: down, and up again without a delay", () => {
  const rig = connected();
  assert.equal(rig.path.reconnect(), true);
  rig.settle();
  rig.establish(OFFER);
  assert.deepEqual(rig.events, ["connected", "disconnected", "connected"]);
  assert.equal(rig.session.reconnects, 1);
});

Deno.test("reconnect cuts a wait short, and is refused while a connect is under way", () => {
  const rig = new ClientRig();
  rig.session.start();
  assert.equal(rig.path.reconnect(), false);
  rig.reject(17);
  assert.equal(rig.path.reconnect(), true);
  assert.equal(rig.fabric.connects.length, 1);
});

Deno.test("reconnect works after the last of max_reconnect_attempts", () => {
  const rig = new ClientRig({ settings: { maxReconnectAttempts: 0 } });
  rig.session.start();
  rig.reject(17);
  assert.equal(rig.path.state, "CLOSED");
  assert.equal(rig.path.reconnect(), true);
  rig.establish();
  assert.equal(rig.session.isConnected, true);
});
