/** `demo` works as a user sees it, and leaves nothing behind. */
import assert from "node:assert/strict";
import { tryRun } from "../support/process.ts";
import { programCommand } from "../support/program.ts";
import { temporaryDirectory } from "../support/temporary.ts";

Deno.test("demo maps, verifies and measures a disk, and leaves nothing behind", async () => {
  await using directory = await temporaryDirectory();
  const program = programCommand(["demo"]);
  const { code, stdout, stderr } = await tryRun(program.command, program.args, {
    env: { TMPDIR: directory.path },
  });
  assert.equal(code, 0, stdout + stderr);
  assert.equal(stderr, "");
  const lines = ["image", "export", "mapping", "NBD socket", "verify", "memory"];
  for (const line of lines) assert.match(stdout, new RegExp(`^${line} +\\S`, "m"));
  assert.match(stdout, /^verify +scratch: ok: 64 MiB written, 64 MiB read back in /m);
  assert.match(stdout, /^4 KiB random reads +depth 32: [\d,]+ IOPS, /m);
  assert.match(stdout, /nbdinfo --list "nbd\+unix:\/\/\/\?socket=.*scratch\.sock"/);
  assert.deepEqual([...Deno.readDirSync(directory.path)], []);
});
