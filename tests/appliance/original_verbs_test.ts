/** remap, resize and path against two running programs: what the originals answer. */
import assert from "node:assert/strict";
import type { MappingStatus, SessionStatus } from "../../src/appliance/appliance_api.ts";
import { appliance, applianceOk, waitForMapping } from "../support/appliance.ts";
import { type Pair, startPair } from "../support/pair.ts";
import { waitFor } from "../support/process.ts";
import { writeRandomFile, writeSparseFile } from "../support/temporary.ts";

const MIB = 2 ** 20;
const DISK_BYTES = 8 * MIB;
const OPEN_TIMEOUT_MS = 10_000;

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

/** Runs verbs of the client's command line. */
class Verbs {
  constructor(private readonly pair: Pair) {}

  /** @returns the JSON that it prints */
  async good<Result>(...words: string[]): Promise<Result> {
    const { stdout } = await applianceOk([...words, "-o", "json", ...this.where]);
    return JSON.parse(stdout) as Result;
  }

  /** Asserts that it fails with this exit code and these words. */
  async bad(exitCode: number, message: RegExp, ...words: string[]): Promise<void> {
    const { code, stdout, stderr } = await appliance([...words, ...this.where]);
    assert.equal(stdout, "");
    assert.match(stderr, message);
    assert.equal(code, exitCode, stderr);
  }

  private get where(): string[] {
    return ["--config", this.pair.client.configFile];
  }
}

Deno.test("map fails with what the originals answer: EEXIST, ENOENT, EPERM, ENXIO", async () => {
  await using pair = await startDisks();
  const verbs = new Verbs(pair);
  const other = ["--sessname", "other", "--path", "tcp:127.0.0.1,tcp:127.0.0.1"];
  const port = ["--dest-port", String(pair.port)];
  const map = (device: string, ...more: string[]) => ["map", device, ...more];
  await verbs.bad(
    1,
    /disk of session pair is mapped as disk/,
    ...map("/disk", "--sessname", "pair"),
  );
  await verbs.bad(
    1,
    /A mapping called ram exists/,
    ...map("x", "--sessname", "pair", "--name", "ram"),
  );
  await verbs.bad(1, /ENOENT|EPERM/, ...map("nothing", "--sessname", "pair"));
  await verbs.bad(64, /No session is called else, and no path/, ...map("x", "--sessname", "else"));
  const writer = map("ram", ...other, ...port, "--name", "again");
  await verbs.bad(1, /EPERM.*another client has it open for writing/, ...writer);
  const second = await verbs.good<MappingStatus>(...writer, "--access_mode", "ro");
  assert.deepEqual([second.state, second.access_mode], ["open", "ro"]);
});

const serverDevices = async (pair: Pair) => (await pair.server.status()).clients[0]?.devices ?? 0;

Deno.test("remap: open is refused, --force opens anew and the socket stays", async () => {
  await using pair = await startDisks();
  const verbs = new Verbs(pair);
  await verbs.bad(
    1,
    /^rnbd-appliance: disk is open: there is nothing to remap; --force/,
    "remap",
    "disk",
  );
  await verbs.bad(1, /No mapping is called dusk; there are: disk, ram/, "remap", "dusk");
  const before = await pair.client.mapping("disk");
  const { dev, ino } = await Deno.stat(before.device!);
  const mapped = await verbs.good<MappingStatus>("remap", "disk", "--force");
  assert.deepEqual(mapped, before);
  const after = await Deno.stat(mapped.device!);
  assert.deepEqual([after.dev, after.ino], [dev, ino], "the same socket");
  assert.equal(await serverDevices(pair), 2);
  await verbs.good("verify", "disk", "--destroy-data", "--bytes", "1MiB");
});

Deno.test("remap of a closed mapping says why it stays closed, or opens it at once", async () => {
  await using pair = await startDisks();
  const verbs = new Verbs(pair);
  await Deno.rename(`${pair.images}/disk`, `${pair.images}/away`);
  await verbs.bad(1, /Cannot remap disk: .*ENOENT/, "remap", "disk", "--force");
  assert.equal((await pair.client.mapping("disk")).next_try_ms, null, "it would be refused again");
  await Deno.rename(`${pair.images}/away`, `${pair.images}/disk`);
  await verbs.good("apply");
  assert.equal((await pair.client.mapping("disk")).state, "open");
  // Without its path nothing is tried any more, so that only remap can open it.
  await verbs.good("path", "disconnect", "pair");
  assert.equal((await pair.client.mapping("disk")).state, "closed");
  assert.equal((await verbs.good<MappingStatus>("remap", "disk")).state, "open");
});

Deno.test("resize takes over the server's size, and says when another one was expected", async () => {
  await using pair = await startDisks();
  const verbs = new Verbs(pair);
  assert.equal((await verbs.good<MappingStatus>("resize", "disk")).size_bytes, DISK_BYTES);
  await writeSparseFile(`${pair.images}/disk`, 2 * DISK_BYTES);
  assert.equal((await pair.client.mapping("disk")).size_bytes, DISK_BYTES, "nobody told us");
  const grown = await verbs.good<MappingStatus>("resize", "disk", "16MiB");
  assert.equal(grown.size_bytes, 2 * DISK_BYTES);
  const wrong =
    /disk has 16777216 bytes at its server, not 33554432; it has the server's size here/;
  await verbs.bad(1, wrong, "resize", "disk", "32MiB");
  await verbs.good("verify", "disk", "--destroy-data");
  await verbs.bad(1, /No mapping is called dusk/, "resize", "dusk");
});

Deno.test("path: disconnected stays closed until reconnect; names that are unknown are told", async () => {
  await using pair = await startDisks();
  const verbs = new Verbs(pair);
  const [path] = (await pair.client.status()).sessions[0]!.paths;
  const name = `${path!.src_addr},${path!.dst_addr}`;
  const noPear =
    /There is no session or path called "pear"; there are: .*"pair"|did you mean "pair"/;
  await verbs.bad(1, noPear, "path", "disconnect", "pear");
  await verbs.bad(
    1,
    /Session pair has no path tcp:127\.0\.0\.9/,
    "path",
    "disconnect",
    "pair",
    "tcp:127.0.0.9",
  );
  const closed = await verbs.good<SessionStatus>("path", "disconnect", "pair", name);
  assert.deepEqual([closed.state, closed.paths[0]!.state], ["disconnected", "disconnected"]);
  assert.equal((await pair.client.mapping("ram")).state, "closed");
  await verbs.bad(
    1,
    /ram is not open \(.*\); its size is taken over when it opens/,
    "resize",
    "ram",
  );
  // Longer than the pauses between tries.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.equal((await pair.client.status()).sessions[0]!.state, "disconnected");
  await verbs.good("path", "reconnect", "pair", "tcp:127.0.0.1");
  for (const disk of ["disk", "ram"]) {
    await waitForMapping(pair.client, disk, "open", OPEN_TIMEOUT_MS);
  }
  const { reconnects } = (await pair.client.status()).sessions[0]!;
  await verbs.good("path", "reconnect", "pair");
  await waitFor(
    async () => {
      const session = (await pair.client.status()).sessions[0]!;
      return session.state === "connected" && session.reconnects > reconnects;
    },
    OPEN_TIMEOUT_MS,
    "the reconnect of a path that was up",
  );
  await waitForMapping(pair.client, "ram", "open", OPEN_TIMEOUT_MS);
  await verbs.good("verify", "ram", "--destroy-data", "--bytes", "1MiB");
});
