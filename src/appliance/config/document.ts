/** One config file as TOML: its tables and where each of them stands. */
import { parse, TomlError, type TomlTable } from "smol-toml";
import { TOML_NESTING_MAX } from "./limits.ts";
import type { ConfigProblem, PlacedDocument } from "./problems.ts";
import { syntaxProblem } from "./syntax_problem.ts";
import { TomlPositions } from "./toml_positions.ts";

/** A file that is TOML. What it says may still be wrong. */
export interface ConfigDocument extends PlacedDocument {
  readonly root: TomlTable;
}

/**
 * Reads TOML.
 * @param file its name in messages
 * @returns what is wrong when it is no TOML
 */
export function parseDocument(file: string, text: string): ConfigDocument | ConfigProblem {
  const positions = new TomlPositions(text);
  try {
    const root = parse(text, { integersAsBigInt: true, maxDepth: TOML_NESTING_MAX });
    return { file, positions, root };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return syntaxProblem(file, error, positions);
  }
}
