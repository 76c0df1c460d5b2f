/** kill -9 of either side under load: the other one lets go, says so, and recovers by itself. */
import assert from "node:assert/strict";
import { nbdUri, waitForMapping } from "../support/appliance.ts";
import { parseFio } from "../support/fio.ts";
import { type Pair, startPair } from "../support/pair.ts";
import { openFiles, run, sleep, tryRun, waitFor } from "../support/process.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import { readRange, writeSparseFile } from "../support/temporary.ts";

const MIB = 2 ** 20;
const DISK_BYTES = 256 * MIB;
/** The first half belongs to the load, the second to the data that must survive. */
const PATTERN_AT = 128 * MIB;
const PATTERN_BYTES = 8 * MIB;

const startDisk = (): Promise<Pair> =>
  startPair(
    { disks: [{ name: "disk", backend: "path" }], reactors: 2 },
    (images) => writeSparseFile(`${images}/disk`, DISK_BYTES),
  );

/** Arguments of a fio job that runs until it is stopped or fails. */
const loadArguments = (socket: string) => [
  "--name=load",
  "--ioengine=nbd",
  `--uri=${nbdUri(socket)}`,
  "--rw=randrw",
  "--bs=4k",
  "--iodepth=16",
  "--size=128M",
  "--time_based",
  "--runtime=30",
  "--output-format=json",
];

const qemuIo = (program: string, socket: string, ...commands: string[]) =>
  tryRun(
    program,
    ["-f", "raw", ...commands.flatMap((text) => ["-c", text]), `nbd:unix:${socket}`],
    { timeoutMs: 10_000 },
  );

skippable(
  "kill -9 of the server: closed, errors, no hang; back: open again, data right",
  async () => {
    const fio = requireCommand("fio", "fio");
    const qemu = requireCommand("qemu-io", "qemu-utils");
    await using pair = await startDisk();
    const socket = await pair.client.nbdSocket("disk");
    const pattern = `${PATTERN_AT} ${PATTERN_BYTES}`;
    const wrote = await qemuIo(qemu, socket, `write -P 0xc7 ${pattern}`, "flush");
    assert.equal(wrote.code, 0, wrote.stderr);

    const load = tryRun(fio, loadArguments(socket), { timeoutMs: 28_000 });
    await sleep(1500);
    const killedAt = Date.now();
    await pair.server.kill("SIGKILL");
    const { code } = await load;
    assert.notEqual(code, 0, "fio sees an error");
    assert.ok(Date.now() - killedAt < 10_000, "and sees it soon");
    await waitForMapping(pair.client, "disk", "closed", 5000);
    const mapping = await pair.client.mapping("disk");
    assert.ok(mapping.last_error !== null && mapping.last_error !== "");
    const refused = await qemuIo(qemu, socket, "read 0 4096");
    assert.notEqual(refused.code, 0, "a new request fails instead of hanging");

    await pair.restartServer();
    await waitForMapping(pair.client, "disk", "open", 15_000);
    assert.equal(await pair.client.nbdSocket("disk"), socket, "the socket keeps its place");
    const read = await qemuIo(qemu, socket, `read -P 0xc7 ${pattern}`);
    assert.equal(read.code, 0, read.stdout + read.stderr);
    const bytes = await readRange(`${pair.images}/disk`, PATTERN_AT, PATTERN_BYTES);
    assert.ok(bytes.every((byte) => byte === 0xc7));
    const { stdout } = await run(fio, [
      "--name=after",
      "--ioengine=nbd",
      `--uri=${nbdUri(socket)}`,
      "--rw=randwrite",
      "--verify=crc32c",
      "--verify_state_save=0",
      "--bs=4k",
      "--iodepth=16",
      "--size=4M",
      "--output-format=json",
    ]);
    assert.equal(parseFio(stdout)[0]!.error, 0);
  },
);

/** What the server holds for its clients. */
async function footprint(pair: Pair) {
  const { memory_bytes, clients, exports } = await pair.server.status();
  const openers = exports.flatMap((device) => device.clients);
  return { memory_bytes, clients: clients.length, openers: openers.length };
}

const openCount = (pair: Pair) => openFiles(pair.server.pid).length;

/** Waits until no client is left and checks that what it took is given back. */
async function expectReleased(
  pair: Pair,
  baseline: { memory_bytes: number; files: number },
  withinMs: number,
): Promise<void> {
  let last = "";
  const isReleased = async () => {
    const files = openCount(pair);
    const { memory_bytes, clients, openers } = await footprint(pair);
    last = JSON.stringify({ memory_bytes, clients, openers, files, baseline });
    return clients === 0 && openers === 0 && memory_bytes === baseline.memory_bytes &&
      files === baseline.files;
  };
  await waitFor(isReleased, withinMs, "the server to let go").catch((error) => {
    throw new Error(`${error}: ${last}; open: ${openFiles(pair.server.pid).join(" ")}`);
  });
}

skippable("kill -9 of the client: the server lets go of everything within 5 s", async () => {
  const fio = requireCommand("fio", "fio");
  await using pair = await startDisk();
  assert.deepEqual((({ clients, openers }) => ({ clients, openers }))(await footprint(pair)), {
    clients: 1,
    openers: 1,
  });
  // What an orderly goodbye leaves is the baseline; the same must be left after each kill.
  await pair.client.stop();
  await waitFor(async () => (await footprint(pair)).clients === 0, 5000, "the client to be gone");
  await sleep(500);
  // In this order: asking for the status takes a descriptor for a moment.
  const files = openCount(pair);
  const baseline = { memory_bytes: (await footprint(pair)).memory_bytes, files };
  for (let round = 0; round < 2; round++) {
    await pair.restartClient();
    const socket = await pair.client.nbdSocket("disk");
    assert.ok(openCount(pair) > baseline.files, "a client takes descriptors");
    const load = tryRun(fio, loadArguments(socket), { timeoutMs: 28_000 });
    await sleep(1500);
    await pair.client.kill("SIGKILL");
    assert.notEqual((await load).code, 0);
    await expectReleased(pair, baseline, 5000);
  }
  // The device can be opened again, for writing, and works.
  await pair.restartClient();
  const uri = nbdUri(await pair.client.nbdSocket("disk"));
  const { stdout } = await run(fio, [
    "--name=after",
    "--ioengine=nbd",
    `--uri=${uri}`,
    "--rw=write",
    "--verify=crc32c",
    "--verify_state_save=0",
    "--bs=64k",
    "--iodepth=4",
    "--size=4M",
    "--output-format=json",
  ]);
  assert.equal(parseFio(stdout)[0]!.error, 0);
});
