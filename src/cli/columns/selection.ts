/** Which columns are shown: `name,state`, `+origin`, `-state`, `all`. */
import { nearestWord } from "../../appliance/config/did_you_mean.ts";
import type { ColumnInfo, RowSet } from "./column.ts";

/** The choice of a command line; see {@link chosenColumns}. */
export interface Selection {
  /** Without a sign: shown in this order; empty: the usual ones. */
  readonly named: readonly string[];
  readonly added: readonly string[];
  readonly left: readonly string[];
}

/** Names of columns that a message gives. */
const EXAMPLES = 5;

/** Stands for every column. */
const ALL = "all";

/** Takes the words of a command line apart. @param words lists such as `name,+state` */
export function readSelection(words: readonly string[]): Selection {
  const items = words.flatMap((word) => word.split(",")).filter((item) => item !== "");
  const signed = (sign: string) =>
    items.filter((item) => item.startsWith(sign)).map((item) => item.slice(1));
  return {
    named: items.filter((item) => !/^[+-]/.test(item)),
    added: signed("+"),
    left: signed("-"),
  };
}

/** Whether anything was chosen. */
export function isChosen({ named, added, left }: Selection): boolean {
  return named.length + added.length + left.length > 0;
}

const isCalled = ({ name, aliases }: ColumnInfo, written: string) =>
  name === written || (aliases?.includes(written) ?? false);

/**
 * What is wrong with a selection: names that none of the tables has.
 * @returns null when it is good
 */
export function selectionProblem(
  { named, added, left }: Selection,
  sets: readonly Pick<RowSet, "columns">[],
): string | null {
  const known = sets.flatMap(({ columns }) => columns);
  const unknown = [...named, ...added, ...left].find((written) =>
    written !== ALL && !known.some((column) => isCalled(column, written))
  );
  if (unknown === undefined) return null;
  const names = [...new Set(known.flatMap(({ name, aliases }) => [name, ...(aliases ?? [])]))];
  const meant = nearestWord(unknown, names);
  const hint = meant === undefined
    ? 'see "help columns", or use for example ' + names.slice(0, EXAMPLES).join(", ")
    : `did you mean "${meant}"?`;
  return `There is no column ${JSON.stringify(unknown)}; ${hint}`;
}

/** The columns of one table, in the order in which they are shown. */
export function chosenColumns(
  { named, added, left }: Selection,
  { columns, usual }: Pick<RowSet, "columns" | "usual">,
): ColumnInfo[] {
  const every = columns.map(({ name }) => name);
  const spread = (names: readonly string[]) =>
    names.flatMap((written) => written === ALL ? every : [written]);
  const wanted = [...(named.length === 0 ? usual : spread(named)), ...spread(added)];
  const unwanted = spread(left);
  const found = wanted
    .filter((written) =>
      !unwanted.some((other) =>
        columns.some((column) => isCalled(column, written) && isCalled(column, other))
      )
    )
    .flatMap((written) => columns.filter((column) => isCalled(column, written)));
  return [...new Set(found)];
}
