/** Rules about several keys together. Each looks only at values that are good by themselves. */
import { formatPath, parsePath } from "../../fabric/address.ts";
import { IMMEDIATE_PAYLOAD_BITS } from "../../rtrs/constants.ts";
import { HEADER_AREA_BYTES } from "../../rtrs/limits.ts";
import { isRdmaAddress, parseHttpAddress, sharesAddress } from "./addresses.ts";
import { nearestWord } from "./did_you_mean.ts";
import type { Key } from "./keys.ts";
import { SOCKET_PATH_BYTES_MAX } from "./limits.ts";
import { defaultMappingName, mappingNameProblem, normalDevicePath } from "./names.ts";
import { readOnlySocketPath, utf8Bytes } from "./names.ts";
import { type Place, placeName, type ProblemList } from "./problems.ts";
import type { CONTROL, MAPPING, NODE, SERVER, SERVER_EXPORT, SESSION } from "./schema.ts";
import type { ReadTable } from "./table_reader.ts";
import { exactSize } from "./units.ts";

type Read<Spec extends { keys: Record<string, Key<unknown>> }> = ReadTable<Spec["keys"]>;

/** All tables of all files. */
export interface ReadTables {
  /** False when some file could not be read: what is not given may stand there. */
  readonly isComplete: boolean;
  /** False when there may be sessions besides `sessions`. */
  readonly knowsSessions: boolean;
  readonly node: Read<typeof NODE>;
  readonly control: Read<typeof CONTROL>;
  readonly server: Read<typeof SERVER> | undefined;
  readonly exports: readonly Read<typeof SERVER_EXPORT>[];
  readonly sessions: readonly Read<typeof SESSION>[];
  readonly mappings: readonly Read<typeof MAPPING>[];
}

