/**
 * `denort`, what `deno compile` puts the program into: where Deno 2.9 finds it (cli/standalone/
 * binary.rs of Deno: get_base_binary). npm does not carry it.
 */
import { join } from "node:path/posix";

const DOWNLOADS = "https://dl.deno.land";
const PROBE_TIMEOUT_MS = 5000;

/** What the search depends on besides this process; another world in tests. */
export interface BaseBinaryWorld {
  /** DENORT_BIN: the file that Deno takes in any case. */
  readonly named: string | undefined;
  /** Deno's cache (DENO_DIR). */
  readonly cache: string;
  readonly denoVersion: string;
  /** As Deno.build.target has it. */
  readonly target: string;
  /** Whether the file of this address can be had. */
  probe(url: string): Promise<boolean>;
}

/** Where it is, or why it is nowhere. */
export type BaseBinary =
  | { readonly where: "named" | "cached" | "online"; readonly place: string }
  | { readonly where: "nowhere"; readonly why: string };

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Looks in the order in which Deno does. */
export async function findBaseBinary(world: BaseBinaryWorld): Promise<BaseBinary> {
  const { named, cache, denoVersion, target } = world;
  if (named !== undefined) {
    if (isFile(named)) return { where: "named", place: named };
    return { where: "nowhere", why: `DENORT_BIN=${named} is no file` };
  }
  const name = `release/v${denoVersion}/denort-${target}.zip`;
  const cached = join(cache, "dl", name);
  if (isFile(cached)) return { where: "cached", place: cached };
  const url = `${DOWNLOADS}/${name}`;
  if (await world.probe(url)) return { where: "online", place: url };
  return {
    where: "nowhere",
    why: `DENORT_BIN names none, ${cached} is not there, and ${url} cannot be reached`,
  };
}

/** Asks for the head of a file. */
export async function probe(url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    return (await fetch(url, { method: "HEAD", signal })).ok;
  } catch {
    return false;
  }
}
