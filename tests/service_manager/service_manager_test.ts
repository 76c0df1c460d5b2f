/** What the service manager is told over the life of an appliance, in this process. */
import assert from "node:assert/strict";
import { ApplianceError } from "../../src/appliance/appliance_api.ts";
import { parseConfig } from "../../src/appliance/config/load_config.ts";
import { Pulse } from "../../src/appliance/reactor/pulse.ts";
import { RELOAD_EVENTS } from "../../src/appliance/reconcile/reload_events.ts";
import {
  type ServiceEnvironment,
  ServiceManager,
} from "../../src/appliance/service_manager/service_manager.ts";
import { statusLine } from "../../src/appliance/service_manager/status_line.ts";
import { FakeAppliance, STATUS } from "../control_api/fake_appliance.ts";
import { sleep, waitFor } from "../support/process.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { type Message, NotifyReceiver } from "./notify_receiver.ts";
import { QuietLog } from "./quiet_log.ts";

const LINE = statusLine(STATUS, []);
const MAPPINGS = [...STATUS.mappings];

interface Rig {
  readonly service: ServiceManager;
  readonly appliance: FakeAppliance;
  readonly told: () => readonly Message[];
  happen(event: string): void;
}

async function withService(
  body: (rig: Rig) => Promise<void> | void,
  environment: ServiceEnvironment = {},
): Promise<void> {
  await using directory = await temporaryDirectory();
  using receiver = new NotifyReceiver(`${directory.path}/notify`);
  using _quiet = new QuietLog();
  const all = { NOTIFY_SOCKET: receiver.name, ...environment };
  using service = new ServiceManager(all, new Pulse());
  const appliance = new FakeAppliance();
  await body({
    service,
    appliance,
    told: () => receiver.messages,
    happen: (event) => appliance.history.add({ time: "", level: "info", event, fields: {} }),
  });
}

Deno.test("ready with a status; a reload between two of its own; stopping, and then nothing", () =>
  withService(({ service, appliance, told, happen }) => {
    service.follow(appliance);
    service.ready();
    happen(RELOAD_EVENTS.begun);
    appliance.current = { ...STATUS, mappings: [] };
    happen(RELOAD_EVENTS.done);
    happen(RELOAD_EVENTS.begun);
    happen(RELOAD_EVENTS.refused);
    service.stopping();
    happen(RELOAD_EVENTS.begun);
    happen("mapping open");
    const messages = told().map(({ MONOTONIC_USEC: _time, ...rest }) => rest);
    const after = statusLine(appliance.current, []);
    assert.deepEqual(messages, [
      { READY: "1", STATUS: LINE },
      { RELOADING: "1" },
      { READY: "1", STATUS: after },
      { RELOADING: "1" },
      { READY: "1", STATUS: after },
      { STOPPING: "1", STATUS: "stopping" },
    ]);
    assert.equal(appliance.subscribers, 0);
    const [first, second] = told().filter(({ RELOADING }) => RELOADING === "1")
      .map(({ MONOTONIC_USEC }) => Number(MONOTONIC_USEC));
    assert.ok(Number.isSafeInteger(first) && first! > 0 && second! >= first!, `${first} ${second}`);
    // CLOCK_BOOTTIME, as /proc/uptime has it, is never behind CLOCK_MONOTONIC.
    const uptimeUs = Number(Deno.readTextFileSync("/proc/uptime").split(" ")[0]) * 1e6;
    assert.ok(second! <= uptimeUs + 20_000, `${second} is later than ${uptimeUs}`);
  }));

Deno.test("a reload while it starts says nothing: READY would be too early", () =>
  withService(({ service, appliance, told, happen }) => {
    service.follow(appliance);
    happen(RELOAD_EVENTS.begun);
    happen(RELOAD_EVENTS.done);
    assert.deepEqual(told(), []);
    service.ready();
    assert.deepEqual(told().map(({ READY }) => READY), ["1"]);
  }));

