/** The JSON Schema for editors and the loader mean the same. */
import { Ajv } from "ajv";
import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { parseConfig } from "../../src/appliance/config/load_config.ts";
import { TABLES } from "../../src/appliance/config/schema.ts";
import { readCaseFiles } from "./case_files.ts";

const SCHEMA = new URL("../../docs/config.schema.json", import.meta.url);
const EXAMPLES = new URL("../../config/", import.meta.url);
const ENVIRONMENT = { hostName: "host", uid: 1000, xdgRuntimeDir: undefined, cores: 8 };

const accepts = new Ajv({ allErrors: true }).compile(JSON.parse(Deno.readTextFileSync(SCHEMA)));

/** What the schema says of a text, one line an error; `no TOML` where it is none. */
function schemaErrors(text: string): string[] {
  let root: unknown;
  try {
    root = parse(text);
  } catch {
    return ["no TOML"];
  }
  if (accepts(root)) return [];
  return accepts.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`);
}

for (const { name } of Deno.readDirSync(EXAMPLES)) {
  Deno.test(`the schema accepts the example config/${name}`, () => {
    assert.deepEqual(schemaErrors(Deno.readTextFileSync(new URL(name, EXAMPLES))), []);
  });
}

Deno.test("the schema refuses wrong types, misspelt keys and numbers out of range", () => {
  const isSeen =
    / is no (string|integer|boolean|size|list|table|list of tables)\b|is unknown; |is out of range; use a whole/;
  // For a JSON Schema 5.0 is an integer.
  const isForLoader = / floating-point number \d+\.0 /;
  let seen = 0;
  for (const { cases } of readCaseFiles()) {
    for (const { title, files, errors } of cases) {
      for (const { file, text } of files) {
        const own = errors.filter((error) => error.startsWith(`${file}:`) && isSeen.test(error));
        if (own.every((error) => isForLoader.test(error))) continue;
        assert.notDeepEqual(schemaErrors(text), [], `${title}: ${own}`);
        seen++;
      }
    }
  }
  assert.ok(seen >= 120, `only ${seen}`);
});

Deno.test("the schema has every key with its default, which the loader takes", () => {
  const lines: Record<string, string> = {
    "[server]": 'listen = ["ip:192.0.2.1"]\ndev_search_path = "/srv"\n',
    "[[server.export]]": 'device_path = "a"\n',
    "[[session]]": 'sessname = "s"\npaths = ["ip:192.0.2.1"]\n',
    "[[mapping]]": 'sessname = "s"\ndevice_path = "d"\n',
  };
  const before: Record<string, string> = {
    "[[server.export]]": `[server]\n${lines["[server]"]}`,
    "[[mapping]]": `[[session]]\n${lines["[[session]]"]}`,
  };
  const read = (header: string, line: string) => {
    const text = `${before[header] ?? ""}${header}\n${lines[header] ?? ""}${line}\n`;
    assert.deepEqual(schemaErrors(text), [], text);
    return parseConfig(text, null, ENVIRONMENT);
  };
  for (const { header, keys } of TABLES) {
    for (const [name, { schema }] of Object.entries(keys)) {
      // It has no meaning by itself.
      if (schema.default === undefined || name === "read_only_socket_mode") continue;
      const given = read(header, `${name} = ${JSON.stringify(schema.default)}`);
      assert.deepEqual(given, read(header, ""), `${header} ${name}`);
    }
  }
});

Deno.test("what a single file need not say is not asked of it", () => {
  assert.deepEqual(schemaErrors('[[server.export]]\ndevice_path = "a"\n'), []);
  assert.deepEqual(schemaErrors("[server]\nport = 1\n"), []);
  assert.deepEqual(schemaErrors('[[mapping]]\nsessname = "s"\n').length, 1);
});
