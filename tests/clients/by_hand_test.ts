/** What is done by hand beside the config, and how the config is taken over: signal, watch, apply. */
import assert from "node:assert/strict";
import type { ApplyResult, Plan, PlanStep } from "../../src/appliance/appliance_api.ts";
import { appliance, applianceOk } from "../support/appliance.ts";
import { type Pair, startPair } from "../support/pair.ts";
import { sleep, waitFor } from "../support/process.ts";

const MIB = 2 ** 20;
const TIMEOUT_MS = 10_000;

const startDisks = (): Promise<Pair> =>
  startPair({
    disks: [
      { name: "one", backend: "memory", sizeBytes: MIB },
      { name: "two", backend: "memory", sizeBytes: MIB },
      { name: "three", backend: "memory", sizeBytes: MIB },
    ],
  });

/** The client of a pair, and its config file. */
class Client {
  readonly file: string;

  constructor(private readonly pair: Pair) {
    this.file = pair.client.configFile;
  }

  async verb(...words: string[]): Promise<string> {
    return (await applianceOk([...words, "--config", this.file])).stdout;
  }

  async plan(): Promise<PlanStep[]> {
    const { stdout } = await appliance(["plan", "-o", "json", "--config", this.file]);
    return [...(JSON.parse(stdout) as Plan).steps];
  }

  async apply(): Promise<ApplyResult> {
    return JSON.parse(await this.verb("apply", "-o", "json")) as ApplyResult;
  }

  async names(): Promise<string[]> {
    const { mappings } = await this.pair.client.status();
    return mappings.map(({ name, origin, state }) => `${name} ${origin} ${state}`).sort();
  }

  async edit(change: (text: string) => string): Promise<void> {
    await Deno.writeTextFile(this.file, change(await Deno.readTextFile(this.file)));
  }

  waitForNames(expected: readonly string[]): Promise<void> {
    const isSo = async () => JSON.stringify(await this.names()) === JSON.stringify(expected);
    return waitFor(isSo, TIMEOUT_MS, `the mappings ${expected.join(", ")}`);
  }
}

const ALL = ["one config open", "three config open", "two config open"];
const section = (name: string) => new RegExp(`\\[\\[mapping\\]\\]\\nname = "${name}"\\n(.+\\n?)*`);

Deno.test("unmapped by hand: rounds leave it alone, the plan says so, SIGHUP maps it again", async () => {
  await using pair = await startDisks();
  const client = new Client(pair);
  await client.edit((text) => text.replace("[node]", "[node]\nreconcile_interval_ms = 100"));
  await client.apply();
  await client.verb("unmap", "two");
  await sleep(1000);
  assert.deepEqual(await client.names(), ["one config open", "three config open"]);
  const { config } = await pair.client.status();
  assert.deepEqual(
    config.pending.map(({ action, name, waits_for }) => [action, name, waits_for]),
    [["add", "two", "apply, or the next start: it was unmapped by hand"]],
  );
  assert.deepEqual((await client.plan()).map(({ action, name }) => [action, name]), [[
    "add",
    "two",
  ]]);
  Deno.kill(pair.client.pid, "SIGHUP");
  await client.waitForNames(ALL);
  assert.deepEqual((await pair.client.status()).config.pending, []);
});

Deno.test("mapped by hand: left alone, exported as config, adopted without being touched", async () => {
  await using pair = await startDisks();
  const client = new Client(pair);
  await client.edit((text) => text.replace(section("three"), ""));
  await client.apply();
  const path = ["--path", "tcp:127.0.0.1", "--dest-port", String(pair.port)];
  await client.verb("map", "three", "--sessname", "hand", ...path, "--name", "made");
  const expected = ["made manual open", "one config open", "two config open"];
  assert.deepEqual((await client.apply()).plan.steps, []);
  assert.deepEqual(await client.names(), expected);
  const text = await client.verb("export-config");
  const folder = `${client.file.slice(0, client.file.lastIndexOf("/"))}/conf.d`;
  await Deno.mkdir(folder);
  await Deno.writeTextFile(`${folder}/made.toml`, text);
  const socket = await Deno.stat(await pair.client.nbdSocket("made"));
  const { plan, pending } = await client.apply();
  assert.deepEqual(
    plan.steps.map(({ action, kind, name, reason }) => `${action} ${kind} ${name}: ${reason}`),
    [
      "change session hand: made by hand, and declared now",
      "change mapping made: made by hand, and declared now",
    ],
  );
  assert.deepEqual(pending, []);
  assert.equal((await client.names())[0], "made config open");
  assert.equal((await Deno.stat(await pair.client.nbdSocket("made"))).ino, socket.ino);
  assert.equal((await pair.client.status()).config.files.length, 2);
  const again = await appliance(["export-config", "made", "--config", client.file]);
  assert.match(again.stderr, /made is in the config already/);
});

