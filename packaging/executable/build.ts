// deno-lint-ignore-file no-console -- a program: its output is its purpose
/**
 * Makes the executable; `compile.sh` runs this:
 *
 *     deno run -A packaging/executable/build.ts [--kind compiled|self-extracting] [--output FOLDER]
 *         [--no-times]
 *
 * Into FOLDER, by default `dist`, go `rnbd-appliance`, its SHA-256 and its SBOM.
 * docs/executable.md explains the two kinds and what is inside.
 */
import { join, resolve } from "node:path/posix";
import { parseArgs } from "node:util";
import type { BuildFacts } from "../../src/appliance/build_facts.ts";
import { findBaseBinary, probe } from "./base_binary.ts";
import { type Bundle, bundleProgram } from "./bundle.ts";
import { deno } from "./command.ts";
import { type Commit, readCommit } from "./commit.ts";
import { makeCompiled } from "./compiled.ts";
import { sha256File } from "./digest.ts";
import { measureStarts } from "./measure.ts";
import { programOptions } from "./permissions.ts";
import { makeSbom } from "./sbom.ts";
import { makeSelfExtracting } from "./self_extracting.ts";
import { readDenoConfig, ROOT } from "./stage.ts";

/** Name of the executable. */
export const EXECUTABLE = "rnbd-appliance";

const KINDS = ["compiled", "self-extracting"] as const;
type Kind = typeof KINDS[number];

interface Options {
  /** Undefined: whichever can be made, `deno compile` first. */
  readonly kind: Kind | undefined;
  readonly output: string;
  readonly times: boolean;
}

class UsageError extends Error {}

function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kind: { type: "string" },
      output: { type: "string", default: join(ROOT, "dist") },
      "no-times": { type: "boolean", default: false },
    },
  });
  const kind = KINDS.find((known) => known === values.kind);
  if (values.kind !== undefined && kind === undefined) {
    throw new UsageError(`--kind ${values.kind}: the kinds are ${KINDS.join(" and ")}`);
  }
  return { kind, output: resolve(values.output), times: !values["no-times"] };
}

/** @throws Error when `wanted` cannot be made here */
async function chooseKind(wanted: Kind | undefined): Promise<Kind> {
  if (wanted === "self-extracting") return wanted;
  const { denoDir } = JSON.parse(await deno(["info", "--json"], ROOT)) as { denoDir: string };
  const found = await findBaseBinary({
    named: Deno.env.get("DENORT_BIN"),
    cache: denoDir,
    denoVersion: Deno.version.deno,
    target: Deno.build.target,
    probe,
  });
  if (found.where !== "nowhere") {
    console.log(`deno compile with its base binary, ${found.where}: ${found.place}`);
    return "compiled";
  }
  if (wanted === undefined) {
    console.log(`no base binary for deno compile (${found.why}): a self-extracting file`);
    return "self-extracting";
  }
  throw new Error(`--kind compiled needs Deno's base binary: ${found.why}`);
}

async function makeExecutable(
  kind: Kind,
  work: string,
  commit: Commit,
  file: string,
): Promise<Bundle> {
  const facts: BuildFacts = { kind: `${kind} executable`, commit: commit.name };
  const program = join(work, "program");
  const bundle = await bundleProgram(join(work, "staging"), program, facts, commit.timeS);
  const { version, unstable } = readDenoConfig();
  const runtime = Deno.execPath();
  if (kind === "compiled") await makeCompiled({ runtime, program, unstable, output: file });
  else {
    const options = programOptions(unstable);
    const { name } = commit;
    await makeSelfExtracting(
      { runtime, program, version, commit: name, arguments: options },
      file,
    );
  }
  return bundle;
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

async function build(options: Options): Promise<void> {
  const { output } = options;
  const kind = await chooseKind(options.kind);
  const commit = await readCommit(ROOT);
  Deno.mkdirSync(output, { recursive: true });
  // Beside the result, so that a rename puts it there.
  const work = Deno.makeTempDirSync({ dir: output, prefix: ".build-" });
  try {
    const draft = join(work, EXECUTABLE);
    const bundle = await makeExecutable(kind, work, commit, draft);
    const executable = { name: EXECUTABLE, sha256: await sha256File(draft) };
    const sbom = await makeSbom({
      kind,
      commit,
      bundle,
      program: join(work, "program"),
      executable,
    });
    const put = (name: string, text: string) => Deno.writeTextFileSync(join(output, name), text);
    put(`${EXECUTABLE}.sha256`, `${executable.sha256}  ${EXECUTABLE}\n`);
    put(`${EXECUTABLE}.cdx.json`, sbom);
    Deno.chmodSync(draft, 0o755);
    Deno.renameSync(draft, join(output, EXECUTABLE));
    const sizes = [draftSize(output), bundleSize(work, bundle)];
    console.log(`${join(output, EXECUTABLE)}: ${megabytes(sizes[0]!)}, ${kind} executable`);
    console.log(`  program ${megabytes(sizes[1]!)}, commit ${commit.name ?? "unknown"}`);
    console.log(`  sha256 ${executable.sha256}`);
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
  if (options.times) await showTimes(join(output, EXECUTABLE));
}

const draftSize = (output: string) => Deno.statSync(join(output, EXECUTABLE)).size;

const bundleSize = (work: string, { files }: Bundle) =>
  files.reduce((sum, file) => sum + Deno.statSync(join(work, "program", file)).size, 0);

async function showTimes(executable: string): Promise<void> {
  const { firstMs, laterMs, runs } = await measureStarts(executable);
  console.log(
    `  first start ${firstMs.toFixed(0)} ms, later ${laterMs.toFixed(0)} ms ` +
      `(\`--version\`, median of ${runs})`,
  );
}

if (import.meta.main) {
  try {
    await build(readOptions(Deno.args));
  } catch (error) {
    console.error(`compile.sh: ${error instanceof Error ? error.message : error}`);
    Deno.exit(error instanceof UsageError || error instanceof TypeError ? 64 : 1);
  }
}
