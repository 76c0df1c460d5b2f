/** The pulse and the watchdog: a reactor that does not turn is noticed, one that does is not. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Pulse, PULSE_TIMING, type PulseSubject } from "../../src/appliance/reactor/pulse.ts";
import {
  pulseTiming,
  Watchdog,
  type WatchdogEnvironment,
  watchdogMs,
} from "../../src/appliance/service_manager/watchdog.ts";
import { plainArena } from "../../src/ring/arena.ts";
import { MAILBOX_BYTES } from "../../src/ring/limits.ts";
import { MailboxReader, MailboxWriter } from "../../src/ring/mailbox.ts";
import { QuietLog } from "./quiet_log.ts";

/** A reactor made of its mailbox: what wakes a real one is delivered only while it turns. */
class FakeReactor implements PulseSubject {
  turns = true;
  private readonly writer: MailboxWriter;

  constructor(readonly index: number) {
    const arena = plainArena(MAILBOX_BYTES);
    const reader = new MailboxReader(arena, 0);
    this.drain = () => reader.drain(() => {});
    this.writer = new MailboxWriter(arena, 0, () => {
      if (this.turns) this.drain();
    });
  }

  private readonly drain: () => void;

  ping(): void {
    this.writer.ping();
  }

  get isAnswered(): boolean {
    return this.writer.isAnswered;
  }

  /** What waited for it is delivered. */
  goOn(): void {
    this.turns = true;
    this.drain();
  }
}

/** Pulse, watchdog and reactors on a clock of their own. */
class Rig {
  nowMs = 0;
  readonly fedAt: number[] = [];
  readonly pulse = new Pulse();
  readonly reactors: FakeReactor[];
  private readonly timing;

  constructor(readonly limitMs: number, reactors = 2) {
    this.timing = pulseTiming(limitMs);
    this.pulse.start(this.timing)[Symbol.dispose]();
    const { pulse } = this;
    const feed = () => this.fedAt.push(this.nowMs);
    const watchdog = new Watchdog({ limitMs, pulse, feed, now: () => this.nowMs });
    this.pulse.onBeat = () => watchdog.onBeat();
    this.reactors = Array.from({ length: reactors }, (_, index) => new FakeReactor(index));
    for (const reactor of this.reactors) this.pulse.add(reactor);
  }

  /** Lets time pass, beat by beat. */
  pass(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      this.nowMs += this.timing.intervalMs;
      this.pulse.beat();
    }
  }

  /** How long it was not fed at most. */
  get longestGapMs(): number {
    const times = [...this.fedAt, this.nowMs];
    return Math.max(...times.map((time, i) => time - (times[i - 1] ?? 0)));
  }
}

const LIMIT_MS = 30_000;

Deno.test("while all reactors turn it is fed at half the time, and nothing is said", () => {
  using quiet = new QuietLog();
  const rig = new Rig(LIMIT_MS);
  rig.pass(600_000);
  assert.deepEqual(rig.fedAt.slice(0, 3), [1_000, 16_000, 31_000]);
  assert.equal(rig.longestGapMs, LIMIT_MS / 2);
  assert.deepEqual(quiet.events, []);
});

Deno.test("a reactor that is not woken any more ends the feeding, and is named before", () => {
  using quiet = new QuietLog();
  const rig = new Rig(LIMIT_MS);
  rig.pass(20_000);
  rig.reactors[1]!.turns = false;
  rig.pass(LIMIT_MS);
  assert.deepEqual(rig.fedAt, [1_000, 16_000]);
  assert.deepEqual(quiet.entries.map(({ event, fields }) => [event, fields]), [
    ["reactor does not answer", { reactor: 1, silent_ms: 7_000 }],
    ["watchdog not fed", {
      reactors: "1",
      reason: "not every reactor answers; unless they do, the service manager ends the process",
    }],
  ]);
  assert.deepEqual(rig.pulse.silent(), [1]);
  // It was not dead after all.
  rig.reactors[1]!.goOn();
  rig.pass(1_000);
  assert.deepEqual(rig.pulse.silent(), []);
  assert.equal(rig.fedAt.at(-1), 51_000);
  assert.equal(quiet.events.at(-1), "warn reactor answers again");
});

