/** The verbs that talk to an appliance: what they ask it, what they print, how they end. */
import assert from "node:assert/strict";
import type { ControlApi } from "../../src/appliance/control_api/control_api.ts";
import { busy, FakeAppliance, MAPPING, MEASURED, STATUS } from "../control_api/fake_appliance.ts";
import { VERIFIED } from "../control_api/fake_appliance.ts";
import { withApi } from "../control_api/http.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { capture, type Captured } from "./capture.ts";

type Ask = (...words: string[]) => Promise<Captured>;

/** Runs command lines against an API with a fake appliance behind it. */
function withAppliance(
  body: (ask: Ask, appliance: FakeAppliance, api: ControlApi) => Promise<void>,
): Promise<void> {
  return withApi((api, appliance) =>
    body((...words) => capture([...words, "--socket", api.socket]), appliance, api)
  );
}

Deno.test("status prints tables, and nothing of what a peer sends as terminal control", () =>
  withAppliance(async (ask) => {
    const { code, out, err } = await ask("status");
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /^node store-1, version .*\n/);
    assert.match(out, /\nMAPPINGS\n {2}NAME .*\n {2}scratch /);
    assert.ok(!out.includes("\u001b"));
  }));

Deno.test("status -o json prints the status as it is", () =>
  withAppliance(async (ask) => {
    for (const option of [["-o", "json"], ["--output=json"], ["--output", "json"]]) {
      const { code, out } = await ask("status", ...option);
      assert.equal(code, 0);
      assert.deepEqual(JSON.parse(out), STATUS);
    }
  }));

Deno.test("map sends what was given and prints the mapping", () =>
  withAppliance(async (ask, appliance) => {
    const small = await ask("map", "disk0.img", "--sessname", "backup");
    assert.equal(small.code, 0);
    assert.match(small.out, /^NAME .*\nscratch .* open .*64 MiB .*scratch\.sock\n$/);
    const full =
      "map d --sessname s --path tcp:127.0.0.1 --dest-port 1300 --access_mode ro --name m " +
      "--expose nbd -o json";
    const { out } = await ask(...full.split(" "));
    assert.deepEqual(JSON.parse(out), MAPPING);
    assert.deepEqual(appliance.calls, [
      ["map", { sessname: "backup", device_path: "disk0.img" }],
      ["map", {
        sessname: "s",
        device_path: "d",
        paths: ["tcp:127.0.0.1"],
        dest_port: 1300,
        name: "m",
        access_mode: "ro",
        expose: "nbd",
      }],
    ]);
  }));

Deno.test("unmap names the mapping, whatever characters it has", () =>
  withAppliance(async (ask, appliance) => {
    assert.deepEqual(await ask("unmap", "a b!c?é%"), {
      code: 0,
      out: "a b!c?é%: unmapped\n",
      err: "",
    });
    await ask("unmap", "m", "--force");
    assert.deepEqual(appliance.calls, [["unmap", "a b!c?é%", false], ["unmap", "m", true]]);
  }));

Deno.test("map takes a source, RDMA and ublk as the originals and the config file do", () =>
  withAppliance(async (ask, appliance) => {
    const words = "map vm/1 --sessname s --path ip:10.0.0.1,ip:10.0.0.2 --access_mode migration " +
      "--expose ublk";
    assert.equal((await ask(...words.split(" "))).code, 0);
    assert.deepEqual(appliance.calls, [["map", {
      sessname: "s",
      device_path: "vm/1",
      paths: ["ip:10.0.0.1,ip:10.0.0.2"],
      access_mode: "migration",
      expose: "ublk",
    }]]);
  }));

Deno.test("remap and resize send what was given and print the mapping", () =>
  withAppliance(async (ask, appliance) => {
    const table = (await ask("map", "disk0.img", "--sessname", "backup")).out;
    assert.deepEqual(await ask("remap", "a b"), { code: 0, out: table, err: "" });
    assert.equal((await ask("remap", "m", "--force")).out, table);
    assert.equal((await ask("resize", "m")).out, table);
    const json = await ask("resize", "m", "64MiB", "-o", "json");
    assert.deepEqual(JSON.parse(json.out), MAPPING);
    assert.deepEqual(appliance.calls.slice(1), [
      ["remap", { name: "a b", force: false }],
      ["remap", { name: "m", force: true }],
      ["resize", { name: "m" }],
      ["resize", { name: "m", size_bytes: 64 * 2 ** 20 }],
    ]);
  }));

Deno.test("path sends what was given and prints the session", () =>
  withAppliance(async (ask, appliance) => {
    const one = await ask("path", "disconnect", "backup", "ip:10.0.0.1@ip:10.0.0.2");
    assert.equal(one.code, 0);
    assert.match(one.out, /^SESSNAME .*\nbackup +connected /);
    const all = await ask("path", "reconnect", "ü", "-o", "json");
    assert.deepEqual(JSON.parse(all.out), STATUS.sessions[1]);
    assert.deepEqual(appliance.calls, [
      ["disconnectPath", { sessname: "backup", path: "ip:10.0.0.1@ip:10.0.0.2" }],
      ["reconnectPath", { sessname: "ü" }],
    ]);
  }));

