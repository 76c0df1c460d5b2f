/** A session with two paths: I/O goes on while one of them goes, whatever takes it away. */
import assert from "node:assert/strict";
import type { PathStatus, SessionStatus } from "../../src/appliance/status.ts";
import type { Appliance } from "../support/appliance.ts";
import { applianceOk, nbdUri } from "../support/appliance.ts";
import { parseFio } from "../support/fio.ts";
import { type Pair, startPair } from "../support/pair.ts";
import { run, waitFor } from "../support/process.ts";
import { requireCommand, skippable } from "../support/skip.ts";

const MIB = 2 ** 20;
const PATHS = ["tcp:127.0.0.1", "tcp:127.0.0.2"];
const RUN_S = 12;
const ROUNDS = 3;

async function session(client: Appliance): Promise<SessionStatus> {
  return (await client.status()).sessions[0]!;
}

async function pathTo(client: Appliance, destination: string): Promise<PathStatus> {
  const { paths } = await session(client);
  const found = paths.find(({ dst_addr }) => dst_addr === destination);
  if (found === undefined) throw new Error(`No path to ${destination}: ${JSON.stringify(paths)}`);
  return found;
}

async function post(appliance: Appliance, route: string, body: unknown): Promise<Response> {
  using client = Deno.createHttpClient({
    proxy: { transport: "unix", path: appliance.controlSocket },
  });
  const response = await fetch(`http://localhost/v1/${route}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    client,
  });
  const text = await response.text();
  assert.ok(response.ok, `${route}: ${response.status} ${text}`);
  return response;
}

const untilConnected = (client: Appliance, count: number) =>
  waitFor(
    async () => {
      const { paths } = await session(client);
      const up = paths.filter(({ state }) => state === "connected");
      return paths.length === count && up.length === count;
    },
    20_000,
    `${count} connected paths`,
  );

/** fio writes and verifies over NBD while `disturb` is at work. */
async function underLoad(fio: string, pair: Pair, disturb: () => Promise<void>): Promise<void> {
  const uri = nbdUri(await pair.client.nbdSocket("disk"));
  const args = [
    "--name=job",
    "--ioengine=nbd",
    `--uri=${uri}`,
    "--rw=randwrite",
    "--bs=16k",
    "--iodepth=16",
    "--size=64M",
    "--verify=crc32c",
    "--verify_fatal=1",
    "--verify_state_save=0",
    "--verify_backlog=256",
    "--time_based",
    `--runtime=${RUN_S}`,
    "--output-format=json",
  ];
  const running = run(fio, args, { timeoutMs: 120_000 });
  await Promise.race([running, disturb()]);
  const [job] = parseFio((await running).stdout);
  assert.equal(job!.error, 0);
  assert.ok(job!.read.total_ios > 100, `${job!.read.total_ios} blocks were verified`);
}

const startTwoPaths = () =>
  startPair({
    disks: [{ name: "disk", backend: "memory", sizeBytes: 64 * MIB }],
    reactors: 2,
    paths: PATHS,
  });

skippable("a config with two paths: both are connected and both carry requests", async () => {
  const fio = requireCommand("fio", "fio");
  await using pair = await startTwoPaths();
  await untilConnected(pair.client, 2);
  await underLoad(fio, pair, () => Promise.resolve());
  for (const destination of PATHS) {
    const { rx_bytes, tx_bytes } = await pathTo(pair.client, destination);
    assert.ok(rx_bytes > MIB && tx_bytes > MIB, `${destination}: ${rx_bytes}, ${tx_bytes}`);
  }
  const { clients } = await pair.server.status();
  assert.equal(clients.length, 1);
  assert.equal(clients[0]!.paths.length, 2);
});

skippable(
  "fio sees no error while paths are disconnected, cut off and connected again",
  async () => {
    const fio = requireCommand("fio", "fio");
    await using pair = await startTwoPaths();
    const { client, server } = pair;
    await untilConnected(client, 2);
    await underLoad(fio, pair, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const path = PATHS[round % 2]!;
        await post(client, "sessions/pair/disconnect", { path });
        assert.equal((await pathTo(client, path)).state, "disconnected");
        await post(client, "sessions/pair/reconnect", { path });
        await untilConnected(client, 2);
        // The server drops it: what is in flight must be sent again.
        const { src_addr, dst_addr, reconnects } = await pathTo(client, path);
        await post(server, "clients/pair/disconnect", { path: `${src_addr},${dst_addr}` });
        await waitFor(
          async () => (await pathTo(client, path)).reconnects > reconnects,
          20_000,
          `${path} to come back`,
        );
        await untilConnected(client, 2);
      }
    });
    assert.equal((await session(client)).state, "connected");
  },
);

skippable("paths are removed from and added to the config under load", async () => {
  const fio = requireCommand("fio", "fio");
  await using pair = await startTwoPaths();
  const { client } = pair;
  await untilConnected(client, 2);
  const config = await Deno.readTextFile(client.configFile);
  const apply = async (paths: readonly string[]) => {
    const text = config.replace(/^paths = .*$/m, `paths = ${JSON.stringify(paths)}`);
    await Deno.writeTextFile(client.configFile, text);
    await applianceOk(["apply", "--config", client.configFile]);
  };
  await underLoad(fio, pair, async () => {
    await apply([PATHS[1]!]);
    await untilConnected(client, 1);
    assert.equal((await session(client)).paths[0]!.dst_addr, PATHS[1]);
    // To another path altogether: the old one goes when the new one is connected.
    await apply([PATHS[0]!]);
    await waitFor(
      async () => (await session(client)).paths.every(({ dst_addr }) => dst_addr === PATHS[0]),
      20_000,
      "the old path to go",
    );
    await apply(PATHS);
    await untilConnected(client, 2);
  });
});
