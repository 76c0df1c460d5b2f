/** The verbs of the command line against two running programs. */
import assert from "node:assert/strict";
import type {
  BenchResult,
  MappingStatus,
  Status,
  VerifyResult,
} from "../../src/appliance/appliance_api.ts";
import { appliance, applianceOk, nbdUri } from "../support/appliance.ts";
import { type Pair, startPair } from "../support/pair.ts";
import { sleep, tryRun, waitFor } from "../support/process.ts";
import { programCommand } from "../support/program.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import {
  readRange,
  sha256File,
  temporaryDirectory,
  writeRandomFile,
  writeSparseFile,
} from "../support/temporary.ts";

const MIB = 2 ** 20;
const DISK_BYTES = 16 * MIB;

const USAGE = 64;
const UNAVAILABLE = 69;
const CONFIG = 78;

const startDisks = (): Promise<Pair> =>
  startPair(
    {
      disks: [
        { name: "disk", backend: "path" },
        { name: "ram", backend: "memory", sizeBytes: DISK_BYTES },
      ],
    },
    (images) => writeRandomFile(`${images}/disk`, DISK_BYTES),
  );

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

Deno.test("check: a good file is ok, a bad one is told by line and column with exit code 78", async () => {
  await using directory = await temporaryDirectory();
  const good = `${directory.path}/good.toml`;
  await Deno.writeTextFile(good, '[node]\nname = "a"\n');
  assert.equal((await appliance(["check", "--config", good])).code, 0);
  const bad = `${directory.path}/bad.toml`;
  await Deno.writeTextFile(bad, '[node]\nname = "a"\nreactor = 2\n');
  const { code, stdout, stderr } = await appliance(["check", "--config", bad]);
  assert.equal(code, CONFIG);
  assert.match(stdout + stderr, /bad\.toml:3:1: .*reactor.*reactors/);
  const run = await appliance(["--config", bad]);
  assert.equal(run.code, CONFIG);
});

Deno.test("an unknown verb is a usage error; status without an appliance says so", async () => {
  await using directory = await temporaryDirectory();
  assert.equal((await appliance(["frobnicate"])).code, USAGE);
  const socket = `${directory.path}/none.sock`;
  const { code, stderr } = await appliance(["status", "--socket", socket]);
  assert.equal(code, UNAVAILABLE);
  assert.match(stderr, /none\.sock/);
});

Deno.test("status has the fields of the contract on both sides", async () => {
  await using pair = await startDisks();
  const read = async (config: string) =>
    JSON.parse((await applianceOk(["status", "-o", "json", "--config", config])).stdout) as Status;
  const client = await read(pair.client.configFile);
  const disk = client.mappings.find(({ name }) => name === "disk")!;
  assert.equal(disk.state, "open");
  assert.equal(disk.sessname, "pair");
  assert.equal(disk.device_path, "disk");
  assert.equal(disk.access_mode, "rw");
  assert.equal(disk.expose, "nbd");
  assert.equal(disk.size_bytes, DISK_BYTES);
  assert.match(disk.device!, /\/nbd\/disk\.sock$/);
  assert.equal(client.sessions.length, 1);
  assert.equal(client.sessions[0]!.state, "connected");
  assert.match(client.sessions[0]!.paths[0]!.dst_addr, /127\.0\.0\.1/);

  const server = await read(pair.server.configFile);
  const device = server.exports.find((entry) => entry.clients.length > 0)!;
  assert.equal(device.clients[0]!.sessname, "pair");
  assert.equal(device.clients[0]!.access_mode, "rw");
  assert.equal(server.clients.length, 1);
  assert.equal(server.clients[0]!.devices, 2);
  assert.ok(server.memory_bytes >= DISK_BYTES);

  // For people: a table with the same names, over --socket.
  const table = await applianceOk(["status", "--socket", pair.client.controlSocket]);
  assert.match(table.stdout, /disk/);
});

