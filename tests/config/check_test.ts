/** `check` as a process: what it prints where, and its exit code. */
import assert from "node:assert/strict";
import { appliance } from "../support/appliance.ts";
import { temporaryDirectory } from "../support/temporary.ts";

Deno.test("check names every file, warnings and errors on standard error", async () => {
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/rnbd.toml`;
  const dropIn = `${directory.path}/conf.d/10-x.toml`;
  Deno.mkdirSync(`${directory.path}/conf.d`);
  Deno.writeTextFileSync(file, "[node]\nreactors = 1\n");
  Deno.writeTextFileSync(dropIn, '[control]\nhttp = "0.0.0.0:9942"\n');
  const good = await appliance(["check", "--config", file]);
  assert.deepEqual([good.code, good.stdout], [0, `${file}: ok\n${dropIn}: ok\n`]);
  assert.match(good.stderr, /^\S+\/rnbd\.toml: warning: control\.http: everybody who .+\n$/);
  Deno.writeTextFileSync(dropIn, "[node]\nreactors = 2\n");
  assert.deepEqual(await appliance(["check", "--config", file]), {
    code: 78,
    stdout: "",
    stderr: `${dropIn}:2:1: node.reactors: is given twice, first at ${file}:2:1; remove one\n`,
  });
});
