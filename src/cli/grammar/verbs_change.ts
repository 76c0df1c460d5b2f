/** Verbs that change devices, sessions and paths now; the config is not touched. */
import {
  CONNECT_OPTIONS,
  forceOption,
  MAPPING_NAME,
  OUTPUT_OPTION,
  SESSION_NAME,
  timeoutOption,
} from "./options.ts";
import type { OptionSpec, PositionalSpec, VerbSpec } from "./spec.ts";
import { atClient, atServer } from "./words.ts";

const PATH: PositionalSpec = {
  name: "PATH",
  isRequired: true,
  completes: "path",
  doc: "which one, as status shows it: ip:192.0.2.2,ip:192.0.2.1",
};

const printing: readonly OptionSpec[] = [OUTPUT_OPTION, ...CONNECT_OPTIONS];

const mapOptions: readonly OptionSpec[] = [
  {
    name: "from",
    value: "SERVER",
    leadIn: "from",
    completes: "session",
    doc: "name of a session, or the server's address as [SRC,]DST; the session is then called " +
      "NODE@ADDRESS; the word from says it too",
  },
  { name: "sessname", value: "SESSNAME", completes: "session", doc: "name of the session" },
  {
    name: "path",
    value: "[SRC,]DST",
    isRepeatable: true,
    doc: "our address and the server's, as ip:192.0.2.1 (RDMA) or tcp:192.0.2.1 (built-in " +
      "carrier); not for a known session",
  },
  { name: "dest-port", value: "N", doc: "port of the server (default 1234); only with a path" },
  {
    name: "access-mode",
    value: "MODE",
    bareWords: { ro: "ro", rw: "rw", migration: "migration" },
    completes: ["ro", "rw", "migration"],
    doc: "ro, rw (default) or migration; the word alone says it too",
  },
  { name: "name", value: "NAME", doc: 'name of the mapping (default: path with "!" for "/")' },
  {
    name: "expose",
    value: "HOW",
    completes: ["auto", "ublk", "nbd"],
    doc: "ublk (block device), nbd (socket) or auto (default: ublk where there is one)",
  },
  ...printing,
];

const deviceVerbs: readonly VerbSpec[] = [
  {
    name: "map",
    summary: "map a device of a server",
    doc: "The mapping lasts until unmap or until the appliance ends; adopt writes it into the " +
      "config.",
    targets: atClient("device"),
    positionals: [
      {
        name: "DEVICE_PATH",
        isRequired: true,
        doc: "path of the device below the server's dev_search_path",
      },
      {
        name: "PATH",
        isRequired: false,
        isRepeated: true,
        doc: "more paths to the server, as [SRC,]DST",
      },
    ],
    options: mapOptions,
    examples: [
      "map disk0.img from backup ro",
      "map disk0.img from tcp:192.0.2.1",
      "map disk0.img --sessname backup --path ip:192.0.2.1",
      "map vm/1 --sessname b --access-mode ro --expose ublk",
    ],
  },
  {
    name: "unmap",
    summary: "end a mapping",
    doc: "While somebody has the device or its socket open this is refused, with who it is, and " +
      "the exit code is 75. A mapping that the config declares comes back with the next apply.",
    targets: atClient("device"),
    positionals: [MAPPING_NAME],
    options: [
      forceOption("even while it is in use; its users get I/O errors"),
      { name: "wait", doc: "wait until nobody uses it any more" },
      timeoutOption("how long to wait (default 60); only with --wait"),
      ...printing,
    ],
    examples: ["unmap scratch", "unmap scratch force", "unmap scratch --wait"],
  },
  {
    name: "remap",
    summary: "open a mapping's device at the server anew",
    doc: "For a mapping that is closed: now, instead of at the next try. Its block device or " +
      "socket stays. An open mapping is refused without force. The name of a session stands for " +
      "all its mappings, those that are open only with force.",
    targets: atClient("device", "session"),
    positionals: [{
      ...MAPPING_NAME,
      completes: "name",
      doc: "name of a mapping, or of a session",
    }],
    options: [forceOption("even when it is open: close it at the server first"), ...printing],
    examples: ["remap scratch", "remap scratch force", "remap session backup"],
  },
  {
    name: "resize",
    summary: "take over the size that a device has at its server now",
    doc: "Servers do not tell when a device grows or shrinks; this asks. With SIZE it fails when " +
      "the server has another one.",
    targets: atClient("device"),
    positionals: [MAPPING_NAME, {
      name: "SIZE",
      isRequired: false,
      doc: "size that is expected, for example 20GiB",
    }],
    options: printing,
    examples: ["resize scratch", "resize scratch 20GiB"],
  },
  {
    name: "recover",
    summary: "try now what is closed or disconnected",
    doc: "Opens closed mappings and connects disconnected paths, also those that were given up.",
    targets: atClient("device", "session", "path"),
    positionals: [{
      name: "NAME",
      isRequired: true,
      isRepeated: true,
      completes: "name",
      doc: "names of mappings and sessions, or the word all",
    }],
    options: printing,
    examples: ["recover all", "recover scratch"],
  },
];

