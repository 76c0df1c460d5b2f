/** The timing of heartbeats (rtrs.c:328-412). */
import assert from "node:assert/strict";
import { Heartbeat } from "../../src/rtrs/heartbeat.ts";
import { FakeClock } from "./harness/fake_clock.ts";

const PERIOD_MS = 5000;

class Rig {
  readonly clock = new FakeClock();
  received = 0;
  readonly sentAt: number[] = [];
  readonly silentAt: [at: number, silentMs: number][] = [];
  readonly heartbeat = new Heartbeat(this.clock, () => ({ intervalMs: PERIOD_MS, missedMax: 5 }), {
    received: () => this.received >>> 0,
    sendHeartbeat: () => this.sentAt.push(this.clock.now()),
    onSilence: (silentMs) => this.silentAt.push([this.clock.now(), silentMs]),
  });
}

Deno.test("a silent peer: one heartbeat at tick 1, given up at tick 7, 30 s later", () => {
  const rig = new Rig();
  rig.heartbeat.start();
  rig.clock.advance(4999);
  assert.deepEqual(rig.sentAt, []);
  rig.clock.advance(95_001);
  assert.deepEqual(rig.sentAt, [5000]);
  assert.deepEqual(rig.silentAt, [[35_000, 30_000]]);
  assert.equal(rig.clock.pending, 0, "it is over");
});

Deno.test("any traffic counts: a heartbeat each period, never silence", () => {
  const rig = new Rig();
  rig.heartbeat.start();
  for (let i = 0; i < 10; i++) {
    rig.received++;
    rig.clock.advance(PERIOD_MS);
  }
  assert.equal(rig.sentAt.length, 10);
  assert.deepEqual(rig.silentAt, []);
});

Deno.test("a sign of life in the last period before the limit resets it", () => {
  const rig = new Rig();
  rig.heartbeat.start();
  rig.clock.advance(34_000);
  rig.received++;
  rig.clock.advance(1000);
  assert.deepEqual(rig.silentAt, []);
  assert.deepEqual(rig.sentAt, [5000, 35_000], "the count began anew");
  rig.clock.advance(29_999);
  assert.deepEqual(rig.silentAt, []);
  rig.clock.advance(1);
  assert.deepEqual(rig.silentAt, [[65_000, 30_000]]);
});

Deno.test("the count of messages may wrap", () => {
  const rig = new Rig();
  rig.received = 0xffff_ffff;
  rig.heartbeat.start();
  rig.clock.advance(34_000);
  rig.received++;
  rig.clock.advance(20_000);
  assert.deepEqual(rig.silentAt, []);
});

Deno.test("nothing before start, nothing after stop, and start begins anew", () => {
  const rig = new Rig();
  rig.clock.advance(60_000);
  assert.deepEqual(rig.sentAt, []);
  rig.heartbeat.start();
  rig.clock.advance(20_000);
  rig.heartbeat.start();
  assert.equal(rig.clock.pending, 1);
  rig.clock.advance(34_999);
  assert.deepEqual(rig.silentAt, []);
  rig.heartbeat.stop();
  rig.clock.advance(60_000);
  assert.deepEqual(rig.silentAt, []);
  assert.equal(rig.clock.pending, 0);
});

Deno.test("the latency is the last answered round trip, 0 before", () => {
  const rig = new Rig();
  rig.heartbeat.start();
  rig.heartbeat.onAck();
  assert.equal(rig.heartbeat.latencyMs, 0);
  rig.clock.advance(PERIOD_MS + 7);
  rig.heartbeat.onAck();
  assert.equal(rig.heartbeat.latencyMs, 7);
  rig.clock.advance(PERIOD_MS);
  rig.heartbeat.stop();
  assert.equal(rig.heartbeat.latencyMs, 0, "a path that is down has none");
  rig.heartbeat.onAck();
  assert.equal(rig.heartbeat.latencyMs, 0, "a late answer says nothing");
});
