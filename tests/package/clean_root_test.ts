/** The one file on a machine that has nothing but Debian's smallest system. */
import assert from "node:assert/strict";
import { skippable } from "../support/skip.ts";
import { builtExecutable } from "./support/built.ts";
import { debianRoot } from "./support/debian_root.ts";
import { assertNoRuntimes, runConfigJob, runDemo } from "./support/jobs.ts";

skippable("clean root: the one file runs the demo's job and the --config job", async () => {
  await using root = await debianRoot();
  await Deno.copyFile(await builtExecutable(), `${root.path}/usr/local/bin/rnbd-appliance`);
  // The helper's paths do not have that folder: whoever copies a file names it.
  await Deno.symlink("../local/bin/rnbd-appliance", `${root.path}/usr/bin/rnbd-appliance`);
  await assertNoRuntimes(root);
  const { stdout } = await root.run("rnbd-appliance", ["--version"]);
  assert.match(stdout, /^rnbd-appliance \d+\.\d+\.\d+ \(.*executable, /);
  assert.match(await runDemo(root), /io_uring_enter/);
  await runConfigJob(root);
});
