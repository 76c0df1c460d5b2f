/** Reads Prometheus' text format, strictly, without the code that writes it. */

/** One line of values. */
export interface Series {
  /** With its suffix, as in the line. */
  readonly name: string;
  readonly family: string;
  readonly type: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\", '"': '"', n: "\n" };

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let at = 0;
  while (at < text.length) {
    const name = /^([a-zA-Z_][a-zA-Z0-9_]*)="/.exec(text.slice(at));
    if (name === null || name[1]! in labels) throw new Error(`Bad labels: ${text}`);
    at += name[0].length;
    let value = "";
    for (; text[at] !== '"'; at++) {
      if (at >= text.length || text[at] === "\n") throw new Error(`Bad labels: ${text}`);
      if (text[at] !== "\\") value += text[at];
      else {
        const meaning = ESCAPES[text[++at]!];
        if (meaning === undefined) throw new Error(`Bad escape: ${text}`);
        value += meaning;
      }
    }
    labels[name[1]!] = value;
    at++;
    if (at < text.length && text[at++] !== ",") throw new Error(`Bad labels: ${text}`);
  }
  return labels;
}

function parseValue(text: string): number {
  const value = text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text);
  if (text === "" || Number.isNaN(value)) throw new Error(`Bad value: ${text}`);
  return value;
}

function familyOf(name: string, types: ReadonlyMap<string, string>): string {
  const base = name.replace(/_(bucket|sum|count)$/, "");
  if (types.get(base) === "histogram") return base;
  if (types.has(name)) return name;
  throw new Error(`No TYPE before ${name}`);
}

/** Every series, by its line without the value. @throws Error what is no valid text */
export function parseExposition(text: string): Map<string, Series> {
  if (text !== "" && !text.endsWith("\n")) throw new Error("The last line has no end");
  const types = new Map<string, string>();
  const helps = new Set<string>();
  const series = new Map<string, Series>();
  let current = "";
  for (const line of text.split("\n").slice(0, -1)) {
    const head = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (head !== null) {
      const [, kind, name, rest] = head;
      if (!NAME.test(name!)) throw new Error(`Bad name: ${line}`);
      const known = kind === "HELP" ? helps : types;
      if (known.has(name!)) throw new Error(`${kind} twice: ${name}`);
      if (kind === "HELP") helps.add(name!);
      else types.set(name!, rest!);
      current = name!;
      continue;
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/s.exec(line);
    if (sample === null) throw new Error(`Bad line: ${line}`);
    const [, name, labels = "", value] = sample;
    const family = familyOf(name!, types);
    if (family !== current) throw new Error(`Families are mixed: ${line}`);
    const key = labels === "" ? name! : `${name}{${labels}}`;
    if (series.has(key)) throw new Error(`Twice: ${key}`);
    const type = types.get(family)!;
    const parsed = { family, type, labels: parseLabels(labels), value: parseValue(value!) };
    series.set(key, { name: name!, ...parsed });
  }
  return series;
}

/** True of what must never go down: counters, and all parts of histograms. */
export function isCounter({ type }: Series): boolean {
  return type === "counter" || type === "histogram";
}

/** Remembers every counter that was ever seen, and finds those that went down. */
export class CounterWatch {
  private readonly highest = new Map<string, number>();

  /** The counters of `text` that are lower than they were: `name: before > now`. */
  look(text: string): string[] {
    const lower: string[] = [];
    for (const [key, series] of parseExposition(text)) {
      if (!isCounter(series)) continue;
      const before = this.highest.get(key) ?? 0;
      if (series.value < before) lower.push(`${key}: ${before} > ${series.value}`);
      this.highest.set(key, Math.max(before, series.value));
    }
    return lower;
  }

  /** How many were seen. */
  get size(): number {
    return this.highest.size;
  }
}
