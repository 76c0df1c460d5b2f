/** Snapshots in files. */
import assert from "node:assert/strict";

/** Where they are. */
export const GOLDEN = new URL("./golden/", import.meta.url);

/** Compares with the file `name`, which SNAP_UPDATE=1 rewrites. */
export function assertGolden(name: string, text: string): void {
  const file = new URL(name, GOLDEN);
  if (Deno.env.get("SNAP_UPDATE") === "1") Deno.writeTextFileSync(file, text);
  else assert.equal(text, Deno.readTextFileSync(file), `SNAP_UPDATE=1 rewrites ${name}`);
}
