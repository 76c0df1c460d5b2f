/**
 * Every key of the config file, in one table: the loader, `docs/config.md` and the manual page
 * come from it.
 */
import { addressProblem, httpAddressProblem, pathProblem } from "./addresses.ts";
import { defaultRuntimeDir } from "./environment.ts";
import { LOG_LEVELS } from "../log_entry.ts";
import { LOG_FORMATS } from "../log_format.ts";
import { choice, fileMode, flag, integer, type Key, numberChoice, optionalChoice } from "./keys.ts";
import { optionalSize, optionalText, size, text, texts } from "./keys.ts";
import { NAME_BYTES_MAX } from "./limits.ts";
import { absolutePathProblem, devicePathProblem, runtimeDirProblem } from "./names.ts";
import { searchPathProblem, sessnameProblem, textProblem } from "./names.ts";

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const TIB = 2 ** 40;

/** How a table appears in the file. */
export interface TableSpec<Keys extends Record<string, Key<unknown>>> {
  /** As its header is written. */
  readonly header: string;
  readonly doc: string;
  readonly keys: Keys;
}

/** Regular expressions for editors; the functions beside them say the whole truth. */
const ABSOLUTE_PATH = "^/";
const SESSNAME = "^[^/.]+$";
const ADDRESS = "^(tcp|ip|gid):.+$";
const PATH = "^(tcp|ip|gid):[^,@]+([,@](tcp|ip|gid):[^,@]+)?$";
const HTTP_ADDRESS = "^(\\[[0-9a-fA-F:.]+\\]|[0-9.]*):[0-9]{1,5}$";

const name = (value: string) => textProblem(value, NAME_BYTES_MAX);

const heartbeatKeys = {
  heartbeat_interval_ms: integer({
    doc: "Time between heartbeats on an idle path.",
    unit: "milliseconds",
    minimum: 100,
    maximum: 60_000,
    fallback: 5000,
  }),
  heartbeat_missed_max: integer({
    doc: "A path is given up when this many heartbeats in a row stay without an answer.",
    minimum: 1,
    maximum: 100,
    fallback: 5,
  }),
  crc: choice({
    doc: "CRC32C over every frame of the TCP carrier. auto: off on loopback, else on. It is used " +
      "when either end asks for it. RDMA has its own and ignores this.",
    words: ["auto", "on", "off"],
    fallback: "auto",
  }),
};

const accessDoc = "ro reads only; rw is the one writer; migration lets a second writer in " +
  "while a virtual machine moves.";

/** `[node]` */
export const NODE = {
  header: "[node]",
  doc: "The process itself.",
  keys: {
    name: text({
      doc: "Name of this node in the status.",
      allowed: "a name of 1 to 254 bytes",
      problem: name,
      fallback: (environment) => environment.hostName,
      fallbackText: "the host name",
    }),
    runtime_dir: text({
      doc: "Folder for the control socket, the NBD sockets (`nbd/`) and state.",
      allowed: "an absolute path",
      problem: runtimeDirProblem,
      pattern: ABSOLUTE_PATH,
      fallback: defaultRuntimeDir,
      fallbackText: "`/run/rnbd-appliance` for root, else `$XDG_RUNTIME_DIR/rnbd-appliance`, " +
        "else `/tmp/rnbd-appliance-UID`",
    }),
    dev_dir: text({
      doc: "Folder for the names of mapped block devices: links to what the kernel calls them.",
      allowed: "an absolute path",
      problem: absolutePathProblem,
      pattern: ABSOLUTE_PATH,
      fallback: "/dev/rnbd",
    }),
    reactors: integer({
      doc: "Threads that carry I/O.",
      minimum: 1,
      maximum: 64,
      fallback: (environment) => Math.max(1, Math.min(environment.cores, 4)),
      fallbackText: "the number of cores, at most 4",
    }),
    spin_us: integer({
      doc: "How long a thread that runs out of work polls before it sleeps, while that pays; it " +
        "lets others have the core first. 0 sleeps at once.",
      unit: "microseconds",
      minimum: 0,
      maximum: 1_000_000,
      fallback: 50,
    }),
    memory_limit: size({
      doc: "Address space reserved for chunks, buffers and memory back ends. Memory is only " +
        "taken when it is used.",
      minimum: 256 * MIB,
      maximum: TIB,
      multipleOf: 4096,
      fallback: 64 * GIB,
    }),
    reconcile_interval_ms: integer({
      doc: "How often the node is compared with the config, besides whenever something happens.",
      unit: "milliseconds",
      minimum: 100,
      maximum: 3_600_000,
      fallback: 10_000,
    }),
    watch_config: flag({
      doc: "Take over changes of the config files by itself, as SIGHUP and apply do.",
      fallback: false,
    }),
    log_level: choice({
      doc: "The least urgent events that are written to the log. --log-level of the command line " +
        "goes before it.",
      words: LOG_LEVELS,
      fallback: "info",
    }),
    log_format: choice({
      doc: "text: `time level event key=value …`; journald: the same for systemd's journal, with " +
        "the priority in front and without the time; json: an object a line; auto: journald " +
        "where the journal reads standard error, else text. --log-format goes before it.",
      words: LOG_FORMATS,
      fallback: "auto",
    }),
  },
} as const;

