/** The kinds of keys that the schema is made of: each knows how to read a TOML value. */
import type { TomlValue } from "smol-toml";
import type { Environment } from "./environment.ts";
import { exactSize, parseSize, SIZE_PATTERN } from "./units.ts";

/** What is wrong with a value, and what would be right, as one sentence part. */
export class Complaint {
  /** @param element index of the array element that it is about */
  constructor(readonly text: string, readonly element?: number) {}
}

/** A part of a JSON Schema (draft 7), for editors. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** One key of a table. */
export interface Key<Value> {
  /** "string", "integer", "boolean", "size", "list of strings" or "choice". */
  readonly type: string;
  /** Unit of an integer, null when it has none. */
  readonly unit: string | null;
  /** What is allowed, for people. */
  readonly allowed: string;
  /** One sentence or two. */
  readonly doc: string;
  /** The default as it would be written, or words for it; null when the key is required. */
  readonly fallbackText: string | null;
  /** What a value can be, as far as a JSON Schema says it; with the default where it is fixed. */
  readonly schema: JsonSchema;
  /** @returns undefined when the key is required */
  fallback(environment: Environment): Value | undefined;
  read(value: TomlValue): Value | Complaint;
}

interface Common<Value> {
  readonly doc: string;
  /** Absent: the key is required. */
  readonly fallback?: Value | ((environment: Environment) => Value);
  /** How the documentation writes the default; absent: as JSON. */
  readonly fallbackText?: string;
}

function describeType(value: TomlValue): string {
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date or time";
  if (typeof value === "string") return `the string ${JSON.stringify(shorten(value))}`;
  if (typeof value === "boolean") return `the boolean ${value}`;
  if (typeof value === "bigint") return `the integer ${value}`;
  if (typeof value === "number") {
    return `the floating-point number ${Number.isInteger(value) ? value.toFixed(1) : value}`;
  }
  return "a table";
}

