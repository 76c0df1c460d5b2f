/** Reads JSON objects field by field: types, ranges, missing and unknown fields. */
import { nearestWord } from "../config/did_you_mean.ts";
import { wordList } from "../config/keys.ts";
import { ApiFailure } from "./failure.ts";

/** A JSON object whose fields are taken out one by one. */
export class Fields {
  private readonly taken: string[] = [];

  /**
   * @param subject what the object is, for messages
   * @throws ApiFailure when it is no object
   */
  constructor(private readonly subject: string, value: unknown) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw ApiFailure.bad(`${subject} is no JSON object`);
    }
    this.values = value as Record<string, unknown>;
  }

  private readonly values: Record<string, unknown>;

  /** A string that is needed. */
  text(name: string, problem: (value: string) => string | null): string {
    const value = this.optionalText(name, problem);
    if (value === undefined) throw ApiFailure.bad(`${this.subject}: ${name}: is missing`);
    return value;
  }

  /** A string that may be left out. */
  optionalText(name: string, problem: (value: string) => string | null): string | undefined {
    const value = this.take(name);
    if (value === undefined) return undefined;
    if (typeof value !== "string") return this.refuse(name, "is no string");
    const wrong = problem(value);
    return wrong === null ? value : this.refuse(name, wrong);
  }

  /** A list of strings that may be left out. */
  optionalTexts(
    name: string,
    count: { readonly min: number; readonly max: number },
    problem: (value: string) => string | null,
  ): readonly string[] | undefined {
    const value = this.take(name);
    if (value === undefined) return undefined;
    const isList = Array.isArray(value) && value.every((element) => typeof element === "string");
    if (!isList) return this.refuse(name, "is no list of strings");
    const texts = value as readonly string[];
    if (texts.length < count.min || texts.length > count.max) {
      return this.refuse(name, `has ${texts.length} elements; give ${count.min} to ${count.max}`);
    }
    for (const text of texts) {
      const wrong = problem(text);
      if (wrong !== null) this.refuse(name, wrong);
    }
    return texts;
  }

  /** A whole number in a range. */
  integer(name: string, minimum: number, maximum: number, fallback: number): number {
    return this.optionalInteger(name, minimum, maximum) ?? fallback;
  }

  /** A whole number in a range that may be left out. */
  optionalInteger(name: string, minimum: number, maximum: number): number | undefined {
    const value = this.take(name);
    if (value === undefined) return undefined;
    const isGood = Number.isSafeInteger(value) && Number(value) >= minimum &&
      Number(value) <= maximum;
    return isGood
      ? value as number
      : this.refuse(name, `is no whole number from ${minimum} to ${maximum}`);
  }

  /** true or false; false when left out. */
  flag(name: string): boolean {
    const value = this.take(name) ?? false;
    return typeof value === "boolean" ? value : this.refuse(name, "is neither true nor false");
  }

  /** One of a few words that may be left out. */
  optionalChoice<const Word extends string>(
    name: string,
    words: readonly Word[],
  ): Word | undefined {
    const value = this.take(name);
    if (value === undefined) return undefined;
    const word = words.find((candidate) => candidate === value);
    return word ?? this.refuse(name, `is not ${wordList(words)}`);
  }

  /** Refuses what nobody asked for. Comes last. */
  finish(): void {
    const unknown = Object.keys(this.values).find((name) => !this.taken.includes(name));
    if (unknown === undefined) return;
    const meant = nearestWord(unknown, this.taken);
    const hint = meant === undefined
      ? `it has ${wordList(this.taken)}`
      : `did you mean "${meant}"?`;
    throw ApiFailure.bad(`${this.subject}: ${JSON.stringify(unknown)} is unknown; ${hint}`);
  }

  private take(name: string): unknown {
    this.taken.push(name);
    return Object.hasOwn(this.values, name) ? this.values[name] : undefined;
  }

  private refuse(name: string, wrong: string): never {
    throw ApiFailure.bad(`${this.subject}: ${name}: ${wrong}`);
  }
}
