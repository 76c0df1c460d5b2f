/** Every wrong configuration is told with its place, and everything wrong in a file at once. */
import assert from "node:assert/strict";
import { parseConfig } from "../../src/appliance/config/load_config.ts";
import { ConfigError } from "../../src/appliance/config/problems.ts";
import { TABLES } from "../../src/appliance/config/schema.ts";
import { ERROR_CASES } from "./error_cases.ts";

const ENVIRONMENT = { hostName: "host", uid: 1000, xdgRuntimeDir: undefined, cores: 8 };

function errorsOf(toml: string): string[] {
  try {
    parseConfig(toml, "f", ENVIRONMENT);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.exitCode, 78);
    return error.message.split("\n");
  }
}

for (const { name, toml, errors } of ERROR_CASES) {
  Deno.test(`a wrong configuration is told: ${name}`, () => {
    assert.deepEqual(errorsOf(toml), errors.map((error) => `f:${error}`));
  });
}

Deno.test("every key refuses a wrong type, at the value", () => {
  for (const { header, keys } of TABLES) {
    for (const name of Object.keys(keys)) {
      const toml = `[server]\n${header === "[server]" ? "" : header + "\n"}  ${name} = { a = 1 }\n`;
      const line = header === "[server]" ? 2 : 3;
      const key = `${header.replaceAll(/[[\]]/g, "")}.${name}`;
      const place = `f:${line}:${name.length + 6}: ${key}: `;
      const found = errorsOf(toml).filter((error) => error.startsWith(place));
      assert.equal(found.length, 1, `${header} ${name}: ${errorsOf(toml)}`);
      assert.match(found[0]!, /a table is no (string|integer|boolean|size|list); use /);
    }
  }
});

Deno.test("every key with one letter left out is recognised, at the key", () => {
  for (const { header, keys } of TABLES) {
    for (const name of Object.keys(keys)) {
      const misspelt = name.slice(0, -1);
      const toml = `[server]\n${header === "[server]" ? "" : header + "\n"}  ${misspelt} = 1\n`;
      const line = header === "[server]" ? 2 : 3;
      const found = errorsOf(toml).find((error) => error.startsWith(`f:${line}:3: `)) ?? "";
      assert.ok(found.endsWith(`is unknown; did you mean "${name}"?`), `${name}: ${found}`);
    }
  }
});

Deno.test("a file with very many errors lists the first ones and how many follow", () => {
  const errors = errorsOf(Array.from({ length: 300 }, (_, i) => `key${i} = 1`).join("\n"));
  assert.equal(errors.length, 201);
  assert.equal(errors.at(-1), "f:200:1: 100 more errors follow; correct these first");
});
