/** `adopt` and `check --live`: what they read, write, and leave alone. */
import assert from "node:assert/strict";
import { loadConfig } from "../../src/appliance/config/load_config.ts";
import type { Status } from "../../src/appliance/appliance_api.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { capture } from "./capture.ts";
import { FakeControl } from "./fake_control.ts";
import { HOSTILE_STATUS } from "./hostile_status.ts";

const SESSION = '[[session]]\nsessname = "rdma"\npaths = ["tcp:192.0.2.1"]\n';

/** A config file, and an appliance that runs with it. */
async function withConfig(
  body: (fake: FakeControl, folder: string, file: string) => Promise<void>,
): Promise<void> {
  await using fake = await FakeControl.start();
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/rnbd.toml`;
  const runtimeDir = fake.socket.slice(0, fake.socket.lastIndexOf("/"));
  Deno.writeTextFileSync(file, `[node]\nruntime_dir = "${runtimeDir}"\n${SESSION}`);
  fake.status = { ...HOSTILE_STATUS, config: { ...HOSTILE_STATUS.config, file } } as Status;
  await body(fake, directory.path, file);
}

Deno.test("adopt writes a new file of conf.d, which belongs to the config then", () =>
  withConfig(async (fake, folder, file) => {
    const line = ["adopt", "fast", "--to", "mine", "--socket", fake.socket];
    const { code, out, err } = await capture(line);
    assert.deepEqual([code, err], [0, ""]);
    assert.equal(
      out,
      `wrote fast to ${folder}/conf.d/mine.toml\nNow say: rnbd-appliance apply\n`,
    );
    assert.deepEqual(loadConfig(file).mappings.map(({ name }) => name), ["fast"]);
    assert.deepEqual([...Deno.readDirSync(`${folder}/conf.d`)].map(({ name }) => name), [
      "mine.toml",
    ]);
    assert.equal(fake.asked[0]!.path, "/v1/config/export?name=fast");
    // Nothing is ever overwritten.
    Deno.writeTextFileSync(`${folder}/conf.d/mine.toml`, "# precious\n");
    const again = await capture(line);
    assert.equal(again.code, 1);
    assert.match(again.err, /mine\.toml exists already; choose another name/);
    assert.equal(Deno.readTextFileSync(`${folder}/conf.d/mine.toml`), "# precious\n");
    assert.equal([...Deno.readDirSync(`${folder}/conf.d`)].length, 1);
    const json = await capture([...line.with(3, "two.toml"), "-o", "json"]);
    assert.deepEqual(JSON.parse(json.out), {
      file: `${folder}/conf.d/two.toml`,
      names: ["fast"],
    });
  }));

Deno.test("adopt takes a file that makes the config wrong back", () =>
  withConfig(async (fake, folder) => {
    fake.answers.set(
      "GET /v1/config/export",
      () => new Response('[[mapping]]\nsessname = "nobody"\ndevice_path = "x"\n'),
    );
    const { code, err } = await capture(["adopt", "x", "--to", "bad", "--socket", fake.socket]);
    assert.equal(code, 78);
    assert.match(err, /bad\.toml:2:12: mapping\.sessname: /);
    assert.deepEqual([...Deno.readDirSync(`${folder}/conf.d`)], []);
  }));

Deno.test("adopt needs to know where the config is", () =>
  withConfig(async (fake, _folder, file) => {
    const line = ["adopt", "fast", "--to", "mine"];
    fake.status = { ...fake.status, config: { ...fake.status.config, file: "rnbd.toml" } };
    const relative = await capture([...line, "--socket", fake.socket]);
    assert.equal(relative.code, 64);
    assert.match(relative.err, /relative path rnbd\.toml; say where that is with --config/);
    fake.status = { ...fake.status, config: { ...fake.status.config, file: null } };
    assert.equal((await capture([...line, "--socket", fake.socket])).code, 1);
    assert.equal((await capture([...line, "--config", file])).code, 0);
  }));

Deno.test("check --live shows what the running node would change", () =>
  withConfig(async (fake, _folder, file) => {
    const line = ["check", "--live", "--config", file];
    // The fake listens where the config says, under the name that it has there.
    const changes = await capture(line);
    assert.equal(changes.code, 2, changes.err);
    assert.ok(changes.out.startsWith(`${file}: ok\n- remove mapping `), changes.out);
    assert.match(changes.out, /\n3 steps: 1 to add, 1 to change, 1 to remove\n$/);
    assert.equal(JSON.parse((await capture([...line, "-o", "json"])).out).steps.length, 3);
    fake.answers.set("GET /v1/plan", () => ({ steps: [] }));
    const same = await capture(line);
    assert.equal(same.code, 0);
    assert.match(same.out, /\nnothing to do: the node is as the config says\n$/);
    fake.status = { ...fake.status, config: { ...fake.status.config, file: "/etc/other.toml" } };
    const other = await capture(line);
    assert.equal(other.code, 1);
    assert.match(other.err, /runs with \/etc\/other\.toml, not with /);
    Deno.writeTextFileSync(file, "[nod]\n");
    assert.equal((await capture(line)).code, 78);
  }));
