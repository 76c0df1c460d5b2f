/** The part of an address behind the question mark. */
import { ApiFailure } from "./failure.ts";

/** Query parameters by name. */
export class Query {
  constructor(private readonly parameters: URLSearchParams) {}

  /**
   * Refuses what nobody asked for.
   * @throws ApiFailure
   */
  allow(names: readonly string[]): void {
    for (const name of this.parameters.keys()) {
      if (names.includes(name)) continue;
      throw ApiFailure.bad(`The query parameter ${JSON.stringify(name)} is unknown`);
    }
  }

  /** Every value of a parameter, in order. */
  all(name: string): readonly string[] {
    return this.parameters.getAll(name);
  }

  /**
   * The value of a parameter that may be given once.
   * @throws ApiFailure when it is there twice
   */
  one(name: string): string | undefined {
    const values = this.all(name);
    if (values.length > 1) throw ApiFailure.bad(`${name}: is given ${values.length} times`);
    return values[0];
  }

  /**
   * true or false; false when it is not there.
   * @throws ApiFailure
   */
  flag(name: string): boolean {
    const value = this.one(name) ?? "false";
    if (value === "true" || value === "false") return value === "true";
    throw ApiFailure.bad(`${name}: is neither true nor false`);
  }

  /**
   * A whole number in a range.
   * @throws ApiFailure
   */
  integer(name: string, minimum: number, maximum: number): number | undefined {
    const value = this.one(name);
    return value === undefined ? undefined : wholeNumber(name, value, minimum, maximum);
  }
}

/**
 * A whole number in a range, written in digits.
 * @param name what it is, for messages
 * @throws ApiFailure
 */
export function wholeNumber(
  name: string,
  value: string,
  minimum: number,
  maximum: number,
): number {
  const number = /^\d{1,16}$/.test(value) ? Number(value) : NaN;
  if (number >= minimum && number <= maximum) return number;
  throw ApiFailure.bad(`${name}: is no whole number from ${minimum} to ${maximum}`);
}
