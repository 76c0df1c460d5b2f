/** From a TOML file to a {@link Config}, or to everything that is wrong with it. */
import { parse, TomlError, type TomlTable } from "smol-toml";
import type { Config, ExportConfig, ServerConfig, SessionConfig } from "./config.ts";
import type { MappingConfig, NodeConfig } from "./config.ts";
import { currentEnvironment, type Environment } from "./environment.ts";
import { CONFIG_FILE_BYTES_MAX, TOML_NESTING_MAX } from "./limits.ts";
import { defaultMappingName } from "./names.ts";
import { ConfigError, type ConfigProblem, keyName, ProblemList } from "./problems.ts";
import { applyRules, type ReadTables } from "./rules.ts";
import { MAPPING, NODE, SERVER, SERVER_EXPORT, SESSION } from "./schema.ts";
import { TableReader } from "./table_reader.ts";
import { TomlPositions } from "./toml_positions.ts";

/**
 * Reads and checks a config file.
 * @param file its path, as errors name it
 * @throws ConfigError with every error of the file
 */
export function loadConfig(file: string, environment = currentEnvironment()): Config {
  return parseConfig(decode(file, readBytes(file)), file, environment);
}

/**
 * {@link loadConfig} for text that is already here.
 * @param file name for errors and for `Config.file`
 * @throws ConfigError with every error of the text
 */
export function parseConfig(
  text: string,
  file: string | null,
  environment: Environment = currentEnvironment(),
): Config {
  const name = file ?? "config";
  const positions = new TomlPositions(text);
  const root = parseToml(text, name, positions);
  const problems = new ProblemList(positions);
  const tables = readTables(root, problems, environment);
  applyRules(tables, problems);
  const found = problems.sorted();
  if (found.length > 0) throw new ConfigError(name, found);
  return assemble(tables, file);
}

/** Never more than the limit: a device or pipe may be endless. */
function readBytes(file: string): Uint8Array {
  const bytes = new Uint8Array(CONFIG_FILE_BYTES_MAX + 1);
  let length = 0;
  try {
    using handle = Deno.openSync(file);
    while (length < bytes.length) {
      const count = handle.readSync(bytes.subarray(length));
      if (count === null) break;
      length += count;
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw fileError(file, `cannot be read (${reason}); give the path of a TOML file`);
  }
  if (length <= CONFIG_FILE_BYTES_MAX) return bytes.subarray(0, length);
  throw fileError(file, `has more than ${CONFIG_FILE_BYTES_MAX} bytes; split the configuration`);
}

function fileError(file: string, message: string): ConfigError {
  return new ConfigError(file, [{ line: 0, column: 0, key: "", message }]);
}

function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const before = new TextDecoder().decode(bytes).split("\ufffd")[0]!.split("\n");
    const message = "is not UTF-8; save the file as UTF-8";
    const place = { line: before.length, column: before.at(-1)!.length + 1 };
    throw new ConfigError(file, [{ ...place, key: "", message }]);
  }
}

function parseToml(text: string, file: string, positions: TomlPositions): TomlTable {
  try {
    return parse(text, { integersAsBigInt: true, maxDepth: TOML_NESTING_MAX });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new ConfigError(file, [syntaxProblem(error, positions)]);
  }
}

function syntaxProblem(error: TomlError, positions: TomlPositions): ConfigProblem {
  const { line, column } = error;
  const reason = error.message.split("\n")[0]!.replace(/^Invalid TOML document: /, "");
  const repetition = reason.includes("redefine")
    ? positions.repetitionFrom(positions.offset(error))
    : undefined;
  if (repetition !== undefined) {
    const { first, again } = repetition;
    const place = positions.at(first.keyAt);
    const isTable = again.valueAt === again.valueEnd;
    const advice = isTable ? "remove one, or write [[…]] where several are meant" : "remove one";
    const message =
      `is given twice, first at line ${place.line}, column ${place.column}; ${advice}`;
    return { ...positions.at(again.keyAt), key: keyName(again.path), message };
  }
  const isOpenString = reason.includes("in strings") &&
    /[\r\n]/.test(positions.text[positions.offset(error)] ?? "");
  const message = isOpenString
    ? "the string does not end on its line; close it with a quote"
    : `${reason.replace(/\. aborting\.$/, "")}; correct the TOML syntax`;
  return { line, column, key: "", message };
}

