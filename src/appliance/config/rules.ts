/** Rules about several keys together. Each looks only at values that are good by themselves. */
import { IMMEDIATE_PAYLOAD_BITS } from "../../rtrs/constants.ts";
import { HEADER_AREA_BYTES } from "../../rtrs/limits.ts";
import { isRdmaAddress } from "./addresses.ts";
import { nearestWord } from "./did_you_mean.ts";
import type { Key } from "./keys.ts";
import { defaultMappingName, mappingNameProblem, normalDevicePath } from "./names.ts";
import type { ProblemList } from "./problems.ts";
import type { MAPPING, NODE, SERVER, SERVER_EXPORT, SESSION } from "./schema.ts";
import type { ReadTable } from "./table_reader.ts";
import type { TomlPath } from "./toml_positions.ts";
import { exactSize } from "./units.ts";

type Read<Spec extends { keys: Record<string, Key<unknown>> }> = ReadTable<Spec["keys"]>;

/** All tables of a file. */
export interface ReadTables {
  readonly node: Read<typeof NODE>;
  readonly server: Read<typeof SERVER> | undefined;
  readonly exports: readonly Read<typeof SERVER_EXPORT>[];
  readonly sessions: readonly Read<typeof SESSION>[];
  readonly mappings: readonly Read<typeof MAPPING>[];
}

/** Bits that numbers below `count` take. */
function bits(count: number): number {
  return Math.ceil(Math.log2(count));
}

/** Adds what the rules find to `problems`. */
export function applyRules(tables: ReadTables, problems: ProblemList): void {
  new Rules(tables, problems).apply();
}

class Rules {
  constructor(private readonly tables: ReadTables, private readonly problems: ProblemList) {}

  apply(): void {
    if (this.tables.server !== undefined) {
      this.chunks(this.tables.server);
      this.invalidation(this.tables.server);
    }
    for (const table of this.tables.exports) this.serverExport(table);
    this.exportRepetitions();
    this.memoryExports();
    for (const table of this.tables.sessions) this.session(table);
    this.unique(this.tables.sessions, "sessname", "session");
    for (const table of this.tables.mappings) this.mapping(table);
    this.mappingNames();
    this.mappingDevices();
  }

  /** Whether these keys of a table are there and good. */
  private isGood<K extends Record<string, Key<unknown>>>(
    table: ReadTable<K>,
    ...names: (keyof K & string)[]
  ): boolean {
    return names.every((name) => {
      const isWrong = this.problems.has([...table.path, name]);
      return !isWrong && table.values[name] !== undefined;
    });
  }

  /** protocol: a chunk's number and an offset in it share the 28 bits of an immediate. */
  private chunks(table: Read<typeof SERVER>): void {
    if (!this.isGood(table, "queue_depth", "max_io_size")) return;
    const { queue_depth, max_io_size } = table.values;
    const at = [...table.path, table.given.includes("max_io_size") ? "max_io_size" : "queue_depth"];
    const chunk = max_io_size + HEADER_AREA_BYTES;
    const depthBits = bits(queue_depth);
    if (depthBits + bits(chunk) <= IMMEDIATE_PAYLOAD_BITS) return;
    const largest = 2 ** (IMMEDIATE_PAYLOAD_BITS - depthBits) - HEADER_AREA_BYTES;
    const deepest = 2 ** (IMMEDIATE_PAYLOAD_BITS - bits(chunk));
    const smaller = largest >= 4096 ? `max_io_size of at most ${exactSize(largest)}, or ` : "";
    const message = `queue_depth ${queue_depth} and max_io_size ${exactSize(max_io_size)} ` +
      `together exceed what one RTRS message can address; use ${smaller}queue_depth of at ` +
      `most ${deepest}`;
    this.problems.value(at, message);
  }

  private invalidation(table: Read<typeof SERVER>): void {
    if (!this.isGood(table, "always_invalidate", "listen")) return;
    const { always_invalidate, listen } = table.values;
    if (!always_invalidate || listen.some(isRdmaAddress)) return;
    const message = "true has no meaning without an RDMA listener; remove it, or listen on an " +
      '"ip:…" or "gid:…" address';
    this.problems.value([...table.path, "always_invalidate"], message);
  }

  private serverExport(table: Read<typeof SERVER_EXPORT>): void {
    if (!this.isGood(table, "backend")) return;
    const { path, values, given } = table;
    const { backend } = values;
    if (backend === "path") {
      if (!given.includes("size")) return;
      const message = "is only for backend memory and null; a path has its own size: remove it";
      this.problems.key([...path, "size"], message);
      return;
    }
    if (!given.includes("size")) {
      this.problems.key([...path, "size"], `is missing; a ${backend} disk needs one, as "1GiB"`);
    }
    if (given.includes("io_mode")) {
      this.problems.key([...path, "io_mode"], `has no meaning for a ${backend} disk; remove it`);
    }
    if (this.isGood(table, "device_path") && values.device_path.includes("*")) {
      const message = `"${values.device_path}" is a pattern; a ${backend} disk has one name, ` +
        'without "*"';
      this.problems.value([...path, "device_path"], message);
    }
    if (!this.isGood(table, "size", "logical_block_size")) return;
    const blocks = values.size! / values.logical_block_size;
    if (Number.isInteger(blocks)) return;
    const message = `${values.size} is no multiple of logical_block_size ` +
      `${values.logical_block_size}; use one`;
    this.problems.value([...path, "size"], message);
  }

