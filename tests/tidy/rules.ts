/**
 * The rules of the house as pure functions: text of one file (or the list of all) in, findings out.
 * `tidy_test.ts` applies them to the tree and proves that each of them notices its planted sample.
 */
import { dirname, join } from "node:path/posix";
import { findFunctions } from "./functions.ts";
import { stripNonCode } from "./strip.ts";

/** One file of the tree; `path` is relative to the root. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** A file and what is wrong with it: `path:line: message`. */
export type Finding = string;

/** A rule on one file. */
export type FileRule = (file: SourceFile) => Finding[];

const FILE_LINES_MAX = 500;
const FILE_LINES_WARN = 400;
const LINE_COLUMNS_MAX = 100;
const FUNCTION_LINES_MAX = 70;

/** Folders of `src/` in the order of the layers; those of one entry do not know each other. */
const LAYERS: readonly (readonly string[])[] = [
  ["ffi"],
  ["ring"],
  ["fabric"],
  ["rtrs"],
  ["rnbd"],
  ["ublk", "nbd"],
  ["appliance"],
  ["cli"],
];

const isSource = ({ path }: SourceFile) => path.startsWith("src/") && path.endsWith(".ts");
const isProgram = (file: SourceFile) => isSource(file) || file.path === "mod.ts";
const isTypeScript = ({ path }: SourceFile) => path.endsWith(".ts");

/** A rule that reports each line of the code (not comments, not strings) that matches. */
function codePattern(
  applies: (file: SourceFile) => boolean,
  pattern: RegExp,
  message: string,
): FileRule {
  return (file) => applies(file) ? matches(file, stripNonCode(file.text), pattern, message) : [];
}

/** A rule that reports each line of the text, comments and all, that matches. */
function textPattern(
  applies: (file: SourceFile) => boolean,
  pattern: RegExp,
  message: string,
): FileRule {
  return (file) => applies(file) ? matches(file, file.text, pattern, message) : [];
}

function matches(file: SourceFile, text: string, pattern: RegExp, message: string): Finding[] {
  return text.split("\n").flatMap((line, index) =>
    pattern.test(line) ? [`${file.path}:${index + 1}: ${message}`] : []
  );
}

const lineCount = (text: string) => text.trimEnd().split("\n").length;

/** No file in src over 500 lines. */
export const fileLength: FileRule = (file) =>
  isSource(file) && lineCount(file.text) > FILE_LINES_MAX
    ? [`${file.path}:1: ${lineCount(file.text)} lines; at most ${FILE_LINES_MAX}`]
    : [];

/** Files in src that come close to the limit: shown, not failed. */
export const fileLengthWarning: FileRule = (file) =>
  isSource(file) && lineCount(file.text) > FILE_LINES_WARN
    ? [`${file.path}:1: ${lineCount(file.text)} lines; split it before it reaches 500`]
    : [];

/** No line over 100 columns, but for addresses that cannot be broken. */
export const lineLength: FileRule = (file) =>
  !isProgram(file)
    ? []
    : file.text.split("\n").flatMap((line, index) =>
      line.length > LINE_COLUMNS_MAX && !line.includes("://")
        ? [`${file.path}:${index + 1}: ${line.length} columns; at most ${LINE_COLUMNS_MAX}`]
        : []
    );

/** No function over 70 lines. */
export const functionLength: FileRule = (file) =>
  !isProgram(file) ? [] : findFunctions(stripNonCode(file.text)).flatMap((span) => {
    const lines = span.lastLine - span.firstLine + 1;
    return lines > FUNCTION_LINES_MAX
      ? [
        `${file.path}:${span.firstLine}: function of ${lines} lines; at most ${FUNCTION_LINES_MAX}`,
      ]
      : [];
  });

interface Import {
  readonly line: number;
  readonly specifier: string;
}

