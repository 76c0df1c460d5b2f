/** Reads TOML tables by the schema: types, ranges, missing, unknown and misspelt keys. */
import type { TomlTable, TomlValue } from "smol-toml";
import { nearestWord } from "./did_you_mean.ts";
import type { ConfigDocument } from "./document.ts";
import type { Environment } from "./environment.ts";
import { Complaint, type Key, wordList } from "./keys.ts";
import { TABLES_MAX } from "./limits.ts";
import { type Place, placeName, type ProblemList } from "./problems.ts";
import { TABLES, type TableSpec } from "./schema.ts";

type Keys = Record<string, Key<unknown>>;

/** The values of a table; a required key that is missing or wrong is undefined. */
export type Values<K extends Keys> = {
  readonly [Name in keyof K]: K[Name] extends Key<infer Value> ? Value : never;
};

/** A table that was read, and where it stands. */
export interface ReadTable<K extends Keys> {
  readonly values: Values<K>;
  /** Names of the keys that the files give. */
  readonly given: readonly string[];
  /** Place of a key, given or not, or of an element of its list. */
  at(name: keyof K & string, ...element: readonly number[]): Place;
}

/** A table that is still to be read, from one file or put together from several. */
interface RawTable {
  readonly place: Place;
  /** Values of known keys, and where they come from. */
  readonly entries: ReadonlyMap<string, { readonly value: TomlValue; readonly place: Place }>;
}

/** Reads the tables of all files, collecting problems. */
export class TableReader {
  /**
   * @param documents at least one; what repeats is wrong where it stands later
   * @param isComplete false when there are files that could not be read: nothing that may stand
   *   in them is said to be missing
   */
  constructor(
    private readonly documents: readonly ConfigDocument[],
    private readonly problems: ProblemList,
    private readonly environment: Environment,
    private readonly isComplete: boolean,
  ) {}

  /** Complains about tables that are not known. */
  tables(known: readonly string[]): void {
    for (const document of this.documents) {
      for (const name of unknown(document.root, known)) {
        const message = () =>
          `is unknown; ${ownersHint(name) ?? knownHint(name, known, "the file")}`;
        this.problems.key({ document, path: [name] }, message);
      }
    }
  }

  /**
   * A table that may be there once in each file; the keys of all files are put together.
   * @param subtables names below it that are read separately
   * @returns undefined when no file has it
   */
  single<K extends Keys>(
    spec: TableSpec<K>,
    name: string,
    subtables: readonly string[] = [],
  ): ReadTable<K> | undefined {
    const entries = new Map<string, { value: TomlValue; place: Place }>();
    let place: Place | undefined;
    for (const document of this.documents) {
      const own = { document, path: [name] };
      const table = this.singleOf(own);
      if (table === undefined) continue;
      place ??= own;
      this.unknownKeys(own, table, [...Object.keys(spec.keys), ...subtables], spec.header);
      for (const key of Object.keys(spec.keys).filter((key) => Object.hasOwn(table, key))) {
        const at = { document, path: [name, key] };
        const first = entries.get(key);
        if (first === undefined) entries.set(key, { value: table[key]!, place: at });
        else this.repeated(at, first.place);
      }
    }
    return place && this.read(spec, { place, entries }, this.isComplete);
  }

  /** The same when no file has the table: every default. */
  absent<K extends Keys>(spec: TableSpec<K>, name: string): ReadTable<K> {
    const place = { document: this.documents[0]!, path: [name] };
    return this.read(spec, { place, entries: new Map() }, this.isComplete);
  }

  /** Tables that may be there many times; those of all files, one after the other. */
  list<K extends Keys>(spec: TableSpec<K>, path: readonly string[]): readonly ReadTable<K>[] {
    const raw = this.documents.flatMap((document) => this.listOf({ document, path }));
    const excess = raw[TABLES_MAX];
    if (excess !== undefined) {
      const message = `there are ${raw.length}; at most ${TABLES_MAX} are possible`;
      this.problems.key(excess.place, message);
      return [];
    }
    return raw.map(({ place, table }) => {
      const { document, path } = place;
      this.unknownKeys(place, table, Object.keys(spec.keys), spec.header);
      const entries = Object.entries(table).map(([name, value]) =>
        [name, { value, place: { document, path: [...path, name] } }] as const
      );
      return this.read(spec, { place, entries: new Map(entries) }, true);
    });
  }

