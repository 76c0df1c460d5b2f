/** How a command line wants its result. */
import type { VerbArguments } from "../arguments.ts";
import { readSelection, type Selection } from "../columns/selection.ts";
import { type Unit, UNITS } from "../grammar/options.ts";
import { type Format, FORMATS } from "../grammar/spec.ts";
import type { Terminal } from "../terminal.ts";
import { ansiPaint, noPaint, type Paint } from "./paint.ts";

/** See the head of this file. */
export interface OutputOptions {
  readonly format: Format;
  readonly selection: Selection;
  readonly unit: Unit | undefined;
  readonly precision: number | undefined;
  readonly hasHeaders: boolean;
  readonly hasTotals: boolean;
  readonly hasTree: boolean;
  readonly paint: Paint;
  /** Results go to a terminal, which must not get control characters. */
  readonly isTerminal: boolean;
}

const PRECISION_MAX = 9;

/** Reads them. @throws UsageError */
export function readOutput(args: VerbArguments, terminal: Terminal): OutputOptions {
  return {
    format: args.choice("output", FORMATS) ?? "table",
    selection: readSelection(args.columns),
    unit: args.choice("units", UNITS),
    precision: args.integer("precision", 0, PRECISION_MAX),
    hasHeaders: !args.flag("no-headers"),
    hasTotals: !args.flag("no-totals"),
    hasTree: !args.flag("no-tree"),
    paint: terminal.isColored ? ansiPaint : noPaint,
    isTerminal: terminal.isTerminal,
  };
}
