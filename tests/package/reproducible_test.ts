/**
 * Two builds of one commit give the same bytes, wherever and whenever they are made, and nothing
 * of the place is inside.
 */
import assert from "node:assert/strict";
import { run, tryRun } from "../support/process.ts";
import { repositoryRoot } from "../support/program.ts";
import { sha256File, temporaryDirectory } from "../support/temporary.ts";
import { filesBelow } from "./support/built.ts";

const BUILD_TIMEOUT_MS = 4 * 60_000;

/** The files of the tree as they are now, ignored ones left out. */
async function treeFiles(): Promise<string[]> {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const listed = await tryRun("git", ["-C", repositoryRoot, ...args]);
  if (listed.code === 0) {
    const names = listed.stdout.split("\0").filter((name) => name !== "");
    const isThere = (name: string) =>
      Deno.lstat(repositoryRoot + name).then(() => true, () => false);
    const there = await Promise.all(names.map(isThere));
    return names.filter((_, at) => there[at]);
  }
  const names = [...Deno.readDirSync(repositoryRoot)].map(({ name }) => name);
  return names.filter((name) => !["dist", ".cache", ".git"].includes(name))
    .flatMap((name) => filesBelow(repositoryRoot + name))
    .map((file) => file.slice(repositoryRoot.length));
}

/** A copy of the tree at the same commit, with the same changes. */
async function copyTree(to: string): Promise<void> {
  const clone = ["clone", "--quiet", "--shared", repositoryRoot, to];
  const { code } = await tryRun("git", ["-c", "safe.directory=*", ...clone]);
  if (code !== 0) await Deno.mkdir(to, { recursive: true });
  for (const name of await treeFiles()) {
    await Deno.mkdir(`${to}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.copyFile(repositoryRoot + name, `${to}/${name}`);
  }
}

interface Place {
  readonly folder: string;
  readonly umask: string;
  readonly env: Record<string, string>;
}

/** Builds in a place. @returns the folder of the results */
async function buildIn({ folder, umask, env }: Place, kind: string): Promise<string> {
  const output = `${folder}/out-${kind}`;
  const words = `umask ${umask}; cd /; exec "$0" "$@"`;
  const args = ["--kind", kind, "--no-times", "--output", output];
  const all = { ...env, DENORT_BIN: Deno.execPath() };
  await run("sh", ["-c", words, `${folder}/compile.sh`, ...args], {
    env: all,
    timeoutMs: BUILD_TIMEOUT_MS,
  });
  return output;
}

/** Whether the bytes of the file hold the text. */
function holds(file: string, text: string): boolean {
  const bytes = new TextEncoder().encode(text);
  const all = Deno.readFileSync(file);
  for (let at = all.indexOf(bytes[0]!); at >= 0; at = all.indexOf(bytes[0]!, at + 1)) {
    if (bytes.every((byte, index) => all[at + index] === byte)) return true;
  }
  return false;
}

async function assertSame(places: readonly Place[], kind: string): Promise<string> {
  const outputs = await Promise.all(places.map((place) => buildIn(place, kind)));
  const [first, second] = outputs as [string, string];
  const names = [...Deno.readDirSync(first)].map(({ name }) => name).sort();
  assert.deepEqual(
    names,
    ["rnbd-appliance", "rnbd-appliance.cdx.json", "rnbd-appliance.sha256"],
    "nothing else stays behind",
  );
  for (const name of names) {
    const [left, right] = [`${first}/${name}`, `${second}/${name}`];
    assert.equal(await sha256File(left), await sha256File(right), `${kind}: ${name} differs`);
    for (const { folder } of places) assert.ok(!holds(left, folder), `${name} has ${folder} in it`);
  }
  // As the file itself says, for `sha256sum --check`.
  await run("sha256sum", ["--check", "--quiet", "rnbd-appliance.sha256"], { cwd: first });
  return first;
}

Deno.test("reproducible: other folder, umask, time zone, language and times of files", async () => {
  await using directory = await temporaryDirectory("rnbd-places-");
  const places: Place[] = [
    { folder: `${directory.path}/a`, umask: "022", env: { LC_ALL: "C", TZ: "UTC" } },
    {
      folder: `${directory.path}/a much longer/place with/blanks`,
      umask: "077",
      env: { LC_ALL: "C.UTF-8", LANG: "de_DE.UTF-8", TZ: "Asia/Tokyo", TAR_OPTIONS: "--posix" },
    },
  ];
  for (const { folder } of places) await copyTree(folder);
  const output = await assertSame(places, "self-extracting");
  const unpacked = `${directory.path}/unpacked`;
  await run(`${output}/rnbd-appliance`, ["--unpack", unpacked]);
  for (const file of filesBelow(unpacked)) {
    for (const text of [directory.path, repositoryRoot, Deno.env.get("HOME") ?? "/nowhere"]) {
      const isOurs = !file.startsWith(`${unpacked}/runtime/`);
      assert.ok(!isOurs || !holds(file, text), `${file} has ${text} in it`);
    }
  }
  // Deno itself in the place of its base binary: the file does not run, but is made the same way.
  await assertSame(places, "compiled");
  // The comparison notices a change.
  const changed = places[0]!;
  const file = `${changed.folder}/src/cli/verbs/version.ts`;
  const text = await Deno.readTextFile(file);
  await Deno.writeTextFile(file, text.replace("${PROGRAM} ${VERSION}", "${PROGRAM}  ${VERSION}"));
  const before = await sha256File(`${output}/rnbd-appliance`);
  const after = await sha256File(`${await buildIn(changed, "self-extracting")}/rnbd-appliance`);
  assert.notEqual(before, after);
});
