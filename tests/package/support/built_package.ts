/** The Debian package of this tree, built once for all tests that need it. */
import { createHash } from "node:crypto";
import { requireCommand } from "../../support/skip.ts";
import { run } from "../../support/process.ts";
import { repositoryRoot } from "../../support/program.ts";
import { sha256File } from "../../support/temporary.ts";
import { builtExecutable, filesBelow } from "./built.ts";

const BUILD_TIMEOUT_MS = 5 * 60_000;

/** Earlier packages that stay, besides the newest: another process may be testing one of them. */
const KEPT = 2;

/** What goes into the package besides the executable. */
const SOURCES = ["packaging", "docs", "completions", "config", "README.md", "deno.json"];

/** Builds the package into a folder. @returns its path */
export async function buildPackage(executable: string, output: string): Promise<string> {
  requireCommand("dh", "debhelper");
  requireCommand("dpkg-buildpackage", "dpkg-dev");
  const script = `${repositoryRoot}packaging/build_deb.sh`;
  const args = ["--executable", executable, "--output", output];
  await run(script, args, { timeoutMs: BUILD_TIMEOUT_MS });
  return packageIn(output);
}

let packageOfProcess: Promise<string> | undefined;

/**
 * Path of the package of this tree as it was when this process first asked.
 * @throws {SkipTest} where Debian's tools are not installed
 */
export const builtPackage = (): Promise<string> => packageOfProcess ??= makePackage();

/** Processes that want it at the same time wait for the one that builds. */
async function makePackage(): Promise<string> {
  const executable = await builtExecutable();
  const folder = `${repositoryRoot}.cache/package`;
  await Deno.mkdir(folder, { recursive: true });
  using lock = await Deno.open(`${folder}/lock`, { write: true, create: true });
  await lock.lock(true);
  const output = `${folder}/${await digest(executable)}`;
  if (!await Deno.stat(output).then(() => true, () => false)) {
    removeOld(folder);
    await buildPackage(executable, `${output}.draft`);
    await Deno.rename(`${output}.draft`, output);
  }
  return packageIn(output);
}

function removeOld(folder: string): void {
  const found = [...Deno.readDirSync(folder)].filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => ({ path: `${folder}/${name}`, info: Deno.statSync(`${folder}/${name}`) }))
    .sort((a, b) => b.info.mtime!.getTime() - a.info.mtime!.getTime());
  for (const { path } of found.slice(KEPT)) Deno.removeSync(path, { recursive: true });
}

async function digest(executable: string): Promise<string> {
  const hash = createHash("sha256").update(await sha256File(executable));
  for (const file of SOURCES.flatMap((part) => filesBelow(`${repositoryRoot}${part}`))) {
    hash.update(`${file}\0`).update(Deno.readFileSync(file)).update("\0");
  }
  return hash.digest("hex").slice(0, 16);
}

function packageIn(folder: string): string {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => name.endsWith(".deb"));
  if (names.length !== 1) throw new Error(`${folder} has ${names.join(", ") || "no package"}`);
  return `${folder}/${names[0]}`;
}
