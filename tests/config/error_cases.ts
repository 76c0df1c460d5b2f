/**
 * What the loader says about wrong configurations: text, then all errors of `f:line:column: key: …`.
 * Where lines repeat, a name stands for them.
 */

/** One wrong configuration. */
export interface ErrorCase {
  readonly name: string;
  readonly toml: string;
  readonly errors: readonly string[];
}

const SERVER = '[server]\nlisten = ["tcp:127.0.0.1"]\ndev_search_path = "/srv"\n';
const EXPORT = `${SERVER}[[server.export]]\n`;
const SESSION = '[[session]]\nsessname = "s"\npaths = ["tcp:127.0.0.1"]\n';
const MAPPING = '[[mapping]]\nsessname = "s"\ndevice_path = "d"\n';

/** The cases, in the order of the schema. */
export const ERROR_CASES: readonly ErrorCase[] = [
  {
    name: "no value",
    toml: "[node]\nname =\n",
    errors: [
      "2:7: invalid value; correct the TOML syntax",
    ],
  },
  {
    name: "unclosed string",
    toml: '[node]\nname = "a\n',
    errors: [
      "2:10: the string does not end on its line; close it with a quote",
    ],
  },
  {
    name: "unclosed list",
    toml: '[server]\nlisten = ["tcp:127.0.0.1"\nport = 1\n',
    errors: [
      "3:1: expected comma or end of structure; correct the TOML syntax",
    ],
  },
  {
    name: "nested too deep",
    toml: "a = [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]\n",
    errors: [
      "1:21: document contains excessively nested structures; correct the TOML syntax",
    ],
  },
  {
    name: "key twice",
    toml: "[node]\nreactors = 1\n  reactors = 2\n",
    errors: [
      "3:3: node.reactors: is given twice, first at line 2, column 1; remove one",
    ],
  },
  {
    name: "table twice",
    toml: "[node]\nreactors = 1\n[server]\n[node]\nspin_us = 0\n",
    errors: [
      "4:2: node: is given twice, first at line 1, column 2; remove one, or write [[…]] where several are meant",
    ],
  },
  {
    name: "dotted key and table",
    toml: "server.port = 1\n[server]\n",
    errors: [
      "2:2: server: is given twice, first at line 1, column 1; remove one, or write [[…]] where several are meant",
    ],
  },
  {
    name: "key twice in an inline table",
    toml: "node = { reactors = 1, reactors = 2 }\n",
    errors: [
      "1:24: node.reactors: is given twice, first at line 1, column 10; remove one",
    ],
  },
  {
    name: "unknown table",
    toml: "[nodes]\n[servers]\n",
    errors: [
      '1:2: nodes: is unknown; did you mean "node"?',
      '2:2: servers: is unknown; did you mean "server"?',
    ],
  },
  {
    name: "unknown table unlike any",
    toml: "[metrics]\n",
    errors: [
      '1:2: metrics: is unknown; the file knows "node", "server", "session" or "mapping"',
    ],
  },
  {
    name: "top-level key",
    toml: "reactors = 2\n",
    errors: [
      '1:1: reactors: is unknown; the file knows "node", "server", "session" or "mapping"',
    ],
  },
  {
    name: "server as list",
    toml: "[[server]]\n",
    errors: [
      "1:3: server: [[server]] is a list of tables; write [server], once",
    ],
  },
  {
    name: "session as table",
    toml: "[session]\n",
    errors: [
      "1:2: session: [session] is a single table; write [[session]], once for each",
    ],
  },
  {
    name: "mapping as value",
    toml: 'mapping = "x"\n',
    errors: [
      "1:1: mapping: is no list of tables; write [[mapping]], once for each",
    ],
  },
  {
    name: "node as value",
    toml: "node = 1\n",
    errors: [
      "1:1: node: is no table; write [node], once",
    ],
  },
  {
    name: "list of other things",
    toml: 'session = [1, { sessname = "s", paths = ["tcp:127.0.0.1"] }]\n',
    errors: [
      "1:12: session: is no table; write [[session]], once for each",
    ],
  },
  {
    name: "export as table",
    toml: SERVER + '[server.export]\ndevice_path = "a"\n',
    errors: [
      "4:9: server.export: [server.export] is a single table; write [[server.export]], once for each",
    ],
  },
  {
    name: "exports misspelt",
    toml: SERVER + '[[server.exports]]\ndevice_path = "a"\n',
    errors: [
      '4:10: server.exports: is unknown; did you mean "export"?',
    ],
  },
  {
    name: "quoted unknown key",
    toml: '[node]\n"na me" = 1\n',
    errors: [
      '2:1: node."na me": is unknown; did you mean "name"?',
    ],
  },
  {
    name: "node.name empty",
    toml: '[node]\nname = ""\n',
    errors: [
      "2:8: node.name: is empty; give at least one character",
    ],
  },
  {
    name: "node.name type",
    toml: "[node]\nname = 1\n",
    errors: [
      "2:8: node.name: the integer 1 is no string; use a name of 1 to 254 bytes",
    ],
  },
  {
    name: "node.name control",
    toml: '[node]\nname = "a\\u0007b"\n',
    errors: [
      "2:8: node.name: holds a control character or half a character; use printable text",
    ],
  },
  {
    name: "node.runtime_dir relative",
    toml: '[node]\nruntime_dir = "run"\n',
    errors: [
      '2:15: node.runtime_dir: "run" is relative; give a path that starts with "/"',
    ],
  },
  {
    name: "node.runtime_dir too long",
    toml: '[node]\nruntime_dir = "/' + "r".repeat(100) + '"\n',
    errors: [
      "2:15: node.runtime_dir: is 7 bytes too long for the socket in it; use a shorter path",
    ],
  },
  {
    name: "node.dev_dir type",
    toml: '[node]\ndev_dir = ["/dev"]\n',
    errors: [
      "2:11: node.dev_dir: a list is no string; use an absolute path",
    ],
  },
  {
    name: "node.dev_dir relative",
    toml: '[node]\ndev_dir = "dev"\n',
    errors: [
      '2:11: node.dev_dir: "dev" is relative; give a path that starts with "/"',
    ],
  },
  {
    name: "node.reactors range",
    toml: "[node]\nreactors = 65\n",
    errors: [
      "2:12: node.reactors: 65 is out of range; use a whole number from 1 to 64",
    ],
  },
  {
    name: "node.reactors type",
    toml: '[node]\nreactors = "2"\n',
    errors: [
      '2:12: node.reactors: the string "2" is no integer; use a whole number from 1 to 64',
    ],
  },
  {
    name: "node.reactors boolean",
    toml: "[node]\nreactors = true\n",
    errors: [
      "2:12: node.reactors: the boolean true is no integer; use a whole number from 1 to 64",
    ],
  },
  {
    name: "node.reactors misspelt",
    toml: "[node]\nreactor = 2\n",
    errors: [
      '2:1: node.reactor: is unknown; did you mean "reactors"?',
    ],
  },
  {
    name: "node.reactors other case",
    toml: "[node]\nReactors = 2\n",
    errors: [
      '2:1: node.Reactors: is unknown; did you mean "reactors"?',
    ],
  },
  {
    name: "node.spin_us negative",
    toml: "[node]\nspin_us = -1\n",
    errors: [
      "2:11: node.spin_us: -1 is out of range; use a whole number from 0 to 1000000 (microseconds)",
    ],
  },
  {
    name: "node.spin_us float",
    toml: "[node]\nspin_us = 0.5\n",
    errors: [
      "2:11: node.spin_us: the floating-point number 0.5 is no integer; use a whole number from 0 to 1000000 (microseconds)",
    ],
  },
  {
    name: "node.spin_us date",
    toml: "[node]\nspin_us = 1979-05-27\n",
    errors: [
      "2:11: node.spin_us: a date or time is no integer; use a whole number from 0 to 1000000 (microseconds)",
    ],
  },
  {
    name: "node.memory_limit unit",
    toml: '[node]\nmemory_limit = "4GB"\n',
    errors: [
      '2:16: node.memory_limit: the string "4GB" is no size; use bytes, or a number with KiB, MiB, GiB or TiB',
    ],
  },
  {
    name: "node.memory_limit small",
    toml: "[node]\nmemory_limit = 4096\n",
    errors: [
      "2:16: node.memory_limit: 4096 is out of range; use a size from 256 MiB to 1 TiB, a multiple of 4096",
    ],
  },
  {
    name: "node.memory_limit multiple",
    toml: "[node]\nmemory_limit = 268435457\n",
    errors: [
      "2:16: node.memory_limit: 268435457 is no multiple of 4096; use a size from 256 MiB to 1 TiB, a multiple of 4096",
    ],
  },
  {
    name: "node.memory_limit type",
    toml: "[node]\nmemory_limit = { gib = 1 }\n",
    errors: [
      "2:16: node.memory_limit: a table is no size; use a size from 256 MiB to 1 TiB, a multiple of 4096",
    ],
  },
  {
    name: "server empty",
    toml: "[server]\n",
    errors: [
      '1:2: server.listen: is missing; give a list of addresses such as ["ip:192.0.2.1"]',
      "1:2: server.dev_search_path: is missing; give an absolute path",
    ],
  },
  {
    name: "server.listen type",
    toml: '[server]\nlisten = "tcp:127.0.0.1"\ndev_search_path = "/srv"\n',
    errors: [
      '2:10: server.listen: the string "tcp:127.0.0.1" is no list; use a list of addresses such as ["ip:192.0.2.1"]',
    ],
  },
  {
    name: "server.listen empty",
    toml: '[server]\nlisten = []\ndev_search_path = "/srv"\n',
    errors: [
      '2:10: server.listen: is empty; use a list of addresses such as ["ip:192.0.2.1"]',
    ],
  },
  {
    name: "server.listen element",
    toml: '[server]\nlisten = ["tcp:127.0.0.1", 7]\ndev_search_path = "/srv"\n',
    errors: [
      '2:28: server.listen: the integer 7 is no string; use a list of addresses such as ["ip:192.0.2.1"]',
    ],
  },
  {
    name: "server.listen repeated",
    toml: '[server]\nlisten = ["tcp:127.0.0.1",\n  "tcp:127.0.0.1"]\ndev_search_path = "/srv"\n',
    errors: [
      '3:3: server.listen: repeats "tcp:127.0.0.1"; name each one once',
    ],
  },
  {
    name: "server.listen 127.0.0.1",
    toml: '[server]\ndev_search_path = "/srv"\nlisten = ["127.0.0.1"]\n',
    errors: [
      '3:11: server.listen: "127.0.0.1" names no carrier; write "ip:127.0.0.1" for RDMA, or "tcp:127.0.0.1" for the built-in carrier',
    ],
  },
  {
    name: "server.listen ip:127.0.0.1:1234",
    toml: '[server]\ndev_search_path = "/srv"\nlisten = ["ip:127.0.0.1:1234"]\n',
    errors: [
      '3:11: server.listen: "ip:127.0.0.1:1234" holds a port; write the address alone, the port has a key of its own',
    ],
  },
  {
    name: "server.listen ip:rdma0",
    toml: '[server]\ndev_search_path = "/srv"\nlisten = ["ip:rdma0"]\n',
    errors: [
      '3:11: server.listen: "ip:rdma0": "rdma0" is wrong, expected an IPv4 or IPv6 address (host names are not looked up)',
    ],
  },
  {
    name: "server.listen gid:10.0.0.1",
    toml: '[server]\ndev_search_path = "/srv"\nlisten = ["gid:10.0.0.1"]\n',
    errors: [
      '3:11: server.listen: "gid:10.0.0.1": "10.0.0.1" is wrong, expected a GID: eight groups of hex digits, or with ::',
    ],
  },
  {
    name: "server.listen udp:1.2.3.4",
    toml: '[server]\ndev_search_path = "/srv"\nlisten = ["udp:1.2.3.4"]\n',
    errors: [
      '3:11: server.listen: "udp:1.2.3.4": expected a prefix and an address, such as tcp:192.0.2.1, ip:192.0.2.1 or gid:fe80::1',
    ],
  },
  {
    name: "server.listen tcp:localhost",
    toml: '[server]\ndev_search_path = "/srv"\nlisten = ["tcp:localhost"]\n',
    errors: [
      '3:11: server.listen: "tcp:localhost": "localhost" is wrong, expected an IPv4 or IPv6 address (host names are not looked up)',
    ],
  },
  {
    name: "server.listen tcp:127.0.0.1:1234",
    toml: '[server]\ndev_search_path = "/srv"\nlisten = ["tcp:127.0.0.1:1234"]\n',
    errors: [
      '3:11: server.listen: "tcp:127.0.0.1:1234" holds a port; write the address alone, the port has a key of its own',
    ],
  },
  {
    name: "server.always_invalidate type",
    toml: SERVER + 'always_invalidate = "Y"\n',
    errors: [
      '4:21: server.always_invalidate: the string "Y" is no boolean; use true or false',
    ],
  },
  {
    name: "server.always_invalidate without RDMA",
    toml: SERVER + "always_invalidate = true\n",
    errors: [
      '4:21: server.always_invalidate: true has no meaning without an RDMA listener; remove it, or listen on an "ip:…" or "gid:…" address',
    ],
  },
  {
    name: "server.port range",
    toml: SERVER + "port = 65536\n",
    errors: [
      "4:8: server.port: 65536 is out of range; use a whole number from 1 to 65535",
    ],
  },
  {
    name: "server.port zero",
    toml: SERVER + "port = 0\n",
    errors: [
      "4:8: server.port: 0 is out of range; use a whole number from 1 to 65535",
    ],
  },
  {
    name: "server.port type",
    toml: SERVER + 'port = "1234"\n',
    errors: [
      '4:8: server.port: the string "1234" is no integer; use a whole number from 1 to 65535',
    ],
  },
  {
    name: "server.port misspelt",
    toml: SERVER + "prot = 1234\n",
    errors: [
      '4:1: server.prot: is unknown; did you mean "port"?',
    ],
  },
  {
    name: "server.dev_search_path relative",
    toml: '[server]\nlisten = ["tcp:::1"]\ndev_search_path = "srv"\n',
    errors: [
      '3:19: server.dev_search_path: "srv" is relative; give a path that starts with "/"',
    ],
  },
  {
    name: "server.dev_search_path twice",
    toml: '[server]\nlisten = ["tcp:::1"]\ndev_search_path = "/%SESSNAME%/%SESSNAME%"\n',
    errors: [
      "3:19: server.dev_search_path: holds %SESSNAME% twice; it is possible once",
    ],
  },
  {
    name: "server.dev_search_path tail",
    toml: '[server]\nlisten = ["tcp:::1"]\ndev_search_path = "/srv/%SESSNAME%/disks"\n',
    errors: [
      '3:19: server.dev_search_path: has "/disks" after %SESSNAME%; let it end with %SESSNAME%, as the kernel\'s server ignores what follows',
    ],
  },
  {
    name: "server.dev_search_path other marker",
    toml: '[server]\nlisten = ["tcp:::1"]\ndev_search_path = "/srv/%sessname%"\n',
    errors: [
      "3:19: server.dev_search_path: holds %sessname%; only %SESSNAME% is replaced",
    ],
  },
  {
    name: "server.dev_search_path ..",
    toml: '[server]\nlisten = ["tcp:::1"]\ndev_search_path = "/srv/../etc"\n',
    errors: [
      '3:19: server.dev_search_path: holds ".."; write the path without it',
    ],
  },
  {
    name: "server.io_mode",
    toml: SERVER + 'io_mode = "fileo"\n',
    errors: [
      '4:11: server.io_mode: "fileo" is unknown; use "fileio" or "blockio"',
    ],
  },
  {
    name: "server.io_mode type",
    toml: SERVER + "io_mode = 1\n",
    errors: [
      '4:11: server.io_mode: the integer 1 is no string; use "fileio" or "blockio"',
    ],
  },
  {
    name: "server.queue_depth range",
    toml: SERVER + "queue_depth = 1\n",
    errors: [
      "4:15: server.queue_depth: 1 is out of range; use a whole number from 2 to 65535",
    ],
  },
  {
    name: "server.queue_depth type",
    toml: SERVER + 'queue_depth = "512"\n',
    errors: [
      '4:15: server.queue_depth: the string "512" is no integer; use a whole number from 2 to 65535',
    ],
  },
  {
    name: "server.max_io_size multiple",
    toml: SERVER + 'max_io_size = "5000"\n',
    errors: [
      "4:15: server.max_io_size: 5000 is no multiple of 4096; use a size from 4 KiB to 64 MiB, a multiple of 4096",
    ],
  },
  {
    name: "server.max_io_size range",
    toml: SERVER + "max_io_size = 2048\n",
    errors: [
      "4:15: server.max_io_size: 2048 is out of range; use a size from 4 KiB to 64 MiB, a multiple of 4096",
    ],
  },
  {
    name: "server.max_io_size text",
    toml: SERVER + 'max_io_size = "big"\n',
    errors: [
      '4:15: server.max_io_size: the string "big" is no size; use bytes, or a number with KiB, MiB, GiB or TiB',
    ],
  },
  {
    name: "bits by max_io_size",
    toml: SERVER + 'queue_depth = 512\nmax_io_size = "1MiB"\n',
    errors: [
      "5:15: server.max_io_size: queue_depth 512 and max_io_size 1 MiB together exceed what one RTRS message can address; use max_io_size of at most 508 KiB, or queue_depth of at most 128",
    ],
  },
  {
    name: "bits by queue_depth",
    toml: SERVER + "queue_depth = 4096\n",
    errors: [
      "4:15: server.queue_depth: queue_depth 4096 and max_io_size 128 KiB together exceed what one RTRS message can address; use max_io_size of at most 60 KiB, or queue_depth of at most 1024",
    ],
  },
  {
    name: "bits, no size possible",
    toml: SERVER + "queue_depth = 65535\n",
    errors: [
      "4:15: server.queue_depth: queue_depth 65535 and max_io_size 128 KiB together exceed what one RTRS message can address; use queue_depth of at most 1024",
    ],
  },
  {
    name: "server.heartbeat_interval_ms",
    toml: SERVER + "heartbeat_interval_ms = 5\n",
    errors: [
      "4:25: server.heartbeat_interval_ms: 5 is out of range; use a whole number from 100 to 60000 (milliseconds)",
    ],
  },
  {
    name: "server.heartbeat_missed_max",
    toml: SERVER + "heartbeat_missed_max = 0\n",
    errors: [
      "4:24: server.heartbeat_missed_max: 0 is out of range; use a whole number from 1 to 100",
    ],
  },
  {
    name: "server.crc",
    toml: SERVER + "crc = true\n",
    errors: [
      '4:7: server.crc: the boolean true is no string; use "auto", "on" or "off"',
    ],
  },
  {
    name: "export empty",
    toml: EXPORT,
    errors: [
      "4:10: server.export.device_path: is missing; give a path such as vm-*",
    ],
  },
  {
    name: "export.device_path ..",
    toml: EXPORT + 'device_path = "a/../b"\n',
    errors: [
      '5:15: server.export.device_path: holds ".."; name a path without it, as servers refuse it',
    ],
  },
  {
    name: "export.device_path root",
    toml: EXPORT + 'device_path = "/"\n',
    errors: [
      "5:15: server.export.device_path: names no device; give a path such as disk0.img",
    ],
  },
  {
    name: "export.device_path type",
    toml: EXPORT + "device_path = 5\n",
    errors: [
      "5:15: server.export.device_path: the integer 5 is no string; use a path such as vm-*",
    ],
  },
  {
    name: "export.sessname dot",
    toml: EXPORT + 'device_path = "a"\nsessname = "a.b"\n',
    errors: [
      '6:12: server.export.sessname: holds "."; a session name has neither "/" nor "."',
    ],
  },
  {
    name: "export.access_mode",
    toml: EXPORT + 'device_path = "a"\naccess_mode = "wr"\n',
    errors: [
      '6:15: server.export.access_mode: "wr" is unknown; use "ro", "rw" or "migration"',
    ],
  },
  {
    name: "export.backend",
    toml: EXPORT + 'device_path = "a"\nbackend = "file"\n',
    errors: [
      '6:11: server.export.backend: "file" is unknown; use "path", "memory" or "null"',
    ],
  },
  {
    name: "export.size for a path",
    toml: EXPORT + 'device_path = "a"\nsize = "1GiB"\n',
    errors: [
      "6:1: server.export.size: is only for backend memory and null; a path has its own size: remove it",
    ],
  },
  {
    name: "export memory",
    toml: EXPORT + 'device_path = "a*"\nbackend = "memory"\nio_mode = "blockio"\n',
    errors: [
      '4:10: server.export.size: is missing; a memory disk needs one, as "1GiB"',
      '5:15: server.export.device_path: "a*" is a pattern; a memory disk has one name, without "*"',
      "7:1: server.export.io_mode: has no meaning for a memory disk; remove it",
    ],
  },
  {
    name: "export null size",
    toml: EXPORT + 'device_path = "a"\nbackend = "null"\nsize = 4608\nlogical_block_size = 4096\n',
    errors: [
      "7:8: server.export.size: 4608 is no multiple of logical_block_size 4096; use one",
    ],
  },
  {
    name: "export.size range",
    toml: EXPORT + 'device_path = "a"\nbackend = "null"\nsize = 512\n',
    errors: [
      "7:8: server.export.size: 512 is out of range; use a size from 4 KiB to 16 TiB",
    ],
  },
  {
    name: "export.logical_block_size",
    toml: EXPORT + 'device_path = "a"\nlogical_block_size = 520\n',
    errors: [
      "6:22: server.export.logical_block_size: 520 is not possible; use 512, 1024, 2048 or 4096",
    ],
  },
  {
    name: "export.io_mode",
    toml: EXPORT + 'device_path = "a"\nio_mode = "direct"\n',
    errors: [
      '6:11: server.export.io_mode: "direct" is unknown; use "fileio" or "blockio"',
    ],
  },
  {
    name: "export repeated",
    toml: EXPORT +
      'device_path = "a/b"\n[[server.export]]\nsessname = "*"\ndevice_path = "/a//b"\n',
    errors: [
      '8:15: server.export.device_path: "/a//b" is exported twice, first at line 5, column 15; remove one',
    ],
  },
  {
    name: "memory disks over memory_limit",
    toml: '[node]\nmemory_limit = "1GiB"\n' + EXPORT +
      'device_path = "a"\nbackend = "memory"\nsize = "768MiB"\n[[server.export]]\ndevice_path = "b"\nbackend = "memory"\nsize = "512MiB"\n',
    errors: [
      "13:8: server.export.size: the memory disks up to this one take 1280 MiB, more than node.memory_limit of 1 GiB; raise it or make them smaller",
    ],
  },
  {
    name: "session empty",
    toml: "[[session]]\n",
    errors: [
      '1:3: session.sessname: is missing; give a name of 1 to 254 bytes without "/" and "."',
      '1:3: session.paths: is missing; give a list with one path such as ["ip:192.0.2.1"]',
    ],
  },
  {
    name: "session.sessname slash",
    toml: '[[session]]\nsessname = "a/b"\npaths = ["tcp:127.0.0.1"]\n',
    errors: [
      '2:12: session.sessname: holds "/"; a session name has neither "/" nor "."',
    ],
  },
  {
    name: "session.sessname long",
    toml: '[[session]]\nsessname = "' + "é".repeat(128) + '"\npaths = ["tcp:127.0.0.1"]\n',
    errors: [
      "2:12: session.sessname: has 256 bytes; at most 254 are possible",
    ],
  },
  {
    name: "session repeated",
    toml: SESSION + SESSION,
    errors: [
      '5:12: session.sessname: "s" is the name of two sessions, first at line 2, column 12; rename one',
    ],
  },
  {
    name: "session.paths several",
    toml: '[[session]]\nsessname = "s"\npaths = ["tcp:127.0.0.1", "tcp:127.0.0.2"]\n',
    errors: [
      "3:27: session.paths: this version uses one path for a session; several come with multipath support: keep one",
    ],
  },
  {
    name: "session.paths two carriers",
    toml: '[[session]]\nsessname = "s"\npaths = ["tcp:10.0.0.1,ip:10.0.0.2"]\n',
    errors: [
      '3:10: session.paths: "tcp:10.0.0.1,ip:10.0.0.2": "tcp:10.0.0.1" is wrong, expected a ip: address, because the destination is one',
    ],
  },
  {
    name: "session.paths several by RDMA",
    toml: '[[session]]\nsessname = "s"\npaths = ["ip:10.0.0.1,ip:10.0.0.2", "ip:10.1.0.2"]\n',
    errors: [
      "3:37: session.paths: this version uses one path for a session; several come with multipath support: keep one",
    ],
  },
  {
    name: "session.paths families",
    toml: '[[session]]\nsessname = "s"\npaths = ["tcp:127.0.0.1,tcp:::1"]\n',
    errors: [
      '3:10: session.paths: "tcp:127.0.0.1,tcp:::1": "tcp:127.0.0.1" is wrong, expected an address of the same family as the destination',
    ],
  },
  {
    name: "session.path misspelt",
    toml: '[[session]]\nsessname = "s"\npath = "tcp:127.0.0.1"\n',
    errors: [
      '1:3: session.paths: is missing; give a list with one path such as ["ip:192.0.2.1"]',
      '3:1: session.path: is unknown; did you mean "paths"?',
    ],
  },
  {
    name: "session.dest_port",
    toml: SESSION + "dest_port = 123456\n",
    errors: [
      "4:13: session.dest_port: 123456 is out of range; use a whole number from 1 to 65535",
    ],
  },
  {
    name: "session.dest_port misspelt",
    toml: SESSION + "destport = 1234\n",
    errors: [
      '4:1: session.destport: is unknown; did you mean "dest_port"?',
    ],
  },
  {
    name: "session.mpath_policy",
    toml: SESSION + 'mpath_policy = "round-rob"\n',
    errors: [
      '4:16: session.mpath_policy: "round-rob" is unknown; use "round-robin", "min-inflight" or "min-latency"',
    ],
  },
  {
    name: "session.max_reconnect_attempts",
    toml: SESSION + "max_reconnect_attempts = 10000\n",
    errors: [
      "4:26: session.max_reconnect_attempts: 10000 is out of range; use a whole number from -1 to 9999",
    ],
  },
  {
    name: "session.reconnect_delay_ms",
    toml: SESSION + "reconnect_delay_ms = 1\n",
    errors: [
      "4:22: session.reconnect_delay_ms: 1 is out of range; use a whole number from 10 to 3600000 (milliseconds)",
    ],
  },
  {
    name: "session delays",
    toml: SESSION + "reconnect_delay_ms = 2000\nreconnect_delay_max_ms = 1000\n",
    errors: [
      "5:26: session.reconnect_delay_max_ms: reconnect_delay_ms 2000 is above reconnect_delay_max_ms 1000; raise the one or lower the other",
    ],
  },
  {
    name: "session delay above the default maximum",
    toml: SESSION + "reconnect_delay_ms = 60000\n",
    errors: [
      "4:22: session.reconnect_delay_ms: reconnect_delay_ms 60000 is above reconnect_delay_max_ms 30000; raise the one or lower the other",
    ],
  },
  {
    name: "session.connect_timeout_ms",
    toml: SESSION + 'connect_timeout_ms = "30s"\n',
    errors: [
      '4:22: session.connect_timeout_ms: the string "30s" is no integer; use a whole number from 100 to 600000 (milliseconds)',
    ],
  },
  {
    name: "session.heartbeat_missed_max type",
    toml: SESSION + "heartbeat_missed_max = 5.0\n",
    errors: [
      "4:24: session.heartbeat_missed_max: the floating-point number 5 is no integer; use a whole number from 1 to 100",
    ],
  },
  {
    name: "session.crc",
    toml: SESSION + 'crc = "yes"\n',
    errors: [
      '4:7: session.crc: "yes" is unknown; use "auto", "on" or "off"',
    ],
  },
  {
    name: "mapping empty",
    toml: "[[mapping]]\n",
    errors: [
      "1:3: mapping.sessname: is missing; give the name of a [[session]]",
      "1:3: mapping.device_path: is missing; give a path such as disk0.img",
    ],
  },
  {
    name: "mapping.sessname unknown",
    toml: SESSION + '[[mapping]]\nsessname = "t"\ndevice_path = "d"\n',
    errors: [
      '5:12: mapping.sessname: no [[session]] is called "t"; did you mean "s"?',
    ],
  },
  {
    name: "mapping.sessname misspelt",
    toml:
      '[[session]]\nsessname = "backup"\npaths = ["tcp:127.0.0.1"]\n[[mapping]]\nsessname = "bakcup"\ndevice_path = "d"\n',
    errors: [
      '5:12: mapping.sessname: no [[session]] is called "bakcup"; did you mean "backup"?',
    ],
  },
  {
    name: "mapping.device_path ..",
    toml: SESSION + '[[mapping]]\nsessname = "s"\ndevice_path = "a..b"\n',
    errors: [
      '6:15: mapping.device_path: holds ".."; name a path without it, as servers refuse it',
    ],
  },
  {
    name: "mapping.device_path long",
    toml: SESSION + '[[mapping]]\nsessname = "s"\ndevice_path = "' + "d".repeat(255) + '"\n',
    errors: [
      "6:15: mapping.device_path: has 255 bytes; at most 254 are possible",
    ],
  },
  {
    name: "mapping.name slash",
    toml: SESSION + MAPPING + 'name = "a/b"\n',
    errors: [
      '7:8: mapping.name: holds "/"; use a plain file name, for example with "!" instead',
    ],
  },
  {
    name: "mapping.name dots",
    toml: SESSION + MAPPING + 'name = ".."\n',
    errors: [
      "7:8: mapping.name: is no file name; use another one",
    ],
  },
  {
    name: "mapping.name option",
    toml: SESSION + MAPPING + 'name = "-x"\n',
    errors: [
      '7:8: mapping.name: starts with "-", which reads as an option; use another name',
    ],
  },
  {
    name: "mapping.name too long",
    toml: '[node]\nruntime_dir = "/run/x"\n' + SESSION + MAPPING + 'name = "' + "n".repeat(100) +
      '"\n',
    errors: [
      "9:8: mapping.name: makes the socket path /run/x/nbd/" + "n".repeat(100) +
      ".sock 9 bytes longer than the 107 that Linux allows; give a shorter name, or a shorter node.runtime_dir",
    ],
  },
  {
    name: "mapping name made too long",
    toml: '[node]\nruntime_dir = "/run/x"\n' + SESSION +
      '[[mapping]]\nsessname = "s"\ndevice_path = "' + "d".repeat(100) + '"\n',
    errors: [
      '8:15: mapping.device_path: the name made of it, "' + "d".repeat(100) +
      '", makes the socket path /run/x/nbd/dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd.sock 9 bytes longer than the 107 that Linux allows; give a shorter name, or a shorter node.runtime_dir: set "name"',
    ],
  },
  {
    name: "mapping names equal",
    toml: SESSION + MAPPING +
      'name = "m"\n[[mapping]]\nsessname = "s"\ndevice_path = "e"\nname = "m"\n',
    errors: [
      '11:8: mapping.name: "m" is the name of two mappings, first at line 7, column 8; rename one',
    ],
  },
  {
    name: "mapping name equal to a made one",
    toml: SESSION +
      '[[mapping]]\nsessname = "s"\ndevice_path = "a/b"\n[[mapping]]\nsessname = "s"\ndevice_path = "e"\nname = "a!b"\n',
    errors: [
      '10:8: mapping.name: "a!b" is the name of two mappings, first at line 6, column 15; rename one',
    ],
  },
  {
    name: "mapping device twice",
    toml: SESSION +
      '[[mapping]]\nname = "m"\nsessname = "s"\ndevice_path = "a/b"\n[[mapping]]\nname = "n"\nsessname = "s"\ndevice_path = "/a/./b/"\n',
    errors: [
      '11:15: mapping.device_path: "/a/./b/" of session "s" is mapped twice, first at line 7, column 15; remove one',
    ],
  },
  {
    name: "mapping.access_mode",
    toml: SESSION + MAPPING + 'access_mode = "migraton"\n',
    errors: [
      '7:15: mapping.access_mode: "migraton" is unknown; use "ro", "rw" or "migration"',
    ],
  },
  {
    name: "mapping.expose type",
    toml: SESSION + MAPPING + 'expose = ["nbd"]\n',
    errors: [
      '7:10: mapping.expose: a list is no string; use "auto", "ublk" or "nbd"',
    ],
  },
  {
    name: "everything at once",
    toml:
      '[node]\nreactors = 0\n[server]\nlisten = ["rdma:::1"]\nport = 0\n[[session]]\nsessname = ""\n[[mapping]]\nexpose = "usb"\nname = "a/b"\n',
    errors: [
      "2:12: node.reactors: 0 is out of range; use a whole number from 1 to 64",
      "3:2: server.dev_search_path: is missing; give an absolute path",
      '4:11: server.listen: "rdma:::1": expected a prefix and an address, such as tcp:192.0.2.1, ip:192.0.2.1 or gid:fe80::1',
      "5:8: server.port: 0 is out of range; use a whole number from 1 to 65535",
      '6:3: session.paths: is missing; give a list with one path such as ["ip:192.0.2.1"]',
      "7:12: session.sessname: is empty; give at least one character",
      "8:3: mapping.sessname: is missing; give the name of a [[session]]",
      "8:3: mapping.device_path: is missing; give a path such as disk0.img",
      '9:10: mapping.expose: "usb" is unknown; use "auto", "ublk" or "nbd"',
      '10:8: mapping.name: holds "/"; use a plain file name, for example with "!" instead',
    ],
  },
];