Deno.test("a session changed by hand stays so until apply", async () => {
  await using pair = await startDisks();
  const client = new Client(pair);
  await client.verb("set", "pair", "max_reconnect_attempts=7");
  const attempts = async () => (await pair.client.status()).sessions[0]!.max_reconnect_attempts;
  assert.equal(await attempts(), 7);
  const [step] = (await pair.client.status()).config.pending;
  assert.equal(step!.waits_for, "apply, or the next start: it was changed by hand");
  assert.deepEqual(step!.changes, [{ key: "max_reconnect_attempts", from: "7", to: "-1" }]);
  const { pending } = await client.apply();
  assert.deepEqual([pending, await attempts()], [[], -1]);
});

Deno.test("a path added by hand stays until apply; the last one cannot be deleted", async () => {
  await using pair = await startDisks();
  const client = new Client(pair);
  const second = "tcp:127.0.0.2,tcp:127.0.0.1";
  await client.verb("path", "add", "pair", second);
  const connected = async () => {
    const { paths } = (await pair.client.status()).sessions[0]!;
    return paths.filter(({ state }) => state === "connected").length;
  };
  await waitFor(async () => await connected() === 2, TIMEOUT_MS, "the second path");
  const [step] = (await pair.client.status()).config.pending;
  assert.deepEqual(
    [step!.waits_for, step!.changes],
    ["apply, or the next start: it was changed by hand", [
      { key: "paths", from: `tcp:127.0.0.1, ${second}`, to: "tcp:127.0.0.1" },
    ]],
  );
  assert.deepEqual((await client.apply()).pending, []);
  await waitFor(async () => await connected() === 1, TIMEOUT_MS, "the second path to go");
  assert.deepEqual(await client.names(), ALL);
  const args = ["path", "delete", "pair", "tcp:127.0.0.1", "--config", client.file];
  assert.match((await appliance(args)).stderr, /the last path of session pair/);
});

Deno.test("watched files: taken over when they change, broken ones make it stale", async () => {
  await using pair = await startDisks();
  const client = new Client(pair);
  await client.edit((text) => text.replace("[node]", "[node]\nwatch_config = true"));
  await client.apply();
  const good = await Deno.readTextFile(client.file);
  await client.edit((text) => text.replace(section("one"), ""));
  await client.waitForNames(ALL.slice(1));
  // As editors do it: a new file takes the old one's place.
  const replace = async (text: string) => {
    await Deno.writeTextFile(`${client.file}.new`, text);
    await Deno.rename(`${client.file}.new`, client.file);
  };
  await replace(`${good}\n[[mapping]]\n`);
  const state = async () => (await pair.client.status()).config.state;
  await waitFor(async () => await state() === "stale", TIMEOUT_MS, "the config to be stale");
  assert.deepEqual(await client.names(), ALL.slice(1), "the config before it goes on");
  await replace(good);
  await client.waitForNames(ALL);
  assert.equal(await state(), "current");
  const folder = `${client.file.slice(0, client.file.lastIndexOf("/"))}/conf.d`;
  await Deno.mkdir(folder);
  await sleep(100);
  await Deno.writeTextFile(`${folder}/more.toml`, '[[mapping]]\nname="x"\nsessname="y"\n');
  await waitFor(async () => await state() === "stale", TIMEOUT_MS, "the drop-in to be read");
});

Deno.test("a device that is refused: apply says why at once, and opens it when it is there", async () => {
  await using pair = await startDisks();
  const client = new Client(pair);
  const late = '\n[[mapping]]\nname = "late"\nsessname = "pair"\ndevice_path = "late"\n' +
    'expose = "nbd"\n';
  await client.edit((text) => text + late);
  const started = performance.now();
  const { code, stdout } = await appliance(["apply", "-o", "json", "--config", client.file]);
  assert.ok(performance.now() - started < TIMEOUT_MS, "nobody waits for what does not come");
  assert.equal(code, 75);
  const [step, ...others] = (JSON.parse(stdout) as ApplyResult).pending;
  assert.deepEqual(others, []);
  assert.deepEqual([step!.name, step!.next_try_ms, step!.waits_for], ["late", null, null]);
  assert.match(step!.last_error!, /refused to open late .rw.: ENOENT/);
  const server = pair.server.configFile;
  const rule = '\n[[server.export]]\ndevice_path = "late"\nbackend = "memory"\nsize = "1MiB"\n';
  await Deno.writeTextFile(server, await Deno.readTextFile(server) + rule);
  const applied = JSON.parse(
    (await applianceOk(["apply", "-o", "json", "--config", server])).stdout,
  );
  assert.deepEqual(
    (applied as ApplyResult).plan.steps.map(({ action, kind, name }) =>
      `${action} ${kind} ${name}`
    ),
    ["add export late"],
  );
  assert.equal((await pair.client.mapping("late")).state, "closed", "nobody told us");
  assert.deepEqual((await client.apply()).pending, []);
  assert.equal((await pair.client.mapping("late")).state, "open");
});
