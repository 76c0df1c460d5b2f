/** What the control API answers to good requests, and how errors of the appliance arrive. */
import assert from "node:assert/strict";
import { SystemError } from "../../src/ffi/errno.ts";
import { ApplianceError } from "../../src/appliance/appliance_api.ts";
import { ConfigError } from "../../src/appliance/config/problems.ts";
import {
  APPLIED,
  busy,
  CLOSED,
  EXPLAINED,
  EXPORTED,
  INFLIGHT,
  MAPPING,
  MEASURED,
  METRICS,
  PLAN,
  RECOVERED,
  REVALIDATED,
  STATUS,
  VERIFIED,
} from "./fake_appliance.ts";
import { send, sendJson, withApi } from "./http.ts";

Deno.test("GET answers version, status and mappings", () =>
  withApi(async ({ socket }) => {
    const version = await send(socket, "GET", "/v1/version");
    assert.equal(version.status, 200);
    assert.equal(version.headers["content-type"], "application/json");
    assert.deepEqual(JSON.parse(version.text), { version: "9.9.9", api: 1, pid: Deno.pid });
    const status = await send(socket, "GET", "/v1/status");
    assert.deepEqual(JSON.parse(status.text), STATUS);
    const mappings = await send(socket, "GET", "/v1/mappings");
    assert.deepEqual(JSON.parse(mappings.text), { mappings: STATUS.mappings });
  }));

Deno.test("POST /v1/mappings maps with exactly the given fields", () =>
  withApi(async ({ socket }, appliance) => {
    const small = { sessname: "s", device_path: "d" };
    const full = {
      ...small,
      name: "m",
      access_mode: "ro",
      expose: "nbd",
      paths: ["tcp:127.0.0.1"],
      dest_port: 1300,
    };
    const answer = await sendJson(socket, "POST", "/v1/mappings", small);
    assert.equal(answer.status, 201);
    assert.deepEqual(JSON.parse(answer.text), MAPPING);
    await sendJson(socket, "POST", "/v1/mappings", full);
    assert.deepEqual(appliance.calls, [["map", small], ["map", full]]);
  }));

Deno.test("DELETE unmaps the named mapping, with force only when asked", () =>
  withApi(async ({ socket }, appliance) => {
    const answer = await send(socket, "DELETE", "/v1/mappings/a%2Fb%21c%20%C3%A9");
    assert.equal(answer.status, 204);
    assert.equal(answer.text, "");
    await send(socket, "DELETE", "/v1/mappings/m?force=false");
    await send(socket, "DELETE", "/v1/mappings/m?force=true");
    const expected = [["unmap", "a/b!c é", false], ["unmap", "m", false], ["unmap", "m", true]];
    assert.deepEqual(appliance.calls, expected);
  }));

Deno.test("remap, resize and the verbs about paths pass on what was given", () =>
  withApi(async ({ socket }, appliance) => {
    const remapped = await sendJson(socket, "POST", "/v1/mappings/a%20b/remap", {});
    assert.deepEqual([remapped.status, JSON.parse(remapped.text)], [200, MAPPING]);
    await sendJson(socket, "POST", "/v1/mappings/m/remap", { force: true });
    const resized = await sendJson(socket, "POST", "/v1/mappings/m/resize", {});
    assert.deepEqual([resized.status, JSON.parse(resized.text)], [200, MAPPING]);
    await sendJson(socket, "POST", "/v1/mappings/m/resize", { size_bytes: 1024 });
    const path = "ip:10.0.0.1,ip:10.0.0.2";
    const disconnected = await sendJson(socket, "POST", "/v1/sessions/s/disconnect", { path });
    assert.deepEqual(JSON.parse(disconnected.text), STATUS.sessions[0]);
    const reconnected = await sendJson(socket, "POST", "/v1/sessions/%C3%A9/reconnect", {});
    assert.deepEqual(JSON.parse(reconnected.text), STATUS.sessions[1]);
    assert.deepEqual(appliance.calls, [
      ["remap", { name: "a b", force: false }],
      ["remap", { name: "m", force: true }],
      ["resize", { name: "m" }],
      ["resize", { name: "m", size_bytes: 1024 }],
      ["disconnectPath", { sessname: "s", path }],
      ["reconnectPath", { sessname: "é" }],
    ]);
  }));

