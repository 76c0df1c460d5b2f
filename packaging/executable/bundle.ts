/** The program as JavaScript in a few files, with everything that it imports. */
import { join } from "node:path/posix";
import type { BuildFacts } from "../../src/appliance/build_facts.ts";
import { deno } from "./command.ts";
import { findSources, type Sources, stageSources } from "./stage.ts";

/** File of the program in the bundle. */
export const PROGRAM_FILE = "mod.js";

/** Module of the Workers in the bundle. */
export const WORKER_FILE = "reactor_worker.js";

const WORKER_ENTRY = "reactor_worker.ts";
const WORKER_MODULE = "./src/appliance/reactor/reactor_worker.ts";

/** The modules that are others in an executable. */
const replacedModules = (facts: BuildFacts): Readonly<Record<string, string>> => ({
  "src/appliance/build_facts.ts": `export const BUILD_FACTS = ${JSON.stringify(facts)};\n`,
  // Chunks lie beside the module of the Workers, whichever of them this becomes a part of.
  "src/appliance/reactor/worker_url.ts":
    `export const REACTOR_WORKER = new URL("./${WORKER_FILE}", import.meta.url);\n`,
});

/** A bundle, and what went into it. */
export interface Bundle {
  readonly sources: Sources;
  /** Files in the output folder, sorted. */
  readonly files: readonly string[];
}

/**
 * The program asks for its own place once, for its Workers; any other use would look for a file
 * that the bundle does not have.
 * @throws Error when that is not so in the bundle `files` of `folder`
 */
export function checkPlaces(folder: string, files: readonly string[]): void {
  const wanted = `new URL("./${WORKER_FILE}", import.meta.url)`;
  const texts = files.map((file) => Deno.readTextFileSync(join(folder, file)));
  const count = (what: string) => texts.reduce((sum, text) => sum + text.split(what).length - 1, 0);
  // `import.meta.main` starts the program and is no place.
  const places = count("import.meta.url");
  if (count(wanted) !== 1 || places !== 1) {
    throw new Error(
      `The bundle has ${places} uses of import.meta.url, ${count(wanted)} of them ${wanted}; ` +
        "there must be one, of src/appliance/reactor/worker_url.ts",
    );
  }
  for (const file of [PROGRAM_FILE, WORKER_FILE]) {
    if (!files.includes(file)) throw new Error(`The bundle has no ${file}: ${files.join(" ")}`);
  }
}

/**
 * Bundles the program of this tree into the empty folder `output`.
 * @param staging a folder for the sources; it may be removed afterwards
 * @param timeS seconds since 1970: what the files have as their time
 * @throws Error with what the bundler said
 */
export async function bundleProgram(
  staging: string,
  output: string,
  facts: BuildFacts,
  timeS: number,
): Promise<Bundle> {
  const sources = await findSources();
  stageSources(staging, sources, replacedModules(facts));
  // At the root, so that everything comes to lie in one folder.
  Deno.writeTextFileSync(join(staging, WORKER_ENTRY), `import "${WORKER_MODULE}";\n`);
  const options = ["--quiet", "--code-splitting", "--no-lock", "--outdir", output];
  await deno(["bundle", ...options, "mod.ts", WORKER_ENTRY], staging);
  const files = [...Deno.readDirSync(output)].map(({ name }) => name).sort();
  checkPlaces(output, files);
  // `deno compile` puts the times of the files into the executable.
  for (const file of files) Deno.utimeSync(join(output, file), timeS, timeS);
  return { sources, files };
}
