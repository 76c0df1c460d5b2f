/** Cells as people read them. */
import { roundedSize } from "../../appliance/config/units.ts";
import type { Cell, CellKind } from "../columns/column.ts";
import { type Unit, UNITS } from "../grammar/options.ts";

/** How sizes are written. */
export interface SizeStyle {
  /** Undefined: what fits. */
  readonly unit: Unit | undefined;
  /** Digits after the point; undefined: as few as serve. */
  readonly precision: number | undefined;
}

const SIZE_NAMES: Readonly<Record<Unit, string>> = {
  B: "B",
  K: "KiB",
  M: "MiB",
  G: "GiB",
  T: "TiB",
  P: "PiB",
  E: "EiB",
};

/** "KiB" of "K". */
export function unitName(unit: Unit): string {
  return SIZE_NAMES[unit];
}

/** Bytes as a number of units. */
export function inUnit(bytes: number, unit: Unit, precision: number): string {
  return (bytes / 1024 ** UNITS.indexOf(unit)).toFixed(unit === "B" ? 0 : precision);
}

/** Bytes with a unit, or in the unit that the heading names. */
export function sizeText(bytes: number, { unit, precision }: SizeStyle): string {
  if (unit !== undefined) return inUnit(bytes, unit, precision ?? 1);
  if (precision === undefined) return roundedSize(bytes);
  const fitting = UNITS.findLast((_, index) => bytes >= 1024 ** index) ?? "B";
  return `${inUnit(bytes, fitting, precision)} ${SIZE_NAMES[fitting]}`;
}

/** "2h 5m", "5m 3s", "3.2 s". */
export function durationText(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${(milliseconds / 1000).toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** A cell of a table. */
export function cellText(cell: Cell, kind: CellKind, style: SizeStyle): string {
  if (cell === null) return "";
  if (typeof cell === "boolean") return cell ? "yes" : "no";
  if (typeof cell === "string") return cell;
  if (kind === "bytes") return sizeText(cell, style);
  if (kind === "milliseconds") return durationText(cell);
  return kind === "microseconds" ? `${cell} µs` : String(cell);
}

/** A cell of a CSV file: numbers stay numbers. */
export function cellValue(cell: Cell, kind: CellKind, { unit, precision }: SizeStyle): string {
  if (cell === null) return "";
  if (typeof cell === "number" && kind === "bytes" && unit !== undefined) {
    return inUnit(cell, unit, precision ?? 3);
  }
  return String(cell);
}

/** "1 step", "2 steps". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
