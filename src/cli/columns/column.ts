/** Columns of what can be listed. Names are the originals' where they have them. */
import { IO_OPERATIONS, type IoStatistics } from "../../appliance/appliance_api.ts";

/** What stands in a cell. */
export type Cell = string | number | boolean | null;

/** How a cell is shown to people. */
export type CellKind =
  | "text"
  | "state"
  | "number"
  | "bytes"
  | "milliseconds"
  | "microseconds"
  | "flag";

/** What a column is, without what it holds. */
export interface ColumnInfo {
  readonly name: string;
  /** Other names for it, as field names of the API. */
  readonly aliases?: readonly string[];
  /** Heading in tables; absent: the name in capitals. */
  readonly title?: string;
  readonly kind: CellKind;
  /** Added up in the row of totals. */
  readonly isSum?: boolean;
  readonly doc: string;
}

/** A column of rows that are made of `Source`. */
export interface ColumnSpec<Source> extends ColumnInfo {
  value(source: Source): Cell;
}

/** One row to show. */
export interface Row {
  cell(column: string): Cell;
  /** What stands below it in a table; empty: nothing. */
  readonly remark: string;
  /** Rows that belong to it, shown below it as a tree, under its columns where they have them. */
  readonly branches: readonly Row[];
  /** In a tree: what stands in the first column instead of its cell. */
  readonly label: string;
}

/** Rows of one kind, ready to be shown in any format. */
export interface RowSet {
  /** Key in JSON, name of the list in XML. */
  readonly key: string;
  /** Name of one element in XML. */
  readonly singular: string;
  /** Heading when several are shown. */
  readonly title: string;
  readonly columns: readonly ColumnInfo[];
  /** Names of the columns that are shown when none are chosen. */
  readonly usual: readonly string[];
  readonly rows: readonly Row[];
  /** The objects of the API: what JSON and XML show when no columns are chosen. */
  readonly data: readonly unknown[];
}

/** What a {@link RowSet} is made with. */
export interface RowKind<Source> {
  readonly key: string;
  readonly singular: string;
  readonly title: string;
  readonly columns: readonly ColumnSpec<Source>[];
  readonly usual: readonly string[];
  remark?(source: Source): string;
  label?(source: Source): string;
  branches?(source: Source): readonly Row[];
  /** The object of the API. */
  data(source: Source): unknown;
}

/** The row of one thing. */
export function rowOf<Source>(kind: RowKind<Source>, source: Source): Row {
  return {
    cell: (name) => kind.columns.find((column) => column.name === name)?.value(source) ?? null,
    remark: kind.remark?.(source) ?? "",
    branches: kind.branches?.(source) ?? [],
    label: kind.label?.(source) ?? "",
  };
}

/**
 * The rows of many things.
 * @param data the objects of the API, where there are fewer of them than rows
 */
export function rowSet<Source>(
  kind: RowKind<Source>,
  sources: readonly Source[],
  data: readonly unknown[] = sources.map((source) => kind.data(source)),
): RowSet {
  const { key, singular, title, columns, usual } = kind;
  return {
    key,
    singular,
    title,
    columns,
    usual,
    data,
    rows: sources.map((source) => rowOf(kind, source)),
  };
}

const SECTOR_BYTES = 512;

/** Columns of what `io` counts. */
export function ioColumns<Source>(io: (source: Source) => IoStatistics): ColumnSpec<Source>[] {
  const sum = (source: Source, what: "ios" | "errors") =>
    IO_OPERATIONS.reduce((total, operation) => total + io(source)[operation][what], 0);
  const bytes = (name: string, title: string, operation: "read" | "write", doc: string) => ({
    name,
    title,
    kind: "bytes" as const,
    isSum: true,
    doc,
    value: (source: Source) => io(source)[operation].bytes,
  });
  const sectors = (name: string, operation: "read" | "write", doc: string) => ({
    name,
    kind: "number" as const,
    isSum: true,
    doc,
    value: (source: Source) => io(source)[operation].bytes / SECTOR_BYTES,
  });
  const count = (name: string, doc: string, value: (source: Source) => number) => ({
    name,
    kind: "number" as const,
    isSum: true,
    doc,
    value,
  });
  return [
    bytes("rx_bytes", "RX", "read", "bytes read"),
    bytes("tx_bytes", "TX", "write", "bytes written"),
    sectors("rx_sect", "read", "sectors of 512 bytes read"),
    sectors("tx_sect", "write", "sectors of 512 bytes written"),
    count("ios", "requests of all kinds", (source) => sum(source, "ios")),
    count("errors", "requests of all kinds that failed", (source) => sum(source, "errors")),
    ...IO_OPERATIONS.flatMap((operation) => [
      count(`${operation}_ios`, `${operation} requests`, (source) => io(source)[operation].ios),
      {
        name: `${operation}_bytes`,
        kind: "bytes" as const,
        isSum: true,
        doc: `bytes of ${operation} requests`,
        value: (source: Source) => io(source)[operation].bytes,
      },
      count(
        `${operation}_errors`,
        `${operation} requests that failed`,
        (source) => io(source)[operation].errors,
      ),
    ]),
  ];
}

/** Last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
