/** What is made of the schema is not stale. */
import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { configSchema } from "../../src/appliance/config/json_schema.ts";
import { configReference } from "../../src/appliance/config/reference.ts";
import { TABLES } from "../../src/appliance/config/schema.ts";
import { configPage } from "../../src/cli/config_page.ts";

const DOCUMENT = new URL("../../docs/config.md", import.meta.url);
const SCHEMA = new URL("../../docs/config.schema.json", import.meta.url);
const PAGE = new URL("../../docs/man/rnbd-appliance.toml.5", import.meta.url);
const REFERENCE = new URL("../../config/rnbd.toml", import.meta.url);
const MARK = "<!-- From here on made of";
const ADVICE = "run it again with SNAP_UPDATE=1, then deno fmt, and look at the difference";
const IS_UPDATE = Deno.env.get("SNAP_UPDATE") === "1";

function checkMade(file: URL, expected: string, same: (text: string) => string): void {
  if (IS_UPDATE) Deno.writeTextFileSync(file, expected);
  assert.equal(same(Deno.readTextFileSync(file)), same(expected), ADVICE);
}

Deno.test("docs/config.md has the reference that the schema makes", () => {
  const text = Deno.readTextFileSync(DOCUMENT);
  const start = text.indexOf("\n", text.indexOf(MARK)) + 2;
  // The formatter breaks lines and pads tables.
  const plain = (markdown: string) =>
    markdown.replaceAll(/-{3,}/g, "---").replaceAll(/\s+/g, " ").trim();
  checkMade(DOCUMENT, text.slice(0, start) + configReference(), plain);
});

Deno.test("docs/config.schema.json is what the schema makes", () => {
  const normal = (text: string) => JSON.stringify(JSON.parse(text));
  checkMade(SCHEMA, `${JSON.stringify(configSchema(), null, 2)}\n`, normal);
});

Deno.test("docs/man/rnbd-appliance.toml.5 is what the schema makes", () => {
  checkMade(PAGE, configPage(), (text) => text);
});

Deno.test("config/rnbd.toml shows every key of every table", () => {
  const root = parse(Deno.readTextFileSync(REFERENCE)) as Record<string, unknown>;
  const server = root.server as Record<string, unknown>;
  const shown: Record<string, unknown[]> = {
    "[node]": [root.node],
    "[control]": [root.control],
    "[server]": [server],
    "[[server.export]]": server.export as unknown[],
    "[[session]]": root.session as unknown[],
    "[[mapping]]": root.mapping as unknown[],
  };
  for (const { header, keys } of TABLES) {
    const names = new Set(shown[header]!.flatMap((table) => Object.keys(table as object)));
    names.delete("export");
    assert.deepEqual([...names].sort(), Object.keys(keys).sort(), header);
  }
});
