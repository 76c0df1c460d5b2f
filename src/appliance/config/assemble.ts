/** From tables without errors to a {@link Config}. */
import type { Config, ControlConfig, ExportConfig, ServerConfig, SessionConfig } from "./config.ts";
import type { MappingConfig, NodeConfig } from "./config.ts";
import { defaultMappingName } from "./names.ts";
import type { ReadTables } from "./rules.ts";

/** @param files those that were read, the main one first; none: made in the program */
export function assembleConfig(tables: ReadTables, files: readonly string[]): Config {
  return {
    file: files[0] ?? null,
    files,
    node: nodeConfig(tables.node.values),
    control: controlConfig(tables.control.values),
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
    reconcileIntervalMs: values.reconcile_interval_ms,
    watchConfig: values.watch_config,
    logLevel: values.log_level,
    logFormat: values.log_format,
  };
}

function controlConfig(values: ReadTables["control"]["values"]): ControlConfig {
  return {
    socketMode: values.socket_mode,
    socketGroup: values.socket_group,
    readOnlySocket: values.read_only_socket,
    readOnlySocketMode: values.read_only_socket_mode,
    http: values.http,
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
    onRemove: values.on_remove,
  };
}
