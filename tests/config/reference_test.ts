import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { configReference } from "../../src/appliance/config/reference.ts";
import { TABLES } from "../../src/appliance/config/schema.ts";

const DOCUMENT = new URL("../../docs/config.md", import.meta.url);
const REFERENCE = new URL("../../config/rnbd.toml", import.meta.url);
const MARK = "<!-- From here on made of";

Deno.test("docs/config.md has the reference that the schema makes", () => {
  const text = Deno.readTextFileSync(DOCUMENT);
  const start = text.indexOf("\n", text.indexOf(MARK)) + 2;
  const expected = text.slice(0, start) + configReference();
  if (Deno.env.get("SNAP_UPDATE") === "1") Deno.writeTextFileSync(DOCUMENT, expected);
  // The formatter breaks lines and pads tables.
  const plain = (markdown: string) => markdown.replaceAll(/-{3,}/g, "---").replaceAll(/\s+/g, " ");
  const advice = "run it again with SNAP_UPDATE=1, then deno fmt, and look at the difference";
  assert.equal(plain(text).trim(), plain(expected).trim(), advice);
});

Deno.test("config/rnbd.toml shows every key of every table", () => {
  const root = parse(Deno.readTextFileSync(REFERENCE)) as Record<string, unknown>;
  const server = root.server as Record<string, unknown>;
  const shown: Record<string, unknown[]> = {
    "[node]": [root.node],
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