/** `[control]` */
export const CONTROL = {
  header: "[control]",
  doc: "Who may ask and steer the running program, and how.",
  keys: {
    socket_mode: fileMode({
      doc: "Permissions of the control socket, `runtime_dir/control.sock`, as chmod takes them. " +
        "Who may write to it may do everything that the command line can.",
      fallback: 0o600,
    }),
    socket_group: optionalText({
      doc: "Group that owns the control sockets.",
      allowed: "the name of a group",
      problem: name,
      fallbackText: "the group of the process",
    }),
    read_only_socket: flag({
      doc: "A second socket, `runtime_dir/control-ro.sock`, on which everything can be seen and " +
        "nothing changed.",
      fallback: false,
    }),
    read_only_socket_mode: fileMode({
      doc: "Permissions of that socket.",
      fallback: 0o660,
    }),
    http: optionalText({
      doc: "Address and port for `/metrics`, `/healthz`, `/readyz` and the status page, which " +
        "change nothing. Without a host it is 127.0.0.1. There is no password: let only those " +
        "reach it who may see it.",
      allowed: 'an address such as "127.0.0.1:9942", ":9942" or "[::1]:9942"',
      problem: httpAddressProblem,
      pattern: HTTP_ADDRESS,
      fallbackText: "none",
    }),
  },
} as const;

/** `[server]` */
export const SERVER = {
  header: "[server]",
  doc: "Serves devices to RNBD clients. Without this table there is no server.",
  keys: {
    listen: texts({
      doc: "Addresses to listen on. The prefix names the carrier: `ip:` and `gid:` are RDMA, " +
        "`tcp:` is RDMA framing over TCP, built in. `ip:0.0.0.0` and `ip:[::]` are all addresses " +
        "of all RDMA devices.",
      allowed: 'a list of addresses such as ["ip:192.0.2.1"]',
      maximum: 64,
      problem: addressProblem,
      pattern: ADDRESS,
    }),
    port: integer({
      doc: "Port to listen on, for every address.",
      minimum: 1,
      maximum: 65_535,
      fallback: 1234,
    }),
    dev_search_path: text({
      doc: "Folder below which files and block devices can be opened; `%SESSNAME%` at its end " +
        'stands for the name of the client\'s session. Required, because "/" (the default of ' +
        "the kernel's server) offers every file of the machine.",
      allowed: "an absolute path",
      problem: searchPathProblem,
      pattern: ABSOLUTE_PATH,
    }),
    io_mode: choice({
      doc: "fileio reads through the page cache and writes straight to disk; blockio bypasses " +
        "the page cache (O_DIRECT).",
      words: ["fileio", "blockio"],
      fallback: "fileio",
    }),
    queue_depth: integer({
      doc: "Requests that a session can have in flight; each takes a chunk of max_io_size + 4 KiB.",
      minimum: 2,
      maximum: 65_535,
      fallback: 512,
    }),
    max_io_size: size({
      doc: "Largest single transfer.",
      minimum: 4 * KIB,
      maximum: 64 * MIB,
      multipleOf: 4096,
      fallback: 128 * KIB,
    }),
    ...heartbeatKeys,
    always_invalidate: flag({
      doc: "On RDMA listeners: a client's access to a chunk of memory ends with each request, so " +
        "that a client that is broken or hostile cannot write to it later. It costs time, and " +
        "the kernel's server does it unless told otherwise. Here it is off unless asked for; " +
        "`tcp:` listeners have no use for it.",
      fallback: false,
    }),
  },
} as const;

