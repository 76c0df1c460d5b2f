/** From command-line words to a verb and its checked arguments. */
import { nearestWord } from "../appliance/config/did_you_mean.ts";
import { wordList } from "../appliance/config/keys.ts";
import { parseDurationMs, parseSize } from "../appliance/config/units.ts";
import { type OptionSpec, VERBS, type VerbSpec } from "./verbs.ts";

/** A command line that makes no sense; the process exits with 64. */
export class UsageError extends Error {
  override readonly name = "UsageError";

  /** @param verb whose help says more; undefined: the general help */
  constructor(message: string, readonly verb: string | undefined) {
    super(message);
  }
}

/** The verb called `name`. @throws UsageError with a suggestion */
export function findVerb(name: string): VerbSpec {
  const verb = VERBS.find((candidate) => candidate.name === name);
  if (verb !== undefined) return verb;
  const meant = nearestWord(name, VERBS.map((candidate) => candidate.name));
  const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
  throw new UsageError(`There is no verb ${JSON.stringify(name)}${hint}`, undefined);
}

/** The arguments of one verb. Getters check what they return and throw UsageError. */
export class VerbArguments {
  private readonly values = new Map<string, string>();
  private readonly positionals: string[] = [];

  /**
   * @param words what follows the verb
   * @throws UsageError
   */
  constructor(readonly verb: VerbSpec, words: readonly string[]) {
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

  flag(name: string): boolean {
    return this.values.has(name);
  }

  text(name: string): string | undefined {
    return this.values.get(name);
  }

  /** A string that follows a rule: see `appliance/config/names.ts`. */
  checked(name: string, problem: (value: string) => string | null): string | undefined {
    const value = this.values.get(name);
    if (value === undefined) return undefined;
    const wrong = problem(value);
    return wrong === null ? value : this.refuse(`--${name}: ${wrong}`);
  }

  integer(name: string, minimum: number, maximum: number): number | undefined {
    const value = this.values.get(name);
    if (value === undefined) return undefined;
    const number = /^\d+$/.test(value) ? Number(value) : NaN;
    if (number >= minimum && number <= maximum) return number;
    const allowed = `a whole number from ${minimum} to ${maximum}`;
    return this.refuse(`--${name}: ${JSON.stringify(value)} is not ${allowed}`);
  }

  size(name: string): number | undefined {
    const value = this.values.get(name);
    if (value === undefined) return undefined;
    const wrong = `--${name}: ${JSON.stringify(value)} is no size; write for example 4k or 1GiB`;
    return parseSize(value) ?? this.refuse(wrong);
  }

  durationMs(name: string): number | undefined {
    const value = this.values.get(name);
    if (value === undefined) return undefined;
    const wrong = `--${name}: ${JSON.stringify(value)} is no time; write for example 10 or 500ms`;
    return parseDurationMs(value) ?? this.refuse(wrong);
  }

  choice<const Word extends string>(name: string, words: readonly Word[]): Word | undefined {
    const value = this.values.get(name);
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
      if (isOptions && word === "--") isOptions = false;
      else if (!isOptions || !word.startsWith("-") || word === "-") this.positionals.push(word);
      else if (this.option(word, words[at + 1])) at++;
    }
  }

  /** @returns whether `next` was its value */
  private option(word: string, next: string | undefined): boolean {
    const [written, inline] = splitOption(word);
    const option = this.findOption(written);
    if (this.values.has(option.name)) this.refuse(`${written} is given twice`);
    if (option.value === undefined) {
      if (inline !== undefined) this.refuse(`${written} takes no value`);
      this.values.set(option.name, "");
      return false;
    }
    const value = inline ?? next;
    if (value === undefined) return this.refuse(`${written} needs a value: ${option.value}`);
    this.values.set(option.name, value);
    return inline === undefined;
  }

  private findOption(written: string): OptionSpec {
    const { options } = this.verb;
    // The originals write access_mode.
    const plain = written.replaceAll("_", "-");
    const found = options.find(({ name, short }) => plain === `--${name}` || plain === `-${short}`);
    if (found !== undefined) return found;
    const meant = nearestWord(written.replace(/^-+/, ""), options.map(({ name }) => name));
    const hint = meant === undefined ? "" : `; did you mean --${meant}?`;
    return this.refuse(`${this.verb.name} has no option ${JSON.stringify(written)}${hint}`);
  }

  private checkPositionals(): void {
    const { positionals } = this.verb;
    const given = this.positionals.length;
    const missing = positionals.find(({ isRequired }, index) => isRequired && index >= given);
    if (missing !== undefined) this.refuse(`${missing.name} is missing: ${missing.doc}`);
    if (given <= positionals.length) return;
    this.refuse(`${JSON.stringify(this.positionals[positionals.length])} is one word too many`);
  }
}

function splitOption(word: string): [string, string | undefined] {
  const at = word.startsWith("--") ? word.indexOf("=") : -1;
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}
