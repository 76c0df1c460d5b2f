/** Tables of text, aligned with blanks. */
import { noPaint, type Paint, type Tone, toneOfState } from "./paint.ts";
import { displayWidth, printable } from "./printable.ts";

/** Numbers look best on the right. */
export interface TextColumn {
  readonly title: string;
  readonly align?: "right";
  /** Its cells are states: they get their colour. */
  readonly isState?: boolean;
  /** Shown even when no row has anything in it. */
  readonly isKept?: boolean;
}

/** How a table looks. */
export interface TableLook {
  readonly paint?: Paint;
  readonly hasHeader?: boolean;
}

/** A table in which a row may be followed by a remark, which would make a column too wide. */
export function formatAnnotated(
  columns: readonly TextColumn[],
  rows: readonly (readonly string[])[],
  /** Of each row; empty where there is none. */
  remarks: readonly string[],
  look: TableLook = {},
): string[] {
  const { header, lines } = layOut(columns, rows, look);
  const paint = look.paint ?? noPaint;
  const annotated = lines.flatMap((line, i) =>
    (remarks[i] ?? "") === "" ? [line] : [line, paint(`  ${printable(remarks[i]!)}`, "warning")]
  );
  return look.hasHeader === false ? annotated : [header, ...annotated];
}

/** The lines of a table; columns in which no row has anything are left out. */
export function formatTable(
  columns: readonly TextColumn[],
  rows: readonly (readonly string[])[],
  look: TableLook = {},
): string[] {
  return formatAnnotated(columns, rows, [], look);
}

interface LaidOut {
  readonly header: string;
  readonly lines: readonly string[];
}

function layOut(
  columns: readonly TextColumn[],
  rows: readonly (readonly string[])[],
  { paint = noPaint }: TableLook,
): LaidOut {
  const cells = rows.map((row) => row.map(printable));
  const shown = columns.flatMap((column, index) =>
    column.isKept === true || cells.some((row) => row[index] !== "") ? [{ ...column, index }] : []
  );
  const widths = shown.map(({ title, index }) =>
    cells.reduce((most, row) => Math.max(most, displayWidth(row[index]!)), displayWidth(title))
  );
  const line = (texts: readonly string[], tone: (text: string, at: number) => Tone | undefined) =>
    texts.map((text, i) => {
      const blanks = " ".repeat(widths[i]! - displayWidth(text));
      const painted = paint(text, tone(text, i));
      if (shown[i]!.align === "right") return blanks + painted;
      return i === texts.length - 1 ? painted : painted + blanks;
    }).join("  ").trimEnd();
  return {
    header: line(shown.map(({ title }) => title), () => "strong"),
    lines: cells.map((row) =>
      line(
        shown.map(({ index }) => row[index]!),
        (text, i) => shown[i]!.isState === true ? toneOfState(text) : undefined,
      )
    ),
  };
}
