/** Tables of text, aligned with blanks. */

/** Numbers look best on the right. */
export interface Column {
  readonly title: string;
  readonly align?: "right";
}

/**
 * What comes from other machines may hold anything: nothing of it reaches the terminal as a
 * control sequence.
 */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "?");
}

/** A table in which a row may be followed by a remark, which would make a column too wide. */
export function formatAnnotated(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  /** Of each row; empty where there is none. */
  remarks: readonly string[],
): string[] {
  const [header, ...lines] = formatTable(columns, rows);
  const annotated = lines.flatMap((line, i) =>
    remarks[i] === "" ? [line] : [line, `  ${printable(remarks[i]!)}`]
  );
  return [header!, ...annotated];
}

/** The lines of a table; columns in which no row has anything are left out. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string[] {
  const cells = rows.map((row) => row.map(printable));
  const shown = columns.flatMap((column, index) =>
    cells.some((row) => row[index] !== "") ? [{ ...column, index }] : []
  );
  const widths = shown.map(({ title, index }) =>
    Math.max(title.length, ...cells.map((row) => row[index]!.length))
  );
  const line = (texts: readonly string[]) =>
    texts.map((text, i) =>
      shown[i]!.align === "right" ? text.padStart(widths[i]!) : text.padEnd(widths[i]!)
    ).join("  ").trimEnd();
  return [
    line(shown.map(({ title }) => title)),
    ...cells.map((row) => line(shown.map(({ index }) => row[index]!))),
  ];
}
