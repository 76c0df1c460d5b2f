/**
 * The staging folder: a copy of exactly those files that the program is made of. Bundling there
 * makes the same bytes wherever the tree and Deno's cache lie.
 */
import { dirname, join, relative } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { deno } from "./command.ts";

/** Root of the source tree. */
export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));

/** The program, and the module that its Workers run. */
export const ENTRIES = ["mod.ts", "src/appliance/reactor/reactor_worker.ts"] as const;

/** An npm package that the program contains. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** Where Deno keeps it unpacked. */
  readonly folder: string;
}

/** What the program is made of. */
export interface Sources {
  /** Relative to the root, sorted. */
  readonly files: readonly string[];
  /** Sorted by name. */
  readonly packages: readonly NpmPackage[];
}

interface ModuleGraph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly kind?: string;
    readonly local?: string;
    readonly npmPackage?: string;
    readonly error?: string;
  }[];
  readonly npmPackages: Readonly<
    Record<string, {
      readonly name: string;
      readonly version: string;
      readonly dependencies: readonly string[];
      readonly localPath: string;
    }>
  >;
}

/** Everything that these modules import, directly or not. @throws Error when something is amiss */
export async function findSources(entries: readonly string[] = ENTRIES): Promise<Sources> {
  const files = new Set<string>();
  const packages = new Map<string, NpmPackage>();
  for (const entry of entries) {
    const graph = JSON.parse(await deno(["info", "--json", entry], ROOT)) as ModuleGraph;
    const addPackage = (id: string): void => {
      if (packages.has(id)) return;
      const found = graph.npmPackages[id];
      if (found === undefined) throw new Error(`deno info ${entry} knows no npm package ${id}`);
      packages.set(id, { name: found.name, version: found.version, folder: found.localPath });
      found.dependencies.forEach(addPackage);
    };
    for (const { specifier, kind, local, npmPackage, error } of graph.modules) {
      if (error !== undefined) throw new Error(`${specifier}: ${error}`);
      if (npmPackage !== undefined) addPackage(npmPackage);
      else if (kind !== "node") files.add(relative(ROOT, local ?? specifier));
    }
  }
  const outside = [...files].find((file) => file.startsWith(".."));
  if (outside !== undefined) throw new Error(`The program contains ${outside}, not of this tree`);
  return {
    files: [...files].sort(),
    packages: [...packages.values()].sort((a, b) => a.name < b.name ? -1 : 1),
  };
}

/** The parts of deno.json that the program needs. */
interface DenoConfig {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly imports: Readonly<Record<string, string>>;
  readonly unstable: readonly string[];
}

/** deno.json of the tree. */
export const readDenoConfig = (): DenoConfig =>
  JSON.parse(Deno.readTextFileSync(join(ROOT, "deno.json")));

function writeFile(path: string, text: string): void {
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeTextFileSync(path, text);
}

function copyFolder(from: string, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copyFolder(join(from, name), join(to, name));
    else Deno.copyFileSync(join(from, name), join(to, name));
  }
}

/**
 * Fills `folder` with the sources, and with these texts in the place of those of the same names.
 * @throws Error when a replaced file is not part of the program (any more)
 */
export function stageSources(
  folder: string,
  sources: Sources,
  replaced: Readonly<Record<string, string>>,
): void {
  const missing = Object.keys(replaced).find((file) => !sources.files.includes(file));
  if (missing !== undefined) {
    throw new Error(`The build replaces ${missing}, which nothing imports`);
  }
  for (const file of sources.files) {
    writeFile(join(folder, file), replaced[file] ?? Deno.readTextFileSync(join(ROOT, file)));
  }
  for (const { name, folder: from } of sources.packages) {
    copyFolder(from, join(folder, "node_modules", name));
  }
  const { name, version, license, imports } = readDenoConfig();
  const names = new Set(sources.packages.map((found) => found.name));
  const kept = Object.entries(imports).filter(([specifier]) => names.has(specifier));
  const config = {
    name,
    version,
    license,
    nodeModulesDir: "manual",
    imports: Object.fromEntries(kept),
  };
  writeFile(join(folder, "deno.json"), JSON.stringify(config, null, 2) + "\n");
}
