/** What a build says that it was made of. */
import assert from "node:assert/strict";
import { readCommit } from "../../packaging/executable/commit.ts";
import { run } from "../support/process.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const TIME_S = 1_700_000_000;

skippable("commit: its digits and time; -dirty after any change that git would take", async () => {
  const git = requireCommand("git", "git");
  await using directory = await temporaryDirectory();
  const root = `${directory.path}/`;
  const env = {
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_AUTHOR_DATE: `${TIME_S} +0000`,
    GIT_COMMITTER_DATE: `${TIME_S} +0900`,
  };
  const name = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
  await run(git, ["-C", root, "init", "--quiet"], { env });
  await Deno.writeTextFile(`${root}.gitignore`, "dist/\n");
  await run(git, ["-C", root, "add", "."], { env });
  await run(git, ["-C", root, ...name, "commit", "--quiet", "--message", "first"], { env });
  const { stdout } = await run(git, ["-C", root, "rev-parse", "HEAD"]);
  const digits = stdout.slice(0, 12);
  assert.deepEqual(await readCommit(root), { name: digits, timeS: TIME_S });
  await Deno.mkdir(`${root}dist`);
  await Deno.writeTextFile(`${root}dist/result`, "");
  assert.deepEqual(await readCommit(root), { name: digits, timeS: TIME_S });
  await Deno.writeTextFile(`${root}new`, "");
  assert.deepEqual(await readCommit(root), { name: `${digits}-dirty`, timeS: TIME_S });
});

Deno.test("commit: none without git; SOURCE_DATE_EPOCH sets the time, and is checked", async () => {
  await using directory = await temporaryDirectory();
  assert.deepEqual(await readCommit(directory.path), { name: null, timeS: 0 });
  try {
    Deno.env.set("SOURCE_DATE_EPOCH", String(TIME_S));
    assert.deepEqual(await readCommit(directory.path), { name: null, timeS: TIME_S });
    Deno.env.set("SOURCE_DATE_EPOCH", "yesterday");
    await assert.rejects(readCommit(directory.path), /SOURCE_DATE_EPOCH=yesterday is no number/);
  } finally {
    Deno.env.delete("SOURCE_DATE_EPOCH");
  }
});