function readTables(
  root: TomlTable,
  problems: ProblemList,
  environment: Environment,
): ReadTables {
  const reader = new TableReader(problems, environment);
  reader.unknownKeys([], root, ["node", "server", "session", "mapping"], "the file");
  const node = reader.single(root, "node") ?? { path: ["node"], table: {} };
  const server = reader.single(root, "server");
  const exports = server === undefined ? [] : reader.list(server.table, ["server", "export"]);
  return {
    node: reader.table(NODE, node),
    server: server && reader.table(SERVER, server, ["export"]),
    exports: exports.map((raw) => reader.table(SERVER_EXPORT, raw)),
    sessions: reader.list(root, ["session"]).map((raw) => reader.table(SESSION, raw)),
    mappings: reader.list(root, ["mapping"]).map((raw) => reader.table(MAPPING, raw)),
  };
}

function assemble(tables: ReadTables, file: string | null): Config {
  return {
    file,
    node: nodeConfig(tables.node.values),
    server: tables.server && serverConfig(tables.server.values, tables.exports),
    sessions: tables.sessions.map(({ values }) => sessionConfig(values)),
    mappings: tables.mappings.map(({ values }) => mappingConfig(values)),
  };
}

function nodeConfig(values: ReadTables["node"]["values"]): NodeConfig {
  return {
    name: values.name,
    runtimeDir: values.runtime_dir,
    devDir: values.dev_dir,
    reactors: values.reactors,
    spinUs: values.spin_us,
    memoryLimitBytes: values.memory_limit,
  };
}

function serverConfig(
  values: NonNullable<ReadTables["server"]>["values"],
  exports: ReadTables["exports"],
): ServerConfig {
  return {
    listen: values.listen,
    port: values.port,
    devSearchPath: values.dev_search_path,
    ioMode: values.io_mode,
    queueDepth: values.queue_depth,
    maxIoBytes: values.max_io_size,
    heartbeatIntervalMs: values.heartbeat_interval_ms,
    heartbeatMissedMax: values.heartbeat_missed_max,
    crc: values.crc,
    alwaysInvalidate: values.always_invalidate,
    exports: exports.map((table) => exportConfig(table.values)),
  };
}

function exportConfig(values: ReadTables["exports"][number]["values"]): ExportConfig {
  return {
    devicePath: values.device_path,
    sessname: values.sessname,
    accessMode: values.access_mode,
    backend: values.backend,
    sizeBytes: values.size ?? 0,
    logicalBlockBytes: values.logical_block_size,
    ioMode: values.io_mode,
  };
}

function sessionConfig(values: ReadTables["sessions"][number]["values"]): SessionConfig {
  return {
    sessname: values.sessname,
    paths: values.paths,
    destPort: values.dest_port,
    mpathPolicy: values.mpath_policy,
    maxReconnectAttempts: values.max_reconnect_attempts,
    reconnectDelayMs: values.reconnect_delay_ms,
    reconnectDelayMaxMs: values.reconnect_delay_max_ms,
    heartbeatIntervalMs: values.heartbeat_interval_ms,
    heartbeatMissedMax: values.heartbeat_missed_max,
    connectTimeoutMs: values.connect_timeout_ms,
    crc: values.crc,
  };
}

function mappingConfig(values: ReadTables["mappings"][number]["values"]): MappingConfig {
  return {
    name: values.name ?? defaultMappingName(values.device_path),
    sessname: values.sessname,
    devicePath: values.device_path,
    accessMode: values.access_mode,
    expose: values.expose,
  };
}
