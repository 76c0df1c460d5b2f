/** The rules of the house hold in the tree, and each rule notices a planted breach. */
import assert from "node:assert/strict";
import {
  deadLinks,
  FILE_RULES,
  fileLengthWarning,
  type Finding,
  linkedDocs,
  pinnedPackages,
  type SourceFile,
} from "./rules.ts";
import { findFunctions } from "./functions.ts";
import { stripNonCode } from "./strip.ts";
import { repositoryRoot } from "../support/program.ts";

/** Not part of the project: git's own, and what .gitignore names. */
const SKIPPED_NAMES = new Set([".git", "node_modules", "dist", ".cache", "tmp"]);
const TEXT_NAMES =
  /(\.(ts|md|json|toml|sh|txt|yml|yaml|svg|c|h|service|html|css)|\/run|LICENSE|\.gitignore)$/;

function readTree(): { files: SourceFile[]; paths: Set<string> } {
  const files: SourceFile[] = [];
  const paths = new Set<string>();
  const visit = (directory: string) => {
    for (const entry of Deno.readDirSync(repositoryRoot + directory)) {
      if (SKIPPED_NAMES.has(entry.name)) continue;
      const path = directory + entry.name;
      if (entry.isDirectory) visit(`${path}/`);
      else {
        paths.add(path);
        if (TEXT_NAMES.test(`/${path}`)) {
          files.push({ path, text: Deno.readTextFileSync(repositoryRoot + path) });
        }
      }
    }
  };
  visit("");
  return { files, paths };
}

const tree = readTree();

function assertNone(findings: readonly Finding[]): void {
  assert.equal(findings.length, 0, `\n${findings.join("\n")}`);
}

for (const [name, rule] of Object.entries(FILE_RULES)) {
  Deno.test(`tidy: ${name} holds in the tree`, () => assertNone(tree.files.flatMap(rule)));
}

Deno.test("tidy: the tree that is read is the project", () => {
  assert.ok(tree.files.some(({ path }) => path === "deno.json"));
  assert.ok(tree.files.filter(({ path }) => path.startsWith("src/")).length > 10);
});

Deno.test("tidy: files close to the limit are named", () => {
  // Shown, not failed: the time to split a file is before it is too long.
  // deno-lint-ignore no-console
  for (const finding of tree.files.flatMap(fileLengthWarning)) console.warn(finding);
  assert.equal(fileLengthWarning(sample("src/ring/a.ts", "x\n".repeat(401))).length, 1);
});

Deno.test("tidy: packages are pinned in deno.json", () => {
  const denoJson = tree.files.find(({ path }) => path === "deno.json")!.text;
  assertNone(pinnedPackages(denoJson, tree.files));
});

Deno.test("tidy: every document is linked, and every link leads somewhere", () => {
  assertNone(linkedDocs(tree.files));
  assertNone(deadLinks(tree.files, tree.paths));
});

const sample = (path: string, text: string): SourceFile => ({ path, text });

