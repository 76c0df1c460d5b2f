/** Every wrong configuration is told with its place, and everything wrong in it at once. */
import assert from "node:assert/strict";
import type { ConfigText } from "../../src/appliance/config/config_files.ts";
import { parseConfigFiles } from "../../src/appliance/config/load_config.ts";
import { ConfigError } from "../../src/appliance/config/problems.ts";
import { TABLES } from "../../src/appliance/config/schema.ts";
import { formatCaseFile, parseCaseFile, readCaseFiles, writeCaseFile } from "./case_files.ts";

const ENVIRONMENT = { hostName: "host", uid: 1000, xdgRuntimeDir: undefined, cores: 8 };
const CASE_FILES = readCaseFiles();
const CASES_MIN = 250;
const CASE_FILE_LINES_MAX = 400;

function errorsOf(files: readonly ConfigText[]): string[] {
  try {
    parseConfigFiles(files, ENVIRONMENT);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.exitCode, 78);
    return error.message.split("\n");
  }
}

if (Deno.env.get("SNAP_UPDATE") === "1") {
  for (const file of CASE_FILES) {
    const cases = file.cases.map((each) => ({ ...each, errors: errorsOf(each.files) }));
    writeCaseFile({ ...file, cases });
  }
}

for (const { name, cases } of readCaseFiles()) {
  Deno.test(`wrong configurations are told: ${name}`, async (test) => {
    for (const { title, files, errors } of cases) {
      await test.step(title, () => assert.deepEqual(errorsOf(files), errors));
    }
  });
}

Deno.test("files of cases stay as they are when they are read and written, short, not empty", () => {
  for (const file of CASE_FILES) {
    const text = Deno.readTextFileSync(new URL(`cases/${file.name}`, import.meta.url));
    assert.equal(formatCaseFile(parseCaseFile(file.name, text)), text, file.name);
    assert.ok(text.split("\n").length <= CASE_FILE_LINES_MAX, file.name);
    for (const { title, errors } of file.cases) assert.ok(errors.length > 0, title);
  }
  const titles = CASE_FILES.flatMap(({ name, cases }) => cases.map(({ title }) => name + title));
  assert.equal(new Set(titles).size, titles.length, "two cases have one title");
  assert.ok(titles.length >= CASES_MIN, `${titles.length} cases`);
});

/** What the value of a key of each type is told when it has the type and is still wrong. */
const WRONG_VALUE: Readonly<Record<string, RegExp | null>> = {
  integer: /: -?\d+ is (out of range|not possible); use /,
  size: /: \S+ is out of range; use /,
  boolean: null,
  choice: /: "[^"]*" is unknown; use /,
  string: /: (?!.* is no string; )(?!is (missing|given twice))/,
  "list of strings": /: is empty; use /,
};

/** What there has to be a case of, for each key of the schema. */
function missingCases(lines: readonly string[]): string[] {
  const missing: string[] = [];
  for (const { header, keys } of TABLES) {
    const table = header.replaceAll(/[[\]]/g, "");
    for (const [name, { type, allowed }] of Object.entries(keys)) {
      const own = lines.flatMap((line) => line.split(`: ${table}.${name}`, 2)[1] ?? []);
      const expected: [string, RegExp | null][] = [
        ["wrong type", / is no (string|integer|boolean|size|list); use /],
        ["wrong value", WRONG_VALUE[type]!],
        ["given twice", /^: is given twice, first at /],
      ];
      for (const [kind, pattern] of expected) {
        if (pattern !== null && !own.some((message) => pattern.test(message))) {
          missing.push(`${table}.${name}: ${kind} (${allowed})`);
        }
      }
      const misspelt = `: is unknown; did you mean "${name}"?`;
      if (!lines.some((line) => line.includes(`: ${table}.`) && line.endsWith(misspelt))) {
        missing.push(`${table}.${name}: misspelt`);
      }
    }
    const isKnown = (line: string) => line.includes(`: is unknown; ${header} knows "`);
    if (!lines.some(isKnown)) missing.push(`${header}: unknown key`);
  }
  return missing;
}

Deno.test("every key has its cases: wrong type, wrong value, misspelt, given twice", () => {
  const lines = CASE_FILES.flatMap(({ cases }) => cases.flatMap(({ errors }) => errors));
  assert.deepEqual(missingCases(lines), []);
  // The proof that a missing one would be noticed: leave those of one key out.
  const without = lines.filter((line) => !line.includes("session.dest_port"));
  assert.deepEqual(missingCases(without).map((text) => text.replace(/ \(.*/, "")), [
    "session.dest_port: wrong type",
    "session.dest_port: wrong value",
    "session.dest_port: given twice",
  ]);
});

Deno.test("every error names its file, its place, and the right form", () => {
  for (const { cases } of CASE_FILES) {
    for (const { title, files, errors } of cases) {
      for (const error of errors) {
        const [, name, line, column] = /^([^:]+):(\d+):(\d+): ./.exec(error) ?? [];
        const lines = files.find(({ file }) => file === name)?.text.split("\n");
        assert.ok(lines !== undefined, `${title}: ${error}`);
        assert.ok(lines[Number(line) - 1]!.length + 1 >= Number(column), `${title}: ${error}`);
        assert.match(error, /[;:] |expected |did you mean/, title);
      }
    }
  }
});

/** A file of one table with one line, and the number of that line. */
function tableWith(header: string, line: string): { files: ConfigText[]; line: number } {
  const isServer = header === "[server]";
  const text = `[server]\n${isServer ? "" : `${header}\n`}  ${line}\n`;
  return { files: [{ file: "f", text }], line: isServer ? 2 : 3 };
}

Deno.test("every key refuses a wrong type, at the value", () => {
  for (const { header, keys } of TABLES) {
    for (const name of Object.keys(keys)) {
      const { files, line } = tableWith(header, `${name} = { a = 1 }`);
      const key = `${header.replaceAll(/[[\]]/g, "")}.${name}`;
      const place = `f:${line}:${name.length + 6}: ${key}: `;
      const found = errorsOf(files).filter((error) => error.startsWith(place));
      assert.equal(found.length, 1, `${header} ${name}: ${errorsOf(files)}`);
      assert.match(found[0]!, /a table is no (string|integer|boolean|size|list); use /);
    }
  }
});

Deno.test("every key with one letter left out is recognised, at the key", () => {
  for (const { header, keys } of TABLES) {
    for (const name of Object.keys(keys)) {
      const { files, line } = tableWith(header, `${name.slice(0, -1)} = 1`);
      const found = errorsOf(files).find((error) => error.startsWith(`f:${line}:3: `)) ?? "";
      assert.ok(found.endsWith(`is unknown; did you mean "${name}"?`), `${name}: ${found}`);
    }
  }
});

Deno.test("a control character in a string is told without printing it", () => {
  const errors = errorsOf([{ file: "f", text: '[node]\nname = "a\u0007b"\n' }]);
  const message =
    "the string holds a control character; write it as an escape such as \\t or \\u0007";
  assert.deepEqual(errors, [`f:2:10: node.name: ${message}`]);
});

Deno.test("very many errors: the first ones in the order of the files, and how many follow", () => {
  const text = (name: string) =>
    Array.from({ length: 150 }, (_, i) => `${name}${i} = 1`).join("\n");
  const errors = errorsOf([{ file: "z", text: text("first") }, { file: "a", text: text("then") }]);
  assert.equal(errors.length, 201);
  assert.match(errors[149]!, /^z:150:1: first149: /);
  assert.match(errors[150]!, /^a:1:1: then0: /);
  assert.equal(errors.at(-1), "a:50:1: 100 more errors follow; correct these first");
});