Deno.test("map adds a mapping, unmap ends it, each twice is an error", async () => {
  await using pair = await startDisks();
  await writeSparseFile(`${pair.images}/extra`, 4 * MIB);
  const config = ["--config", pair.client.configFile];
  // Only what the server exports can be mapped.
  const refused = await appliance(["map", "extra", "--sessname", "pair", ...config]);
  assert.notEqual(refused.code, 0);
  assert.equal((await pair.client.status()).mappings.length, 2);

  await applianceOk(["unmap", "disk", ...config]);
  assert.equal((await pair.client.status()).mappings.length, 1);
  assert.notEqual((await appliance(["unmap", "disk", ...config])).code, 0);
  await waitFor(
    async () => (await pair.server.status()).clients[0]!.devices === 1,
    5000,
    "the server to close the device",
  );

  const map = ["map", "disk", "--sessname", "pair", "--name", "again", "-o", "json", ...config];
  const mapped = JSON.parse((await applianceOk(map)).stdout) as MappingStatus;
  assert.equal(mapped.name, "again");
  assert.equal(mapped.state, "open");
  assert.equal(mapped.size_bytes, DISK_BYTES);
  assert.notEqual((await appliance(map)).code, 0, "the name is taken");

  const fresh = ["map", "ram", "--sessname", "other", "--path", "tcp:127.0.0.1", "--dest-port"];
  const second = await appliance([...fresh, String(pair.port), "--name", "ram2", ...config]);
  // The first session has it open for writing.
  assert.notEqual(second.code, 0);
  await applianceOk(["unmap", "ram", ...config]);
  await applianceOk([...fresh, String(pair.port), "--name", "ram3", ...config]);
  assert.equal((await pair.client.mapping("ram3")).state, "open");
});

skippable("unmap of a disk in use needs --force; its users get errors, not silence", async () => {
  const fio = requireCommand("fio", "fio");
  await using pair = await startDisks();
  const config = ["--config", pair.client.configFile];
  const uri = nbdUri(await pair.client.nbdSocket("ram"));
  const load = tryRun(fio, [
    "--name=load",
    "--ioengine=nbd",
    `--uri=${uri}`,
    "--rw=randread",
    "--size=8M",
    "--time_based",
    "--runtime=20",
  ], { timeoutMs: 30_000 });
  await sleep(1500);
  assert.notEqual((await appliance(["unmap", "ram", ...config])).code, 0);
  assert.equal((await pair.client.mapping("ram")).state, "open");
  await applianceOk(["unmap", "ram", "--force", ...config]);
  assert.notEqual((await load).code, 0);
});

Deno.test("verify refuses without --destroy-data, then writes and checks the whole disk", async () => {
  await using pair = await startDisks();
  const config = ["--config", pair.client.configFile];
  const image = `${pair.images}/disk`;
  const before = await sha256File(image);
  assert.equal((await appliance(["verify", "disk", ...config])).code, USAGE);
  assert.equal(await sha256File(image), before);

  const verify = ["verify", "disk", "--destroy-data", "-o", "json", "--bs", "16k", ...config];
  const result = JSON.parse((await applianceOk(verify)).stdout) as VerifyResult;
  assert.equal(result.bytes_written, DISK_BYTES);
  assert.equal(result.bytes_read, DISK_BYTES);
  assert.equal(result.bad_blocks, 0);
  assert.equal(result.io_errors, 0);
  assert.notEqual(await sha256File(image), before);
  const first = await readRange(image, 0, 65_536);
  assert.ok(first.some((byte) => byte !== 0));

  const part = ["verify", "ram", "--destroy-data", "--bytes", "1MiB", "-o", "json", ...config];
  const some = JSON.parse((await applianceOk(part)).stdout) as VerifyResult;
  assert.equal(some.bytes_written, MIB);
});

Deno.test("bench measures reads, refuses writes without --destroy-data", async () => {
  await using pair = await startDisks();
  const config = ["--config", pair.client.configFile];
  const common = ["bench", "ram", "--runtime", "500ms", "-o", "json", ...config];
  const run = async (...args: string[]) =>
    JSON.parse((await applianceOk([...common, ...args])).stdout) as BenchResult;
  const reads = await run("--rw", "randread", "--bs", "4k", "--iodepth", "32");
  assert.equal(reads.errors, 0);
  assert.ok(reads.ios > 100);
  assert.ok(Math.abs(reads.bytes_per_second / (reads.iops * 4096) - 1) < 0.01);
  const { min, p50, p99, max } = reads.latency_us;
  assert.ok(min > 0 && min <= p50 && p50 <= p99 && p99 <= max);

  assert.equal((await appliance([...common, "--rw", "randwrite"])).code, USAGE);
  const writes = await run("--rw", "randwrite", "--destroy-data", "--iodepth", "1");
  assert.equal(writes.errors, 0);
  assert.ok(writes.ios > 10);
});

