/** Everything that is wrong with one config file, each with its place. */
import { CONFIG_ERRORS_MAX } from "./limits.ts";
import type { TomlPath, TomlPosition, TomlPositions } from "./toml_positions.ts";

/** One error. */
export interface ConfigProblem {
  /** From 1; 0 when it is about the file as a whole. */
  readonly line: number;
  readonly column: number;
  /** Dotted name of the key; empty when it is about no key. */
  readonly key: string;
  /** What is wrong, and what would be right. */
  readonly message: string;
}

/** A config file that cannot be used. The process exits with 78. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly exitCode = 78;

  constructor(readonly file: string, readonly problems: readonly ConfigProblem[]) {
    super(problems.map((problem) => formatProblem(file, problem)).join("\n"));
  }
}

/** `FILE:line:column: key: message`. */
export function formatProblem(file: string, problem: ConfigProblem): string {
  const place = problem.line === 0 ? "" : `:${problem.line}:${problem.column}`;
  const key = problem.key === "" ? "" : `${problem.key}: `;
  return `${file}${place}: ${key}${problem.message}`;
}

/** Collects the problems of one document. */
export class ProblemList {
  private readonly list: ConfigProblem[] = [];
  private readonly paths = new Set<string>();

  constructor(private readonly positions: TomlPositions) {}

  /** Something is wrong with the value of `path`. */
  value(path: TomlPath, message: string): void {
    this.add(path, message, this.positions.ofValue(path));
  }

  /** Something is wrong with the name of `path`, or with what is missing there. */
  key(path: TomlPath, message: string): void {
    this.add(path, message, this.positions.ofKey(path));
  }

  /** Whether `path` is already known to be wrong. */
  has(path: TomlPath): boolean {
    return this.paths.has(JSON.stringify(path));
  }

  /** "line 3, column 8", for messages about two places. */
  place(path: TomlPath): string {
    const { line, column } = this.positions.ofValue(path);
    return `line ${line}, column ${column}`;
  }

  /** In the order of the file. */
  sorted(): readonly ConfigProblem[] {
    const sorted = this.list.toSorted((a, b) => a.line - b.line || a.column - b.column);
    const excess = sorted.length - CONFIG_ERRORS_MAX;
    if (excess <= 0) return sorted;
    const last = sorted[CONFIG_ERRORS_MAX - 1]!;
    const message = `${excess} more errors follow; correct these first`;
    return [...sorted.slice(0, CONFIG_ERRORS_MAX), { ...last, key: "", message }];
  }

  private add(path: TomlPath, message: string, position: TomlPosition): void {
    let owner = path;
    this.paths.add(JSON.stringify(owner));
    // A list with a bad element is bad too.
    while (typeof owner.at(-1) === "number") {
      owner = owner.slice(0, -1);
      this.paths.add(JSON.stringify(owner));
    }
    this.list.push({ ...position, key: keyName(path), message });
  }
}

/** `session.paths` of `["session", 0, "paths", 1]`. */
export function keyName(path: TomlPath): string {
  const names = path.filter((part) => typeof part === "string");
  return names.map((name) => /^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name)).join(".");
}
