/** The reference part of docs/control-api.md, made of the OpenAPI document. */

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly $ref?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly multipleOf?: number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: JsonSchema }>>;
}

interface Operation {
  readonly summary: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly description?: string;
    readonly schema: JsonSchema;
  }[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content & { readonly description: string }>>;
}

/** What the reference needs of an OpenAPI document. */
export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

/** Markdown: all requests, their parameters and bodies, and every type of answer. */
export function apiReference({ paths, components }: ApiDocument): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      request: `${method.toUpperCase()} ${path.replace("{name}", "NAME")}`,
      operation,
    }))
  );
  const requests = table(
    ["request", "what for", "answer"],
    operations.map(({ request, operation }) => [
      `\`${request}\``,
      operation.summary,
      answerOf(operation),
    ]),
  );
  const bodies = operations.flatMap(({ request, operation }) => {
    const rows = [...queryRows(operation), ...bodyRows(operation)];
    if (rows.length === 0) return [];
    return [`### \`${request}\``, "", ...table(["field", "default", "meaning"], rows), ""];
  });
  const types = Object.entries(components.schemas).flatMap(([name, schema]) => {
    const rows = fieldRows(schema).map(({ path, schema }) => [`\`${path}\``, meaning(schema)]);
    return [
      `### ${name}`,
      "",
      `${schema.description}`,
      "",
      ...table(["field", "meaning"], rows),
      "",
    ];
  });
  return [
    "## Requests",
    "",
    ...requests,
    "",
    "## Parameters and bodies",
    "",
    ...bodies,
    "## Answers",
    "",
    ...types,
  ].join("\n");
}

function answerOf({ responses }: Operation): string {
  const [status, { description, content = {} }] = Object.entries(responses)[0]!;
  const schema = Object.values(content).map(({ schema }) => schema?.$ref).find(Boolean);
  const name = schema === undefined ? undefined : nameOf(schema);
  const link = name === undefined ? "" : ` ([${name}](#${name.toLowerCase()}))`;
  return `${status === "200" ? "" : `${status}: `}${description}${link}`;
}

function queryRows({ parameters = [] }: Operation): string[][] {
  return parameters.filter((parameter) => parameter.in === "query").map((parameter) => [
    `\`?${parameter.name}=\``,
    parameter.schema.default === undefined ? "" : code(parameter.schema.default),
    meaning({
      ...(parameter.schema.items ?? parameter.schema),
      ...describe(parameter.description),
    }),
  ]);
}

function bodyRows({ requestBody }: Operation): string[][] {
  const schema = requestBody?.content?.["application/json"]?.schema;
  if (schema === undefined) return [];
  return fieldRows(schema).filter(({ path }) => !path.endsWith("[]")).map((
    { path, schema, isNeeded },
  ) => [
    `\`${path}\``,
    schema.default === undefined ? isNeeded ? "needed" : "" : code(schema.default),
    meaning(schema),
  ]);
}

const describe = (description: string | undefined) =>
  description === undefined ? {} : { description };

interface Row {
  readonly path: string;
  readonly schema: JsonSchema;
  readonly isNeeded: boolean;
}

/** Fields of an object, those of objects and lists inside it too: `a.b`, `list[].c`. */
function fieldRows(schema: JsonSchema, prefix = ""): Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = prefix + name;
    const isNeeded = schema.required?.includes(name) ?? false;
    const rows: Row[] = [{ path, schema: field, isNeeded }];
    if (field.properties !== undefined) return [...rows, ...fieldRows(field, `${path}.`)];
    if (field.items?.properties !== undefined) {
      return [...rows, ...fieldRows(field.items, `${path}[].`)];
    }
    return rows;
  });
}

function meaning(schema: JsonSchema): string {
  const words = schema.enum?.filter((word) => word !== null).map(code).join(", ");
  const link = schema.$ref ?? schema.items?.$ref;
  const parts = [
    schema.description ?? "",
    words === undefined ? "" : words,
    bounds(schema),
    link === undefined ? "" : `${schema.items === undefined ? "" : "list of "}` +
      `[${nameOf(link)}](#${nameOf(link).toLowerCase()})`,
  ];
  return parts.filter((part) => part !== "").join("; ");
}

function bounds({ minimum, maximum, multipleOf }: JsonSchema): string {
  const range = maximum === undefined ? "" : `${minimum ?? 0} to ${maximum}`;
  const step = multipleOf === undefined ? "" : `a multiple of ${multipleOf}`;
  return [range, step].filter((part) => part !== "").join(", ");
}

const nameOf = (reference: string): string => reference.slice(reference.lastIndexOf("/") + 1);

const code = (value: unknown): string =>
  `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;

function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)];
}
