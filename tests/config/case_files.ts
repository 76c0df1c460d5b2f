/**
 * Wrong configurations and what is said about them, as the files of `cases/` tell it:
 *
 *     === what is wrong
 *     text of rnbd.toml
 *     --- conf.d/10-more.toml
 *     text of a drop-in
 *     ---
 *     rnbd.toml:1:1: every error, as `check` prints it
 *
 * What stands before the first case is for people.
 */
import type { ConfigText } from "../../src/appliance/config/config_files.ts";

const FOLDER = new URL("./cases/", import.meta.url);
const MAIN_FILE = "rnbd.toml";

/** One wrong configuration. */
export interface ErrorCase {
  readonly title: string;
  readonly files: readonly ConfigText[];
  readonly errors: readonly string[];
}

/** One file of cases. */
export interface CaseFile {
  readonly name: string;
  readonly introduction: string;
  readonly cases: readonly ErrorCase[];
}

/** All of them, sorted by name. */
export function readCaseFiles(): readonly CaseFile[] {
  const names = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).sort();
  return names.map((name) => parseCaseFile(name, Deno.readTextFileSync(new URL(name, FOLDER))));
}

/** Writes one anew. */
export function writeCaseFile(file: CaseFile): void {
  Deno.writeTextFileSync(new URL(file.name, FOLDER), formatCaseFile(file));
}

/** The text of a file of cases. */
export function formatCaseFile({ introduction, cases }: CaseFile): string {
  return [introduction, ...cases.map(formatCase)].join("\n");
}

function formatCase({ title, files, errors }: ErrorCase): string {
  const [main, ...others] = files;
  const dropIns = others.map(({ file, text }) => `--- ${file}\n${text}`).join("");
  return `=== ${title}\n${main!.text}${dropIns}---\n${
    errors.map((error) => `${error}\n`).join("")
  }`;
}

/** Reads what {@link formatCaseFile} writes. */
export function parseCaseFile(name: string, text: string): CaseFile {
  const [introduction, ...parts] = text.split(/^=== /m);
  return { name, introduction: introduction!.replace(/\n$/, ""), cases: parts.map(parseCase) };
}

function parseCase(part: string): ErrorCase {
  const [title, ...lines] = part.trimEnd().split("\n");
  const files: { file: string; text: string }[] = [{ file: MAIN_FILE, text: "" }];
  for (const [index, line] of lines.entries()) {
    if (line === "---") return { title: title!, files, errors: lines.slice(index + 1) };
    if (line.startsWith("--- ")) files.push({ file: line.slice("--- ".length), text: "" });
    else files.at(-1)!.text += `${line}\n`;
  }
  throw new Error(`The case "${title}" has no line --- before its errors`);
}
