/** `demo` works as a user sees it, and leaves nothing behind. */
import assert from "node:assert/strict";
import { repositoryRoot } from "../support/appliance.ts";
import { tryRun } from "../support/process.ts";
import { temporaryDirectory } from "../support/temporary.ts";

Deno.test("demo maps, verifies and measures a disk, and leaves nothing behind", async () => {
  await using directory = await temporaryDirectory();
  const { code, stdout, stderr } = await tryRun(
    Deno.execPath(),
    ["run", "-A", "--no-check", `${repositoryRoot}mod.ts`, "demo"],
    { env: { TMPDIR: directory.path } },
  );
  assert.equal(code, 0, stdout + stderr);
  assert.equal(stderr, "");
  const lines = ["image", "export", "mapping", "NBD socket", "verify", "memory"];
  for (const line of lines) assert.match(stdout, new RegExp(`^${line} +\\S`, "m"));
  assert.match(stdout, /^verify +scratch: ok: 64 MiB written, 64 MiB read back in /m);
  assert.match(stdout, /^4 KiB random reads +depth 32: [\d,]+ IOPS, /m);
  assert.match(stdout, /nbdinfo --list "nbd\+unix:\/\/\/\?socket=.*scratch\.sock"/);
  assert.deepEqual([...Deno.readDirSync(directory.path)], []);
});
