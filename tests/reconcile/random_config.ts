/** Random configs of a small world, in which names, devices and sessions meet often. */
import type { SimRandom } from "../../src/fabric/sim/random.ts";
import { parseConfig } from "../../src/appliance/config/load_config.ts";
import type {
  Config,
  ExportConfig,
  MappingConfig,
  SessionConfig,
} from "../../src/appliance/config/config.ts";
import { deviceKey, exportKey } from "../../src/appliance/reconcile/desired.ts";

export const SESSIONS = ["alpha", "beta", "gamma"] as const;
export const NAMES = ["m0", "m1", "m2", "m3", "m4", "m5", "m6"] as const;
export const DEVICES = ["d0", "d1", "d2", "d3"] as const;

const BASE = parseConfig(
  `[node]
name = "here"
runtime_dir = "/run/here"

[server]
listen = ["tcp:127.0.0.1"]
dev_search_path = "/srv"

[[server.export]]
device_path = "x"

[[session]]
sessname = "alpha"
paths = ["tcp:127.0.0.1"]

[[mapping]]
sessname = "alpha"
device_path = "x"
`,
  null,
);

export function randomSession(random: SimRandom, sessname: string): SessionConfig {
  return {
    ...BASE.sessions[0]!,
    sessname,
    paths: [random.pick(["tcp:10.0.0.1", "tcp:10.0.0.2", "ip:10.0.0.1"])],
    destPort: random.pick([1234, 1234, 1235]),
    mpathPolicy: random.pick(["round-robin", "min-inflight"]),
    maxReconnectAttempts: random.pick([-1, 3]),
  };
}

export function randomMapping(random: SimRandom, name: string): MappingConfig {
  return {
    name,
    sessname: random.pick(SESSIONS),
    devicePath: random.pick(DEVICES),
    accessMode: random.pick(["ro", "rw"]),
    expose: random.pick(["auto", "ublk", "nbd"]),
    onRemove: random.chance(0.2) ? "force" : "wait",
  };
}

function randomExport(random: SimRandom, devicePath: string): ExportConfig {
  const backend = random.pick(["path", "memory"] as const);
  return {
    ...BASE.server!.exports[0]!,
    devicePath,
    backend,
    accessMode: random.pick(["ro", "rw"]),
    sizeBytes: backend === "memory" ? random.pick([4096, 8192]) : 0,
  };
}

/** In random order. */
function shuffled<Item>(random: SimRandom, items: readonly Item[]): Item[] {
  return items.map((item) => ({ item, at: random.u32() })).sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** What the loader would accept: names, devices and exports are there once. */
function valid(config: Config): Config {
  const devices = new Set<string>();
  const mappings = config.mappings.filter((mapping) => {
    const key = deviceKey(mapping);
    return !devices.has(key) && devices.add(key);
  });
  const exports = new Set<string>();
  const rules = config.server!.exports.filter((rule) => {
    const key = exportKey(rule);
    return !exports.has(key) && exports.add(key);
  });
  return { ...config, mappings, server: { ...config.server!, exports: rules } };
}

export function randomConfig(random: SimRandom): Config {
  const names = NAMES.filter(() => random.chance(0.6));
  const rules = DEVICES.filter(() => random.chance(0.6));
  return valid({
    ...BASE,
    sessions: SESSIONS.map((sessname) => randomSession(random, sessname)),
    mappings: shuffled(random, names).map((name) => randomMapping(random, name)),
    server: {
      ...BASE.server!,
      exports: shuffled(random, rules).map((path) => randomExport(random, path)),
    },
  });
}

/** The config with one thing or a few changed, as people do. */
export function editedConfig(random: SimRandom, config: Config): Config {
  if (random.chance(0.1)) return randomConfig(random);
  const { node, sessions, mappings } = config;
  const exports = config.server!.exports;
  const changed = random.pick(mappings.length === 0 ? [undefined] : mappings);
  const fresh = NAMES.filter((name) => mappings.every((mapping) => mapping.name !== name));
  const name = fresh.length === 0 ? undefined : random.pick(fresh);
  const others = mappings.filter((mapping) => mapping !== changed);
  switch (random.below(10)) {
    case 0:
      return { ...config, mappings: others };
    case 1:
      return name === undefined
        ? config
        : valid({ ...config, mappings: [...mappings, randomMapping(random, name)] });
    case 2:
      return changed === undefined
        ? config
        : valid({ ...config, mappings: [...others, randomMapping(random, changed.name)] });
    case 3:
      return changed === undefined || name === undefined
        ? config
        : { ...config, mappings: [...others, { ...changed, name }] };
    case 4: {
      const sessname = random.pick(SESSIONS);
      const edited = sessions.filter((session) => session.sessname !== sessname);
      return { ...config, sessions: [...edited, randomSession(random, sessname)] };
    }
    case 5: {
      // Two mappings take each other's place.
      const [first, second] = shuffled(random, mappings);
      if (first === undefined || second === undefined) return config;
      const rest = mappings.filter((mapping) => mapping !== first && mapping !== second);
      const swapped = [{ ...first, name: second.name }, { ...second, name: first.name }];
      return { ...config, mappings: [...rest, ...swapped] };
    }
    case 6: {
      const path = random.pick(DEVICES);
      const rules = exports.filter((rule) => rule.devicePath !== path);
      const added = random.chance(0.6) ? [randomExport(random, path)] : [];
      const server = { ...config.server!, exports: shuffled(random, [...rules, ...added]) };
      return valid({ ...config, server });
    }
    case 7: {
      // What can be changed in use.
      if (changed === undefined) return config;
      const onRemove = changed.onRemove === "wait" ? "force" as const : "wait" as const;
      return { ...config, mappings: [...others, { ...changed, onRemove }] };
    }
    case 8: {
      const rules = [randomExport(random, random.pick(DEVICES))];
      return { ...config, server: { ...config.server!, exports: rules } };
    }
    default: {
      const reconcileIntervalMs = random.pick([1000, 5000, 10_000]);
      const reactors = random.pick([BASE.node.reactors, 9]);
      return { ...config, node: { ...node, reconcileIntervalMs, reactors } };
    }
  }
}
