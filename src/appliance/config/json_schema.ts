/** The config file as a JSON Schema (draft 7): editors complete and check it with that. */
import type { JsonSchema } from "./keys.ts";
import { CONTROL, MAPPING, NODE, SERVER, SERVER_EXPORT, SESSION } from "./schema.ts";
import type { TABLES } from "./schema.ts";

type AnyTable = typeof TABLES[number];

/**
 * The schema of the main file and of drop-ins. What no single file has to say (the required keys of
 * `[server]` may stand in another one) and what depends on several keys is left to `check`.
 */
export function configSchema(): JsonSchema {
  const serverExport = list(SERVER_EXPORT);
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "rnbd-appliance",
    description: "The config file of rnbd-appliance, and the drop-ins beside it.",
    type: "object",
    properties: {
      node: table(NODE),
      control: table(CONTROL),
      server: table(SERVER, { export: serverExport }),
      session: list(SESSION),
      mapping: list(MAPPING),
    },
    additionalProperties: false,
  };
}

function table({ keys, doc }: AnyTable, subtables: JsonSchema = {}): JsonSchema {
  const properties = Object.entries(keys).map(([name, { doc, allowed, fallbackText, schema }]) => {
    const fallback = fallbackText === null ? "" : ` Default: ${fallbackText}.`;
    return [name, { description: `${doc}\n\nValue: ${allowed}.${fallback}`, ...schema }];
  });
  return {
    description: doc,
    type: "object",
    properties: { ...Object.fromEntries(properties), ...subtables },
    additionalProperties: false,
  };
}

function list(spec: AnyTable): JsonSchema {
  const names = Object.entries(spec.keys).flatMap(([name, { fallbackText }]) =>
    fallbackText === null ? [name] : []
  );
  const { description, ...items } = table(spec);
  return { description, type: "array", items: { ...items, required: names } };
}