Deno.test("the status follows what happens: only other texts, and not all at once", () =>
  withService(async ({ service, appliance, told, happen }) => {
    service.follow(appliance);
    const texts = () => told().map(({ STATUS: text }) => text);
    await waitFor(() => texts().length === 1, 2_000, "a status");
    assert.deepEqual(texts(), [`starting: ${LINE}`]);
    service.ready();
    // Each event another status; nobody can read so many.
    for (let count = MAPPINGS.length; count >= 0; count--) {
      appliance.current = { ...STATUS, mappings: MAPPINGS.slice(0, count) };
      happen("mapping removed");
      await sleep(20);
    }
    assert.deepEqual(texts(), [`starting: ${LINE}`, LINE]);
    await waitFor(() => texts().length === 3, 3_000, "the last status");
    assert.equal(texts()[2], statusLine(appliance.current, []));
    happen("something else");
    await sleep(1_300);
    assert.equal(texts().length, 3);
  }));

Deno.test("a failed start says why, in words and as an errno", async () => {
  const cases: [unknown, Message][] = [
    [new ApplianceError("no ublk", "EPERM", 69), { STATUS: "failed: no ublk", ERRNO: "1" }],
    [new ApplianceError("odd", "EWHAT", 1), { STATUS: "failed: odd" }],
    [new TypeError("a bug"), { STATUS: "failed: a bug" }],
  ];
  try {
    parseConfig("[node]\nreactors = 0\nname = 1\n", "a.toml");
  } catch (error) {
    const first = "a.toml:2:12: node.reactors: 0 is out of range; use a whole number from 1 to 64";
    cases.push([error, { STATUS: `failed: ${first} (and 1 more)`, ERRNO: "22" }]);
  }
  assert.equal(cases.length, 4);
  for (const [error, expected] of cases) {
    await withService(({ service, told }) => {
      service.failed(error);
      assert.deepEqual(told(), [expected]);
    });
  }
});

Deno.test("the watchdog is fed from the start, also without reactors; nothing after the end", () =>
  withService(async ({ service, told }) => {
    const fed = () => told().filter(({ WATCHDOG }) => WATCHDOG === "1").length;
    await waitFor(() => fed() >= 3, 5_000, "food");
    assert.equal(fed(), told().length);
    service[Symbol.dispose]();
    const before = fed();
    await sleep(700);
    assert.equal(fed(), before);
  }, { WATCHDOG_USEC: "600000", WATCHDOG_PID: String(Deno.pid) }));

Deno.test("a long start and a long stop ask for more time, unless a reactor is dead", async () => {
  await using directory = await temporaryDirectory();
  using receiver = new NotifyReceiver(`${directory.path}/notify`);
  using _quiet = new QuietLog();
  const beats = new Pulse();
  using service = new ServiceManager({ NOTIFY_SOCKET: receiver.name }, beats, 20);
  const asked = () => receiver.messages.filter((message) => "EXTEND_TIMEOUT_USEC" in message);
  await waitFor(() => asked().length >= 3, 5_000, "more time for the start");
  assert.deepEqual(asked()[0], { EXTEND_TIMEOUT_USEC: "30000000" });
  service.ready();
  const atReady = asked().length;
  await sleep(200);
  assert.equal(asked().length, atReady);
  service.stopping();
  await waitFor(() => asked().length >= atReady + 3, 5_000, "more time for the stop");
  beats.add({ index: 0, ping() {}, isAnswered: false });
  for (let i = 0; i < 20; i++) beats.beat();
  const atDeath = asked().length;
  await sleep(200);
  assert.equal(asked().length, atDeath);
});

Deno.test("somebody else's watchdog is not fed", () =>
  withService(async ({ told }) => {
    await sleep(500);
    assert.deepEqual(told(), []);
  }, { WATCHDOG_USEC: "200000", WATCHDOG_PID: String(Deno.pid + 1) }));

Deno.test("without a service manager nobody subscribes, and nothing is told", () => {
  using quiet = new QuietLog();
  using service = new ServiceManager({ WATCHDOG_USEC: "1000000" }, new Pulse());
  const appliance = new FakeAppliance();
  service.follow(appliance);
  service.ready();
  service.stopping();
  service.failed(new Error("x"));
  assert.equal(appliance.subscribers, 0);
  assert.deepEqual(quiet.events, []);
});
