/** The control socket: who may use it, who takes it over, what happens at start and stop. */
import assert from "node:assert/strict";
import { ApplianceError } from "../../src/appliance/appliance_api.ts";
import { prepareRuntimeDir } from "../../src/appliance/runtime_dir.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { FakeAppliance } from "./fake_appliance.ts";
import { send, startApi, withApi } from "./http.ts";

Deno.test("socket and folder can be used by their owner only", () =>
  withApi((api) => {
    assert.equal(Deno.statSync(api.socket).mode! & 0o777, 0o600);
    const folder = api.socket.slice(0, api.socket.lastIndexOf("/"));
    assert.equal(Deno.statSync(folder).mode! & 0o777, 0o700);
    return Promise.resolve();
  }));

Deno.test("a second appliance is refused while the first one answers", async () => {
  await using directory = await temporaryDirectory();
  const first = await startApi(directory.path, {}, "1");
  await assert.rejects(
    startApi(directory.path, {}, "2"),
    (error) =>
      error instanceof ApplianceError && error.exitCode === 69 &&
      error.message.startsWith("Another appliance answers on "),
  );
  const answer = await send(first.socket, "GET", "/v1/version");
  assert.equal(JSON.parse(answer.text).version, "1", "the first one is still there");
  await first.stop();
  const second = await startApi(directory.path, {}, "2");
  await second.stop();
});

Deno.test("a socket that a dead appliance left is replaced", async () => {
  await using directory = await temporaryDirectory();
  const socket = `${directory.path}/run/control.sock`;
  Deno.mkdirSync(`${directory.path}/run`);
  // Bound and gone without removing the name, as after kill -9.
  const script = `Deno.listen({ transport: "unix", path: ${JSON.stringify(socket)} });` +
    "Deno.kill(Deno.pid, 'SIGKILL');";
  await new Deno.Command(Deno.execPath(), { args: ["eval", script] }).output();
  assert.ok(Deno.lstatSync(socket).isSocket);
  const api = await startApi(directory.path, {}, "1");
  assert.equal((await send(socket, "GET", "/v1/version")).status, 200);
  await api.stop();
  assert.throws(() => Deno.lstatSync(socket), Deno.errors.NotFound);
});

Deno.test("a file in the socket's place is not removed", async () => {
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/run/control.sock`;
  Deno.mkdirSync(`${directory.path}/run`);
  Deno.writeTextFileSync(file, "precious");
  await assert.rejects(startApi(directory.path, {}, "1"), /is no socket; remove it/);
  assert.equal(Deno.readTextFileSync(file), "precious");
});

Deno.test("before and after the appliance, requests are told to try again", async () => {
  await using directory = await temporaryDirectory();
  const api = await startApi(directory.path, {}, "1");
  const early = await send(api.socket, "GET", "/v1/status");
  assert.equal(early.status, 503);
  assert.match(JSON.parse(early.text).error.message, /is starting; try again/);
  assert.equal(JSON.parse(early.text).error.exit_code, 75);
  assert.equal((await send(api.socket, "GET", "/v1/version")).status, 200);
  api.attach(new FakeAppliance());
  assert.equal((await send(api.socket, "GET", "/v1/status")).status, 200);
  api.detach();
  const late = await send(api.socket, "GET", "/v1/status");
  assert.match(JSON.parse(late.text).error.message, /is stopping; try again/);
  await api.stop();
});

Deno.test("at most 64 requests are under way, and stop does not wait for them", () =>
  withApi(async (api, appliance) => {
    appliance.gate = new Promise(() => {});
    const hanging = Array.from(
      { length: 64 },
      () => send(api.socket, "DELETE", "/v1/mappings/m"),
    );
    while (appliance.calls.length < 64) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal((await send(api.socket, "GET", "/v1/version")).status, 503);
    const started = performance.now();
    await api.stop();
    assert.ok(performance.now() - started < 5000);
    for (const { status, text } of await Promise.all(hanging)) {
      assert.equal(status, 503);
      assert.match(text, /is stopping/);
    }
  }));

Deno.test("a runtime folder that is a file, or a link of somebody else, is refused", async () => {
  await using directory = await temporaryDirectory();
  Deno.writeTextFileSync(`${directory.path}/file`, "");
  assert.throws(() => prepareRuntimeDir(`${directory.path}/file`), /is no folder of user/);
  assert.throws(() => prepareRuntimeDir(`${directory.path}/file/x`), /Cannot make the runtime/);
  prepareRuntimeDir(`${directory.path}/a/b`);
  prepareRuntimeDir(`${directory.path}/a/b`);
  Deno.symlinkSync(`${directory.path}/a/b`, `${directory.path}/link`);
  prepareRuntimeDir(`${directory.path}/link`);
});