/** A breach of each rule, and next to it something allowed that looks like one. */
const SAMPLES: Record<string, { bad: SourceFile[]; good: SourceFile[] }> = {
  fileLength: {
    bad: [sample("src/ring/a.ts", "x;\n".repeat(501))],
    good: [sample("src/ring/a.ts", "x;\n".repeat(500)), sample("tests/a.ts", "x;\n".repeat(900))],
  },
  lineLength: {
    bad: [sample("src/ring/a.ts", `const a = "${"x".repeat(100)}";`)],
    good: [sample("src/ring/a.ts", `// https://${"x".repeat(100)}`)],
  },
  functionLength: {
    bad: [
      sample("src/ring/a.ts", `function f(): void {\n${"x();\n".repeat(70)}}`),
      sample("src/ring/a.ts", `const f = (a: number) => {\n${"x();\n".repeat(70)}};`),
      sample("src/ring/a.ts", `class A {\n  f(a: number): string[] {\n${"x();\n".repeat(70)}}\n}`),
    ],
    good: [
      sample("src/ring/a.ts", `class A {\n${"x(): void {}\n".repeat(80)}}`),
      sample("src/ring/a.ts", `if (a) {\n${"x();\n".repeat(80)}}`),
      sample("src/ring/a.ts", `const table = {\n${"a: 1,\n".repeat(80)}};`),
    ],
  },
  layers: {
    bad: [
      sample("src/ring/a.ts", `import { b } from "../rtrs/b.ts";`),
      sample("src/ublk/a.ts", `import { b } from "../nbd/b.ts";`),
      sample("src/nbd/a.ts", `export { b } from "../ublk/b.ts";`),
      sample("src/ffi/a.ts", `const b = await import("../ring/b.ts");`),
      sample("src/ring/a.ts", `new Worker(new URL("../rnbd/worker.ts", import.meta.url));`),
      sample("src/cli/a.ts", `import { b } from "../../tests/support/b.ts";`),
      sample("src/other/a.ts", `import { b } from "../ring/b.ts";`),
    ],
    good: [
      sample("src/rtrs/a/a.ts", `import { b } from "../../ring/b.ts";\nimport "../b.ts";`),
      sample("mod.ts", `import { b } from "./src/cli/b.ts";`),
      sample("src/cli/a.ts", `import { b } from "smol-toml";`),
      sample("src/cli/a.ts", `import demo from "../../config/demo.toml" with { type: "text" };`),
      sample("src/ring/a.ts", `new Worker(new URL("worker.ts", import.meta.url));`),
    ],
  },
  nativeCalls: {
    bad: [
      sample("src/ring/a.ts", `Deno.dlopen("x", {});`),
      sample("src/rtrs/a.ts", `new Deno.UnsafePointerView(p)`),
    ],
    good: [
      sample("src/ffi/a.ts", `Deno.dlopen("x", {});`),
      sample("src/ring/a.ts", `// Deno.dlopen is called in src/ffi`),
    ],
  },
  consoleCalls: {
    bad: [sample("src/appliance/a.ts", `console.error(1);`)],
    good: [
      sample("src/cli/a.ts", `console.error(1);`),
      sample("src/ring/a.ts", `const a = "console.log";`),
    ],
  },
  leftForLater: {
    bad: [sample("src/ring/a.ts", `// ${"TO" + "DO"}: more`)],
    good: [sample("src/ring/a.ts", `// Nothing is to do.`)],
  },
  anyType: {
    bad: [
      sample("src/ring/a.ts", `const a: any = 1;`),
      sample("tests/a.ts", `(b as any).c`),
      sample("tests/a.ts", `const a: Array<any> = [];`),
    ],
    good: [
      sample("src/ring/a.ts", `/** Removes: any of them. */\nconst a = "as any";`),
      sample("src/ring/a.ts", `const o = { any: 1 };`),
    ],
  },
  importSources: {
    bad: [
      sample("src/ring/a.ts", `import { b } from "jsr:@std/b";`),
      sample("tests/a.ts", `import b from "npm:b@1.0.0";`),
      sample("bench/a.ts", `import b from "https://example.org/b.ts";`),
    ],
    good: [
      sample("src/ring/a.ts", `import { b } from "node:os";`),
      sample("src/ring/a.ts", `new URL("http://localhost/");`),
    ],
  },
  exportComments: {
    bad: [
      sample("src/ring/a.ts", `export const a = 1;`),
      sample("src/ring/a.ts", `/** Of b. */\nconst b = 1;\n\nexport function a() {}`),
      sample("src/ring/a.ts", `/* Plain. */\nexport class A {}`),
    ],
    good: [
      sample("src/ring/a.ts", `/** Says. */\nexport const a = 1;`),
      sample("src/ring/a.ts", `/**\n * Both.\n */\nexport const a = 1;\nexport const b = 2;`),
      sample("tests/a.ts", `export const a = 1;`),
      sample("mod.ts", `export type { A } from "./src/ring/a.ts";`),
    ],
  },
  machinePaths: {
    bad: [
      sample("docs/a.md", `see ${"/wo" + "rk/"}a`),
      sample("src/ring/a.ts", `"${"/ro" + "ot/"}x"`),
    ],
    good: [
      sample("docs/a.md", `see docs${"/wo" + "rk/"}a and https://example.org${"/ho" + "me/"}`),
    ],
  },
};

for (const name of Object.keys(FILE_RULES)) {
  Deno.test(`tidy: ${name} notices a breach and lets the rest pass`, () => {
    const { bad, good } = SAMPLES[name]!;
    for (const file of bad) assert.notDeepEqual(FILE_RULES[name]!(file), [], file.text);
    for (const file of good) assertNone(FILE_RULES[name]!(file));
  });
}

Deno.test("tidy: an inexact or unlisted package is noticed", () => {
  const file = sample("src/ring/a.ts", `import { b } from "other";`);
  assert.equal(pinnedPackages(`{"imports":{"a":"npm:a@^1.0.0"}}`, []).length, 1);
  assert.equal(pinnedPackages(`{"imports":{"a":"npm:a@1.0.0"}}`, [file]).length, 1);
  assertNone(pinnedPackages(`{"imports":{"other":"npm:@x/other@1.0.0"}}`, [file]));
});

Deno.test("tidy: an unlinked document and a dead link are noticed", () => {
  const readme = sample("README.md", "[a](docs/a.md)");
  const a = sample("docs/a.md", "[self](a.md)");
  assert.equal(linkedDocs([readme, a, sample("docs/b.md", "")]).length, 1);
  assert.equal(linkedDocs([a]).length, 1);
  assertNone(linkedDocs([readme, a]));
  assert.equal(deadLinks([readme], new Set(["README.md"])).length, 1);
  assertNone(deadLinks([readme], new Set(["docs/a.md"])));
});

Deno.test("tidy: comments, strings, templates and expressions are blanked, code is not", () => {
  const code = "a(/[/{]/.exec(s), `x ${ { b: `{` } } {`, '}', \"{\"); // {\n/* } */ c / d / e;";
  const stripped = stripNonCode(code);
  assert.equal(stripped.length, code.length);
  assert.equal(stripped.replace(/\s+/g, " ").replace(/[`'"/ ]/g, ""), "a(.exec(s),${{b:}},,);cde;");
});

Deno.test("tidy: functions are found by their braces", () => {
  const code = "class A {\n  m(a: B<C>): Promise<void> {\n    if (x) {\n    }\n  }\n}\n" +
    "const f = () => {\n};\nwhile (a) {\n}\n";
  assert.deepEqual(findFunctions(code), [
    { firstLine: 2, lastLine: 5 },
    { firstLine: 7, lastLine: 8 },
  ]);
});
