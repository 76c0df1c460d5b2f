/**
 * Where each key and value of a TOML document stands. The TOML parser says positions only for
 * syntax errors; errors of meaning need them too.
 *
 * The scan trusts the parser: it is exact on every document that the parser accepts, and on others
 * it stops where it no longer understands. It never throws.
 */
import { parse } from "smol-toml";
import { TOML_NESTING_MAX } from "./limits.ts";

/** Table names, keys and, for arrays, indexes from 0. */
export type TomlPath = readonly (string | number)[];

/** Line and column, both from 1; columns count UTF-16 units as the parser does. */
export interface TomlPosition {
  readonly line: number;
  readonly column: number;
}

/** One table, key or array element; offsets are UTF-16 units from the start of the text. */
export interface TomlEntry {
  readonly path: TomlPath;
  /** The name itself, for an array element its value. */
  readonly keyAt: number;
  /** The value, for a table made by a header or a dotted key the same as `keyAt`. */
  readonly valueAt: number;
  /** Just behind the value; equal to `valueAt` for such tables. */
  readonly valueEnd: number;
  /** First part of the dotted key or header that made it. */
  readonly statementAt: number;
  /** Made on the way to something below it: `a` in `[a.b]`. */
  readonly implied: boolean;
}

/** A name that was given again; in some cases TOML allows that. */
export interface TomlRepetition {
  readonly first: TomlEntry;
  readonly again: TomlEntry;
}

interface KeyPart {
  readonly name: string;
  readonly at: number;
}

/** The map from paths to places of one document. */
export class TomlPositions {
  private readonly byPath = new Map<string, TomlEntry>();
  private readonly lineStarts: number[] = [0];
  private readonly repetitions: TomlRepetition[] = [];

  /** @param text the document, with or without a byte order mark */
  constructor(readonly text: string) {
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) {
      this.lineStarts.push(at + 1);
    }
    new Scanner(text, (entry) => this.add(entry)).scan();
  }

  private add(entry: TomlEntry): void {
    const key = JSON.stringify(entry.path);
    const first = this.byPath.get(key);
    if (first !== undefined) this.repetitions.push({ first, again: entry });
    if (first === undefined || (first.implied && !entry.implied)) this.byPath.set(key, entry);
  }

  /** Everything that was found, in the order of its first appearance. */
  entries(): Iterable<TomlEntry> {
    return this.byPath.values();
  }

  /** What stands under `path`, or under its nearest ancestor that is there. */
  nearest(path: TomlPath): TomlEntry | undefined {
    for (let length = path.length; length > 0; length--) {
      const entry = this.byPath.get(JSON.stringify(path.slice(0, length)));
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** Position of the name of `path`, of its nearest ancestor, or of the start. */
  ofKey(path: TomlPath): TomlPosition {
    return this.at(this.nearest(path)?.keyAt ?? 0);
  }

  /** Position of the value of `path`, of its nearest ancestor, or of the start. */
  ofValue(path: TomlPath): TomlPosition {
    return this.at(this.nearest(path)?.valueAt ?? 0);
  }

  /** Which name the parser means when it complains at `offset` that one is given twice. */
  repetitionFrom(offset: number): TomlRepetition | undefined {
    let best: TomlRepetition | undefined;
    for (const repetition of this.repetitions) {
      const { statementAt, path } = repetition.again;
      if (statementAt < offset) continue;
      const bestAt = best?.again.statementAt ?? Infinity;
      const isDeeper = statementAt === bestAt && path.length > best!.again.path.length;
      if (statementAt < bestAt || isDeeper) best = repetition;
    }
    return best;
  }

  /** Path of the innermost value around `offset` that has a name; empty when there is none. */
  aroundValue(offset: number): TomlPath {
    let best: TomlPath = [];
    for (const { path, valueAt, valueEnd } of this.byPath.values()) {
      const isAround = valueAt <= offset && offset <= valueEnd && valueAt < valueEnd;
      if (isAround && path.length >= best.length) best = path;
    }
    return best;
  }

  /** Offset of a line and column, both from 1. */
  offset(position: TomlPosition): number {
    return (this.lineStarts[position.line - 1] ?? this.text.length) + position.column - 1;
  }

  /** Line and column of an offset. */
  at(offset: number): TomlPosition {
    let low = 0;
    let high = this.lineStarts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.lineStarts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - this.lineStarts[low]! + 1 };
  }
}

/** One pass over a document. Whatever it does not understand ends it. */
class Scanner {
  private at = 0;
  /** Tables that `[[…]]` has made so far, by path. */
  private readonly tableCounts = new Map<string, number>();
  /** Tables that were already reported as implied. */
  private readonly implied = new Set<string>();

  constructor(
    private readonly text: string,
    private readonly found: (entry: TomlEntry) => void,
  ) {}

  scan(): void {
    if (this.text.charCodeAt(0) === 0xfeff) this.at = 1;
    let table: TomlPath = [];
    for (;;) {
      this.skipVoid();
      if (this.ended()) return;
      if (this.text[this.at] === "[") table = this.scanHeader();
      else this.scanAssignment(table, 0);
    }
  }

  private ended(): boolean {
    return this.at >= this.text.length;
  }

  private giveUp(): void {
    this.at = this.text.length;
  }

  /** Skips blanks, line ends and comments. */
  private skipVoid(): void {
    while (!this.ended()) {
      const character = this.text[this.at]!;
      if (character === "#") {
        const end = this.text.indexOf("\n", this.at);
        this.at = end < 0 ? this.text.length : end;
      } else if (/[ \t\r\n]/.test(character)) this.at++;
      else return;
    }
  }

