/** The verbs with two running programs: a life of a mapping, made by hand and then declared. */
import assert from "node:assert/strict";
import type { Explanation, MappingStatus, Plan } from "../../src/appliance/appliance_api.ts";
import { type Appliance, appliance, applianceOk, startAppliance } from "../support/appliance.ts";
import { clientConfig, serverConfig } from "../support/pair.ts";
import { freePort, waitFor } from "../support/process.ts";
import { temporaryDirectory, writeRandomFile } from "../support/temporary.ts";

const MIB = 2 ** 20;
const TIMEOUT_MS = 15_000;

/** Asks one of the two. */
const asking = (configFile: string) => ({
  text: async (...words: string[]) =>
    (await applianceOk([...words, "--config", configFile])).stdout,
  json: async <Value>(...words: string[]) =>
    JSON.parse((await appliance([...words, "-o", "json", "--config", configFile])).stdout) as Value,
  code: async (...words: string[]) => (await appliance([...words, "--config", configFile])).code,
});

/** A server with two disks and a client that maps one, each with a folder of its own for its config. */
async function withPrograms(
  body: (client: Appliance, server: Appliance, folder: string) => Promise<void>,
): Promise<void> {
  await using directory = await temporaryDirectory();
  const folder = (name: string) => `${directory.path}/${name}`;
  for (const name of ["s", "s/images", "c"]) await Deno.mkdir(folder(name));
  await writeRandomFile(`${folder("s")}/images/disk`, 4 * MIB);
  await writeRandomFile(`${folder("s")}/images/other`, 2 * MIB);
  const disk = { name: "disk", backend: "path" } as const;
  const port = freePort();
  await using server = await startAppliance({
    config: serverConfig(folder("s"), port, { disks: [disk, { ...disk, name: "other" }] }),
    directory: folder("s"),
    name: "server",
  });
  await using client = await startAppliance({
    config: clientConfig(folder("c"), port, { disks: [disk] }),
    directory: folder("c"),
    name: "client",
  });
  await body(client, server, folder("c"));
}

Deno.test("a mapping by hand becomes declared, and goes again", () =>
  withPrograms(async ({ configFile }, _server, folder) => {
    const client = asking(configFile);
    await client.text("status", "--wait", "--timeout", "15");
    assert.equal(await client.code("plan"), 0);
    const made = await client.json<MappingStatus>("map", "other", "from", "pair", "ro");
    assert.deepEqual([made.state, made.origin, made.access_mode], ["open", "manual", "ro"]);
    assert.match(
      await client.text("list", "mappings", "name,origin,size", "csv"),
      /\nother,manual,2097152\n/,
    );
    assert.match(await client.text("export-config", "other"), /device_path = "other"/);
    await client.text("adopt", "other", "--to", "other");
    const plan = await client.json<Plan>("plan");
    assert.deepEqual(plan.steps.map(({ action, name }) => [action, name]), [["change", "other"]]);
    assert.equal(await client.code("check", "--live"), 2);
    await client.text("apply", "--timeout", "15");
    assert.equal(await client.code("plan"), 0);
    await Deno.remove(`${folder}/conf.d/other.toml`);
    assert.match(await client.text("apply", "--timeout", "15"), /- remove mapping other: /);
    assert.doesNotMatch(await client.text("list", "mappings"), /other/);
  }));

Deno.test("what is cut off is explained, and recovers", () =>
  withPrograms(async (program, serving) => {
    const client = asking(program.configFile);
    const server = asking(serving.configFile);
    await client.text("status", "--wait", "--timeout", "15");
    assert.match(await client.text("disconnect", "pair"), /disconnected/);
    const why = await client.json<Explanation>("explain", "disk");
    assert.deepEqual([why.kind, why.state], ["mapping", "closed"]);
    assert.equal(await client.code("status", "--wait", "--timeout", "300ms"), 75);
    assert.match(await client.text("recover", "all"), /path pair .*: being tried/);
    const isOpen = async () => (await program.mapping("disk")).state === "open";
    await waitFor(isOpen, TIMEOUT_MS, "the mapping to be open again");

    assert.match(await server.text("list"), /\/disk +4 MiB +pair +disk +rw +writer/);
    assert.match(await server.text("revalidate"), /disk: 4 MiB, as before\n/);
    assert.notEqual(await server.code("close", "disk"), 0);
    assert.equal(await server.text("close", "disk", "force"), "disk: taken away from pair\n");
    await server.text("server", "session", "disconnect", "pair");
    await waitFor(isOpen, TIMEOUT_MS, "the client to be back");

    assert.match(
      await client.text("events", "--after", "0", "--count", "1", "-o", "json"),
      /"id":1,/,
    );
    const near = await appliance(["unmap", "dsik", "--config", program.configFile]);
    assert.equal(near.code, 1);
    assert.match(near.stderr, /disk/);
  }));
