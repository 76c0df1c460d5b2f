/** The manual page rnbd-appliance.toml(5): what man says about it, and what a reader sees. */
import assert from "node:assert/strict";
import { TABLES } from "../../src/appliance/config/schema.ts";
import { escapeRoff, roffExample, roffText } from "../../src/cli/roff.ts";
import { run, tryRun } from "../support/process.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const PAGE = new URL("../../docs/man/rnbd-appliance.toml.5", import.meta.url).pathname;
const MAN = ["-l", "--warnings", "-E", "UTF-8", "--encoding=utf8"];
const ENVIRONMENT = { MANWIDTH: "100", MANPAGER: "cat", LC_ALL: "C.UTF-8" };

skippable("man has no warnings about the page, and shows every table and key", async () => {
  const man = requireCommand("man", "man-db");
  requireCommand("groff", "groff");
  const { code, stdout, stderr } = await tryRun(man, [...MAN, PAGE], { env: ENVIRONMENT });
  assert.deepEqual([code, stderr], [0, ""]);
  for (const { header, keys } of TABLES) {
    assert.ok(stdout.includes(`\n   ${header}\n`), header);
    for (const name of Object.keys(keys)) {
      assert.match(stdout, new RegExp(`^ {7}${name}( |$)`, "m"), `${header} ${name}`);
    }
  }
  assert.ok(!/[\\`]/.test(stdout), "roff or Markdown is left over");
});

skippable("man warns of a page that is wrong, so that its silence means something", async () => {
  const man = requireCommand("man", "man-db");
  requireCommand("groff", "groff");
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/wrong.5`;
  Deno.writeTextFileSync(file, Deno.readTextFileSync(PAGE) + ".NOSUCH request\n\\[nosuch]\n");
  assert.notEqual((await tryRun(man, [...MAN, file], { env: ENVIRONMENT })).stderr, "");
});

skippable("any text comes out of roff as it went in", async () => {
  const man = requireCommand("man", "man-db");
  requireCommand("groff", "groff");
  await using directory = await temporaryDirectory();
  const lines = [
    ".TH is no request",
    "'br neither",
    String.raw`back\slash \n \(em \fB \e`,
    `"quotes" 'single' "" ~tilde ^caret -dash --option`,
    "%percent% #hash $dollar @at {brace}",
    "…é😀",
  ];
  const file = `${directory.path}/any.5`;
  const body = roffExample(lines.join("\n")) + `.PP\n${roffText("`.start` of a `li-ne`")}\n`;
  Deno.writeTextFileSync(file, `.TH X 5\n.SH X\n${body}.PP\n${escapeRoff("a\n  .b")}\n`);
  const { stdout } = await run(man, [...MAN, file], { env: ENVIRONMENT });
  const shown = stdout.split("\n").map((line) => line.trim());
  for (const line of [...lines, ".start of a li-ne", "a .b"]) {
    assert.ok(shown.includes(line), `${line}\n${stdout}`);
  }
});
