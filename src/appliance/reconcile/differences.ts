/** How two settings differ, key by key, as the config file writes them. */
import type {
  ControlConfig,
  ExportConfig,
  MappingConfig,
  NodeConfig,
  ServerConfig,
  SessionConfig,
} from "../config/config.ts";
import { exactSize } from "../config/units.ts";
import type { PlanChange } from "../status.ts";

/** A key of the file, and how its value is written. */
interface KeyOf<Value> {
  readonly key: string;
  write(value: Value): string;
}

/** Every setting has its key, or is null because it cannot differ; a new one does not compile. */
type KeysOf<Settings> = { readonly [Name in keyof Settings]-?: KeyOf<Settings[Name]> | null };

/** A value as it is. */
const plain = (key: string): KeyOf<unknown> => ({
  key,
  write: (value) =>
    value === undefined ? "none" : Array.isArray(value) ? value.join(", ") : String(value),
});

const size = (key: string): KeyOf<number> => ({ key, write: exactSize });

const mode = (key: string): KeyOf<number> => ({
  key,
  write: (value) => `0${value.toString(8)}`,
});

const MAPPING: KeysOf<MappingConfig> = {
  name: plain("name"),
  sessname: plain("sessname"),
  devicePath: plain("device_path"),
  accessMode: plain("access_mode"),
  expose: plain("expose"),
  onRemove: plain("on_remove"),
};

const SESSION: KeysOf<SessionConfig> = {
  sessname: null,
  paths: plain("paths"),
  destPort: plain("dest_port"),
  mpathPolicy: plain("mpath_policy"),
  maxReconnectAttempts: plain("max_reconnect_attempts"),
  reconnectDelayMs: plain("reconnect_delay_ms"),
  reconnectDelayMaxMs: plain("reconnect_delay_max_ms"),
  heartbeatIntervalMs: plain("heartbeat_interval_ms"),
  heartbeatMissedMax: plain("heartbeat_missed_max"),
  connectTimeoutMs: plain("connect_timeout_ms"),
  crc: plain("crc"),
};

const EXPORT: KeysOf<ExportConfig> = {
  devicePath: plain("device_path"),
  sessname: plain("sessname"),
  accessMode: plain("access_mode"),
  backend: plain("backend"),
  sizeBytes: size("size"),
  logicalBlockBytes: plain("logical_block_size"),
  ioMode: plain("io_mode"),
};

const NODE: KeysOf<NodeConfig> = {
  name: plain("name"),
  runtimeDir: plain("runtime_dir"),
  devDir: plain("dev_dir"),
  reactors: plain("reactors"),
  spinUs: plain("spin_us"),
  memoryLimitBytes: size("memory_limit"),
  reconcileIntervalMs: plain("reconcile_interval_ms"),
  watchConfig: plain("watch_config"),
  logLevel: plain("log_level"),
  logFormat: plain("log_format"),
};

const CONTROL: KeysOf<ControlConfig> = {
  socketMode: mode("control.socket_mode"),
  socketGroup: plain("control.socket_group"),
  readOnlySocket: plain("control.read_only_socket"),
  readOnlySocketMode: mode("control.read_only_socket_mode"),
  http: plain("control.http"),
};

const SERVER: KeysOf<Omit<ServerConfig, "exports">> = {
  listen: plain("listen"),
  port: plain("port"),
  devSearchPath: plain("dev_search_path"),
  ioMode: plain("io_mode"),
  queueDepth: plain("queue_depth"),
  maxIoBytes: size("max_io_size"),
  heartbeatIntervalMs: plain("heartbeat_interval_ms"),
  heartbeatMissedMax: plain("heartbeat_missed_max"),
  crc: plain("crc"),
  alwaysInvalidate: plain("always_invalidate"),
};

function compare<Settings>(
  keys: KeysOf<Settings>,
): (from: Settings, to: Settings) => PlanChange[] {
  const names = Object.keys(keys) as (keyof Settings)[];
  return (from, to) => {
    // Every round compares everything, and nearly all of it is the same.
    if (from === to) return [];
    return names.flatMap((name) => {
      const key = keys[name];
      if (key === null || from[name] === to[name]) return [];
      const change = { key: key.key, from: key.write(from[name]), to: key.write(to[name]) };
      return change.from === change.to ? [] : [change];
    });
  };
}

/** Settings by the keys of the file, as they are. */
function byKey<Settings>(keys: KeysOf<Settings>): (settings: Settings) => Record<string, unknown> {
  const names = Object.keys(keys) as (keyof Settings)[];
  return (settings) =>
    Object.fromEntries(names.flatMap((name) => {
      const key = keys[name]?.key;
      return key === undefined ? [] : [[key, settings[name]]];
    }));
}

/** Of a `[[mapping]]`, by key. */
export const mappingSettings = byKey(MAPPING);
/** Of a `[[session]]`, by key, without its name. */
export const sessionSettings = byKey(SESSION);

/** Keys of `[[mapping]]`. */
export const mappingChanges = compare(MAPPING);
/** Keys of `[[session]]`; two of one name. */
export const sessionChanges = compare(SESSION);
/** Keys of `[[server.export]]`. */
export const exportChanges = compare(EXPORT);
/** Keys of `[node]`. */
export const nodeChanges = compare(NODE);
/** Keys of `[control]`, with its name. */
export const controlChanges = compare(CONTROL);
/** Keys of `[server]`, without its exports. */
export const serverChanges = compare(SERVER);

/** `to`, but with `from`'s value of every setting whose key is in `held`. */
export function keepHeld(
  from: SessionConfig,
  to: SessionConfig,
  held: ReadonlySet<string>,
): SessionConfig {
  const names = Object.keys(SESSION) as (keyof SessionConfig)[];
  const kept = names.filter((name) => held.has(SESSION[name]?.key ?? ""));
  return { ...to, ...Object.fromEntries(kept.map((name) => [name, from[name]])) };
}
