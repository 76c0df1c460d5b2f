/** Prints what a verb found, in the format that was asked for. */
import type { VerbArguments } from "../arguments.ts";
import type { Cell, CellKind, RowSet } from "../columns/column.ts";
import { isChosen, selectionProblem } from "../columns/selection.ts";
import type { Terminal } from "../terminal.ts";
import { toJson } from "./json.ts";
import { type OutputOptions, readOutput } from "./options.ts";
import { chosenRecords, csvLines, tablesLines } from "./rows.ts";
import { toXml } from "./xml.ts";

/** What a verb found. */
export interface Result {
  /** The answer of the API, for JSON and XML. */
  readonly data: unknown;
  /** Name of the outermost element in XML. */
  readonly root: string;
  /** Rows for CSV, and for tables where `lines` is absent. */
  readonly sets: readonly RowSet[];
  /** The text for people. */
  lines?(options: OutputOptions): readonly string[];
}

/**
 * Reads how a result is wanted, before anything is done, and gives what prints it.
 * @param tables what the result may have; columns must be known there
 * @throws UsageError
 */
export function printer(
  args: VerbArguments,
  terminal: Terminal,
  tables: readonly Pick<RowSet, "columns">[] = [],
): (result: Result) => void {
  const options = readOutput(args, terminal);
  const problem = selectionProblem(options.selection, tables);
  if (problem !== null) args.refuse(problem);
  return (result) => {
    const text = resultText(result, options);
    if (text !== "") terminal.print(text);
  };
}

function resultText(result: Result, options: OutputOptions): string {
  if (options.format === "csv") return csvLines(result.sets, options).join("\n");
  if (options.format === "table") {
    return (result.lines?.(options) ?? tablesLines(result.sets, options)).join("\n");
  }
  const data = isChosen(options.selection) ? chosenData(result, options) : result.data;
  return options.format === "json" ? toJson(data) : toXml(result.root, data);
}

function chosenData({ sets }: Result, options: OutputOptions): unknown {
  return Object.fromEntries(sets.map((set) => [set.key, chosenRecords(set, options)]));
}

/** A {@link RowSet} of records that are flat already. */
export function recordSet(
  key: string,
  title: string,
  columns: readonly (string | readonly [string, CellKind])[],
  records: readonly Readonly<Record<string, Cell>>[],
): RowSet {
  const infos = columns.map((column) => {
    const [name, kind] = typeof column === "string" ? [column, "text" as const] : column;
    return { name, kind, doc: "" };
  });
  return {
    key,
    singular: key,
    title,
    columns: infos,
    usual: infos.map(({ name }) => name),
    rows: records.map((record) => ({
      cell: (name) => record[name] ?? null,
      remark: "",
      branches: [],
      label: "",
    })),
    data: records,
  };
}
