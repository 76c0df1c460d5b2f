/** The control API refuses what it does not know, before the appliance hears of it. */
import assert from "node:assert/strict";
import { Random } from "../support/random.ts";
import { send, sendJson, withApi } from "./http.ts";

const JSON_TYPE = { "content-type": "application/json" };

/** `[method, path, body, HTTP status, message]`; a string body is sent as it is. */
const REFUSED: readonly [string, string, unknown, number, RegExp][] = [
  ["GET", "/x", undefined, 404, /^There is no \/x; see/],
  ["GET", "/v2/status", undefined, 404, /no \/v2\/status/],
  ["GET", "/v1/status/", undefined, 404, /no \/v1\/status\//],
  ["GET", "/v1/mappings/a/b/verify", undefined, 404, /^There is no/],
  ["PUT", "/v1/status", {}, 405, /does not take PUT; use GET/],
  ["GET", "/v1/mappings/m/verify", undefined, 405, /use POST/],
  ["PATCH", "/v1/mappings", {}, 405, /use GET, POST/],
  ["GET", "/v1/status?verbose=1", undefined, 400, /query parameter "verbose" is unknown/],
  ["DELETE", "/v1/mappings/m?force=1", undefined, 400, /^force: is neither/],
  ["DELETE", "/v1/mappings/m?force=true&force=true", undefined, 400, /^force: is given 2 times/],
  ["DELETE", "/v1/mappings/%ff", undefined, 400, /not percent-encoded UTF-8/],
  ["POST", "/v1/mappings", "", 400, /^The body is no JSON/],
  ["POST", "/v1/mappings", "{", 400, /^The body is no JSON/],
  ["POST", "/v1/mappings", "[]", 400, /^map is no JSON object/],
  ["POST", "/v1/mappings", "null", 400, /^map is no JSON object/],
  ["POST", "/v1/mappings", {}, 400, /^map: sessname: is missing/],
  ["POST", "/v1/mappings", { sessname: "s" }, 400, /^map: device_path: is missing/],
  ["POST", "/v1/mappings", { sessname: 1, device_path: "d" }, 400, /^map: sessname: is no string/],
  [
    "POST",
    "/v1/mappings",
    { sessname: "a/b", device_path: "d" },
    400,
    /^map: sessname: holds "\/"/,
  ],
  ["POST", "/v1/mappings", { sessname: "s", device_path: "../x" }, 400, /holds "\.\."/],
  ["POST", "/v1/mappings", { sessname: "s", device_path: "a\u0000b" }, 400, /control character/],
  ["POST", "/v1/mappings", '{"sessname":"\\ud800","device_path":"d"}', 400, /half a character/],
  ["POST", "/v1/mappings", { sessname: "s", device_path: "d".repeat(255) }, 400, /has 255 bytes/],
  ["POST", "/v1/mappings", { sessname: "s", device_path: "d", name: "../../x" }, 400, /holds "\/"/],
  [
    "POST",
    "/v1/mappings",
    { sessname: "s", device_path: "d", name: "n".repeat(200) },
    400,
    /longer/,
  ],
  [
    "POST",
    "/v1/mappings",
    { sessname: "s", device_path: "d", access_mode: "x" },
    400,
    /"ro", "rw"/,
  ],
  [
    "POST",
    "/v1/mappings",
    { sessname: "s", device_path: "d", expose: "usb" },
    400,
    /"auto", "ublk" or/,
  ],
  [
    "POST",
    "/v1/mappings",
    { sessname: "s", device_path: "d", paths: ["tcp:10.0.0.1,ip:10.0.0.2"] },
    400,
    /because the destination is one/,
  ],
  ["POST", "/v1/mappings/m/remap", { force: "yes" }, 400, /^remap: force: is neither/],
  ["POST", "/v1/mappings/m/remap", { forse: true }, 400, /did you mean "force"/],
  ["POST", "/v1/mappings/m/resize", { size_bytes: 1000 }, 400, /multiple of 512/],
  ["POST", "/v1/mappings/m/resize", { size_bytes: -512 }, 400, /^resize: size_bytes: is no whole/],
  ["GET", "/v1/mappings/m/resize", undefined, 405, /use POST/],
  ["POST", "/v1/sessions/s/disconnect", { path: "eth0" }, 400, /^disconnect: path: "eth0"/],
  ["POST", "/v1/sessions/s/reconnect", { path: 7 }, 400, /^reconnect: path: is no string/],
  ["POST", "/v1/sessions/s/reconnect", "", 400, /^The body is no JSON/],
  ["POST", "/v1/sessions/s", {}, 405, /use GET, PATCH/],
  ["POST", "/v1/mappings", { sessname: "s", device_path: "d", paths: [] }, 400, /has 0 elements/],
  [
    "POST",
    "/v1/mappings",
    { sessname: "s", device_path: "d", paths: ["x"] },
    400,
    /^map: paths: "x"/,
  ],
  ["POST", "/v1/mappings", { sessname: "s", device_path: "d", paths: "x" }, 400, /no list of/],
  ["POST", "/v1/mappings", { sessname: "s", device_path: "d", dest_port: 1 }, 400, /without paths/],
  [
    "POST",
    "/v1/mappings",
    { sessname: "s", device_path: "d", devicepath: "e" },
    400,
    /"device_path"\?/,
  ],
  ["POST", "/v1/mappings", '{"sessname":"s","device_path":"d","__proto__":{}}', 400, /is unknown/],
  ["POST", "/v1/mappings/m/verify", {}, 403, /overwrites the data of mapping "m"/],
  ["POST", "/v1/mappings/m/verify", { destroy_data: "yes" }, 400, /neither true nor false/],
  ["POST", "/v1/mappings/m/verify", { destroy_data: true, bytes: 100 }, 400, /multiple of 512/],
  [
    "POST",
    "/v1/mappings/m/verify",
    { destroy_data: true, block_bytes: 0 },
    400,
    /^verify: block_bytes/,
  ],
  ["POST", "/v1/mappings/m/verify", { destroy_data: true, seed: -1 }, 400, /^verify: seed/],
  ["POST", "/v1/mappings/m/verify", { destroy_data: true, iodepth: 1.5 }, 400, /^verify: iodepth/],
  ["POST", "/v1/mappings/m/bench", { rw: "write" }, 403, /overwrites the data/],
  ["POST", "/v1/mappings/m/bench", { rw: "trim" }, 400, /^bench: rw: is not "read"/],
  ["POST", "/v1/mappings/m/bench", { runtime_ms: 1e9 }, 400, /^bench: runtime_ms/],
  ["POST", "/v1/mappings/m/bench", { jobs: 65 }, 400, /^bench: jobs/],
  ["POST", "/v1/mappings/m/bench", { block_bytes: 1000 }, 400, /multiple of 512/],
  ["POST", "/v1/sessions/s/paths", {}, 400, /^path add: path: is missing/],
  ["POST", "/v1/sessions/s/paths", { path: "tcp:1.2.3.4:5" }, 400, /holds a port/],
  ["DELETE", "/v1/sessions/s/paths", undefined, 400, /^path: is missing/],
  ["DELETE", "/v1/sessions/s/paths?path=", undefined, 400, /^path: is empty/],
  ["DELETE", "/v1/sessions/s/paths?path=10.0.0.1", undefined, 400, /names no carrier/],
  ["DELETE", "/v1/sessions/s/paths?path=x&path=y", undefined, 400, /given 2 times/],
  ["PATCH", "/v1/sessions/s", {}, 400, /^session: changes nothing/],
  ["PATCH", "/v1/sessions/s", { mpath_policy: "fast" }, 400, /is not "round-robin"/],
  ["PATCH", "/v1/sessions/s", { max_reconnect_attempts: -2 }, 400, /from -1 to 9999/],
  ["PATCH", "/v1/sessions/s", { policy: "round-robin" }, 400, /"policy" is unknown/],
  ["POST", "/v1/apply", { timeout_ms: -1 }, 400, /^apply: timeout_ms: is no whole/],
  ["POST", "/v1/apply", { timeout_ms: 1e12 }, 400, /^apply: timeout_ms/],
  ["POST", "/v1/apply", [], 400, /^apply is no JSON object/],
  ["GET", "/v1/apply", undefined, 405, /use POST/],
  ["POST", "/v1/plan", {}, 405, /use GET/],
  ["POST", "/v1/recover", { names: "all" }, 400, /^recover: names: is no list of strings/],
  ["POST", "/v1/recover", { names: [""] }, 400, /^recover: names: is empty/],
  ["POST", "/v1/recover", { names: Array(2049).fill("m") }, 400, /has 2049 elements/],
  ["POST", "/v1/exports/close", {}, 400, /^close: device: is missing/],
  ["POST", "/v1/exports/close", { device: "d", force: 1 }, 400, /^close: force: is neither/],
  ["POST", "/v1/exports/close", { device: "d", sessname: "" }, 400, /^close: sessname: is empty/],
  ["POST", "/v1/exports/revalidate", { device: "d".repeat(5000) }, 400, /has 5000 bytes/],
  ["POST", "/v1/exports/revalidate", { name: "d" }, 400, /"name" is unknown/],
  ["POST", "/v1/clients/c/disconnect", { path: "eth0" }, 400, /^disconnect: path: "eth0"/],
  ["GET", "/v1/clients/c", undefined, 404, /^There is no/],
  ["GET", "/v1/explain/%zz", undefined, 400, /not percent-encoded/],
  ["GET", "/v1/explain/", undefined, 404, /^There is no/],
  ["GET", "/v1/inflight?limit=0", undefined, 400, /^limit: is no whole number from 1/],
  ["GET", "/v1/inflight?limit=1e3", undefined, 400, /^limit: is no whole number/],
  ["GET", "/v1/inflight?limit=", undefined, 400, /^limit: is no whole number/],
  ["GET", "/v1/events?after=-1", undefined, 400, /^after: is no whole number/],
  ["GET", "/v1/events?after=99999999999999999999", undefined, 400, /^after: is no whole number/],
  ["GET", "/v1/config/export?names=a", undefined, 400, /"names" is unknown/],
  ["GET", "/v1/openapiXjson", undefined, 404, /^There is no/],
  ["GET", "/metrics?match=x", undefined, 400, /"match" is unknown/],
  ["GET", "//healthz", undefined, 404, /^There is no/],
  ["OPTIONS", "/v1/status", undefined, 405, /does not take OPTIONS/],
];

Deno.test("what is wrong with a request is said, and the appliance never hears of it", () =>
  withApi(async ({ socket }, appliance) => {
    for (const [method, path, body, status, pattern] of REFUSED) {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      const answer = await send(socket, method, path, text, body === undefined ? {} : JSON_TYPE);
      const label = `${method} ${path} ${text}: ${answer.status} ${answer.text}`;
      assert.equal(answer.status, status, label);
      const { error } = JSON.parse(answer.text);
      assert.match(error.message, pattern, label);
      assert.match(error.errno, /^E[A-Z]+$/);
      assert.equal(error.exit_code, 64, label);
    }
    assert.deepEqual(appliance.calls, []);
  }));

Deno.test("405 says which methods there are", () =>
  withApi(async ({ socket }) => {
    const answer = await send(socket, "PUT", "/v1/mappings");
    assert.equal(answer.headers.allow, "GET, POST");
  }));

Deno.test("a body needs the JSON content type, UTF-8 and at most 64 KiB", () =>
  withApi(async ({ socket }, appliance) => {
    const good = JSON.stringify({ sessname: "s", device_path: "d" });
    for (const type of ["text/plain", "application/jsonp", "application/x-www-form-urlencoded"]) {
      const answer = await send(socket, "POST", "/v1/mappings", good, { "content-type": type });
      assert.equal(answer.status, 415, type);
    }
    assert.equal((await send(socket, "POST", "/v1/mappings", good)).status, 415, "no type");
    const bytes = new Uint8Array([0x22, 0xff, 0x22]);
    const broken = await send(socket, "POST", "/v1/mappings", bytes, JSON_TYPE);
    assert.match(broken.text, /not UTF-8/);
    const large = `{"x": "${"y".repeat(70_000)}"}`;
    assert.equal((await send(socket, "POST", "/v1/mappings", large, JSON_TYPE)).status, 413);
    const chunked = { ...JSON_TYPE, "transfer-encoding": "chunked" };
    assert.equal((await send(socket, "POST", "/v1/mappings", large, chunked)).status, 413);
    assert.deepEqual(appliance.calls, []);
    const utf8 = { "content-type": "Application/JSON; charset=utf-8" };
    assert.equal((await send(socket, "POST", "/v1/mappings", good, utf8)).status, 201);
  }));

Deno.test("random JSON gets an answer that is no server error", () =>
  withApi(async ({ socket }) => {
    const random = new Random(5);
    const names = [
      "sessname",
      "device_path",
      "name",
      "paths",
      "bytes",
      "rw",
      "jobs",
      "destroy_data",
      "force",
      "size_bytes",
      "path",
      "names",
      "device",
      "timeout_ms",
    ];
    const value = (depth: number): unknown => {
      const pick = random.below(depth > 2 ? 5 : 7);
      if (pick === 0) return random.u32() - 2 ** 31;
      if (pick === 1) return random.pick(["s", "", "a/b", "\u0000", "tcp:::1", "read"]);
      if (pick === 2) return random.pick([true, false, null]);
      if (pick === 3) return random.u32() / 7;
      if (pick === 4) return random.pick([1, 512, 4096]);
      const entries = Array.from({ length: random.below(5) }, () => value(depth + 1));
      if (pick === 5) return entries;
      return Object.fromEntries(entries.map((entry) => [random.pick(names), entry]));
    };
    const paths = [
      "/v1/mappings",
      "/v1/mappings/m/verify",
      "/v1/mappings/m/bench",
      "/v1/mappings/m/remap",
      "/v1/mappings/m/resize",
      "/v1/sessions/s/disconnect",
      "/v1/sessions/s/paths",
      "/v1/apply",
      "/v1/recover",
      "/v1/exports/close",
      "/v1/exports/revalidate",
      "/v1/clients/c/disconnect",
    ];
    for (let i = 0; i < 300; i++) {
      const body = Object.fromEntries(
        Array.from({ length: random.below(5) }, () => [random.pick(names), value(0)]),
      );
      const answer = await sendJson(socket, "POST", random.pick(paths), body);
      assert.ok(answer.status < 500, `${JSON.stringify(body)}: ${answer.status} ${answer.text}`);
    }
  }));
