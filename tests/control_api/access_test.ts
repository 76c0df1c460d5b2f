/** Who may use which socket, and what the read-only ones refuse. */
import assert from "node:assert/strict";
import { ApplianceError } from "../../src/appliance/appliance_api.ts";
import { ROUTES } from "../../src/appliance/control_api/routes.ts";
import { groupId } from "../../src/appliance/control_api/socket_access.ts";
import { requireCommand, requireRoot, skippable } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { freePort, send, sendJson, startApi, type Target, withApi } from "./http.ts";

const NOBODY = 65_534;
const mode = (path: string): number => Deno.statSync(path).mode! & 0o7777;

Deno.test("groups are looked up in the file; a number stands for itself", async () => {
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/group`;
  Deno.writeTextFileSync(
    file,
    "root:x:0:\n# a:x:1:\nstorage:x:1234:anna,bert\n1000:x:77:\nbad:x\n",
  );
  assert.equal(groupId("storage", file), 1234);
  assert.equal(groupId("1000", file), 77, "a name that looks like a number");
  assert.equal(groupId("4711", file), 4711);
  for (const name of ["anna", "storag", "bad", "4294967295", "-1", "a:x"]) {
    assert.throws(
      () => groupId(name, file),
      (error) =>
        error instanceof ApplianceError && error.exitCode === 78 &&
        error.message.startsWith(`There is no group ${JSON.stringify(name)} in ${file}`),
    );
  }
});

Deno.test("an unknown group keeps the appliance from starting, and leaves nothing", async () => {
  await using directory = await temporaryDirectory();
  const start = startApi(directory.path, { socketGroup: "no-such-group" });
  await assert.rejects(start, /There is no group "no-such-group" in \/etc\/group/);
  assert.throws(() => Deno.lstatSync(`${directory.path}/run`), Deno.errors.NotFound);
});

Deno.test("sockets get their modes, and the folder opens as far as these need it", async (t) => {
  const cases: [string, number, boolean, number, number][] = [
    ["nobody else", 0o600, false, 0o660, 0o700],
    ["the group", 0o660, false, 0o660, 0o710],
    ["everybody", 0o666, false, 0o660, 0o711],
    ["the group, to look", 0o600, true, 0o660, 0o710],
    ["everybody, to look", 0o600, true, 0o666, 0o711],
  ];
  for (const [who, socketMode, readOnlySocket, readOnlySocketMode, folder] of cases) {
    await t.step(who, () =>
      withApi((api) => {
        assert.equal(mode(api.socket), socketMode);
        assert.equal(mode(api.socket.replace("/control.sock", "")), folder);
        assert.equal(api.readOnlySocket === undefined, !readOnlySocket);
        if (readOnlySocket) assert.equal(mode(api.readOnlySocket!), readOnlySocketMode);
        return Promise.resolve();
      }, { socketMode, readOnlySocket, readOnlySocketMode }));
  }
});

Deno.test("a folder through which all may pass is left as it is", async () => {
  await using directory = await temporaryDirectory();
  Deno.mkdirSync(`${directory.path}/run`);
  Deno.chmodSync(`${directory.path}/run`, 0o755);
  const api = await startApi(directory.path, { socketMode: 0o660 });
  assert.equal(mode(`${directory.path}/run`), 0o755);
  await api.stop();
});

Deno.test("until the group is right nobody can connect", async () => {
  await using directory = await temporaryDirectory();
  const seen: [string, number][] = [];
  const { chmodSync } = Deno;
  Deno.chmodSync = (path, to) => {
    seen.push([String(path), mode(String(path))]);
    chmodSync(path, to);
  };
  try {
    const settings = { socketMode: 0o666, readOnlySocket: true, readOnlySocketMode: 0o666 };
    const api = await startApi(directory.path, settings);
    await api.stop();
  } finally {
    Deno.chmodSync = chmodSync;
  }
  const sockets = seen.filter(([path]) => path.endsWith(".sock"));
  assert.deepEqual(sockets.map(([, before]) => before), [0, 0], "mode before the last step");
});

skippable("members of the group can connect, others cannot", async () => {
  requireRoot("running as somebody else");
  const curl = requireCommand("curl", "curl");
  await using directory = await temporaryDirectory();
  Deno.chmodSync(directory.path, 0o755);
  const settings = { socketGroup: "daemon", socketMode: 0o660, readOnlySocket: true };
  const api = await startApi(directory.path, settings);
  const ask = async (socket: string, gid: number) => {
    const args = ["-s", "--unix-socket", socket, "http://localhost/healthz"];
    const { stdout } = await new Deno.Command(curl, { args, uid: NOBODY, gid }).output();
    return new TextDecoder().decode(stdout);
  };
  try {
    const { gid } = Deno.statSync(api.socket);
    assert.equal(gid, groupId("daemon"));
    for (const socket of [api.socket, api.readOnlySocket!]) {
      assert.equal(await ask(socket, gid!), "ok\n", "a member");
      assert.equal(await ask(socket, NOBODY), "", "no member");
    }
  } finally {
    await api.stop();
  }
});

Deno.test("sockets are gone after stop, and stale ones are replaced", async () => {
  await using directory = await temporaryDirectory();
  const api = await startApi(directory.path, { readOnlySocket: true });
  const script =
    `Deno.listen({ transport: "unix", path: ${JSON.stringify(api.readOnlySocket)} });` +
    "Deno.kill(Deno.pid, 'SIGKILL');";
  await api.stop();
  assert.deepEqual([...Deno.readDirSync(`${directory.path}/run`)], []);
  await new Deno.Command(Deno.execPath(), { args: ["eval", script] }).output();
  assert.ok(Deno.lstatSync(api.readOnlySocket!).isSocket);
  const next = await startApi(directory.path, { readOnlySocket: true });
  assert.equal((await send(next.readOnlySocket!, "GET", "/healthz")).status, 200);
  await next.stop();
});

/** Every route that is not GET, and methods that no route has. */
const CHANGING: readonly [string, string][] = [
  ...ROUTES.filter(({ method }) => method !== "GET").map((
    { method, path },
  ): [string, string] => [method, path.replace("NAME", "scratch")]),
  ["PUT", "/v1/mappings/scratch"],
  ["POST", "/v1/status"],
  ["OPTIONS", "/v1/status"],
  ["HEAD", "/v1/status"],
  ["DELETE", "/"],
];

Deno.test("the read-only socket and the port change nothing", async (t) => {
  const port = freePort();
  await withApi(async ({ readOnlySocket }, appliance) => {
    for (const target of [readOnlySocket!, port] as Target[]) {
      await t.step(`over ${target}`, async () => {
        for (const [method, path] of CHANGING) {
          const answer = method.startsWith("P")
            ? await sendJson(target, method, path, { path: "tcp:127.0.0.1" })
            : await send(target, method, path);
          assert.equal(answer.status, 403, `${method} ${path}`);
          if (method === "HEAD") continue;
          const { error } = JSON.parse(answer.text);
          assert.match(error.message, /changes nothing and takes only GET; use control\.sock/);
        }
        assert.deepEqual(appliance.calls, [], "the appliance heard nothing");
      });
    }
  }, { readOnlySocket: true, http: `127.0.0.1:${port}` });
});

Deno.test("the read-only socket and the port show what the control socket shows", async () => {
  const port = freePort();
  await withApi(async ({ socket, readOnlySocket }) => {
    for (const { method, path } of ROUTES) {
      if (method !== "GET" || path === "/v1/events") continue;
      const address = path.replace("NAME", path.includes("session") ? "backup" : "scratch");
      const expected = await send(socket, "GET", address);
      for (const target of [readOnlySocket!, port]) {
        const answer = await send(target, "GET", address);
        assert.deepEqual([answer.status, answer.text], [expected.status, expected.text], path);
      }
    }
  }, { readOnlySocket: true, http: `127.0.0.1:${port}` });
});
