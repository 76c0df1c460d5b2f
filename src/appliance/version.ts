/** The version of the program, and what this copy of it is. */
import deno from "../../deno.json" with { type: "json" };
import { BUILD_FACTS } from "./build_facts.ts";

/** As deno.json has it. */
export const VERSION: string = deno.version;

/** What runs, exactly. */
export interface Origin {
  /** `source`, `compiled executable` or `self-extracting executable`. */
  readonly kind: string;
  /** Version of Deno. */
  readonly deno: string;
  /** Of the processor, as `uname -m` says it. */
  readonly arch: string;
  /** What an executable was built of: abbreviated, with `-dirty` after changes; else null. */
  readonly commit: string | null;
}

/** What runs here. */
export const ORIGIN: Origin = {
  kind: BUILD_FACTS.kind,
  deno: Deno.version.deno,
  arch: Deno.build.arch,
  commit: BUILD_FACTS.commit,
};

/** `source, Deno 2.9.6, x86_64`. */
export function originText({ kind, deno, arch, commit }: Origin): string {
  const facts = [kind, `Deno ${deno}`, arch];
  return [...facts, ...(commit === null ? [] : [`commit ${commit}`])].join(", ");
}