Deno.test("verify and bench pass their figures on, with the documented defaults", () =>
  withApi(async ({ socket }, appliance) => {
    const verified = await sendJson(socket, "POST", "/v1/mappings/m/verify", {
      destroy_data: true,
    });
    assert.deepEqual(JSON.parse(verified.text), VERIFIED);
    const measured = await sendJson(socket, "POST", "/v1/mappings/m/bench", {});
    assert.deepEqual(JSON.parse(measured.text), MEASURED);
    const bench = {
      rw: "randrw",
      block_bytes: 8192,
      iodepth: 1,
      runtime_ms: 500,
      jobs: 2,
      destroy_data: true,
    };
    await sendJson(socket, "POST", "/v1/mappings/m/bench", bench);
    assert.deepEqual(appliance.calls, [
      ["verify", {
        name: "m",
        destroy_data: true,
        bytes: 0,
        block_bytes: 65_536,
        iodepth: 32,
        seed: 1,
      }],
      ["bench", {
        name: "m",
        rw: "randread",
        block_bytes: 4096,
        iodepth: 32,
        runtime_ms: 10_000,
        jobs: 0,
        destroy_data: false,
      }],
      ["bench", { name: "m", ...bench }],
    ]);
  }));

Deno.test("GET shows parts of the status, and single mappings and sessions", () =>
  withApi(async ({ socket }) => {
    const cases: [string, unknown][] = [
      ["/v1/sessions", { sessions: STATUS.sessions }],
      ["/v1/exports", { exports: STATUS.exports, export_rules: STATUS.export_rules }],
      ["/v1/clients", { clients: STATUS.clients }],
      ["/v1/mappings/vm!1", STATUS.mappings[1]],
      ["/v1/sessions/rdma", STATUS.sessions[1]],
    ];
    for (const [path, expected] of cases) {
      const answer = await send(socket, "GET", path);
      assert.deepEqual([answer.status, JSON.parse(answer.text)], [200, expected], path);
    }
    for (const path of ["/v1/mappings/none", "/v1/sessions/none"]) {
      const answer = await send(socket, "GET", path);
      assert.equal(answer.status, 404);
      assert.match(JSON.parse(answer.text).error.message, /^No (mapping|session) is called "none"/);
    }
  }));

Deno.test("plan, apply, recover, explain, inflight and export-config pass on what was given", () =>
  withApi(async ({ socket }, appliance) => {
    const get = async (path: string) => JSON.parse((await send(socket, "GET", path)).text);
    const post = async (path: string, body: unknown) =>
      JSON.parse((await sendJson(socket, "POST", path, body)).text);
    assert.deepEqual(await get("/v1/plan"), PLAN);
    assert.deepEqual(await post("/v1/apply", {}), APPLIED);
    assert.deepEqual(await post("/v1/apply", { timeout_ms: 0 }), APPLIED);
    assert.deepEqual(await post("/v1/recover", {}), RECOVERED);
    await post("/v1/recover", { names: ["a", "b/c"] });
    assert.deepEqual(await get("/v1/explain/%2Fsrv%2Fdisk0.img"), EXPLAINED);
    assert.deepEqual(await get("/v1/inflight"), { requests: INFLIGHT });
    await get("/v1/inflight?limit=7");
    const exported = await send(socket, "GET", "/v1/config/export");
    assert.deepEqual([exported.status, exported.text], [200, EXPORTED]);
    assert.equal(exported.headers["content-type"], "text/plain; charset=utf-8");
    await send(socket, "GET", "/v1/config/export?name=a&name=b%2Fc");
    assert.deepEqual(appliance.calls, [
      ["plan"],
      ["apply", { timeout_ms: 30_000 }],
      ["apply", { timeout_ms: 0 }],
      ["recover", { names: [] }],
      ["recover", { names: ["a", "b/c"] }],
      ["explain", "/srv/disk0.img"],
      ["inflight", 1000],
      ["inflight", 7],
      ["exportConfig", []],
      ["exportConfig", ["a", "b/c"]],
    ]);
  }));

