/** Everything that is wrong with the config files, each with its place. */
import { CONFIG_ERRORS_MAX } from "./limits.ts";
import type { TomlPath, TomlPosition, TomlPositions } from "./toml_positions.ts";

/** One error. */
export interface ConfigProblem {
  /** As it was named when it was read. */
  readonly file: string;
  /** From 1; 0 when it is about the file as a whole. */
  readonly line: number;
  readonly column: number;
  /** Dotted name of the key; empty when it is about no key. */
  readonly key: string;
  /** What is wrong, and what would be right. */
  readonly message: string;
}

/** Config files that cannot be used. The process exits with 78. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly exitCode = 78;

  /** @param problems at least one, in the order in which they are to be read */
  constructor(readonly problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join("\n"));
  }
}

/** `FILE:line:column: key: message`. */
export function formatProblem({ file, line, column, key, message }: ConfigProblem): string {
  const place = line === 0 ? "" : `:${line}:${column}`;
  return `${file}${place}: ${key === "" ? "" : `${key}: `}${message}`;
}

/** A text that holds tables and keys. */
export interface PlacedDocument {
  readonly file: string;
  readonly positions: TomlPositions;
}

/** A table, key or element of a list in one of the files. */
export interface Place {
  readonly document: PlacedDocument;
  readonly path: TomlPath;
}

/** A message, or what makes it: only those that are listed are made. */
export type Message = string | (() => string);

/** Collects the problems of all files. */
export class ProblemList {
  private readonly list: (Omit<ConfigProblem, "message"> & { readonly message: Message })[] = [];
  private readonly wrong = new Map<PlacedDocument, Set<string>>();

  /** @param files in the order in which problems are listed */
  constructor(private readonly files: readonly string[]) {}

  /** Something is wrong with the value at `place`. */
  value(place: Place, message: Message): void {
    this.add(place, message, place.document.positions.ofValue(place.path));
  }

  /** Something is wrong with the name of `place`, or with what is missing there. */
  key(place: Place, message: Message): void {
    this.add(place, message, place.document.positions.ofKey(place.path));
  }

  /** A problem that was found by other means. */
  other(problem: ConfigProblem): void {
    this.list.push(problem);
  }

  /** Whether `place` is already known to be wrong. */
  has({ document, path }: Place): boolean {
    return this.wrong.get(document)?.has(JSON.stringify(path)) ?? false;
  }

  /** The first ones in the order of the files, and how many more there are. */
  sorted(): readonly ConfigProblem[] {
    const order = new Map(this.files.map((file, index) => [file, index]));
    const sorted = this.list.toSorted((a, b) =>
      order.get(a.file)! - order.get(b.file)! || a.line - b.line || a.column - b.column
    );
    const listed = sorted.slice(0, CONFIG_ERRORS_MAX).map(({ message, ...problem }) => ({
      ...problem,
      message: typeof message === "string" ? message : message(),
    }));
    const excess = sorted.length - listed.length;
    if (excess === 0) return listed;
    const message = `${excess} more errors follow; correct these first`;
    return [...listed, { ...listed.at(-1)!, key: "", message }];
  }

  private add({ document, path }: Place, message: Message, position: TomlPosition): void {
    let paths = this.wrong.get(document);
    if (paths === undefined) this.wrong.set(document, paths = new Set());
    let owner = path;
    paths.add(JSON.stringify(owner));
    // A list with a bad element is bad too.
    while (typeof owner.at(-1) === "number") {
      owner = owner.slice(0, -1);
      paths.add(JSON.stringify(owner));
    }
    this.list.push({ file: document.file, ...position, key: keyName(path), message });
  }
}

/** "line 3, column 8" of the value at `place`, with its file when `from` lies in another one. */
export function placeName(place: Place, from: Place, what: "key" | "value"): string {
  const { document, path } = place;
  const { positions, file } = document;
  const { line, column } = what === "key" ? positions.ofKey(path) : positions.ofValue(path);
  if (document === from.document) return `line ${line}, column ${column}`;
  return `${file}:${line}:${column}`;
}

/** `session.paths` of `["session", 0, "paths", 1]`. */
export function keyName(path: TomlPath): string {
  const names = path.filter((part) => typeof part === "string");
  return names.map((name) => /^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name)).join(".");
}
