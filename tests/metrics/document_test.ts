/** docs/metrics.md names every metric, and none that is not told. */
import assert from "node:assert/strict";
import { parseExposition } from "./exposition.ts";
import { fullText } from "./samples.ts";

const TEXT = Deno.readTextFileSync(new URL("../../docs/metrics.md", import.meta.url));

Deno.test("the document and the text name the same metrics, with the same labels", () => {
  const documented = new Map<string, string[]>();
  for (
    const [, name, labels] of TEXT.matchAll(/^\| `((?:rnbd|process)_\w+)` *\| *([^|]*?) *\|/gm)
  ) {
    documented.set(name!, [...labels!.matchAll(/`(\w+)`/g)].map(([, label]) => label!).sort());
  }
  const told = new Map<string, string[]>();
  for (const { family, labels } of parseExposition(fullText()).values()) {
    told.set(family, Object.keys(labels).filter((label) => label !== "le").sort());
  }
  assert.deepEqual(
    [...documented].sort(([a], [b]) => a < b ? -1 : 1),
    [...told].sort(([a], [b]) => a < b ? -1 : 1),
  );
});
