/** The config that is in force, and what is told when the files cannot be taken over. */
import assert from "node:assert/strict";
import { loadConfig, parseConfig } from "../../src/appliance/config/load_config.ts";
import { ConfigError } from "../../src/appliance/config/problems.ts";
import { ConfigSource } from "../../src/appliance/reconcile/config_source.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const text = (spinUs: number) => `[node]\nruntime_dir = "/run/x"\nspin_us = ${spinUs}\n`;

Deno.test("stale since the first error, because of the last; current again when it is mended", async () => {
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/rnbd.toml`;
  await Deno.writeTextFile(file, text(1));
  let second = 0;
  const now = () => new Date(Date.UTC(2026, 0, 1, 0, 0, second++));
  const source = new ConfigSource(loadConfig(file), now);
  const at = (seconds: number) => `2026-01-01T00:00:0${seconds}.000Z`;
  assert.deepEqual(source.status(), {
    file,
    files: [file],
    state: "current",
    stale_since: null,
    stale_because: [],
    applied_at: at(0),
  });
  for (const wrong of ["spin_us = -1", "spin = 2"]) {
    await Deno.writeTextFile(file, `[node]\nruntime_dir = "/run/x"\n${wrong}\n`);
    assert.throws(() => source.reload(), ConfigError);
    const { state, stale_since, stale_because, applied_at } = source.status();
    assert.deepEqual([state, stale_since, applied_at], ["stale", at(1), at(0)]);
    assert.match(stale_because.join("\n"), new RegExp(`rnbd\\.toml:3:.*${wrong.split(" ")[0]}`));
    assert.equal(source.config.node.spinUs, 1, "what was in force goes on");
  }
  await Deno.writeTextFile(file, text(3));
  assert.equal(source.read().node.spinUs, 3);
  assert.equal(source.status().state, "stale", "to look changes nothing");
  assert.equal(source.reload().node.spinUs, 3);
  const { state, stale_since, stale_because } = source.status();
  assert.deepEqual([state, stale_since, stale_because], ["current", null, []]);
  await Deno.remove(file);
  assert.throws(() => source.reload(), /cannot be read/);
});

Deno.test("a config that is made in the program is what it always says", () => {
  const config = parseConfig(text(5), null);
  const source = new ConfigSource(config);
  assert.deepEqual([source.read(), source.reload()], [config, config]);
  assert.equal(source.status().file, null);
});
