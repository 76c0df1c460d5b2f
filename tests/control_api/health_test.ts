/** /healthz and /readyz: what those see who send work here. */
import assert from "node:assert/strict";
import type { MappingStatus, PlanStep, Status } from "../../src/appliance/appliance_api.ts";
import { readiness } from "../../src/appliance/control_api/readiness.ts";
import { ApiChecker } from "./api_checker.ts";
import { FakeAppliance, MAPPING, STATUS } from "./fake_appliance.ts";
import { send, startApi, withApi } from "./http.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const JSON_WANTED = { accept: "application/json" };

const status = (mappings: readonly MappingStatus[], pending: readonly PlanStep[] = []): Status => ({
  ...STATUS,
  mappings,
  config: { ...STATUS.config, pending },
});

const closed: MappingStatus = { ...MAPPING, state: "closed", last_error: "ENOENT: no\nsuch" };

const step = (change: Partial<PlanStep>): PlanStep => ({
  action: "add",
  kind: "mapping",
  name: "new",
  reason: "the file names it",
  changes: [],
  waits_for: null,
  last_error: null,
  next_try_ms: null,
  ...change,
});

Deno.test("ready is: every declared mapping is open, and nothing is still to be added", () => {
  const cases: [Status, string[]][] = [
    [status([]), []],
    [status([MAPPING]), []],
    [status([{ ...closed, origin: "manual" }]), []],
    [status([closed, MAPPING]), ["mapping scratch: ENOENT: no such"]],
    [status([{ ...closed, last_error: null }]), ["mapping scratch: is not open yet"]],
    [status([MAPPING], [step({})]), ["mapping new: the file names it"]],
    [status([closed], [step({ name: "scratch" })]), ["mapping scratch: ENOENT: no such"]],
    [
      status([], [step({ kind: "server", name: "server", last_error: "EADDRINUSE" })]),
      ["server: EADDRINUSE"],
    ],
    [status([MAPPING], [step({ action: "remove", name: "scratch" })]), []],
    [status([MAPPING], [step({ action: "change", kind: "session" })]), []],
  ];
  for (const [given, missing] of cases) {
    assert.deepEqual(readiness(given, []), { ready: missing.length === 0, missing });
    assert.deepEqual(readiness(given, [3]), {
      ready: false,
      missing: ["reactor 3 does not answer", ...missing],
    });
  }
});

Deno.test("a thread that does not answer makes /healthz and /readyz 503", async () => {
  await using directory = await temporaryDirectory();
  let silent: readonly number[] = [];
  const api = await startApi(directory.path, {}, "1", () => silent);
  try {
    const appliance = new FakeAppliance();
    appliance.current = status([MAPPING]);
    api.attach(appliance);
    assert.equal((await send(api.socket, "GET", "/healthz")).status, 200);
    silent = [1, 3];
    const lines = "reactor 1 does not answer\nreactor 3 does not answer\n";
    for (const path of ["/healthz", "/readyz"]) {
      const answer = await send(api.socket, "GET", path);
      assert.deepEqual([answer.status, answer.text], [503, lines], path);
    }
    const json = await send(api.socket, "GET", "/healthz", undefined, JSON_WANTED);
    assert.equal(json.status, 503);
    assert.deepEqual(JSON.parse(json.text), { status: "failing", silent_reactors: [1, 3] });
    new ApiChecker().checkAnswer("GET", "/healthz", json);
  } finally {
    await api.stop();
  }
});

Deno.test("/healthz answers whatever the appliance does, /readyz says what is missing", async () => {
  await using directory = await temporaryDirectory();
  const api = await startApi(directory.path);
  try {
    const health = await send(api.socket, "GET", "/healthz");
    assert.deepEqual([health.status, health.text], [200, "ok\n"]);
    const json = await send(api.socket, "GET", "/healthz", undefined, JSON_WANTED);
    assert.deepEqual(JSON.parse(json.text), { status: "ok", silent_reactors: [] });
    const early = await send(api.socket, "GET", "/readyz");
    assert.deepEqual([early.status, early.text], [503, "The appliance is starting; try again\n"]);
  } finally {
    await api.stop();
  }
});

Deno.test("/readyz answers 200 or 503, as text or as JSON", () =>
  withApi(async ({ socket }, appliance) => {
    appliance.current = status([MAPPING]);
    const ready = await send(socket, "GET", "/readyz");
    assert.deepEqual([ready.status, ready.text], [200, "ready\n"]);
    appliance.current = status([closed], [step({})]);
    const unready = await send(socket, "GET", "/readyz");
    assert.equal(unready.status, 503);
    const missing = ["mapping new: the file names it", "mapping scratch: ENOENT: no such"];
    assert.deepEqual(unready.text, missing.join("\n") + "\n");
    const json = await send(socket, "GET", "/readyz", undefined, JSON_WANTED);
    assert.equal(json.status, 503);
    assert.deepEqual(JSON.parse(json.text), { ready: false, missing });
    appliance.failure = new TypeError("a bug");
    const broken = await send(socket, "GET", "/readyz");
    assert.deepEqual([broken.status, broken.text], [503, "a bug\n"]);
    assert.equal((await send(socket, "GET", "/healthz")).status, 200);
  }));