/** Unknown names for which a like one is looked for: with very many sessions that takes long. */
const SESSION_HINTS_MAX = 20;

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
    this.readOnlySocket(this.tables.control);
    if (this.tables.server !== undefined) {
      this.httpPort(this.tables.server);
      this.chunks(this.tables.server);
      this.invalidation(this.tables.server);
    }
    for (const table of this.tables.exports) this.serverExport(table);
    this.exportRepetitions();
    this.memoryExports();
    for (const table of this.tables.sessions) this.session(table);
    this.unique(this.tables.sessions, "sessname", "session");
    this.mappingSessions();
    this.mappingDevices();
    this.mappingNames();
  }

  /** Whether these keys of a table are there and good. */
  private isGood<K extends Record<string, Key<unknown>>>(
    table: ReadTable<K>,
    ...names: (keyof K & string)[]
  ): boolean {
    const { node, control, server, isComplete } = this.tables;
    // A default counts only where no other file may say something else.
    const hasDefaults = isComplete || ![node, control, server].includes(table as never);
    return names.every((name) =>
      !this.problems.has(table.at(name)) && table.values[name] !== undefined &&
      (hasDefaults || table.given.includes(name))
    );
  }

  private readOnlySocket(table: Read<typeof CONTROL>): void {
    const { node } = this.tables;
    if (!this.isGood(table, "read_only_socket")) return;
    if (!table.values.read_only_socket) {
      if (!table.given.includes("read_only_socket_mode")) return;
      const message = "has no meaning without that socket; add read_only_socket = true, or " +
        "remove it";
      this.problems.key(table.at("read_only_socket_mode"), message);
      return;
    }
    if (!this.isGood(node, "runtime_dir")) return;
    const socket = readOnlySocketPath(node.values.runtime_dir);
    const excess = utf8Bytes(socket) - SOCKET_PATH_BYTES_MAX;
    if (excess <= 0) return;
    const message = `makes the socket path ${socket} ${excess} bytes longer than the ` +
      `${SOCKET_PATH_BYTES_MAX} that Linux allows; give a shorter node.runtime_dir`;
    this.problems.value(table.at("read_only_socket"), message);
  }

  /** Two listeners at one port of one address: the second would fail at the start. */
  private httpPort(server: Read<typeof SERVER>): void {
    const { control } = this.tables;
    if (!this.isGood(control, "http") || !this.isGood(server, "listen", "port")) return;
    const { listen, port } = server.values;
    const http = parseHttpAddress(control.values.http!);
    if (http.port !== port) return;
    const shared = listen.findIndex((address) => sharesAddress(address, http));
    if (shared < 0) return;
    const where = placeName(server.at("listen", shared), control.at("http"), "value");
    const message = `port ${port} is taken by the listener "${listen[shared]}" of [server] at ` +
      `${where}; give another port, such as 9942`;
    this.problems.value(control.at("http"), message);
  }

  /** protocol: a chunk's number and an offset in it share the 28 bits of an immediate. */
  private chunks(table: Read<typeof SERVER>): void {
    if (!this.isGood(table, "queue_depth", "max_io_size")) return;
    const { queue_depth, max_io_size } = table.values;
    const at = table.at(table.given.includes("max_io_size") ? "max_io_size" : "queue_depth");
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
    this.problems.value(table.at("always_invalidate"), message);
  }

  private serverExport(table: Read<typeof SERVER_EXPORT>): void {
    if (!this.isGood(table, "backend")) return;
    const { values, given } = table;
    const { backend } = values;
    if (backend === "path") {
      if (!given.includes("size")) return;
      const message = "is only for backend memory and null; a path has its own size: remove it";
      this.problems.key(table.at("size"), message);
      return;
    }
    if (!given.includes("size")) {
      this.problems.key(table.at("size"), `is missing; a ${backend} disk needs one, as "1GiB"`);
    }
    if (given.includes("io_mode")) {
      this.problems.key(table.at("io_mode"), `has no meaning for a ${backend} disk; remove it`);
    }
    if (this.isGood(table, "device_path") && values.device_path.includes("*")) {
      const message = `"${values.device_path}" is a pattern; a ${backend} disk has one name, ` +
        'without "*"';
      this.problems.value(table.at("device_path"), message);
    }
    if (!this.isGood(table, "size", "logical_block_size")) return;
    const blocks = values.size! / values.logical_block_size;
    if (Number.isInteger(blocks)) return;
    const message = `${values.size} is no multiple of logical_block_size ` +
      `${values.logical_block_size}; use one`;
    this.problems.value(table.at("size"), message);
  }

  private exportRepetitions(): void {
    const seen = new Map<string, Place>();
    for (const table of this.tables.exports) {
      if (!this.isGood(table, "device_path", "sessname", "backend")) continue;
      const { device_path, sessname, backend } = table.values;
      // Two disks in memory may not have one name, whoever opens them.
      const who = backend === "path" ? sessname : "";
      const key = JSON.stringify([normalDevicePath(device_path), who]);
      const at = table.at("device_path");
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
      this.problems.value(table.at("size"), message);
      return;
    }
  }

  private sessionPaths(table: Read<typeof SESSION>): void {
    const paths = table.values.paths.map(parsePath);
    const first = paths[0]!.destination.kind;
    paths.forEach((path, i) => {
      const { kind } = path.destination;
      if (kind !== first) {
        const message = `starts with "${kind}:", the first path with "${first}:"; all paths of a ` +
          "session are of one kind: change it, or make it two sessions";
        this.problems.value(table.at("paths", i), message);
      }
      const text = formatPath(path);
      const earlier = paths.findIndex((other) => formatPath(other) === text);
      if (earlier === i) return;
      this.problems.value(table.at("paths", i), `is the same as path ${earlier + 1}; remove one`);
    });
  }

  private session(table: Read<typeof SESSION>): void {
    const { values } = table;
    if (this.isGood(table, "paths")) this.sessionPaths(table);
    if (!this.isGood(table, "reconnect_delay_ms", "reconnect_delay_max_ms")) return;
    const { reconnect_delay_ms: first, reconnect_delay_max_ms: last } = values;
    if (first <= last) return;
    const isMaximum = table.given.includes("reconnect_delay_max_ms");
    const key = isMaximum ? "reconnect_delay_max_ms" : "reconnect_delay_ms";
    const message = `reconnect_delay_ms ${first} is above reconnect_delay_max_ms ${last}; ` +
      "raise the one or lower the other";
    this.problems.value(table.at(key), message);
  }

  /** Every mapping names a session, unless there are sessions of which the name is not known. */
  private mappingSessions(): void {
    const { sessions, mappings, knowsSessions } = this.tables;
    const good = sessions.filter((session) => this.isGood(session, "sessname"));
    if (good.length < sessions.length || !knowsSessions) return;
    const names = new Set(good.map(({ values }) => values.sessname));
    let hintsLeft = SESSION_HINTS_MAX;
    for (const table of mappings) {
      const { sessname } = table.values;
      if (!this.isGood(table, "sessname") || names.has(sessname)) continue;
      this.problems.value(table.at("sessname"), () => {
        const meant = hintsLeft-- > 0 ? nearestWord(sessname, [...names]) : undefined;
        const advice = meant === undefined
          ? "add one, or correct the name"
          : `did you mean "${meant}"?`;
        return `no [[session]] is called "${sessname}"; ${advice}`;
      });
    }
  }

  private mappingNames(): void {
    const seen = new Map<string, Place>();
    for (const table of this.tables.mappings) {
      const isNamed = table.given.includes("name");
      if (!this.isGood(table, isNamed ? "name" : "device_path")) continue;
      const at = table.at(isNamed ? "name" : "device_path");
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
      else {this.repeated(
          at,
          `"${name}" is the name of two mappings`,
          first,
          "rename or remove one",
        );}
    }
  }

  /** Two names for one device in one session hang the kernel's server (rnbd-srv.c:769). */
  private mappingDevices(): void {
    const seen = new Map<string, Place>();
    for (const table of this.tables.mappings) {
      if (!this.isGood(table, "sessname", "device_path")) continue;
      const { sessname, device_path } = table.values;
      const key = JSON.stringify([sessname, normalDevicePath(device_path)]);
      const at = table.at("device_path");
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
    const seen = new Map<unknown, Place>();
    for (const table of tables) {
      if (!this.isGood(table, name)) continue;
      const at = table.at(name);
      const value = table.values[name];
      const first = seen.get(value);
      if (first === undefined) seen.set(value, at);
      else {this.repeated(
          at,
          `"${value}" is the name of two ${what}s`,
          first,
          "rename or remove one",
        );}
    }
  }

  private repeated(at: Place, wrong: string, first: Place, advice: string): void {
    this.problems.value(at, `${wrong}, first at ${placeName(first, at, "value")}; ${advice}`);
  }
}
