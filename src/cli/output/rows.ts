/** Rows as tables for people and as CSV. */
import type { Cell, ColumnInfo, Row, RowSet } from "../columns/column.ts";
import { chosenColumns } from "../columns/selection.ts";
import { cellText, cellValue, unitName } from "./cell_text.ts";
import { toCsv } from "./csv.ts";
import type { OutputOptions } from "./options.ts";
import { printable } from "./printable.ts";
import { formatAnnotated } from "./text_table.ts";

/** A line of a table before its columns are aligned. */
interface Line {
  readonly cells: readonly string[];
  readonly remark: string;
}

/** One table, without a heading. */
export function tableLines(set: RowSet, options: OutputOptions): string[] {
  if (set.rows.length === 0) return options.hasHeaders ? [`no ${set.title.toLowerCase()}`] : [];
  const columns = chosenColumns(options.selection, set);
  const style = { unit: options.unit, precision: options.precision };
  const text = (cell: Cell, column: ColumnInfo) => cellText(cell, column.kind, style);
  const isChosen = options.selection.named.length > 0;
  const lines = set.rows.flatMap((row) => rowLines(row, columns, set, options));
  if (options.hasTotals) {
    const totals = totalCells(set.rows, columns);
    if (totals !== undefined) {
      lines.push({ cells: totals.map((cell, at) => text(cell, columns[at]!)), remark: "" });
    }
  }
  const heads = columns.map((column) => ({
    title: heading(column, options),
    isState: column.kind === "state",
    isKept: isChosen,
    ...(isNumeric(column) ? { align: "right" as const } : {}),
  }));
  return formatAnnotated(
    heads,
    lines.map(({ cells }) => cells),
    lines.map(({ remark }) => remark),
    { paint: options.paint, hasHeader: options.hasHeaders },
  );
}

const isNumeric = ({ kind }: ColumnInfo) =>
  kind === "number" || kind === "bytes" || kind === "milliseconds" || kind === "microseconds";

function heading(column: ColumnInfo, { unit }: OutputOptions): string {
  const title = column.title ?? column.name.toUpperCase();
  return column.kind === "bytes" && unit !== undefined ? `${title}/${unitName(unit)}` : title;
}

/** A row and, in a tree, what belongs to it. */
function rowLines(
  row: Row,
  columns: readonly ColumnInfo[],
  set: RowSet,
  options: OutputOptions,
): Line[] {
  const style = { unit: options.unit, precision: options.precision };
  const cells = (source: Row) =>
    columns.map(({ name, kind }) => cellText(source.cell(name), kind, style));
  // What a column shows needs no remark.
  const isErrorShown = columns.some(({ name }) => name === "last_error");
  const remarkOf = ({ remark }: Row) => isErrorShown ? "" : remark;
  const own = { cells: cells(row), remark: remarkOf(row) };
  const nameAt = columns.findIndex(({ name }) => name === set.columns[0]!.name);
  if (!options.hasTree || nameAt < 0) return [own];
  const branches = row.branches.map((branch, index) => {
    const mark = index === row.branches.length - 1 ? "└─ " : "├─ ";
    return {
      cells: cells(branch).map((text, at) => at === nameAt ? mark + branch.label : text),
      remark: remarkOf(branch) === "" ? "" : `   ${remarkOf(branch)}`,
    };
  });
  return [own, ...branches];
}

/** Sums of the columns that have them; undefined where they would say nothing. */
function totalCells(rows: readonly Row[], columns: readonly ColumnInfo[]): Cell[] | undefined {
  if (rows.length < 2 || !columns.some(({ isSum }) => isSum)) return undefined;
  const titleAt = columns.findIndex((column) => !isNumeric(column));
  return columns.map(({ name, isSum }, at) => {
    if (at === titleAt) return "total";
    if (isSum !== true) return null;
    return rows.reduce((sum, row) => sum + Number(row.cell(name) ?? 0), 0);
  });
}

/** Tables of several kinds, each with its heading; of one kind, without. */
export function tablesLines(sets: readonly RowSet[], options: OutputOptions): string[] {
  if (sets.length === 1) return tableLines(sets[0]!, options);
  const some = sets.filter(({ rows }) => rows.length > 0);
  if (some.length === 0) return sets.flatMap((set) => tableLines(set, options));
  return some.flatMap((set, index) => [
    ...(index === 0 ? [] : [""]),
    ...(options.hasHeaders ? [options.paint(set.title, "strong")] : []),
    ...tableLines(set, options).map((line) => `  ${line}`),
  ]);
}

/** CSV of one kind of rows, or of several, one below the other with an empty line between. */
export function csvLines(sets: readonly RowSet[], options: OutputOptions): string[] {
  const style = { unit: options.unit, precision: options.precision };
  const tables = sets.map((set) => {
    const columns = chosenColumns(options.selection, set);
    const records = set.rows.map((row) =>
      columns.map(({ name, kind }) => cellValue(row.cell(name), kind, style))
    );
    const header = columns.map(({ name }) => name);
    return toCsv(options.hasHeaders ? [header, ...records] : records);
  });
  const shown = sets.length === 1 ? tables : tables.filter((_, at) => sets[at]!.rows.length > 0);
  const lines = shown.flatMap((table, index) => index === 0 ? table : ["", ...table]);
  // In a file the data stays as it is; on a terminal it must not give orders.
  return options.isTerminal ? lines.map(printable) : lines;
}

/** The rows with the chosen columns only, for JSON and XML. */
export function chosenRecords(set: RowSet, options: OutputOptions): Record<string, Cell>[] {
  const columns = chosenColumns(options.selection, set);
  return set.rows.map((row) =>
    Object.fromEntries(columns.map(({ name }) => [name, row.cell(name)]))
  );
}
