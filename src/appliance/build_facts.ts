/**
 * How this program was made. The build of an executable puts a module of its own in the place of
 * this one (packaging/executable/bundle.ts).
 */

/** See the head of this file. */
export interface BuildFacts {
  /** Of an executable, which kind of one. */
  readonly kind: string;
  /** Abbreviated, with `-dirty` when it was not built of just that; null where nobody knows. */
  readonly commit: string | null;
}

/** The facts. */
export const BUILD_FACTS: BuildFacts = { kind: "source", commit: null };