  private skipBlanks(): void {
    while (this.text[this.at] === " " || this.text[this.at] === "\t") this.at++;
  }

  /** `[a.b]` or `[[a.b]]`; returns the path of the table that it opens. */
  private scanHeader(): TomlPath {
    const isArray = this.text[this.at + 1] === "[";
    this.at += isArray ? 2 : 1;
    const parts = this.scanKey("]");
    if (isArray) this.at++;
    const start = parts[0]?.at ?? this.at;
    let path: TomlPath = [];
    for (const [index, part] of parts.entries()) {
      path = [...path, part.name];
      const key = JSON.stringify(path);
      const count = this.tableCounts.get(key);
      const isLast = index === parts.length - 1;
      if (count === undefined || (isLast && !isArray)) this.table(path, part.at, start, !isLast);
      if (isLast && isArray) {
        this.tableCounts.set(key, (count ?? 0) + 1);
        path = [...path, count ?? 0];
        this.table(path, part.at, start, false);
      } else if (count !== undefined) path = [...path, count - 1];
    }
    return path;
  }

  private table(path: TomlPath, at: number, statementAt: number, implied: boolean): void {
    if (implied) {
      const key = JSON.stringify(path);
      if (this.implied.has(key)) return;
      this.implied.add(key);
    }
    this.found({ path, keyAt: at, valueAt: at, valueEnd: at, statementAt, implied });
  }

  /** `a.b = value`. */
  private scanAssignment(table: TomlPath, depth: number): void {
    const parts = this.scanKey("=");
    const last = parts.at(-1);
    if (last === undefined) return this.giveUp();
    const start = parts[0]!.at;
    let path = table;
    for (const part of parts.slice(0, -1)) {
      path = [...path, part.name];
      this.table(path, part.at, start, true);
    }
    this.skipBlanks();
    this.scanValue([...path, last.name], last.at, start, depth);
  }

  /** The parts of a dotted key and their places; moves behind `end`. */
  private scanKey(end: "=" | "]"): KeyPart[] {
    const parts: KeyPart[] = [];
    for (;;) {
      this.skipBlanks();
      const at = this.at;
      if (this.text[at] === '"' || this.text[at] === "'") this.skipString();
      else while (/[A-Za-z0-9_-]/.test(this.text[this.at] ?? "")) this.at++;
      const name = keyName(this.text.slice(at, this.at));
      if (name === undefined) {
        this.giveUp();
        return parts;
      }
      parts.push({ name, at });
      this.skipBlanks();
      const next = this.text[this.at++];
      if (next === end) return parts;
      if (next !== ".") {
        this.giveUp();
        return parts;
      }
    }
  }

  private scanValue(path: TomlPath, keyAt: number, statementAt: number, depth: number): void {
    const valueAt = this.at;
    if (depth > TOML_NESTING_MAX) return this.giveUp();
    const first = this.text[this.at];
    // Reported before what lies inside, so that outer names come first.
    const inner: TomlEntry[] = [];
    if (first === "[" || first === "{") {
      const scanner = new Scanner(this.text, (entry) => inner.push(entry));
      scanner.at = this.at + 1;
      if (first === "[") scanner.scanArray(path, depth + 1);
      else scanner.scanInlineTable(path, depth + 1);
      this.at = scanner.at;
    } else if (first === '"' || first === "'") this.skipString();
    else this.skipScalar();
    this.found({ path, keyAt, valueAt, valueEnd: this.at, statementAt, implied: false });
    for (const entry of inner) this.found(entry);
  }

  private scanArray(path: TomlPath, depth: number): void {
    for (let index = 0;; index++) {
      this.skipVoid();
      if (this.ended() || this.closes("]")) return;
      this.scanValue([...path, index], this.at, this.at, depth);
      this.skipVoid();
      if (this.closes("]")) return;
      if (this.text[this.at++] !== ",") return this.giveUp();
    }
  }

  private scanInlineTable(path: TomlPath, depth: number): void {
    for (;;) {
      this.skipVoid();
      if (this.ended() || this.closes("}")) return;
      this.scanAssignment(path, depth);
      this.skipVoid();
      if (this.closes("}")) return;
      if (this.text[this.at++] !== ",") return this.giveUp();
    }
  }

  private closes(bracket: string): boolean {
    if (this.text[this.at] !== bracket) return false;
    this.at++;
    return true;
  }

  /** Moves behind a string of any of the four kinds. */
  private skipString(): void {
    const quote = this.text[this.at]!;
    const isLong = this.text.startsWith(quote.repeat(3), this.at);
    const end = isLong ? quote.repeat(3) : quote;
    this.at += end.length;
    while (!this.ended() && !this.text.startsWith(end, this.at)) {
      this.at += quote === '"' && this.text[this.at] === "\\" ? 2 : 1;
    }
    this.at += end.length;
    // Up to two quotes may stand right before the closing three.
    for (let extra = 0; isLong && extra < 2 && this.text[this.at] === quote; extra++) this.at++;
    if (this.at > this.text.length) this.giveUp();
  }

  /** Moves behind a number, boolean or date. */
  private skipScalar(): void {
    const from = this.at;
    while (!this.ended() && !/[,\]}#\n]/.test(this.text[this.at]!)) this.at++;
    while (this.at > from && /[ \t\r]/.test(this.text[this.at - 1]!)) this.at--;
    if (this.at === from) this.giveUp();
  }
}

/** What a key as written means; undefined when it is none. */
function keyName(written: string): string | undefined {
  if (/^[A-Za-z0-9_-]+$/.test(written)) return written;
  if (written === "") return undefined;
  try {
    return Object.keys(parse(`${written} = 0`))[0];
  } catch {
    return undefined;
  }
}