/** Starts a verb and interrupts it, as Ctrl-C does, once its load is in flight. */
async function interrupt(pair: Pair, args: readonly string[]): Promise<void> {
  const program = programCommand(args);
  const child = new Deno.Command(program.command, {
    args: program.args,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await waitFor(async () => await inflight(pair) > 0, 20_000, "the load to start");
  } finally {
    child.kill("SIGINT");
    await child.status;
  }
}

const inflight = async (pair: Pair) => (await pair.client.status()).sessions[0]!.paths[0]!.inflight;

Deno.test("Ctrl-C stops the load of bench and verify, and its permits come home", async () => {
  const bytes = 2 ** 30;
  await using pair = await startPair({
    disks: [{ name: "ram", backend: "memory", sizeBytes: bytes }],
    reactors: 2,
  });
  const config = ["--config", pair.client.configFile];
  // Deeper than the session: every permit is taken.
  const bench = ["bench", "ram", "--iodepth", "1024", "-o", "json", ...config];
  const verify = ["verify", "ram", "--destroy-data", "--bs", "512", "--iodepth", "1", ...config];
  for (const args of [[...bench, "--runtime", "60"], verify]) {
    await interrupt(pair, args);
    // It never is 0 twice in a row while a load runs.
    const isIdle = async () => await inflight(pair) + await inflight(pair) === 0;
    await waitFor(isIdle, 2000, `${args[0]} to stop`);
    const next = await applianceOk([...bench, "--runtime", "300ms"]);
    const result = JSON.parse(next.stdout) as BenchResult;
    assert.equal(result.errors, 0);
    assert.ok(result.ios > 100);
  }
  const [call] = (await pair.server.status()).clients;
  assert.equal(call!.inflight, 0);
});

Deno.test("two benches run on one mapping; unmap ends them with an error", async () => {
  await using pair = await startDisks();
  const config = ["--config", pair.client.configFile];
  const bench = ["bench", "ram", "--iodepth", "300", "-o", "json", ...config, "--runtime"];
  const both = await Promise.all([applianceOk([...bench, "1"]), applianceOk([...bench, "1"])]);
  for (const { stdout } of both) {
    const result = JSON.parse(stdout) as BenchResult;
    assert.equal(result.errors, 0);
    assert.ok(result.ios > 100);
  }
  const long = appliance([...bench, "60"]);
  await waitFor(async () => await inflight(pair) > 0, 20_000, "the load to start");
  await applianceOk(["unmap", "ram", "--force", ...config]);
  const { code, stderr } = await long;
  assert.equal(code, 1);
  assert.match(stderr, /The load on ram was stopped: its device was taken away/);
});

Deno.test("SIGTERM stops the client in order, then the server; nothing is left", async () => {
  await using pair = await startDisks();
  const socket = await pair.client.nbdSocket("disk");
  const sockets = [socket, pair.client.controlSocket, pair.server.controlSocket];
  for (const path of sockets) assert.ok(await exists(path), path);
  await pair.client.stop();
  assert.deepEqual((await pair.server.status()).exports.flatMap(({ clients }) => clients), []);
  assert.deepEqual((await pair.server.status()).clients, []);
  const { rejections } = await pair.server.status();
  assert.ok(Object.values(rejections).every((count) => count === 0), JSON.stringify(rejections));
  await pair.server.stop();
  for (const path of sockets) assert.ok(!await exists(path), path);
  assert.match(pair.client.stdout, /^ready$/m);
});

skippable("SIGTERM under load does not wait for the load", async () => {
  const fio = requireCommand("fio", "fio");
  await using pair = await startDisks();
  const uri = nbdUri(await pair.client.nbdSocket("ram"));
  const load = tryRun(fio, [
    "--name=load",
    "--ioengine=nbd",
    `--uri=${uri}`,
    "--rw=randwrite",
    "--iodepth=16",
    "--size=8M",
    "--time_based",
    "--runtime=25",
  ], { timeoutMs: 40_000 });
  await sleep(1500);
  const started = Date.now();
  await pair.client.stop();
  assert.ok(Date.now() - started < 10_000);
  await load;
});
