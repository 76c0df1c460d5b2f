/** The schemas of docs/openapi.json, to hold what the command line prints against them. */
import Ajv2020 from "ajv/dist/2020.js";
import assert from "node:assert/strict";
import openapi from "../../docs/openapi.json" with { type: "json" };

interface Validator {
  (value: unknown): boolean;
  readonly errors?: unknown;
}

// The package's types say that the module is the class; Deno gives the module.
const Ajv = Ajv2020 as unknown as new (options: object) => {
  addSchema(schema: object, key: string): void;
  compile(schema: object): Validator;
};

const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema(openapi, "openapi");

/** Fails unless `value` is as the schema `name` says. */
export function assertSchema(name: string, value: unknown): void {
  assert.ok(Object.hasOwn(openapi.components.schemas, name), `no schema ${name}`);
  const validate = ajv.compile({ $ref: `openapi#/components/schemas/${name}` });
  assert.ok(validate(value), `${name}: ${JSON.stringify(validate.errors)}`);
}

/** {@link assertSchema} for each of several. */
export function assertSchemas(name: string, values: readonly unknown[]): void {
  for (const value of values) assertSchema(name, value);
}