const IMPORT =
  /(?:\bfrom|\bimport|\bimport\(|\bimport\.meta\.resolve\(|\bnew URL\()\s*"([^"]*)"(,\s*import\.meta\.url)?/g;

/** Everything a file imports, also dynamically and as a Worker's module. */
function importsOf(file: SourceFile): Import[] {
  // The keyword is looked for in the code, the name taken from the same place of the full text.
  const code = stripNonCode(file.text);
  return [...code.matchAll(IMPORT)].flatMap((match) => {
    const [whole, blanked, relative] = match;
    const isUrl = whole.startsWith("new URL");
    if (isUrl && relative === undefined) return [];
    const start = match.index + whole.indexOf('"') + 1;
    const specifier = file.text.slice(start, start + blanked!.length);
    const line = code.slice(0, match.index).split("\n").length;
    return [{
      line,
      specifier: isUrl && !specifier.startsWith(".") ? `./${specifier}` : specifier,
    }];
  });
}

/** Data that a module may read besides code: settings and texts that ship with it. */
const NOT_CODE = /^(deno\.json|config\/[^/]+\.toml)$/;

const layerOf = (path: string) => LAYERS.findIndex((names) => names.includes(path.split("/")[1]!));

/** Imports go to the own folder or to layers before it; src imports nothing of tests or bench. */
export const layers: FileRule = (file) =>
  !isProgram(file) ? [] : importsOf(file).flatMap(({ line, specifier }) => {
    if (!specifier.startsWith(".")) return [];
    const target = join(dirname(file.path), specifier);
    const complain = (why: string) => [`${file.path}:${line}: imports ${target}: ${why}`];
    if (NOT_CODE.test(target)) return [];
    if (!target.startsWith("src/")) return complain("src imports only from src");
    if (file.path === "mod.ts") return [];
    const own = layerOf(file.path);
    const other = layerOf(target);
    if (own < 0 || other < 0) return complain("not in a folder of the layers");
    if (other > own) return complain("a later layer");
    const sameFolder = file.path.split("/")[1] === target.split("/")[1];
    return other === own && !sameFolder ? complain("these two do not know each other") : [];
  });

/** Native code is called in src/ffi only. */
export const nativeCalls: FileRule = codePattern(
  (file) => isProgram(file) && !file.path.startsWith("src/ffi/"),
  /\bDeno\.(dlopen|Unsafe\w+)/,
  "native calls and pointers belong in src/ffi",
);

/** Only the command line talks to the terminal. */
export const consoleCalls: FileRule = codePattern(
  (file) => isProgram(file) && !file.path.startsWith("src/cli/"),
  /\bconsole\./,
  "console is for src/cli",
);

/** Nothing is left for later. Written in pieces, so that this file passes its own rule. */
export const leftForLater: FileRule = textPattern(
  isTypeScript,
  new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "X" + "XX"].join("|")})\\b`),
  "do it or file an issue",
);

/** No type that switches the checks off. */
export const anyType: FileRule = codePattern(
  isTypeScript,
  /(:|\bas|<|\||=>|&)\s*any\b(?!\s*[:(.])/,
  "say the type, or unknown",
);

/** Everything comes from npm: jsr and plain addresses cannot be had everywhere. */
export const importSources: FileRule = (file) =>
  !isTypeScript(file)
    ? []
    : importsOf(file).flatMap(({ line, specifier }) =>
      /^(jsr:|https?:|npm:)/.test(specifier)
        ? [`${file.path}:${line}: ${specifier}: import by its name in deno.json`]
        : []
    );

/** Every export has a JSDoc comment, of its own or of the paragraph it stands in. */
export const exportComments: FileRule = (file) => {
  if (!isProgram(file)) return [];
  const lines = file.text.split("\n");
  const declaration =
    /^export (async |abstract |default )*(function|class|interface|type|const|enum)\*? \w/;
  return lines.flatMap((line, index) =>
    declaration.test(line) && !isDocumented(lines, index)
      ? [`${file.path}:${index + 1}: export without a JSDoc comment`]
      : []
  );
};

function isDocumented(lines: readonly string[], at: number): boolean {
  for (let i = at - 1; i >= 0 && lines[i]!.trim() !== ""; i--) {
    if (!lines[i]!.trimEnd().endsWith("*/")) continue;
    while (i >= 0 && !lines[i]!.trimStart().startsWith("/*")) i--;
    return lines[i]!.trimStart().startsWith("/**");
  }
  return false;
}

/** Nothing depends on where the tree lies on somebody's machine. */
export const machinePaths: FileRule = textPattern(
  () => true,
  new RegExp(`(^|[^\\w.~*$)}-])/(${["wo" + "rk", "ro" + "ot", "ho" + "me"].join("|")})/`),
  "a path of one machine",
);

/** The rules on single files. */
export const FILE_RULES: Readonly<Record<string, FileRule>> = {
  fileLength,
  lineLength,
  functionLength,
  layers,
  nativeCalls,
  consoleCalls,
  leftForLater,
  anyType,
  importSources,
  exportComments,
  machinePaths,
};

/** Packages are imported under a name that deno.json gives an exact version. */
export function pinnedPackages(denoJson: string, files: readonly SourceFile[]): Finding[] {
  const { imports } = JSON.parse(denoJson) as { imports: Record<string, string> };
  const findings = Object.entries(imports).flatMap(([name, target]) =>
    /^npm:(@[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+(\/[\w./-]+)?$/.test(target)
      ? []
      : [`deno.json: ${name}: ${target} is not an exact npm version`]
  );
  for (const file of files.filter(isTypeScript)) {
    for (const { line, specifier } of importsOf(file)) {
      const isPackage = !/^(\.|\/|node:|jsr:|npm:|https?:|file:)/.test(specifier) &&
        !specifier.includes("${");
      if (isPackage && imports[specifier] === undefined) {
        findings.push(`${file.path}:${line}: ${specifier} is not in deno.json`);
      }
    }
  }
  return findings;
}

/** Every file in docs/ is linked from the README or from another document. */
export function linkedDocs(files: readonly SourceFile[]): Finding[] {
  const targets = new Set<string>();
  for (const file of files.filter(({ path }) => path.endsWith(".md"))) {
    for (const [, target] of file.text.matchAll(/(?:\]\(|src=")([^)\s"#]+)/g)) {
      const resolved = join(dirname(file.path), target!);
      if (resolved !== file.path) targets.add(resolved);
    }
  }
  return files
    .filter(({ path }) => path.startsWith("docs/") && !targets.has(path))
    .map(({ path }) => `${path}: nothing links to it`);
}

/** Links in documents lead to files that are there. */
export function deadLinks(files: readonly SourceFile[], paths: ReadonlySet<string>): Finding[] {
  return files.filter(({ path }) => path.endsWith(".md")).flatMap((file) =>
    [...file.text.matchAll(/\]\(([^)\s#]+)/g)].flatMap(([, target]) => {
      if (/^[a-z]+:/.test(target!)) return [];
      const resolved = join(dirname(file.path), target!).replace(/\/$/, "");
      const found = paths.has(resolved) ||
        [...paths].some((path) => path.startsWith(`${resolved}/`));
      return found ? [] : [`${file.path}: link to ${target}, which does not exist`];
    })
  );
}