/** `[[server.export]]` */
export const SERVER_EXPORT = {
  header: "[[server.export]]",
  doc: "What clients may open. Without any, everything below dev_search_path can be opened by " +
    "everyone; with at least one, only what matches one of them.",
  keys: {
    device_path: text({
      doc: 'Device path that clients give, below dev_search_path; "*" stands for any text.',
      allowed: "a path such as vm-*",
      problem: devicePathProblem,
    }),
    sessname: text({
      doc: 'Name of the session that may open it; "*" stands for any text.',
      allowed: "a name such as store-*",
      problem: sessnameProblem,
      pattern: SESSNAME,
      fallback: "*",
    }),
    access_mode: choice({
      doc: `The most that a client may ask for. ${accessDoc}`,
      words: ["ro", "rw", "migration"],
      fallback: "rw",
    }),
    backend: choice({
      doc: "path: a file or block device below dev_search_path; memory: a disk in memory, lost " +
        "at exit; null: reads give zeroes, writes vanish.",
      words: ["path", "memory", "null"],
      fallback: "path",
    }),
    size: optionalSize({
      doc: "Size of a memory or null disk; required there and only possible there.",
      minimum: 4 * KIB,
      maximum: 16 * TIB,
      fallbackText: "none",
    }),
    logical_block_size: numberChoice({
      doc: "Smallest unit of I/O that clients are told. A block device with larger sectors keeps " +
        "its own.",
      unit: "bytes",
      numbers: [512, 1024, 2048, 4096],
      fallback: 512,
    }),
    io_mode: optionalChoice({
      doc: "As in [server], for this export.",
      words: ["fileio", "blockio"],
      fallbackText: "server.io_mode",
    }),
  },
} as const;

/** `[[session]]` */
export const SESSION = {
  header: "[[session]]",
  doc: "A connection to a server, shared by the mappings that name it.",
  keys: {
    sessname: text({
      doc: "Name of the session; unique at the server.",
      allowed: 'a name of 1 to 254 bytes without "/" and "."',
      problem: sessnameProblem,
      pattern: SESSNAME,
    }),
    paths: texts({
      doc: 'Where the server is: "destination" or "source,destination". `ip:` and `gid:` are ' +
        "RDMA, `tcp:` is the built-in carrier. Requests are spread over all of them.",
      allowed: 'a list of paths such as ["ip:192.0.2.1", "ip:198.51.100.1"]',
      maximum: 128,
      problem: pathProblem,
      pattern: PATH,
    }),
    dest_port: integer({
      doc: "Port of the server.",
      minimum: 1,
      maximum: 65_535,
      fallback: 1234,
    }),
    mpath_policy: choice({
      doc: "How requests are spread over several paths; without effect while there is one.",
      words: ["round-robin", "min-inflight", "min-latency"],
      fallback: "min-inflight",
    }),
    max_reconnect_attempts: integer({
      doc: "Tries to reconnect a path before it stays down; -1: for ever, 0: none.",
      minimum: -1,
      maximum: 9999,
      fallback: -1,
    }),
    reconnect_delay_ms: integer({
      doc: "Pause before the first try to reconnect; it doubles with every try.",
      unit: "milliseconds",
      minimum: 10,
      maximum: 3_600_000,
      fallback: 500,
    }),
    reconnect_delay_max_ms: integer({
      doc: "The pause between tries grows up to this.",
      unit: "milliseconds",
      minimum: 10,
      maximum: 3_600_000,
      fallback: 30_000,
    }),
    connect_timeout_ms: integer({
      doc: "A try to connect that takes longer has failed.",
      unit: "milliseconds",
      minimum: 100,
      maximum: 600_000,
      fallback: 30_000,
    }),
    ...heartbeatKeys,
  },
} as const;

/** `[[mapping]]` */
export const MAPPING = {
  header: "[[mapping]]",
  doc: "A remote device that is made available here.",
  keys: {
    name: optionalText({
      doc: "Name of the mapping: its device or socket is called so.",
      allowed: "a name of 1 to 254 bytes",
      problem: name,
      fallbackText: 'device_path with "!" for "/"',
    }),
    sessname: text({
      doc: "The [[session]] over which the device is reached.",
      allowed: "the name of a [[session]]",
      problem: sessnameProblem,
      pattern: SESSNAME,
    }),
    device_path: text({
      doc: "Path of the device at the server, below its dev_search_path.",
      allowed: "a path such as disk0.img",
      problem: devicePathProblem,
    }),
    access_mode: choice({
      doc: accessDoc,
      words: ["ro", "rw", "migration"],
      fallback: "rw",
    }),
    expose: choice({
      doc: "ublk: as the block device dev_dir/NAME; nbd: on the Unix socket " +
        "runtime_dir/nbd/NAME.sock; auto: ublk where the machine has it and lets us, else nbd.",
      words: ["auto", "ublk", "nbd"],
      fallback: "auto",
    }),
    on_remove: choice({
      doc: "What happens when no file names the mapping any more, or it has to be made anew, " +
        "while it is in use. wait: it stays until its users are gone; force: they get I/O errors.",
      words: ["wait", "force"],
      fallback: "wait",
    }),
  },
} as const;

/** All tables, in the order of the documentation. */
export const TABLES: readonly TableSpec<Record<string, Key<unknown>>>[] = [
  NODE,
  CONTROL,
  SERVER,
  SERVER_EXPORT,
  SESSION,
  MAPPING,
];
