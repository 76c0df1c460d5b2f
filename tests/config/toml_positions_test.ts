/** Positions agree with what the TOML parser reads, on documents of every shape. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "smol-toml";
import { type TomlPath, TomlPositions } from "../../src/appliance/config/toml_positions.ts";

function lookUp(root: unknown, path: TomlPath): unknown {
  return path.reduce((value, part) => (value as Record<string | number, unknown>)[part], root);
}

function isPlainTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Date);
}

function allPaths(value: unknown, path: TomlPath = []): string[] {
  const own = path.length === 0 ? [] : [JSON.stringify(path)];
  if (Array.isArray(value)) {
    return [...own, ...value.flatMap((element, index) => allPaths(element, [...path, index]))];
  }
  if (!isPlainTable(value)) return own;
  return [...own, ...Object.keys(value).flatMap((name) => allPaths(value[name], [...path, name]))];
}

/** Every place that the parser knows is found, and the text there means what the parser read. */
function checkAgainstParser(text: string): void {
  const root = parse(text, { integersAsBigInt: true, maxDepth: 16 });
  const positions = new TomlPositions(text);
  const entries = [...positions.entries()];
  const found = entries.map(({ path }) => JSON.stringify(path));
  assert.deepEqual(found.toSorted(), allPaths(root).toSorted());
  for (const { path, keyAt, valueAt, valueEnd } of entries) {
    if (typeof path.at(-1) === "string") {
      const [, key] = /^("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)/.exec(text.slice(keyAt)) ?? [];
      assert.deepEqual(Object.keys(parse(`${key} = 0`)), [path.at(-1)]);
    }
    if (valueEnd === valueAt) continue;
    const again = parse(`x = ${text.slice(valueAt, valueEnd)}`, { integersAsBigInt: true });
    assert.deepEqual(again.x, lookUp(root, path));
    assert.equal(positions.offset(positions.at(valueAt)), valueAt);
  }
}

const bareKey = fc.stringMatching(/^[A-Za-z0-9_-]{1,6}$/);
const anyKey = fc.oneof(
  { weight: 4, arbitrary: bareKey },
  { weight: 1, arbitrary: fc.string({ maxLength: 6 }).map((name) => JSON.stringify(name)) },
  { weight: 1, arbitrary: fc.stringMatching(/^[ -&(-~]{0,6}$/).map((name) => `'${name}'`) },
);
const dotted = fc.array(anyKey, { minLength: 1, maxLength: 3 }).chain((parts) =>
  fc.constantFrom(".", " . ", "\t.").map((dot) => parts.join(dot))
);
const scalar = fc.constantFrom(
  "1",
  "-7",
  "0x1f",
  "1_000",
  "1.5",
  "inf",
  "true",
  "false",
  "1979-05-27",
  "1979-05-27 07:32:00",
  "1979-05-27T07:32:00Z",
  "07:32:00",
  '""',
  "''",
  '"a#b]},="',
  '"\\"\\\\"',
  "'c:\\d'",
  '"""\nlong "" text\\\n   # no comment\n"""',
  '"""ends in quotes"""""',
  "'''\n[no.table]\n'''",
  "'''x'''''",
);
const space = fc.constantFrom("", " ", "\t");
const gap = fc.constantFrom("", " ", "\n", "\n  ", " # note ] } \n", "\r\n");

const { value } = fc.letrec<{ value: string; array: string; table: string }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, scalar, tie("array"), tie("table")),
  array: fc.tuple(fc.array(fc.tuple(gap, tie("value"), gap), { maxLength: 3 }), fc.boolean(), gap)
    .map(([elements, hasComma, end]) => {
      const inner = elements.map((parts) => parts.join("")).join(",");
      return `[${inner}${hasComma && elements.length > 0 ? "," : ""}${end}]`;
    }),
  table: fc.array(fc.tuple(gap, dotted, space, tie("value"), gap), { maxLength: 3 }).map(
    (pairs) => {
      const inner = pairs.map(([before, key, blank, text, after]) =>
        `${before}${key}${blank}=${blank}${text}${after}`
      );
      return `{${inner.join(",")} }`;
    },
  ),
}));

const line = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(space, dotted, space, value, space).map((p) => p) },
  { weight: 2, arbitrary: dotted.map((key) => ["[", key, "]"]) },
  { weight: 2, arbitrary: dotted.map((key) => ["[[ ", key, " ]]  # again"]) },
  { weight: 1, arbitrary: fc.constantFrom([""], ["# comment = 1"], ["  "]) },
).map((parts) =>
  parts.length === 5 ? `${parts.slice(0, 3).join("")}=${parts.slice(3).join("")}` : parts.join("")
);
const document = fc.tuple(fc.array(line, { maxLength: 12 }), fc.constantFrom("\n", "\r\n"))
  .map(([lines, end]) => lines.join(end));

Deno.test("positions agree with the parser on every document that it accepts", () => {
  let accepted = 0;
  fc.assert(
    fc.property(document, (text) => {
      try {
        parse(text, { maxDepth: 16 });
      } catch {
        // Names that collide: the parser refuses, the scan must only come to an end.
        new TomlPositions(text);
        return;
      }
      accepted++;
      checkAgainstParser(text);
    }),
    { numRuns: 3000, seed: 7 },
  );
  assert.ok(accepted > 1000, `only ${accepted} documents were accepted`);
});

Deno.test("positions come to an end on any text", () => {
  const characters = fc.constantFrom(..."[]{}=.,\"'\\# \n\ta1é".split(""), '"""', "'''", "[[");
  fc.assert(
    fc.property(fc.array(characters, { maxLength: 40 }).map((parts) => parts.join("")), (text) => {
      for (const { keyAt, valueAt, valueEnd } of new TomlPositions(text).entries()) {
        assert.ok(keyAt <= valueAt && valueAt <= valueEnd && valueEnd <= text.length);
      }
    }),
    { numRuns: 5000, seed: 11 },
  );
});

Deno.test("positions of tables, lists of tables, quoted and dotted keys and long strings", () => {
  const text = [
    "\ufefftop = 1",
    "[a.b]",
    ' "quoted key" = """',
    "[not.a.table]",
    'x = 1"""',
    "[[list]]",
    "name = 'first'",
    "[[list]]",
    "  deep.er = { one = 1, two = [10,",
    "    20] }",
    "[a]",
    "late = true",
  ].join("\n");
  const positions = new TomlPositions(text);
  const key = (...path: TomlPath) => Object.values(positions.ofKey(path)).join(":");
  const at = (...path: TomlPath) => Object.values(positions.ofValue(path)).join(":");
  assert.equal(at("top"), "1:8");
  assert.equal(key("a", "b"), "2:4");
  assert.equal(key("a", "b", "quoted key"), "3:2");
  assert.equal(at("a", "b", "quoted key"), "3:17");
  assert.equal(at("list", 0, "name"), "7:8");
  assert.equal(key("list", 1), "8:3");
  assert.equal(key("list", 1, "deep", "er"), "9:8");
  assert.equal(at("list", 1, "deep", "er", "two", 1), "10:5");
  assert.equal(key("a"), "11:2", "the table's own header, not the one that implied it");
  assert.equal(at("list", 1, "missing"), "8:3", "the nearest ancestor");
  assert.equal(at("nowhere"), "1:1");
});
