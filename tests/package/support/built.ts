/** The executable of this tree, built once for all tests that want it. */
import { createHash } from "node:crypto";
import { readCommit } from "../../../packaging/executable/commit.ts";
import { run } from "../../support/process.ts";
import { EXECUTABLE_VARIABLE, repositoryRoot } from "../../support/program.ts";

/** Everything that the executable is made of, and makes it. */
const PARTS = [
  "compile.sh",
  "config",
  "deno.json",
  "deno.lock",
  "mod.ts",
  "packaging/executable",
  "src",
];

/** Earlier trees' executables that stay, besides the newest. */
const KEPT = 1;
const BUILD_TIMEOUT_MS = 4 * 60_000;

/** All files below `path`, in order. */
export function filesBelow(path: string): string[] {
  if (!Deno.statSync(path).isDirectory) return [path];
  const names = [...Deno.readDirSync(path)].map(({ name }) => name).sort();
  return names.flatMap((name) => filesBelow(`${path}/${name}`));
}

/** Names the state of the tree. */
async function treeDigest(): Promise<string> {
  const hash = createHash("sha256");
  for (const file of PARTS.flatMap((part) => filesBelow(`${repositoryRoot}${part}`))) {
    hash.update(`${file}\0`).update(Deno.readFileSync(file)).update("\0");
  }
  const { name, timeS } = await readCommit(repositoryRoot);
  return hash.update(`${name} ${timeS} ${Deno.version.deno}`).digest("hex").slice(0, 16);
}

function removeOld(folder: string): void {
  const found = [...Deno.readDirSync(folder)].filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => ({ path: `${folder}/${name}`, info: Deno.statSync(`${folder}/${name}`) }))
    .sort((a, b) => b.info.mtime!.getTime() - a.info.mtime!.getTime());
  for (const { path } of found.slice(KEPT)) Deno.removeSync(path, { recursive: true });
}

let folderOfProcess: Promise<string> | undefined;

/**
 * The folder that `compile.sh` filled for this tree as it was when this process first asked: the
 * executable, its hash and its SBOM.
 */
export const builtFolder = (): Promise<string> => folderOfProcess ??= makeFolder();

/** Processes that want it at the same time wait for the one that builds. */
async function makeFolder(): Promise<string> {
  const folder = `${repositoryRoot}.cache/executable`;
  await Deno.mkdir(folder, { recursive: true });
  using lock = await Deno.open(`${folder}/lock`, { write: true, create: true });
  await lock.lock(true);
  const output = `${folder}/${await treeDigest()}`;
  if (!await Deno.stat(output).then(() => true, () => false)) {
    removeOld(folder);
    const draft = `${output}.draft`;
    const args = ["--kind", "self-extracting", "--no-times", "--output", draft];
    await run(`${repositoryRoot}compile.sh`, args, { timeoutMs: BUILD_TIMEOUT_MS });
    await Deno.rename(draft, output);
  }
  return output;
}

/** Path of the executable to test: the one that `RNBD_TEST_EXECUTABLE` names, or of this tree. */
export async function builtExecutable(): Promise<string> {
  return Deno.env.get(EXECUTABLE_VARIABLE) ?? `${await builtFolder()}/rnbd-appliance`;
}