Deno.test("the verbs about sessions, exports and clients pass on what was given", () =>
  withApi(async ({ socket }, appliance) => {
    const path = "tcp:10.0.0.1,tcp:10.0.0.2";
    const added = await sendJson(socket, "POST", "/v1/sessions/a%20b/paths", { path });
    assert.deepEqual([added.status, JSON.parse(added.text)], [201, STATUS.sessions[0]]);
    const encoded = encodeURIComponent(path);
    const deleted = await send(socket, "DELETE", `/v1/sessions/s/paths?path=${encoded}`);
    assert.deepEqual([deleted.status, JSON.parse(deleted.text)], [200, STATUS.sessions[0]]);
    await sendJson(socket, "PATCH", "/v1/sessions/s", { max_reconnect_attempts: -1 });
    await sendJson(socket, "PATCH", "/v1/sessions/s", { mpath_policy: "min-latency" });
    const closed = await sendJson(socket, "POST", "/v1/exports/close", { device: "/srv/a" });
    assert.deepEqual(JSON.parse(closed.text), CLOSED);
    const close = { device: "/srv/a", sessname: "c.d/e", force: true };
    await sendJson(socket, "POST", "/v1/exports/close", close);
    const sizes = await sendJson(socket, "POST", "/v1/exports/revalidate", {});
    assert.deepEqual(JSON.parse(sizes.text), REVALIDATED);
    await sendJson(socket, "POST", "/v1/exports/revalidate", { device: "/srv/a" });
    const dropped = await sendJson(socket, "POST", "/v1/clients/c%2Fd/disconnect", {});
    assert.deepEqual([dropped.status, dropped.text], [204, ""]);
    await sendJson(socket, "POST", "/v1/clients/c/disconnect", { path });
    assert.deepEqual(appliance.calls, [
      ["addPath", { sessname: "a b", path }],
      ["deletePath", { sessname: "s", path }],
      ["changeSession", { sessname: "s", max_reconnect_attempts: -1 }],
      ["changeSession", { sessname: "s", mpath_policy: "min-latency" }],
      ["closeExport", { device: "/srv/a", force: false }],
      ["closeExport", close],
      ["revalidate", undefined],
      ["revalidate", "/srv/a"],
      ["disconnectClient", { sessname: "c/d" }],
      ["disconnectClient", { sessname: "c", path }],
    ]);
  }));

Deno.test("a session is made over several paths", () =>
  withApi(async ({ socket }, appliance) => {
    const paths = ["tcp:10.0.0.1,tcp:10.0.0.2", "ip:10.0.1.1,ip:10.0.1.2"];
    const request = { sessname: "s", device_path: "d", paths };
    assert.equal((await sendJson(socket, "POST", "/v1/mappings", request)).status, 201);
    assert.deepEqual(appliance.calls, [["map", request]]);
  }));

Deno.test("GET /metrics and / answer with their own content types", () =>
  withApi(async ({ socket }) => {
    const metrics = await send(socket, "GET", "/metrics");
    assert.deepEqual([metrics.status, metrics.text], [200, METRICS]);
    assert.equal(metrics.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    const page = await send(socket, "GET", "/");
    assert.deepEqual([page.status, page.text], [200, "<!doctype html>"]);
    assert.equal(page.headers["content-type"], "text/html; charset=utf-8");
    assert.equal(page.headers["x-page"], "yes");
  }));

Deno.test("errors of the config files arrive one by one", () =>
  withApi(async ({ socket }, appliance) => {
    const problems = [{
      file: "/etc/rnbd.toml",
      line: 7,
      column: 3,
      key: "mapping.nmae",
      message: 'is unknown; did you mean "name"?',
    }];
    appliance.failure = new ConfigError(problems);
    const wrong = await send(socket, "GET", "/v1/plan");
    assert.equal(wrong.status, 422);
    const message = '/etc/rnbd.toml:7:3: mapping.nmae: is unknown; did you mean "name"?';
    const error = { message, errno: "EINVAL", exit_code: 78, problems };
    assert.deepEqual(JSON.parse(wrong.text), { error });
    appliance.failure = new ApplianceError("the files have errors", "EINVAL", 78);
    assert.equal((await sendJson(socket, "POST", "/v1/apply", {})).status, 422);
  }));

Deno.test("errors of the appliance arrive with message, errno, exit code and HTTP status", () =>
  withApi(async ({ socket }, appliance) => {
    const cases: [Error, number, string, number][] = [
      [busy(), 409, "EBUSY", 1],
      [new ApplianceError("gone", "ENOENT", 1), 404, "ENOENT", 1],
      [new ApplianceError("twice", "EEXIST", 1), 409, "EEXIST", 1],
      [new ApplianceError("second writer", "EPERM", 1), 403, "EPERM", 1],
      [new ApplianceError("later", "ENOMEM", 75), 503, "ENOMEM", 75],
      [new ApplianceError("slow", "ETIMEDOUT", 75), 504, "ETIMEDOUT", 75],
      [new ApplianceError("odd", "EREMOTEIO", 1), 500, "EREMOTEIO", 1],
      [new SystemError(2, "open", "/srv/x"), 404, "ENOENT", 1],
      [new TypeError("a bug"), 500, "EIO", 1],
    ];
    for (const [failure, status, errno, exit_code] of cases) {
      appliance.failure = failure;
      const answer = await send(socket, "DELETE", "/v1/mappings/m");
      assert.equal(answer.status, status, failure.message);
      const expected = { error: { message: failure.message, errno, exit_code } };
      assert.deepEqual(JSON.parse(answer.text), expected);
    }
    assert.equal((await send(socket, "GET", "/v1/status")).status, 500, "also when it is sync");
  }));
