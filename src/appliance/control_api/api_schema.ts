/**
 * Descriptions of JSON values (JSON Schema 2020-12, as OpenAPI 3.1 takes it), tied to TypeScript's
 * types: a schema that does not fit its type does not compile.
 */

/** A JSON Schema as plain data. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/** A description of values of any type. */
export interface AnySchema {
  readonly json: JsonSchema;
  /** What `json` refers to, by name. */
  readonly parts: ReadonlyMap<string, JsonSchema>;
  /** Whether the field must be there. */
  readonly isNeeded: boolean;
}

/** A description of values of type T. */
export interface Schema<T, IsNeeded extends boolean = true> extends AnySchema {
  readonly isNeeded: IsNeeded;
  /** Never there: makes schemas of different types differ, in both directions. */
  readonly type?: (value: T) => T;
}

type FieldSchema<T, K extends keyof T> = object extends Pick<T, K>
  ? Schema<Exclude<T[K], undefined>, false>
  : Schema<T[K]>;

/** A schema for each field of T, optional ones marked as such. */
export type FieldSchemas<T> = { readonly [K in keyof T]-?: FieldSchema<T, K> };

/** Bounds of a number or a text. */
interface Bounds {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly multipleOf?: number;
  readonly default?: number;
}

function made<T>(json: JsonSchema, ...inner: readonly AnySchema[]): Schema<T> {
  const parts = new Map(inner.flatMap((schema) => [...schema.parts]));
  return { json, parts, isNeeded: true };
}

/** Any text. */
export function text(description: string, longest?: number): Schema<string> {
  const bound = longest === undefined ? {} : { minLength: 1, maxLength: longest };
  return made({ type: "string", description, ...bound });
}

/** A whole number; not negative unless `minimum` says so. */
export function integer(description: string, bounds: Bounds = {}): Schema<number> {
  return made({ type: "integer", description, minimum: 0, ...bounds });
}

/** Any number that is not negative. */
export function number(description: string): Schema<number> {
  return made({ type: "number", description, minimum: 0 });
}

/** true or false. */
export function flag(description: string, fallback?: boolean): Schema<boolean> {
  const preset = fallback === undefined ? {} : { default: fallback };
  return made({ type: "boolean", description, ...preset });
}

/** One of a few words. */
export function choice<const Word extends string>(
  description: string,
  words: readonly Word[],
  fallback?: Word,
): Schema<Word> {
  const preset = fallback === undefined ? {} : { default: fallback };
  return made({ type: "string", description, enum: words, ...preset });
}

/** A value or null. */
export function nullable<T>(schema: Schema<T>): Schema<T | null> {
  const { type, description, enum: words, $ref, ...rest } = schema.json;
  if ($ref !== undefined) throw new TypeError("A shared schema cannot be made nullable");
  const known = words === undefined ? {} : { enum: [...(words as readonly unknown[]), null] };
  return made({ type: [type, "null"], description, ...known, ...rest }, schema);
}

/** A list of values. */
export function list<T>(
  description: string,
  items: Schema<T>,
  bounds: { readonly minItems?: number; readonly maxItems?: number } = {},
): Schema<readonly T[]> {
  return made({ type: "array", description, items: items.json, ...bounds }, items);
}

/** An object whose names are data. */
export function mapOf<T>(
  description: string,
  values: Schema<T>,
): Schema<Readonly<Record<string, T>>> {
  return made({ type: "object", description, additionalProperties: values.json }, values);
}

/** Text, number, true, false or null. */
export const plainValue: Schema<string | number | boolean | null> = made({
  type: ["string", "number", "boolean", "null"],
});

/** A field that may be left out. */
export function optional<T>(schema: Schema<T>): Schema<T, false> {
  return { json: schema.json, parts: schema.parts, isNeeded: false };
}

/** An object with these fields and no others. */
export function object<T>(description: string, fields: FieldSchemas<T>): Schema<T> {
  const entries = Object.entries<AnySchema>(fields);
  const needed = entries.filter(([, { isNeeded }]) => isNeeded).map(([name]) => name);
  return made(
    {
      type: "object",
      description,
      properties: Object.fromEntries(entries.map(([name, { json }]) => [name, json])),
      ...(needed.length === 0 ? {} : { required: needed }),
      additionalProperties: false,
    },
    ...entries.map(([, schema]) => schema),
  );
}

/** {@link object} that others refer to by its name. */
export function shared<T>(name: string, description: string, fields: FieldSchemas<T>): Schema<T> {
  const { json, parts } = object(description, fields);
  const reference = { $ref: `#/components/schemas/${name}` };
  return { json: reference, parts: new Map([[name, json], ...parts]), isNeeded: true };
}
