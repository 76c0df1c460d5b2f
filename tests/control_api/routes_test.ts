/** What the control API answers to good requests, and how errors of the appliance arrive. */
import assert from "node:assert/strict";
import { SystemError } from "../../src/ffi/errno.ts";
import { ApplianceError } from "../../src/appliance/appliance_api.ts";
import { busy, MAPPING, MEASURED, STATUS, VERIFIED } from "./fake_appliance.ts";
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