Deno.test("errors of the appliance give its message and exit code", () =>
  withAppliance(async (ask, appliance) => {
    appliance.failure = busy();
    assert.deepEqual(await ask("unmap", "scratch"), {
      code: 1,
      out: "",
      err: "rnbd-appliance: scratch is in use; give --force\n",
    });
  }));

Deno.test("while it starts, the exit code says try again", () =>
  withAppliance(async (ask, _appliance, api) => {
    api.detach();
    const { code, err } = await ask("status");
    assert.equal(code, 75);
    assert.match(err, /is stopping; try again/);
  }));

Deno.test("verify without --destroy-data says what it would overwrite", () =>
  withAppliance(async (ask, appliance) => {
    const { code, out, err } = await ask("verify", "scratch");
    assert.deepEqual([code, out], [64, ""]);
    assert.match(
      err,
      /verify would overwrite all data of disk0\.img \(session backup, 64 MiB\); agree with --destr/,
    );
    assert.match((await ask("verify", "scratch", "--bytes", "1m")).err, /the first 1 MiB of disk0/);
    assert.match((await ask("verify", "nothing")).err, /There is no mapping "nothing"/);
    assert.deepEqual(appliance.calls, []);
  }));

Deno.test("verify reports, and fails when the data is wrong", () =>
  withAppliance(async (ask, appliance) => {
    const words = "verify scratch --destroy-data --bytes 1GiB --bs 4k --iodepth 8 --seed 7";
    const good = await ask(...words.split(" "));
    assert.equal(good.code, 0);
    assert.equal(good.out, "scratch: ok: 1 MiB written, 1 MiB read back in 1.3 s\n");
    assert.deepEqual(appliance.calls, [["verify", {
      name: "scratch",
      destroy_data: true,
      bytes: 2 ** 30,
      block_bytes: 4096,
      iodepth: 8,
      seed: 7,
    }]]);
    appliance.verified = {
      ...VERIFIED,
      bad_blocks: 2,
      first_bad_offsets: [4096, 8192],
      io_errors: 1,
      first_error: "EIO",
    };
    const bad = await ask("verify", "scratch", "--destroy-data");
    assert.equal(bad.code, 1);
    assert.equal(
      bad.out,
      "scratch: FAILED: 1 MiB written, 1 MiB read back in 1.3 s\n" +
        "  2 blocks are wrong, the first at bytes 4096, 8192\n" +
        "  1 requests failed\n  first error: EIO\n",
    );
    assert.equal((await ask("verify", "scratch", "--destroy-data", "-o", "json")).code, 1);
  }));

Deno.test("bench reports; writing needs --destroy-data; errors make it fail", () =>
  withAppliance(async (ask, appliance) => {
    const good = await ask("bench", "scratch", "--runtime", "500ms", "--bs", "128k", "--jobs", "1");
    assert.equal(good.code, 0);
    assert.match(good.out, /^scratch: randread, 4 KiB, depth 32, 2\.0 s\n {2}400,000 IOPS, /);
    assert.deepEqual(appliance.calls, [["bench", {
      name: "scratch",
      rw: "randread",
      block_bytes: 131_072,
      iodepth: 32,
      runtime_ms: 500,
      jobs: 1,
      destroy_data: false,
    }]]);
    const json = await ask("bench", "scratch", "-o", "json");
    assert.deepEqual(JSON.parse(json.out), MEASURED);
    const refused = await ask("bench", "scratch", "--rw", "randwrite");
    assert.equal(refused.code, 64);
    assert.match(refused.err, /bench would overwrite all data of disk0\.img/);
    assert.equal((await ask("bench", "scratch", "--rw", "write", "--destroy-data")).code, 0);
    appliance.measured = { ...MEASURED, errors: 3, first_error: "EIO" };
    const bad = await ask("bench", "scratch");
    assert.equal(bad.code, 1);
    assert.match(bad.out, /3 errors.*\n.*first error: EIO/);
  }));

Deno.test("no appliance at the socket: exit code 69 and how to start one", async () => {
  await using directory = await temporaryDirectory();
  const socket = `${directory.path}/control.sock`;
  for (
    const words of [
      "status",
      "map d --sessname s",
      "unmap m",
      "remap m",
      "resize m",
      "path reconnect s",
      "verify m",
      "bench m",
    ]
  ) {
    const { code, out, err } = await capture([...words.split(" "), "--socket", socket]);
    assert.deepEqual([code, out], [69, ""], words);
    assert.match(err, /No appliance answers at .*control\.sock \(ENOENT\); start one with /);
  }
});

Deno.test("the socket is found by the config file; a wrong file is told", () =>
  withAppliance(async (_ask, _appliance, api) => {
    await using directory = await temporaryDirectory();
    const file = `${directory.path}/c.toml`;
    const runtimeDir = api.socket.slice(0, api.socket.lastIndexOf("/"));
    Deno.writeTextFileSync(file, `[node]\nruntime_dir = "${runtimeDir}"\n`);
    assert.equal((await capture(["status", "--config", file])).code, 0);
    Deno.writeTextFileSync(file, "[node]\nruntime_dir = 0\n");
    const { code, err } = await capture(["status", "--config", file]);
    assert.equal(code, 78);
    assert.match(err, /c\.toml:2:15: node\.runtime_dir: /);
  }));