function shorten(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 37)}…`;
}

/** @param write the default as TOML, which for what we have is JSON too */
function common<Value>(
  options: Common<Value>,
  values: JsonSchema,
  write: (value: Value) => string = (value) => JSON.stringify(value),
) {
  const { fallback, doc } = options;
  const isComputed = typeof fallback === "function";
  const compute = isComputed ? fallback as (environment: Environment) => Value : () => fallback;
  const written = fallback === undefined || isComputed ? null : write(fallback as Value);
  const schema = written === null ? values : { ...values, default: JSON.parse(written) };
  return { doc, schema, fallback: compute, fallbackText: options.fallbackText ?? written };
}

/** What is special about a string. */
interface TextOptions {
  readonly allowed: string;
  /** What is wrong with one, or null. */
  readonly problem: (value: string) => string | null;
  /** Regular expression of ECMA-262 that every good one matches. */
  readonly pattern?: string;
}

function textSchema(pattern: string | undefined): JsonSchema {
  return { type: "string", minLength: 1, ...(pattern === undefined ? {} : { pattern }) };
}

/** A string. */
export function text(options: Common<string> & TextOptions): Key<string> {
  return {
    type: "string",
    unit: null,
    allowed: options.allowed,
    ...common(options, textSchema(options.pattern)),
    read(value) {
      if (typeof value !== "string") {
        return new Complaint(`${describeType(value)} is no string; use ${options.allowed}`);
      }
      const problem = options.problem(value);
      return problem === null ? value : new Complaint(problem);
    },
  };
}

/** A whole number in a range. */
export function integer(
  options: Common<number> & { minimum: number; maximum: number; unit?: string },
): Key<number> {
  const { minimum, maximum, unit = null } = options;
  const units = unit === null ? "" : ` (${unit})`;
  const allowed = `a whole number from ${minimum} to ${maximum}${units}`;
  return {
    type: "integer",
    unit,
    allowed,
    ...common(options, { type: "integer", minimum, maximum }),
    read(value) {
      if (typeof value !== "bigint") {
        return new Complaint(`${describeType(value)} is no integer; use ${allowed}`);
      }
      if (value < minimum || value > maximum) {
        return new Complaint(`${value} is out of range; use ${allowed}`);
      }
      return Number(value);
    },
  };
}

/** true or false. */
export function flag(options: Common<boolean>): Key<boolean> {
  const allowed = "true or false";
  return {
    type: "boolean",
    unit: null,
    allowed,
    ...common(options, { type: "boolean" }),
    read(value) {
      if (typeof value === "boolean") return value;
      return new Complaint(`${describeType(value)} is no boolean; use ${allowed}`);
    },
  };
}

const FILE_MODE = /^0?[0-7]{3}$/;

/** Permission bits of a file, as chmod takes them. */
export function fileMode(options: Common<number>): Key<number> {
  const allowed = 'a string of three octal digits such as "0660"';
  return {
    type: "string",
    unit: null,
    allowed,
    ...common(
      options,
      { type: "string", pattern: FILE_MODE.source },
      (value) => JSON.stringify(`0${value.toString(8)}`),
    ),
    read(value) {
      if (typeof value !== "string") {
        return new Complaint(`${describeType(value)} is no string; use ${allowed}`);
      }
      if (FILE_MODE.test(value)) return parseInt(value, 8);
      return new Complaint(`${describeType(value)} is no file mode; use ${allowed}`);
    },
  };
}

/** One of a few whole numbers. */
export function numberChoice(
  options: Common<number> & { numbers: readonly number[]; unit: string },
): Key<number> {
  const { numbers, unit } = options;
  const allowed = `${numbers.slice(0, -1).join(", ")} or ${numbers.at(-1)}`;
  return {
    type: "integer",
    unit,
    allowed,
    ...common(options, { type: "integer", enum: numbers }),
    read(value) {
      if (typeof value !== "bigint") {
        return new Complaint(`${describeType(value)} is no integer; use ${allowed}`);
      }
      if (!numbers.includes(Number(value))) {
        return new Complaint(`${value} is not possible; use ${allowed}`);
      }
      return Number(value);
    },
  };
}

/** A number of bytes, as an integer or a string with a unit. */
export function size(
  options: Common<number> & { minimum: number; maximum: number; multipleOf?: number },
): Key<number> {
  const { minimum, maximum, multipleOf = 1 } = options;
  const multiple = multipleOf === 1 ? "" : `, a multiple of ${multipleOf}`;
  const allowed = `a size from ${exactSize(minimum)} to ${exactSize(maximum)}${multiple}`;
  const bytes = { type: "integer", minimum, maximum, multipleOf };
  return {
    type: "size",
    unit: "bytes",
    allowed,
    ...common(
      options,
      { anyOf: [bytes, { type: "string", pattern: SIZE_PATTERN }] },
      (value) => JSON.stringify(exactSize(value).replace(" ", "")),
    ),
    read(value) {
      if (typeof value !== "bigint" && typeof value !== "string") {
        return new Complaint(`${describeType(value)} is no size; use ${allowed}`);
      }
      const bytes = typeof value === "bigint" ? Number(value) : parseSize(value);
      if (bytes === undefined) {
        const written = describeType(value);
        return new Complaint(
          `${written} is no size; use bytes, or a number with KiB, MiB, GiB or TiB`,
        );
      }
      if (bytes < minimum || bytes > maximum) {
        return new Complaint(`${value} is out of range; use ${allowed}`);
      }
      if (bytes % multipleOf !== 0) {
        return new Complaint(`${value} is no multiple of ${multipleOf}; use ${allowed}`);
      }
      return bytes;
    },
  };
}

/** A size that may be left out. */
export function optionalSize(
  options: { doc: string; minimum: number; maximum: number; fallbackText: string },
): Key<number | undefined> {
  const { fallbackText, ...rest } = options;
  return { ...size(rest), fallbackText, fallback: () => undefined };
}

/** One of a few words. */
export function choice<const Word extends string>(
  options: Common<Word> & { words: readonly Word[] },
): Key<Word> {
  const allowed = wordList(options.words);
  return {
    type: "choice",
    unit: null,
    allowed,
    ...common(options, { type: "string", enum: options.words }),
    read(value) {
      const word = options.words.find((candidate) => candidate === value);
      if (word !== undefined) return word;
      const subject = typeof value === "string"
        ? `${JSON.stringify(shorten(value))} is unknown`
        : `${describeType(value)} is no string`;
      return new Complaint(`${subject}; use ${allowed}`);
    },
  };
}

/** A choice that may be left out; the default depends on something else. */
export function optionalChoice<const Word extends string>(
  options: { doc: string; words: readonly Word[]; fallbackText: string },
): Key<Word | undefined> {
  const { fallbackText, ...rest } = options;
  return { ...choice(rest), fallbackText, fallback: () => undefined };
}

/** A string that may be left out. */
export function optionalText(
  options: TextOptions & { doc: string; fallbackText: string },
): Key<string | undefined> {
  const { fallbackText, ...rest } = options;
  return { ...text(rest), fallbackText, fallback: () => undefined };
}

/** At least one string. */
export function texts(
  options: Common<readonly string[]> & TextOptions & { maximum: number },
): Key<readonly string[]> {
  const { allowed, pattern, maximum } = options;
  const items = textSchema(pattern);
  return {
    type: "list of strings",
    unit: null,
    allowed,
    ...common(options, {
      type: "array",
      items,
      minItems: 1,
      maxItems: maximum,
      uniqueItems: true,
    }),
    read(value) {
      if (!Array.isArray(value)) {
        return new Complaint(`${describeType(value)} is no list; use ${allowed}`);
      }
      if (value.length === 0) return new Complaint(`is empty; use ${allowed}`);
      if (value.length > maximum) {
        return new Complaint(
          `has ${value.length} elements; at most ${maximum} are possible`,
        );
      }
      return readStrings(value, allowed, options.problem);
    },
  };
}

function readStrings(
  values: readonly TomlValue[],
  allowed: string,
  problem: (value: string) => string | null,
): readonly string[] | Complaint {
  const strings: string[] = [];
  for (const [index, value] of values.entries()) {
    if (typeof value !== "string") {
      return new Complaint(`${describeType(value)} is no string; use ${allowed}`, index);
    }
    const wrong = problem(value);
    if (wrong !== null) return new Complaint(wrong, index);
    const earlier = strings.indexOf(value);
    if (earlier >= 0) return new Complaint(`repeats "${value}"; name each one once`, index);
    strings.push(value);
  }
  return strings;
}

/** `"a", "b" or "c"`. */
export function wordList(words: readonly string[]): string {
  const quoted = words.map((word) => JSON.stringify(word));
  const last = quoted.pop()!;
  return quoted.length === 0 ? last : `${quoted.join(", ")} or ${last}`;
}
