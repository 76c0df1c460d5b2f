/**
 * The first words of a command line: which verb, on which side, about which kind of thing. Words
 * may come in any order, may be shortened and left out, as long as only one reading is possible.
 */
import { nearestWord } from "../appliance/config/did_you_mean.ts";
import type { Mode, Target, Thing, VerbSpec } from "./grammar/spec.ts";
import { MODE_WORDS, type ModeWord, THING_WORDS, type ThingWord } from "./grammar/words.ts";
import { UsageError } from "./usage_error.ts";
import { VERBS } from "./verbs.ts";

/** Which things a verb is about. */
export interface Scope {
  /** Undefined: not said. */
  readonly mode: Mode | undefined;
  readonly thing: Thing | undefined;
}

/** A command line whose verb is known. */
export interface Sentence {
  readonly verb: VerbSpec;
  readonly scope: Scope;
  /** False: only a side or a thing was, and the verb is what that means. */
  readonly isVerbSaid: boolean;
  /** What follows. */
  readonly rest: readonly string[];
}

/** Something that a word can stand for. */
export type Meaning =
  | { readonly kind: "verb"; readonly name: string; readonly verb: VerbSpec }
  | { readonly kind: "mode"; readonly name: string; readonly word: ModeWord }
  | { readonly kind: "thing"; readonly name: string; readonly word: ThingWord };

/** What is known after some words. */
interface State {
  readonly mode?: ModeWord | undefined;
  readonly thing?: ThingWord | undefined;
  readonly verb?: VerbSpec | undefined;
}

const namesOf = ({ name, aliases }: { name: string; aliases?: readonly string[] }) => [
  name,
  ...(aliases ?? []),
];

function isTarget({ mode, thing }: Target, state: State): boolean {
  const side = state.mode?.mode ?? state.thing?.mode;
  const isSide = side === undefined || side === mode;
  return isSide && (state.thing === undefined || state.thing.thing === thing);
}

/** Whether a verb has to do with the side and thing that were named. */
function suits(verb: VerbSpec, state: State): boolean {
  if (state.mode === undefined && state.thing === undefined) return true;
  return verb.targets?.some((target) => isTarget(target, state)) ?? false;
}

/** What can still be named beside what is known, with every spelling. */
export function openMeanings(state: State): readonly [string, Meaning][] {
  const isPossible = (next: State) =>
    next.verb === undefined
      ? VERBS.some((verb) => suits(verb, next))
      : next.verb.targets !== undefined && suits(next.verb, next);
  const modes = state.mode !== undefined ? [] : MODE_WORDS
    .filter((word) => isPossible({ ...state, mode: word }) && agrees(word, state.thing))
    .flatMap((word) => spell(word, { kind: "mode", name: word.name, word }));
  const things = state.thing !== undefined ? [] : THING_WORDS
    .filter((word) => isPossible({ ...state, thing: word }) && agrees(state.mode, word))
    .flatMap((word) => spell(word, { kind: "thing", name: word.name, word }));
  const verbs = state.verb !== undefined ? [] : VERBS
    .filter((verb) => suits(verb, state))
    .flatMap((verb) => spell(verb, { kind: "verb", name: verb.name, verb }));
  return [...verbs, ...modes, ...things];
}

const spell = (
  word: { readonly name: string; readonly aliases?: readonly string[] },
  meaning: Meaning,
): [string, Meaning][] => namesOf(word).map((name) => [name, meaning]);

/** A mapping is the client's and an export the server's, whatever is said. */
function agrees(mode: ModeWord | undefined, thing: ThingWord | undefined): boolean {
  return mode?.mode === undefined || thing?.mode === undefined || mode.mode === thing.mode;
}

/** What `word` stands for, written in full or shortened. */
function readings(word: string, state: State, isExact: boolean): Meaning[] {
  const open = openMeanings(state);
  const exact = open.filter(([name]) => name === word);
  const found = exact.length > 0 || isExact || word === ""
    ? exact
    : open.filter(([name, meaning]) => !isHiddenVerb(meaning) && name.startsWith(word));
  const byName = new Map(found.map(([, meaning]) => [meaning.name, meaning]));
  return [...byName.values()];
}

