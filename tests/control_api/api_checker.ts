/** Holds answers and bodies against docs/openapi.json. */
import assert from "node:assert/strict";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { Answer } from "./http.ts";

/** JSON Schema, as far as it is looked into here. */
export type JsonSchema = Readonly<Record<string, unknown>>;

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>>;
}

/** An operation of the document. */
export interface Operation {
  readonly operationId: string;
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content>>;
}

/** The document, as far as it is looked into here. */
export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

/** The document in the repository. */
export function readDocument(): OpenApiDocument {
  return JSON.parse(
    Deno.readTextFileSync(new URL("../../docs/openapi.json", import.meta.url)),
  );
}

/** Checks against one document. */
export class ApiChecker {
  private readonly ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
  private readonly compiled = new Map<string, ValidateFunction>();

  constructor(readonly document: OpenApiDocument = readDocument()) {
    this.ajv.addVocabulary(["components"]);
  }

  /** The operation that a request is; `path` as in the table of routes. */
  operation(method: string, path: string): Operation {
    const found = this.document.paths[path.replace("NAME", "{name}")]?.[method.toLowerCase()];
    assert.ok(found !== undefined, `the document has no ${method} ${path}`);
    return found;
  }

  /** What is wrong with `value`; empty: it fits. */
  problems(schema: JsonSchema, value: unknown): string {
    const key = JSON.stringify(schema);
    let validate = this.compiled.get(key);
    if (validate === undefined) {
      validate = this.ajv.compile({ ...schema, components: this.document.components });
      this.compiled.set(key, validate);
    }
    return validate(value) ? "" : this.ajv.errorsText(validate.errors);
  }

  /** @throws AssertionError when the document does not allow this answer */
  checkAnswer(method: string, path: string, answer: Answer): void {
    const { responses } = this.operation(method, path);
    const label = `${method} ${path}: ${answer.status} ${answer.text.slice(0, 300)}`;
    const response = responses[answer.status] ?? responses.default!;
    if (answer.text === "") {
      assert.equal(response.content, undefined, `${label}: has no body`);
      return;
    }
    const type = String(answer.headers["content-type"]).split(";")[0]!;
    const content = response.content?.[type];
    assert.ok(content !== undefined, `${label}: ${type} is not in the document`);
    if (type !== "application/json") return;
    assert.equal(this.problems(content.schema, JSON.parse(answer.text)), "", label);
  }

  /** What is wrong with the body of a request. */
  bodyProblems(method: string, path: string, body: unknown): string {
    const { requestBody } = this.operation(method, path);
    return this.problems(requestBody!.content!["application/json"]!.schema, body);
  }

  /** What is wrong with an event of the stream. */
  eventProblems(event: unknown): string {
    const { responses } = this.operation("GET", "/v1/events");
    return this.problems(responses[200]!.content!["application/json"]!.schema, event);
  }
}
