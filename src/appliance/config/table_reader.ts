/** Reads TOML tables by the schema: types, ranges, missing, unknown and misspelt keys. */
import type { TomlTable, TomlValue } from "smol-toml";
import { nearestWord } from "./did_you_mean.ts";
import type { Environment } from "./environment.ts";
import { Complaint, type Key, wordList } from "./keys.ts";
import { TABLES_MAX } from "./limits.ts";
import type { ProblemList } from "./problems.ts";
import type { TableSpec } from "./schema.ts";
import type { TomlPath } from "./toml_positions.ts";

type Keys = Record<string, Key<unknown>>;

/** The values of a table; a required key that is missing or wrong is undefined. */
export type Values<K extends Keys> = {
  readonly [Name in keyof K]: K[Name] extends Key<infer Value> ? Value : never;
};

/** A table that was read, and where it stands. */
export interface ReadTable<K extends Keys> {
  readonly path: TomlPath;
  readonly values: Values<K>;
  /** Names of the keys that the file gives. */
  readonly given: readonly string[];
}

/** A table that is still to be read. */
export interface RawTable {
  readonly path: TomlPath;
  readonly table: TomlTable;
}

/** Whether a TOML value is a table. */
export function isTable(value: TomlValue | undefined): value is TomlTable {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Date);
}

/** Reads the tables of one document, collecting problems. */
export class TableReader {
  constructor(
    private readonly problems: ProblemList,
    private readonly environment: Environment,
  ) {}

  /**
   * Reads one table. After a problem the values are only good for finding further problems.
   * @param raw the table and its place
   * @param subtables names below it that are read separately
   */
  table<K extends Keys>(
    spec: TableSpec<K>,
    raw: RawTable,
    subtables: readonly string[] = [],
  ): ReadTable<K> {
    const { path, table } = raw;
    this.unknownKeys(path, table, [...Object.keys(spec.keys), ...subtables], spec.header);
    const values: Record<string, unknown> = {};
    for (const [name, key] of Object.entries(spec.keys)) {
      values[name] = this.read(key, [...path, name], table, name);
    }
    return { path, values: values as Values<K>, given: Object.keys(table) };
  }

  /** The table under a name that may be there once; undefined when it is not there. */
  single(root: TomlTable, name: string): RawTable | undefined {
    const value = root[name];
    if (value === undefined) return undefined;
    if (isTable(value)) return { path: [name], table: value };
    const isList = Array.isArray(value) && value.some(isTable);
    const wrong = isList ? `[[${name}]] is a list of tables` : "is no table";
    this.problems.key([name], `${wrong}; write [${name}], once`);
    return undefined;
  }

  /** The tables under a name that may be there many times. */
  list(parent: TomlTable, path: TomlPath): readonly RawTable[] {
    const name = String(path.at(-1));
    const value = parent[name];
    if (value === undefined) return [];
    const header = path.join(".");
    if (!Array.isArray(value)) {
      const wrong = isTable(value) ? `[${header}] is a single table` : "is no list of tables";
      this.problems.key(path, `${wrong}; write [[${header}]], once for each`);
      return [];
    }
    if (value.length > TABLES_MAX) {
      this.problems.key(path, `there are ${value.length}; at most ${TABLES_MAX} are possible`);
      return [];
    }
    return value.flatMap((table, index) => {
      const place = [...path, index];
      if (isTable(table)) return [{ path: place, table }];
      this.problems.value(place, `is no table; write [[${header}]], once for each`);
      return [];
    });
  }

  /** Complains about names that are not known. */
  unknownKeys(
    path: TomlPath,
    table: TomlTable,
    known: readonly string[],
    header: string,
  ): void {
    for (const name of Object.keys(table)) {
      if (known.includes(name)) continue;
      const meant = nearestWord(name, known);
      const hint = meant === undefined
        ? `${header} knows ${wordList(known)}`
        : `did you mean "${meant}"?`;
      this.problems.key([...path, name], `is unknown; ${hint}`);
    }
  }

  private read(key: Key<unknown>, path: TomlPath, table: TomlTable, name: string): unknown {
    if (!Object.hasOwn(table, name)) {
      const fallback = key.fallback(this.environment);
      if (fallback === undefined && key.fallbackText === null) {
        this.problems.key(path, `is missing; give ${key.allowed}`);
      }
      return fallback;
    }
    const value = key.read(table[name]!);
    if (!(value instanceof Complaint)) return value;
    const at = value.element === undefined ? path : [...path, value.element];
    this.problems.value(at, value.text);
    return key.fallback(this.environment);
  }
}