  /** The table at `place`; undefined when there is none. */
  private singleOf(place: Place & { document: ConfigDocument }): TomlTable | undefined {
    const name = String(place.path[0]);
    const value = place.document.root[name];
    if (value === undefined) return undefined;
    if (isTable(value)) return value;
    const isList = Array.isArray(value) && value.some(isTable);
    const wrong = isList ? `[[${name}]] is a list of tables` : "is no table";
    this.problems.key(place, `${wrong}; write [${name}], once`);
    return undefined;
  }

  /** The tables of the list at `place`. */
  private listOf(
    place: { document: ConfigDocument; path: readonly string[] },
  ): { place: Place; table: TomlTable }[] {
    const { document, path } = place;
    const parent = path.length === 1 ? document.root : document.root[path[0]!];
    if (!isTable(parent)) return [];
    const value = parent[path.at(-1)!];
    if (value === undefined) return [];
    const header = path.join(".");
    if (!Array.isArray(value)) {
      const wrong = isTable(value) ? `[${header}] is a single table` : "is no list of tables";
      this.problems.key(place, `${wrong}; write [[${header}]], once for each`);
      return [];
    }
    return value.flatMap((table, index) => {
      const own = { document, path: [...path, index] };
      if (isTable(table)) return [{ place: own, table }];
      this.problems.value(own, `is no table; write [[${header}]], once for each`);
      return [];
    });
  }

  private unknownKeys(
    { document, path }: Place,
    table: TomlTable,
    known: readonly string[],
    header: string,
  ): void {
    for (const name of unknown(table, known)) {
      const message = () => `is unknown; ${knownHint(name, known, header)}`;
      this.problems.key({ document, path: [...path, name] }, message);
    }
  }

  private repeated(again: Place, first: Place): void {
    const where = placeName(first, again, "key");
    this.problems.key(again, `is given twice, first at ${where}; remove one`);
  }

  /** After a problem the values are only good for finding further problems. */
  private read<K extends Keys>(
    spec: TableSpec<K>,
    { place, entries }: RawTable,
    isComplete: boolean,
  ): ReadTable<K> {
    const at = (name: string, ...element: readonly number[]): Place => {
      const entry = entries.get(name)?.place;
      if (entry === undefined) return { ...place, path: [...place.path, name] };
      return element.length === 0 ? entry : { ...entry, path: [...entry.path, ...element] };
    };
    const values: Record<string, unknown> = {};
    for (const [name, key] of Object.entries(spec.keys)) {
      const entry = entries.get(name);
      values[name] = key.fallback(this.environment);
      if (entry === undefined) {
        const isMissing = values[name] === undefined && key.fallbackText === null;
        if (isMissing && isComplete) this.problems.key(at(name), `is missing; give ${key.allowed}`);
        continue;
      }
      const value = key.read(entry.value);
      if (!(value instanceof Complaint)) values[name] = value;
      else if (value.element === undefined) this.problems.value(entry.place, value.text);
      else this.problems.value(at(name, value.element), value.text);
    }
    return { values: values as Values<K>, given: [...entries.keys()], at };
  }
}

function isTable(value: TomlValue | undefined): value is TomlTable {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Date);
}

function unknown(table: TomlTable, known: readonly string[]): string[] {
  return Object.keys(table).filter((name) => !known.includes(name));
}

function knownHint(name: string, known: readonly string[], where: string): string {
  const meant = nearestWord(name, known);
  return meant === undefined ? `${where} knows ${wordList(known)}` : `did you mean "${meant}"?`;
}

/** For keys that stand before any table, and for `[[export]]`. */
function ownersHint(name: string): string | undefined {
  const nested = TABLES.find(({ header }) => header === `[[server.${name}]]`);
  if (nested !== undefined) return `write ${nested.header}`;
  const owners = TABLES.filter(({ keys }) => Object.hasOwn(keys, name)).map(({ header }) => header);
  const last = owners.pop();
  if (last === undefined) return undefined;
  return `it belongs in ${owners.length === 0 ? last : `${owners.join(", ")} or ${last}`}`;
}