  private exportRepetitions(): void {
    const seen = new Map<string, TomlPath>();
    for (const table of this.tables.exports) {
      if (!this.isGood(table, "device_path", "sessname", "backend")) continue;
      const { device_path, sessname, backend } = table.values;
      // Two disks in memory may not have one name, whoever opens them.
      const who = backend === "path" ? sessname : "";
      const key = JSON.stringify([normalDevicePath(device_path), who]);
      const at = [...table.path, "device_path"];
      const first = seen.get(key);
      if (first === undefined) seen.set(key, at);
      else this.repeated(at, `"${device_path}" is exported twice`, first, "remove one");
    }
  }

  private memoryExports(): void {
    if (!this.isGood(this.tables.node, "memory_limit")) return;
    const limit = this.tables.node.values.memory_limit;
    let total = 0;
    for (const table of this.tables.exports) {
      if (!this.isGood(table, "backend", "size") || table.values.backend !== "memory") continue;
      total += table.values.size!;
      if (total <= limit) continue;
      const message = `the memory disks up to this one take ${exactSize(total)}, more than ` +
        `node.memory_limit of ${exactSize(limit)}; raise it or make them smaller`;
      this.problems.value([...table.path, "size"], message);
      return;
    }
  }

  private session(table: Read<typeof SESSION>): void {
    const { path, values } = table;
    if (this.isGood(table, "paths") && values.paths.length > 1) {
      const message = "this version uses one path for a session; several come with multipath " +
        "support: keep one";
      this.problems.value([...path, "paths", 1], message);
    }
    if (!this.isGood(table, "reconnect_delay_ms", "reconnect_delay_max_ms")) return;
    const { reconnect_delay_ms: first, reconnect_delay_max_ms: last } = values;
    if (first <= last) return;
    const isMaximum = table.given.includes("reconnect_delay_max_ms");
    const key = isMaximum ? "reconnect_delay_max_ms" : "reconnect_delay_ms";
    const message = `reconnect_delay_ms ${first} is above reconnect_delay_max_ms ${last}; ` +
      "raise the one or lower the other";
    this.problems.value([...path, key], message);
  }

  private mapping(table: Read<typeof MAPPING>): void {
    const { path, values } = table;
    if (!this.isGood(table, "sessname")) return;
    const sessions = this.tables.sessions.filter((session) => this.isGood(session, "sessname"));
    const names = sessions.map((session) => session.values.sessname);
    if (names.includes(values.sessname)) return;
    // Where a session itself is wrong, it may be the one that is meant.
    const isDoubtful = sessions.length < this.tables.sessions.length;
    if (isDoubtful || this.problems.has(["session"])) return;
    const meant = nearestWord(values.sessname, names);
    const advice = meant === undefined
      ? "add one, or correct the name"
      : `did you mean "${meant}"?`;
    const message = `no [[session]] is called "${values.sessname}"; ${advice}`;
    this.problems.value([...path, "sessname"], message);
  }

  private mappingNames(): void {
    const seen = new Map<string, TomlPath>();
    for (const table of this.tables.mappings) {
      const isNamed = table.given.includes("name");
      if (!this.isGood(table, isNamed ? "name" : "device_path")) continue;
      const at = [...table.path, isNamed ? "name" : "device_path"];
      const name = table.values.name ?? defaultMappingName(table.values.device_path);
      const { values } = this.tables.node;
      const runtimeDir = this.isGood(this.tables.node, "runtime_dir") ? values.runtime_dir : "";
      const problem = mappingNameProblem(name, runtimeDir);
      if (problem !== null) {
        const advice = isNamed ? problem : `the name made of it, "${name}", ${problem}: set "name"`;
        this.problems.value(at, advice);
        continue;
      }
      const first = seen.get(name);
      if (first === undefined) seen.set(name, at);
      else this.repeated(at, `"${name}" is the name of two mappings`, first, "rename one");
    }
  }

  /** Two names for one device in one session hang the kernel's server (rnbd-srv.c:769). */
  private mappingDevices(): void {
    const seen = new Map<string, TomlPath>();
    for (const table of this.tables.mappings) {
      if (!this.isGood(table, "sessname", "device_path")) continue;
      const { sessname, device_path } = table.values;
      const key = JSON.stringify([sessname, normalDevicePath(device_path)]);
      const at = [...table.path, "device_path"];
      const first = seen.get(key);
      if (first === undefined) seen.set(key, at);
      else {
        const wrong = `"${device_path}" of session "${sessname}" is mapped twice`;
        this.repeated(at, wrong, first, "remove one");
      }
    }
  }

  private unique<K extends Record<string, Key<unknown>>>(
    tables: readonly ReadTable<K>[],
    name: keyof K & string,
    what: string,
  ): void {
    const seen = new Map<unknown, TomlPath>();
    for (const table of tables) {
      if (!this.isGood(table, name)) continue;
      const at = [...table.path, name];
      const value = table.values[name];
      const first = seen.get(value);
      if (first === undefined) seen.set(value, at);
      else this.repeated(at, `"${value}" is the name of two ${what}s`, first, "rename one");
    }
  }

  private repeated(at: TomlPath, wrong: string, first: TomlPath, advice: string): void {
    this.problems.value(at, `${wrong}, first at ${this.problems.place(first)}; ${advice}`);
  }
}
