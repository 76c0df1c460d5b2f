/** What the build of the bundle insists on. */
import assert from "node:assert/strict";
import { checkPlaces } from "../../packaging/executable/bundle.ts";
import { findSources, stageSources } from "../../packaging/executable/stage.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const WORKERS = 'var WORKER = new URL("./reactor_worker.js", import.meta.url);\n';

Deno.test("bundle: the place of the Workers is asked for once, and no other place is", async () => {
  const check = async (texts: Readonly<Record<string, string>>) => {
    await using directory = await temporaryDirectory();
    for (const [name, text] of Object.entries(texts)) {
      Deno.writeTextFileSync(`${directory.path}/${name}`, text);
    }
    checkPlaces(directory.path, Object.keys(texts));
  };
  const good = { "mod.js": "if (import.meta.main) {}", "reactor_worker.js": "", "a.js": WORKERS };
  await check(good);
  const bad: Record<string, string>[] = [
    { ...good, "a.js": "" },
    { ...good, "b.js": WORKERS },
    { ...good, "b.js": 'new URL("./page.js", import.meta.url)' },
    { ...good, "a.js": 'new URL("./reactor_worker.ts", import.meta.url)' },
  ];
  for (const texts of bad) await assert.rejects(check(texts), /uses of import\.meta\.url/);
  const { "reactor_worker.js": _, ...without } = good;
  await assert.rejects(check(without), /has no reactor_worker\.js/);
});

Deno.test("bundle: the staged sources are those of the program, and smol-toml", async () => {
  const { files, packages } = await findSources();
  for (const file of ["mod.ts", "deno.json", "src/appliance/status_page/assets/page.js"]) {
    assert.ok(files.includes(file), file);
  }
  assert.deepEqual(files.filter((file) => /^(tests|packaging|bench)\//.test(file)), []);
  assert.deepEqual(packages.map(({ name }) => name), ["smol-toml"]);
  await using directory = await temporaryDirectory();
  const replaced = { "src/gone.ts": "" };
  assert.throws(
    () => stageSources(directory.path, { files, packages }, replaced),
    /replaces src\/gone\.ts, which nothing imports/,
  );
});
