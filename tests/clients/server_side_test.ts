/** What the operator of a server does to clients: sizes, devices taken away, sessions dropped. */
import assert from "node:assert/strict";
import type {
  CloseExportResult,
  Explanation,
  MappingStatus,
  RevalidateResult,
} from "../../src/appliance/appliance_api.ts";
import type { FailureBody } from "../../src/appliance/control_api/failure.ts";
import { type Appliance, nbdUri, waitForMapping } from "../support/appliance.ts";
import { parseFio } from "../support/fio.ts";
import { type Pair, type PairOptions, startPair } from "../support/pair.ts";
import { run, tryRun, waitFor } from "../support/process.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import { writeSparseFile } from "../support/temporary.ts";

const MIB = 2 ** 20;
const DISK_BYTES = 16 * MIB;
const WAIT_MS = 15_000;
/** Long enough for what happens in between, on a busy machine. */
const LOAD_S = 6;

/** A request to the control socket of a program; with a body it is a POST. */
async function call<T>(
  program: Appliance,
  path: string,
  body?: Record<string, unknown>,
): Promise<T> {
  using client = Deno.createHttpClient({
    proxy: { transport: "unix", path: program.controlSocket },
  });
  const request = body === undefined ? {} : {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  const response = await fetch(`http://localhost${path}`, { client, ...request });
  const text = await response.text();
  if (!response.ok) throw new Error((JSON.parse(text) as FailureBody).error.message);
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

const startTwoDisks = (options: Partial<PairOptions> = {}): Promise<Pair> =>
  startPair(
    { disks: [{ name: "a", backend: "path" }, { name: "b", backend: "path" }], ...options },
    async (images) => {
      for (const name of ["a", "b"]) await writeSparseFile(`${images}/${name}`, DISK_BYTES);
    },
  );

async function fioArguments(pair: Pair, name: string, more: readonly string[]): Promise<string[]> {
  const uri = nbdUri(await pair.client.nbdSocket(name));
  const job = ["--name=job", "--ioengine=nbd", `--uri=${uri}`, "--bs=4k", "--iodepth=8"];
  return [...job, "--output-format=json", ...more];
}

skippable(
  "a file that grows: revalidate tells and serves it, the client takes it over",
  async () => {
    const fio = requireCommand("fio", "fio");
    await using pair = await startTwoDisks();
    const device = `${pair.images}/a`;
    await Deno.truncate(device, 2 * DISK_BYTES);
    const { devices } = await call<RevalidateResult>(pair.server, "/v1/exports/revalidate", {});
    const clients = ["pair"];
    assert.deepEqual(devices.find((one) => one.device === device), {
      device,
      size_bytes: 2 * DISK_BYTES,
      earlier_size_bytes: DISK_BYTES,
      clients,
    });
    const mapping = await call<MappingStatus>(pair.client, "/v1/mappings/a/resize", {});
    assert.equal(mapping.size_bytes, 2 * DISK_BYTES);
    assert.equal((await pair.client.mapping("b")).size_bytes, DISK_BYTES);
    const behind = ["--rw=write", "--verify=crc32c", `--offset=${DISK_BYTES}`, "--size=4M"];
    await run(fio, await fioArguments(pair, "a", [...behind, "--verify_state_save=0"]));
  },
);

skippable("a device taken away under load: its user gets errors, another's goes on", async () => {
  const fio = requireCommand("fio", "fio");
  // The client does not ask meanwhile, and so believes that it has the device.
  await using pair = await startTwoDisks({ reconcileIntervalMs: 3_600_000 });
  const refused = call(pair.server, "/v1/exports/close", { device: "a" });
  await assert.rejects(refused, /a is open: pair \(a, rw\); .*force/);
  const load = ["--rw=randwrite", "--time_based", `--runtime=${LOAD_S}`, "--size=8M"];
  const [loadOfA, loadOfB] = [
    tryRun(fio, await fioArguments(pair, "a", load)),
    tryRun(fio, await fioArguments(pair, "b", load)),
  ];
  const writes = async () => (await pair.server.status()).clients[0]!.inflight > 0;
  await waitFor(writes, WAIT_MS, "fio to write");
  const { closed } = await call<CloseExportResult>(pair.server, "/v1/exports/close", {
    device: "a",
    force: true,
  });
  assert.deepEqual(closed, [{ sessname: "pair", mapping_path: "a" }]);
  const { exports, clients } = await pair.server.status();
  assert.deepEqual(exports.map(({ device }) => device), [`${pair.images}/b`]);
  assert.deepEqual(clients[0]!.force_closed, ["a"]);
  const explained = await call<Explanation>(pair.server, "/v1/explain/pair");
  assert.match(explained.cause!, /^a was taken away from it by hand/);
  const [a, b] = await Promise.all([loadOfA, loadOfB]);
  assert.notEqual(a.code, 0);
  assert.ok(parseFio(a.stdout)[0]!.error !== 0);
  assert.equal(b.code, 0, b.stderr);
  assert.equal(parseFio(b.stdout)[0]!.error, 0);
  await call<MappingStatus>(pair.client, "/v1/mappings/a/remap", { force: true });
  await run(fio, await fioArguments(pair, "a", ["--rw=write", "--size=1M"]));
  assert.deepEqual((await pair.server.status()).clients[0]!.force_closed, []);
});

skippable(
  "a client asks by itself: it learns of another size, and of what was taken away",
  async () => {
    const reconcileIntervalMs = 1000;
    await using pair = await startTwoDisks({ reconcileIntervalMs });
    await Deno.truncate(`${pair.images}/a`, 2 * DISK_BYTES);
    const hasGrown = async () => (await pair.client.mapping("a")).size_bytes === 2 * DISK_BYTES;
    await waitFor(hasGrown, WAIT_MS, "the client to learn the size");
    await call(pair.server, "/v1/exports/close", { device: "b", force: true });
    await waitForMapping(pair.client, "b", "closed", WAIT_MS);
    await new Promise((resolve) => setTimeout(resolve, 3 * reconcileIntervalMs));
    const { state, last_errno } = await pair.client.mapping("b");
    assert.deepEqual([state, last_errno], ["closed", "ENOTCONN"], "nobody opens it but a person");
    const { exports, clients } = await pair.server.status();
    assert.deepEqual(exports.map(({ device }) => device), [`${pair.images}/a`]);
    assert.deepEqual(clients[0]!.force_closed, [], "the client has let go of it");
    const { cause } = await call<Explanation>(pair.client, "/v1/explain/b");
    assert.match(cause!, /^Somebody took b away from this client at the server/);
    await call<MappingStatus>(pair.client, "/v1/mappings/b/remap", {});
    assert.equal((await pair.client.mapping("b")).state, "open");
    assert.equal((await pair.client.mapping("a")).state, "open");
  },
);

skippable("a client that is disconnected at the server comes back by itself", async () => {
  await using pair = await startTwoDisks();
  const wrong = call(pair.server, "/v1/clients/pare/disconnect", {});
  await assert.rejects(wrong, /No client has a session called pare; .*pair/);
  for (let times = 1; times <= 2; times++) {
    await call<void>(pair.server, "/v1/clients/pair/disconnect", {});
    const isBack = async () => (await pair.client.status()).sessions[0]!.reconnects >= times;
    await waitFor(isBack, WAIT_MS, "the client to come back");
    for (const name of ["a", "b"]) await waitForMapping(pair.client, name, "open", WAIT_MS);
  }
  assert.equal((await pair.server.status()).exports.length, 2);
});

skippable("what is wrong is explained at both ends", async () => {
  await using pair = await startTwoDisks();
  const request = { sessname: "pair", device_path: "nothing" };
  await assert.rejects(call(pair.client, "/v1/mappings", request), /ENOENT/);
  const [refusal] = (await pair.server.status()).refusals;
  assert.deepEqual(
    [refusal!.kind, refusal!.client, refusal!.device_path, refusal!.errno],
    ["open", "pair", "nothing", "ENOENT"],
  );
  assert.equal((await pair.server.status()).rejections["open_enoent"], 1);
  await pair.server.kill("SIGKILL");
  const isRefused = async () => (await pair.client.mapping("a")).last_errno === "ECONNREFUSED";
  await waitFor(isRefused, WAIT_MS, "the client to be refused");
  const { cause, advice, last_error } = await call<Explanation>(pair.client, "/v1/explain/a");
  assert.match(cause!, new RegExp(`^Nothing listens at tcp:127.0.0.1 port ${pair.port}`));
  assert.match(last_error!, /ECONNREFUSED/);
  assert.ok(advice.some((line) => line.includes("`rnbd-appliance recover a`")));
});
