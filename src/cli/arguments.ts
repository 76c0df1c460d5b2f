/** From the words after a verb to its checked arguments. */
import { nearestWord } from "../appliance/config/did_you_mean.ts";
import { wordList } from "../appliance/config/keys.ts";
import { parseDurationMs, parseSize } from "../appliance/config/units.ts";
import type { OptionSpec, VerbSpec } from "./grammar/spec.ts";
import type { Scope } from "./sentence.ts";
import { UsageError } from "./usage_error.ts";

/** `-state` and `-rx_bytes,-tx_bytes`: columns that are not wanted. */
const COLUMNS_OFF = /^-[a-z]\w+(,[-+]?\w+)*$/;

/** The arguments of one verb. Getters check what they return and throw UsageError. */
export class VerbArguments {
  private readonly values = new Map<string, string[]>();
  private readonly positionals: string[] = [];
  private readonly columnWords: string[] = [];

  /**
   * @param words what follows the verb
   * @throws UsageError
   */
  constructor(
    readonly verb: VerbSpec,
    words: readonly string[],
    readonly scope: Scope = { mode: undefined, thing: undefined },
  ) {
    this.parse(words);
    this.checkPositionals();
    const missing = verb.options.find(({ isRequired, name }) =>
      isRequired && !this.values.has(name)
    );
    if (missing !== undefined) this.refuse(`--${missing.name} ${missing.value} is missing`);
  }

  /** The positional at `index`; empty when it was left out. */
  positional(index: number): string {
    return this.positionals[index] ?? "";
  }

  /** The positionals from `index` on. */
  positionalsFrom(index: number): readonly string[] {
    return this.positionals.slice(index);
  }

  flag(name: string): boolean {
    return this.values.has(name);
  }

  text(name: string): string | undefined {
    return this.values.get(name)?.at(-1);
  }

  /** Every value of an option that may be repeated. */
  texts(name: string): readonly string[] {
    return this.values.get(name) ?? [];
  }

  /** What chooses columns, one list a word: `name,state`, `+origin`. */
  get columns(): readonly string[] {
    return [...this.texts("columns"), ...this.columnWords];
  }

  /** A string that follows a rule: see `appliance/config/names.ts`. */
  checked(name: string, problem: (value: string) => string | null): string | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const wrong = problem(value);
    return wrong === null ? value : this.refuse(`--${name}: ${wrong}`);
  }

  integer(name: string, minimum: number, maximum: number): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const number = /^\d+$/.test(value) ? Number(value) : NaN;
    if (number >= minimum && number <= maximum) return number;
    const allowed = `a whole number from ${minimum} to ${maximum}`;
    return this.refuse(`--${name}: ${JSON.stringify(value)} is not ${allowed}`);
  }

  size(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const wrong = `--${name}: ${JSON.stringify(value)} is no size; write for example 4k or 1GiB`;
    return parseSize(value) ?? this.refuse(wrong);
  }

  durationMs(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const wrong = `--${name}: ${JSON.stringify(value)} is no time; write for example 10 or 500ms`;
    return parseDurationMs(value) ?? this.refuse(wrong);
  }

  choice<const Word extends string>(name: string, words: readonly Word[]): Word | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const word = words.find((candidate) => candidate === value);
    if (word !== undefined) return word;
    const meant = nearestWord(value, words);
    const hint = meant === undefined ? `use ${wordList(words)}` : `did you mean "${meant}"?`;
    return this.refuse(`--${name}: ${JSON.stringify(value)} is unknown; ${hint}`);
  }

  /** @throws UsageError about this verb */
  refuse(message: string): never {
    throw new UsageError(message, this.verb.name);
  }

  private parse(words: readonly string[]): void {
    let isOptions = true;
    for (let at = 0; at < words.length; at++) {
      const word = words[at]!;
      if (!isOptions) this.positionals.push(word);
      else if (word === "--") isOptions = false;
      else if (this.isColumns(word)) this.columnWords.push(word);
      else if (word.startsWith("-") && word !== "-") {
        if (this.option(word, words[at + 1])) at++;
      } else if (this.plainWord(word, words[at + 1])) at++;
    }
  }

  /** @returns whether `next` was its value */
  private option(word: string, next: string | undefined): boolean {
    const [written, inline] = splitOption(word);
    const option = this.findOption(written);
    if (option.value === undefined) {
      if (inline !== undefined) this.refuse(`${written} takes no value`);
      this.give(option, written, "");
      return false;
    }
    const value = inline ?? next;
    if (value === undefined) return this.refuse(`${written} needs a value: ${option.value}`);
    this.give(option, written, value);
    return inline === undefined;
  }

  private give(option: OptionSpec, written: string, value: string): void {
    const given = this.values.get(option.name) ?? [];
    if (given.length > 0 && option.isRepeatable !== true) this.refuse(`${written} is given twice`);
    this.values.set(option.name, [...given, value]);
  }

  private findOption(written: string): OptionSpec {
    const { options } = this.verb;
    // The originals write access_mode.
    const plain = written.replaceAll("_", "-");
    const found = options.find(({ name, short, aliases }) =>
      plain === `--${name}` || plain === `-${short}` ||
      aliases?.some((alias) => plain === `--${alias}`)
    );
    if (found !== undefined) return found;
    const meant = nearestWord(written.replace(/^-+/, ""), options.map(({ name }) => name));
    const hint = meant === undefined ? "" : `; did you mean --${meant}?`;
    return this.refuse(`${this.verb.name} has no option ${JSON.stringify(written)}${hint}`);
  }

  /** A word without dashes. @returns whether `next` belonged to it */
  private plainWord(word: string, next: string | undefined): boolean {
    const { options, positionals } = this.verb;
    const needed = positionals.filter(({ isRequired }) => isRequired).length;
    if (this.positionals.length >= needed) {
      const leading = options.find(({ leadIn }) => leadIn === word);
      if (leading !== undefined) {
        if (next === undefined) this.refuse(`"${word}" needs to be followed by ${leading.value}`);
        this.give(leading, word, next!);
        return true;
      }
      if (this.bareOption(word)) return false;
    }
    const isFull = this.positionals.length >= positionals.length &&
      positionals.at(-1)?.isRepeated !== true;
    if (isFull && this.verb.hasColumns === true) this.columnWords.push(word);
    else this.positionals.push(word);
    return false;
  }

  /** @returns whether it was an option, said without dashes */
  private bareOption(word: string): boolean {
    for (const option of this.verb.options) {
      const { bareWords, bareKey } = option;
      if (bareWords !== undefined && Object.hasOwn(bareWords, word)) {
        this.give(option, word, bareWords[word]!);
        return true;
      }
      if (bareKey !== undefined && word.startsWith(`${bareKey}=`)) {
        this.give(option, bareKey, word.slice(bareKey.length + 1));
        return true;
      }
    }
    return false;
  }

  private isColumns(word: string): boolean {
    if (this.verb.hasColumns !== true) return false;
    return word.startsWith("+") || COLUMNS_OFF.test(word);
  }

  private checkPositionals(): void {
    const { positionals } = this.verb;
    const given = this.positionals.length;
    const missing = positionals.find(({ isRequired }, index) => isRequired && index >= given);
    if (missing !== undefined) this.refuse(`${missing.name} is missing: ${missing.doc}`);
    if (given <= positionals.length || positionals.at(-1)?.isRepeated === true) return;
    this.refuse(`${JSON.stringify(this.positionals[positionals.length])} is one word too many`);
  }
}

function splitOption(word: string): [string, string | undefined] {
  const at = word.startsWith("--") ? word.indexOf("=") : -1;
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}
