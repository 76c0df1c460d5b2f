/** What the TOML parser says, in words that say what to write instead. */
import type { TomlError } from "smol-toml";
import { type ConfigProblem, keyName } from "./problems.ts";
import type { TomlPositions } from "./toml_positions.ts";

/** Of a word on each side of the place. */
const WORD_CHARACTERS_MAX = 20;
/** What may stand in a message and does not end a value. */
const WORD_START = /^[^\s\p{C},[\]{}#="']*/u;
const WORD_END = /[^\s\p{C},[\]{}#="']*$/u;

/** What stands at the place of an error. */
interface Spot {
  /** Unquoted text without blanks around the place; may be empty. */
  readonly word: string;
  /** The place is the end of a line or of the text. */
  readonly isLineEnd: boolean;
  readonly character: string;
  /** Its line begins with a bracket. */
  readonly isHeader: boolean;
}

const OPEN_HEADER = () =>
  "the header does not end; close it with as many brackets as it begins with";

/** Reasons of the parser, and what we say for them. */
const ADVICE: readonly (readonly [string, (spot: Spot) => string])[] = [
  [
    "invalid value",
    ({ word }) =>
      word === ""
        ? "a value is missing here; write one, or close what is open"
        : `${word} is no value; write text in quotes, as "${word}", and booleans as true or false`,
  ],
  [
    "illegal leading zero",
    ({ word }) => `${word} begins with a zero; leave it out, or write text in quotes, as "${word}"`,
  ],
  [
    "illegal character in numeric literal",
    ({ word }) => `${word} is no number; write digits alone, or text in quotes, as "${word}"`,
  ],
  ["invalid date", ({ word }) => `${word} is no date; write text in quotes, as "${word}"`],
  ["illegal character in key", ({ isHeader, isLineEnd, character }) => {
    if (isHeader) return OPEN_HEADER();
    if (character === ":") return 'a key is followed by a colon; write "=" instead';
    if (isLineEnd) return "the key has no value; write key = value";
    return "this is no key; write key = value, and in quotes what has more than letters from A " +
      "to Z, digits, - and _";
  }],
  ["expected end of table array", OPEN_HEADER],
  ["cannot find end of key", () => "the key has no value; write key = value"],
  ["unexpected end of key", () => "there is no key; write key = value"],
  ["unrecognised escape", () => "write \\\\ for a backslash, or the string in single quotes"],
  [
    "unicode escape",
    () => "write \\u with four hex digits, or \\U with eight; \\\\ is a backslash",
  ],
  ["followed by an end-of-line", () => "something follows the value; write one key on a line"],
  ["expected comma or end", () => "the list or inline table goes on; put a comma or close it"],
  ["unfinished string", () => "the string does not end; close it with its quotes"],
  [
    "in strings",
    ({ isLineEnd }) =>
      isLineEnd
        ? "the string does not end on its line; close it with a quote"
        : "the string holds a control character; write it as an escape such as \\t or \\u0007",
  ],
];

/** Describes an error of the parser. */
export function syntaxProblem(
  file: string,
  error: TomlError,
  positions: TomlPositions,
): ConfigProblem {
  const offset = positions.offset(error);
  const reason = error.message.split("\n")[0]!.replace(/^Invalid TOML document: /, "");
  if (reason.includes("redefine")) {
    const problem = repetition(file, offset, positions);
    if (problem !== undefined) return problem;
  }
  const advice = ADVICE.find(([words]) => reason.includes(words))?.[1];
  const message = advice === undefined
    ? `${reason.replace(/\. aborting\.$/, "")}; correct the TOML syntax`
    : advice(spotAt(positions.text, offset));
  const { line, column } = error;
  return { file, line, column, key: keyName(positions.aroundValue(offset)), message };
}

function repetition(
  file: string,
  offset: number,
  positions: TomlPositions,
): ConfigProblem | undefined {
  const found = positions.repetitionFrom(offset);
  if (found === undefined) return undefined;
  const { first, again } = found;
  const place = positions.at(first.keyAt);
  const isTable = again.valueAt === again.valueEnd;
  const advice = isTable ? "remove one, or write [[…]] where several are meant" : "remove one";
  const message = `is given twice, first at line ${place.line}, column ${place.column}; ${advice}`;
  return { file, ...positions.at(again.keyAt), key: keyName(again.path), message };
}

function spotAt(text: string, offset: number): Spot {
  const before = text.slice(Math.max(0, offset - WORD_CHARACTERS_MAX), offset);
  const after = text.slice(offset, offset + WORD_CHARACTERS_MAX);
  const character = text[offset] ?? "";
  return {
    word: WORD_END.exec(before)![0] + WORD_START.exec(after)![0],
    isLineEnd: /^[\r\n]?$/.test(character),
    character,
    isHeader: /^\s*\[/.test(text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset)),
  };
}