const isHiddenVerb = (meaning: Meaning) => meaning.kind === "verb" && meaning.verb.isHidden;

function advance(state: State, meaning: Meaning): State {
  if (meaning.kind === "verb") return { ...state, verb: meaning.verb };
  if (meaning.kind === "mode") return { ...state, mode: meaning.word };
  return { ...state, thing: meaning.word };
}

/**
 * Reads verb, side and thing.
 * @param words the command line without the program's name; the first is no option
 * @throws UsageError when there is no reading, or more than one
 */
export function readSentence(words: readonly string[]): Sentence {
  let state: State = {};
  let at = 0;
  for (; state.verb === undefined && isWord(words[at]); at++) {
    state = advance(state, oneReading(words[at]!, state));
  }
  const isVerbSaid = state.verb !== undefined;
  // Only a side or a thing: look at it.
  const verb = state.verb ?? findVerb("list");
  state = { ...state, verb };
  for (; isWord(words[at]) && leavesEnough(verb, words.length - at - 1); at++) {
    const found = readings(words[at]!, state, verb.positionals.length > 0);
    if (found.length > 1) throw ambiguous(words[at]!, found);
    if (found.length === 0) break;
    state = advance(state, found[0]!);
  }
  const mode = state.mode?.mode ?? state.thing?.mode;
  const scope = { mode, thing: state.thing?.thing };
  return { verb, scope, isVerbSaid, rest: words.slice(at) };
}

const isWord = (word: string | undefined) => word !== undefined && !word.startsWith("-");

/** Whether what the verb needs is still there without this word. */
function leavesEnough(verb: VerbSpec, left: number): boolean {
  return left >= verb.positionals.filter(({ isRequired }) => isRequired).length;
}

function oneReading(word: string, state: State): Meaning {
  const found = readings(word, state, false);
  if (found.length === 1) return found[0]!;
  if (found.length > 1) throw ambiguous(word, found);
  const said = [state.mode?.name, state.thing?.name].filter((name) => name !== undefined);
  if (said.length === 0) throw unknownVerb(word);
  const verbs = openMeanings(state).flatMap(([, meaning]) =>
    meaning.kind === "verb" && !isHiddenVerb(meaning) ? [meaning.name] : []
  );
  const known = [...new Set(verbs)];
  const meant = nearestWord(word, known);
  const hint = meant === undefined ? `use ${known.join(", ")}` : `did you mean "${meant}"?`;
  throw new UsageError(
    `There is no verb ${JSON.stringify(word)} for ${said.join(" ")}; ${hint}`,
    undefined,
  );
}

function ambiguous(word: string, found: readonly Meaning[]): UsageError {
  const candidates = found.map(({ name }) => name).toSorted().join(", ");
  return new UsageError(
    `${JSON.stringify(word)} can mean ${candidates}; write more of it`,
    undefined,
  );
}

function unknownVerb(word: string): UsageError {
  const known = openMeanings({}).flatMap(([name, meaning]) => isHiddenVerb(meaning) ? [] : [name]);
  const meant = nearestWord(word, known);
  const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
  return new UsageError(`There is no verb ${JSON.stringify(word)}${hint}`, undefined);
}

/**
 * The verb called `name`, which may be shortened.
 * @throws UsageError with a suggestion
 */
export function findVerb(name: string): VerbSpec {
  const exact = VERBS.find((verb) => namesOf(verb).includes(name));
  if (exact !== undefined) return exact;
  const verbs = VERBS.filter((verb) => !verb.isHidden && name !== "" && verb.name.startsWith(name));
  if (verbs.length === 1) return verbs[0]!;
  if (verbs.length === 0) throw unknownVerb(name);
  throw ambiguous(name, verbs.map((verb) => ({ kind: "verb", name: verb.name, verb })));
}
