/** JSON for files and for terminals. */
import { escapeHarmful } from "./printable.ts";

/**
 * The value as JSON. Characters that a terminal would obey are written as `\uXXXX`, which every
 * reader of JSON takes for the same text.
 * @param indent blanks a level; 0: one line
 */
export function toJson(value: unknown, indent = 2): string {
  const text = JSON.stringify(value, null, indent);
  // Line ends between the parts are no content; JSON.stringify escapes those within strings.
  return text.split("\n").map((line) => escapeHarmful(line, escapeUnits)).join("\n");
}

function escapeUnits(codePoint: number): string {
  const character = String.fromCodePoint(codePoint);
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}
