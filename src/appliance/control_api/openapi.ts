/** The API described for programs: an OpenAPI 3.1 document, made of the table of routes. */
import { VERSION as PROGRAM_VERSION } from "../version.ts";
import type { JsonSchema } from "./api_schema.ts";
import { FAILURE } from "./result_schemas.ts";
import type { QueryParameter, Route, RouteAnswer } from "./route.ts";
import { ROUTES } from "./routes.ts";

const DESCRIPTION = "On the Unix socket control.sock in node.runtime_dir; what has the method " +
  "GET also on control-ro.sock and on the address of [control] http, where these are switched " +
  "on. Within v1 fields may be added to answers, nothing else changes.";

let document: string | undefined;

/** `docs/openapi.json`, with a line end. */
export function openApiText(): string {
  document ??= JSON.stringify(openApiDocument(), null, 2) + "\n";
  return document;
}

function openApiDocument(): JsonSchema {
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const route of ROUTES) {
    const path = route.path.replace("NAME", "{name}");
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "rnbd-appliance control API",
      version: PROGRAM_VERSION,
      description: DESCRIPTION,
    },
    servers: [{ url: "http://localhost", description: "the Unix socket" }],
    paths,
    components: { schemas: sharedSchemas() },
  };
}

function operation(route: Route): JsonSchema {
  const parameters = [
    ...(route.path.includes("NAME") ? [NAME_PARAMETER] : []),
    ...(route.query ?? []).map(queryParameter),
  ];
  return {
    operationId: route.operation,
    summary: route.summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined ? {} : {
      requestBody: { required: true, content: { "application/json": { schema: route.body.json } } },
    }),
    responses: responses(route.answers),
  };
}

const NAME_PARAMETER = {
  name: "name",
  in: "path",
  required: true,
  schema: { type: "string", minLength: 1 },
};

function queryParameter({ name, schema, isNeeded, isList }: QueryParameter): JsonSchema {
  const { description, ...json } = schema.json;
  return {
    name,
    in: "query",
    description,
    ...(isNeeded ? { required: true } : {}),
    schema: isList ? { type: "array", items: json } : json,
  };
}

function responses(answers: RouteAnswer | undefined): JsonSchema {
  const failure = {
    description: "it failed, and why",
    content: { "application/json": { schema: FAILURE.json } },
  };
  if (answers === undefined) {
    return { "204": { description: "it is done" }, default: failure };
  }
  const { description, status = 200, otherStatus } = answers;
  const content = responseContent(answers);
  return {
    [status]: { description, content },
    ...(otherStatus === undefined ? {} : { [otherStatus]: { description, content } }),
    default: failure,
  };
}

/** Texts that can be had as JSON too have both; a stream's schema is that of one event's data. */
function responseContent({ contentType, schema }: RouteAnswer): JsonSchema {
  const json = schema === undefined ? {} : { schema: schema.json };
  if (contentType === undefined) return { "application/json": json };
  const [type] = contentType.split(";");
  if (type === "text/event-stream") {
    return { [type]: { schema: { type: "string" } }, "application/json": json };
  }
  if (type === "application/json") return { [type]: { schema: { type: "object" } } };
  const plain = { [type!]: { schema: { type: "string" } } };
  return schema === undefined ? plain : { ...plain, "application/json": json };
}

function sharedSchemas(): JsonSchema {
  const schemas = [FAILURE, ...ROUTES.flatMap(({ body, answers }) => [body, answers?.schema])];
  const parts = schemas.flatMap((schema) => [...schema?.parts ?? []]);
  return Object.fromEntries(parts.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0));
}
