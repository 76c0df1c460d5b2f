/** `show` */
import type { Row, RowSet } from "../columns/column.ts";
import { chosenColumns, isChosen, type Selection } from "../columns/selection.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { findOne } from "../lookup.ts";
import { cellText } from "../output/cell_text.ts";
import type { OutputOptions } from "../output/options.ts";
import { printer } from "../output/result.ts";
import { tableLines } from "../output/rows.ts";
import { formatTable } from "../output/text_table.ts";
import { CLIENT_PATHS, PATHS } from "../columns/sessions.ts";
import { rowsOf, tablesIn } from "../status_rows.ts";

/** Shows one thing with all that is known. */
export const show: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal, tablesIn(args.scope));
  const status = await (await connect(args)).status();
  const { target, index, name } = findOne(args, args.positional(0), status);
  const all = rowsOf(target, status);
  // A device of the server has a row for each client.
  const isExport = target.mode === "server" && target.thing === "device";
  const rows = isExport
    ? all.rows.filter((row) => row.cell("devpath") === name)
    : [all.rows[index]!];
  const at = isExport ? status.exports.findIndex(({ device }) => device === name) : index;
  const set = { ...all, rows, usual: all.columns.map((column) => column.name) };
  print({
    data: all.data[at],
    root: all.singular,
    sets: [set],
    lines: (options) => lines(set, isExport, options),
  });
  return EXIT.OK;
};

/** What an export has once for each client. */
const PER_CLIENT = ["sessname", "mapping_path", "access_mode", "role"];

/** The fields below each other, then what there are several of. */
function lines(set: RowSet, isExport: boolean, options: OutputOptions): string[] {
  const { selection } = options;
  if (!isExport) return [...fieldLines(set, set.rows[0]!, options), ...branchLines(set, options)];
  const own = set.usual.filter((name) => !PER_CLIENT.includes(name));
  const fields = fieldLines({ ...set, usual: own }, set.rows[0]!, options);
  if (isChosen(selection) || set.rows[0]!.cell("sessname") === null) return fields;
  return [...fields, "", ...tableLines({ ...set, usual: PER_CLIENT }, options)];
}

function fieldLines(set: RowSet, row: Row, options: OutputOptions): string[] {
  const style = { unit: options.unit, precision: options.precision };
  const columns = chosenColumns(options.selection, set);
  const pairs = columns.map((column) => [
    column.name,
    cellText(row.cell(column.name), column.kind, style),
  ]);
  return formatTable(
    [{ title: "FIELD" }, { title: "VALUE", isState: true }],
    isChosen(options.selection) ? pairs : pairs.filter(([, text]) => text !== ""),
    { paint: options.paint, hasHeader: options.hasHeaders },
  );
}

const NOTHING_CHOSEN: Selection = { named: [], added: [], left: [] };

function branchLines(set: RowSet, options: OutputOptions): string[] {
  const rows = set.rows[0]!.branches;
  if (rows.length === 0 || !options.hasTree || isChosen(options.selection)) return [];
  const kind = set.key === "sessions" ? PATHS : CLIENT_PATHS;
  const paths: RowSet = {
    ...kind,
    usual: kind.usual.filter((name) => name !== "sessname"),
    rows,
    data: [],
  };
  return ["", ...tableLines(paths, { ...options, selection: NOTHING_CHOSEN })];
}