Deno.test("whenever a reactor hangs, it is named in time, and the watchdog bites", () => {
  using _quiet = new QuietLog();
  fc.assert(fc.property(
    fc.integer({ min: 1_000, max: 300_000 }),
    fc.integer({ min: 0, max: 100_000 }),
    (limitMs, hangAfterMs) => {
      const rig = new Rig(limitMs);
      rig.pass(hangAfterMs);
      const hungAt = rig.nowMs;
      rig.reactors[0]!.turns = false;
      while (rig.pulse.silent().length === 0) rig.pass(1);
      const namedAt = rig.nowMs;
      rig.pass(3 * limitMs);
      const last = rig.fedAt.at(-1) ?? 0;
      assert.ok(last <= hungAt + limitMs / 2 + 1_000, `fed at ${last}, hung at ${hungAt}`);
      assert.ok(namedAt < last + limitMs, `named at ${namedAt}, bitten at ${last + limitMs}`);
    },
  ));
});

Deno.test("a reactor that is late now and then does not matter", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 40 }), (naps) => {
    using quiet = new QuietLog();
    const rig = new Rig(LIMIT_MS);
    for (const seconds of naps) {
      rig.reactors[0]!.turns = false;
      rig.pass(seconds * 1_000);
      rig.reactors[0]!.goOn();
      rig.pass(1_000);
    }
    assert.ok(rig.longestGapMs < LIMIT_MS, `${rig.longestGapMs} ms without food`);
    assert.deepEqual(quiet.events, []);
  }));
});

Deno.test("a process that was stopped as a whole, with a ping under way, accuses nobody", () => {
  using quiet = new QuietLog();
  const rig = new Rig(LIMIT_MS);
  rig.pass(10_000);
  rig.reactors[0]!.turns = false;
  rig.pass(1_000);
  rig.nowMs += 3_600_000;
  // Main runs first after the stop, the reactor a moment later.
  rig.pass(1_000);
  rig.reactors[0]!.goOn();
  rig.pass(60_000);
  assert.deepEqual(quiet.events, []);
  assert.deepEqual(rig.pulse.silent(), []);
});

Deno.test("after a long pause it is fed only when every reactor has answered again", () => {
  using quiet = new QuietLog();
  const rig = new Rig(LIMIT_MS);
  rig.pass(15_000);
  rig.reactors[0]!.turns = false;
  rig.pass(1_000);
  assert.equal(rig.fedAt.at(-1), 16_000);
  rig.nowMs += 20_000;
  rig.pass(1_000);
  assert.equal(rig.fedAt.at(-1), 16_000);
  rig.reactors[0]!.goOn();
  rig.pass(1_000);
  assert.equal(rig.fedAt.at(-1), 38_000);
  assert.deepEqual(quiet.events, []);
});

Deno.test("a reactor that ends, and one that comes later, do not keep it from being fed", () => {
  using quiet = new QuietLog();
  const rig = new Rig(LIMIT_MS);
  rig.pass(15_000);
  rig.reactors[0]!.turns = false;
  rig.pulse.remove(rig.reactors[0]!);
  rig.pulse.add(new FakeReactor(7));
  rig.pass(60_000);
  assert.equal(rig.longestGapMs, LIMIT_MS / 2);
  assert.deepEqual(quiet.events, []);
});

Deno.test("the watchdog's variables", () => {
  const cases: readonly [WatchdogEnvironment, number | undefined, number][] = [
    [{}, undefined, 0],
    [{ WATCHDOG_PID: "5" }, undefined, 0],
    [{ WATCHDOG_USEC: "30000000" }, 30_000, 0],
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "5" }, 30_000, 0],
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "6" }, undefined, 0],
    [{ WATCHDOG_USEC: "0" }, undefined, 1],
    [{ WATCHDOG_USEC: "" }, undefined, 1],
    [{ WATCHDOG_USEC: "30s" }, undefined, 1],
    [{ WATCHDOG_USEC: "-1" }, undefined, 1],
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "me" }, undefined, 1],
  ];
  for (const [environment, expected, warnings] of cases) {
    using quiet = new QuietLog();
    assert.equal(watchdogMs(environment, 5), expected, JSON.stringify(environment));
    assert.equal(quiet.events.length, warnings, JSON.stringify(environment));
  }
});

Deno.test("without a watchdog, and with a long one, reactors are asked at the usual pace", () => {
  assert.deepEqual(pulseTiming(undefined), PULSE_TIMING);
  assert.deepEqual(pulseTiming(600_000), PULSE_TIMING);
  assert.deepEqual(pulseTiming(2_000), { intervalMs: 125, silentBeats: 4 });
});