const exportVerbs: readonly VerbSpec[] = [
  {
    name: "close",
    summary: "take a device away from the clients that have it open",
    doc: "They get I/O errors until they map it anew; needs force.",
    targets: atServer("device"),
    positionals: [
      {
        name: "DEVICE",
        isRequired: true,
        completes: "export",
        doc: "the device as status shows it, or the path that clients give",
      },
      { ...SESSION_NAME, isRequired: false, completes: "client", doc: "only this client's" },
    ],
    options: [forceOption("agree that clients get I/O errors"), ...printing],
    examples: ["close /srv/rnbd/disk0.img force", "close disk0.img store-2 force"],
  },
  {
    name: "revalidate",
    summary: "look at the sizes of open devices again",
    doc: "Clients of this program take a new size over by themselves; others, the kernel's too, " +
      "when they open the device anew.",
    targets: atServer("device"),
    positionals: [{
      name: "DEVICE",
      isRequired: false,
      completes: "export",
      doc: "the device as status shows it (default: all)",
    }],
    options: printing,
    examples: ["revalidate", "revalidate /srv/rnbd/disk0.img"],
  },
];

const pathVerbs: readonly VerbSpec[] = [
  {
    name: "disconnect",
    aliases: ["dis"],
    summary: "close a session's paths, or one of them",
    doc: "At the client until reconnect; a server drops a client, which may come back.",
    targets: [...atClient("session", "path"), ...atServer("session", "path")],
    positionals: [
      { ...SESSION_NAME, completes: "name" },
      { ...PATH, isRequired: false, doc: `${PATH.doc} (default: all)` },
    ],
    options: printing,
    examples: ["path disconnect backup", "server session disconnect store-2"],
  },
  {
    name: "reconnect",
    summary: "connect a session's paths, or one of them, anew",
    doc: "Closes what is connected, and starts to connect it now; status tells how it goes.",
    targets: atClient("session", "path"),
    positionals: [
      SESSION_NAME,
      { ...PATH, isRequired: false, doc: `${PATH.doc} (default: all)` },
    ],
    options: printing,
    examples: ["path reconnect backup ip:192.0.2.2,ip:192.0.2.1"],
  },
  {
    name: "add",
    summary: "add a path to a session",
    targets: atClient("path"),
    positionals: [SESSION_NAME, {
      name: "PATH",
      isRequired: true,
      doc: "our address and the server's, or the server's alone: [SRC,]DST",
    }],
    options: printing,
    examples: ["path add backup ip:192.0.2.2,ip:192.0.2.1"],
  },
  {
    name: "delete",
    aliases: ["del"],
    summary: "take a path away from a session",
    targets: atClient("path"),
    positionals: [SESSION_NAME, PATH],
    options: printing,
    examples: ["path delete backup ip:192.0.2.2,ip:192.0.2.1"],
  },
  {
    name: "readd",
    summary: "delete a path and add it again",
    targets: atClient("path"),
    positionals: [SESSION_NAME, PATH],
    options: printing,
    examples: ["path readd backup ip:192.0.2.2,ip:192.0.2.1"],
  },
  {
    name: "set",
    summary: "change a session while it is in use",
    doc: "mpath_policy is round-robin (rr), min-inflight (mi) or min-latency (ml); " +
      "max_reconnect_attempts is -1 (for ever) to 9999. The next apply sets what the config says.",
    targets: atClient("session"),
    positionals: [SESSION_NAME, {
      name: "KEY=VALUE",
      isRequired: true,
      isRepeated: true,
      completes: "setting",
      doc: "mpath_policy=… or max_reconnect_attempts=…",
    }],
    options: printing,
    examples: ["session set backup mpath_policy=min-latency"],
  },
];

/** See the head of this file. */
export const CHANGE_VERBS: readonly VerbSpec[] = [...deviceVerbs, ...exportVerbs, ...pathVerbs];
