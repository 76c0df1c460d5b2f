/** Man page and completions are what the table of verbs gives now. */
import assert from "node:assert/strict";
import { VERSION } from "../../src/appliance/version.ts";
import {
  bashCompletion,
  fishCompletion,
  zshCompletion,
} from "../../src/cli/completion/shell_scripts.ts";
import { manPage } from "../../src/cli/man_page.ts";
import { SHOWN_VERBS } from "../../src/cli/verbs.ts";
import { tryRun } from "../support/process.ts";
import { repositoryRoot } from "../support/program.ts";
import { requireCommand, skippable } from "../support/skip.ts";

const FILES: Readonly<Record<string, string>> = {
  "docs/man/rnbd-appliance.8": manPage(VERSION),
  "completions/rnbd-appliance.bash": bashCompletion(),
  "completions/_rnbd-appliance": zshCompletion(),
  "completions/rnbd-appliance.fish": fishCompletion(),
};

for (const [file, text] of Object.entries(FILES)) {
  Deno.test(`${file} is what the table of verbs gives`, () => {
    const path = repositoryRoot + file;
    if (Deno.env.get("SNAP_UPDATE") === "1") {
      Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      Deno.writeTextFileSync(path, text);
    }
    assert.equal(Deno.readTextFileSync(path), text, `SNAP_UPDATE=1 rewrites ${file}`);
  });
}

Deno.test("the man page has every verb and every option", () => {
  const plain = FILES["docs/man/rnbd-appliance.8"]!.replaceAll("\\-", "-");
  for (const { name, options } of SHOWN_VERBS) {
    assert.ok(plain.includes(name), name);
    for (const option of options) assert.ok(plain.includes(`--${option.name}`), option.name);
  }
});

skippable("man formats the page without a warning", async () => {
  const man = requireCommand("man", "man-db");
  const page = `${repositoryRoot}docs/man/rnbd-appliance.8`;
  const { code, stdout, stderr } = await tryRun(man, ["-l", "--warnings", page], {
    env: { MANWIDTH: "80", LC_ALL: "C.UTF-8", MANPAGER: "cat", PAGER: "cat" },
  });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /SYNOPSIS\n +rnbd-appliance --config FILE/i);
  assert.match(stdout, /unmap NAME \[OPTIONS\]/);
});
