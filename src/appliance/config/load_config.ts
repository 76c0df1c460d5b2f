/** From TOML files to a {@link Config}, or to everything that is wrong with them. */
import { assembleConfig } from "./assemble.ts";
import type { Config } from "./config.ts";
import { type ConfigSource, type ConfigText, readConfigFiles } from "./config_files.ts";
import { type ConfigDocument, parseDocument } from "./document.ts";
import { currentEnvironment, type Environment } from "./environment.ts";
import { ConfigError, ProblemList } from "./problems.ts";
import { applyRules, type ReadTables } from "./rules.ts";
import { CONTROL, MAPPING, NODE, SERVER, SERVER_EXPORT, SESSION } from "./schema.ts";
import { TableReader } from "./table_reader.ts";

/** Name in messages of a text that is no file. */
const NAMELESS = "config";

/**
 * Reads and checks a config file and its drop-ins, `conf.d/*.toml` beside it.
 * @param file its path, as errors name it
 * @throws ConfigError with every error of all files
 */
export function loadConfig(file: string, environment = currentEnvironment()): Config {
  const sources = readConfigFiles(file);
  return interpret(sources, sources.map((source) => source.file), environment);
}

/**
 * The runtime folder that a config file and its drop-ins name first, or the default. Whatever else
 * is wrong in them does not matter: the program that runs with an older state of them is found.
 * @param file as for {@link loadConfig}
 * @throws ConfigError when the key is wrong, and when a file in which it may stand is no TOML
 */
export function loadRuntimeDir(file: string, environment = currentEnvironment()): string {
  const sources = readConfigFiles(file);
  const problems = new ProblemList(sources.map((source) => source.file));
  const documents = parseDocuments(sources, problems);
  if (documents.length > 0) {
    const node = readNode(new TableReader(documents, problems, environment, true));
    const isWrong = problems.has(node.at("runtime_dir"));
    const isThere = node.given.includes("runtime_dir") || documents.length === sources.length;
    if (isThere && !isWrong) return node.values.runtime_dir;
  }
  throw new ConfigError(problems.sorted());
}

/**
 * {@link loadConfig} for texts that are already here.
 * @param files the main one first, then its drop-ins in their order
 * @throws ConfigError with every error of all texts
 */
export function parseConfigFiles(
  files: readonly ConfigText[],
  environment: Environment = currentEnvironment(),
): Config {
  return interpret(files, files.map(({ file }) => file), environment);
}

/**
 * {@link parseConfigFiles} for a single text.
 * @param file name for errors and for `Config.file`; null: it is no file
 * @throws ConfigError with every error of the text
 */
export function parseConfig(
  text: string,
  file: string | null,
  environment: Environment = currentEnvironment(),
): Config {
  return interpret([{ file: file ?? NAMELESS, text }], file === null ? [] : [file], environment);
}

function interpret(
  sources: readonly ConfigSource[],
  files: readonly string[],
  environment: Environment,
): Config {
  const problems = new ProblemList(sources.map(({ file }) => file));
  const documents = parseDocuments(sources, problems);
  if (documents.length === 0) throw new ConfigError(problems.sorted());
  const isComplete = documents.length === sources.length;
  const tables = readTables(documents, isComplete, problems, environment);
  applyRules(tables, problems);
  const found = problems.sorted();
  if (found.length > 0) throw new ConfigError(found);
  return assembleConfig(tables, files);
}

/** Those of the files that are TOML. */
function parseDocuments(
  sources: readonly ConfigSource[],
  problems: ProblemList,
): readonly ConfigDocument[] {
  return sources.flatMap((source) => {
    const document = "text" in source ? parseDocument(source.file, source.text) : source;
    if ("root" in document) return [document];
    problems.other(document);
    return [];
  });
}

function readNode(reader: TableReader): ReadTables["node"] {
  return reader.single(NODE, "node") ?? reader.absent(NODE, "node");
}

function readTables(
  documents: readonly ConfigDocument[],
  isComplete: boolean,
  problems: ProblemList,
  environment: Environment,
): ReadTables {
  const reader = new TableReader(documents, problems, environment, isComplete);
  reader.tables(["node", "control", "server", "session", "mapping"]);
  const sessions = reader.list(SESSION, ["session"]);
  const isSound = documents.every((document) => !problems.has({ document, path: ["session"] }));
  return {
    isComplete,
    knowsSessions: isComplete && isSound,
    node: readNode(reader),
    control: reader.single(CONTROL, "control") ?? reader.absent(CONTROL, "control"),
    server: reader.single(SERVER, "server", ["export"]),
    exports: reader.list(SERVER_EXPORT, ["server", "export"]),
    sessions,
    mappings: reader.list(MAPPING, ["mapping"]),
  };
}
