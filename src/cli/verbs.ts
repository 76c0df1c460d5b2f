/** Every verb and option of the command line, in one table: parser and help come from it. */

/** An option; without a value it is a flag. */
export interface OptionSpec {
  readonly name: string;
  readonly short?: string;
  /** What its value is, for the help. */
  readonly value?: string;
  readonly isRequired?: boolean;
  readonly doc: string;
}

/** Something that stands without a name. */
export interface PositionalSpec {
  readonly name: string;
  readonly isRequired: boolean;
  readonly doc: string;
}

/** What the program can do. */
export interface VerbSpec {
  readonly name: string;
  readonly summary: string;
  readonly doc?: string;
  readonly positionals: readonly PositionalSpec[];
  readonly options: readonly OptionSpec[];
  readonly examples: readonly string[];
}

const configOption: OptionSpec = {
  name: "config",
  value: "FILE",
  doc: "find the control socket by the node.runtime_dir of this config file",
};

const connectOptions: readonly OptionSpec[] = [
  {
    name: "socket",
    value: "PATH",
    doc: "control socket of the running appliance (default: the one of the default runtime_dir)",
  },
  configOption,
];

const outputOption: OptionSpec = {
  name: "output",
  short: "o",
  value: "json|table",
  doc: "how to print the result (default table)",
};

const mappingName: PositionalSpec = {
  name: "NAME",
  isRequired: true,
  doc: "name of the mapping, as status shows it",
};

const destroyOption: OptionSpec = {
  name: "destroy-data",
  doc: "agree that the data of the mapping is overwritten",
};

const BLOCK_DOC = "bytes of one request, for example 4k or 128KiB";

/** The table. */
export const VERBS: readonly VerbSpec[] = [
  {
    name: "run",
    summary: "run the appliance in the foreground",
    doc: "Prints one line, ready, when every listener is up and every mapping has been tried " +
      "once. SIGTERM and SIGINT stop it in order; a second one stops it at once. The word run " +
      "may be left out.",
    positionals: [],
    options: [
      { name: "config", value: "FILE", isRequired: true, doc: "the config file" },
      { name: "log-level", value: "LEVEL", doc: "error, warn, info (default) or debug" },
    ],
    examples: ["--config /etc/rnbd-appliance/rnbd.toml"],
  },
  {
    name: "check",
    summary: "check a config file",
    doc: "Prints every error as FILE:line:column: key: what is wrong, and what would be right.",
    positionals: [],
    options: [{ name: "config", value: "FILE", isRequired: true, doc: "the config file" }],
    examples: ["check --config rnbd.toml"],
  },
  {
    name: "status",
    summary: "show mappings, sessions, exports and clients",
    positionals: [],
    options: [outputOption, ...connectOptions],
    examples: ["status", "status -o json --socket /run/rnbd-appliance/control.sock"],
  },
  {
    name: "map",
    summary: "map a device of a server",
    doc: "The mapping lasts until unmap or until the appliance ends.",
    positionals: [{
      name: "DEVICE_PATH",
      isRequired: true,
      doc: "path of the device below the server's dev_search_path",
    }],
    options: [
      { name: "sessname", value: "SESSNAME", isRequired: true, doc: "name of the session" },
      {
        name: "path",
        value: "[SRC,]DST",
        doc: "our address and the server's, as ip:192.0.2.1 (RDMA) or tcp:192.0.2.1 (built-in " +
          "carrier); not for a known session",
      },
      { name: "dest-port", value: "N", doc: "port of the server (default 1234); only with --path" },
      { name: "access-mode", value: "MODE", doc: "ro, rw (default) or migration" },
      { name: "name", value: "NAME", doc: 'name of the mapping (default: path with "!" for "/")' },
      {
        name: "expose",
        value: "HOW",
        doc: "ublk (block device), nbd (socket) or auto (default: ublk where there is one)",
      },
      outputOption,
      ...connectOptions,
    ],
    examples: [
      "map disk0.img --sessname backup --path ip:192.0.2.1",
      "map vm/1 --sessname b --access-mode ro --expose ublk",
    ],
  },
  {
    name: "unmap",
    summary: "end a mapping",
    doc: "While somebody has the device or its socket open this is refused, with who it is, and " +
      "the exit code is 75.",
    positionals: [mappingName],
    options: [
      { name: "force", doc: "even while it is in use; its users get I/O errors" },
      ...connectOptions,
    ],
    examples: ["unmap scratch", "unmap scratch --force"],
  },
  {
    name: "remap",
    summary: "open a mapping's device at the server anew",
    doc: "For a mapping that is closed: now, instead of at the next try. Its block device or " +
      "socket stays. An open mapping is refused without --force.",
    positionals: [mappingName],
    options: [
      { name: "force", doc: "even when it is open: close it at the server first" },
      outputOption,
      ...connectOptions,
    ],
    examples: ["remap scratch", "remap scratch --force"],
  },
  {
    name: "resize",
    summary: "take over the size that a device has at its server now",
    doc: "Servers do not tell when a device grows or shrinks; this asks. With SIZE it fails when " +
      "the server has another one.",
    positionals: [mappingName, {
      name: "SIZE",
      isRequired: false,
      doc: "size that is expected, for example 20GiB",
    }],
    options: [outputOption, ...connectOptions],
    examples: ["resize scratch", "resize scratch 20GiB"],
  },
  {
    name: "path",
    summary: "disconnect or reconnect a path of a session",
    doc: "disconnect closes it until reconnect; reconnect closes it if it is connected, and " +
      "starts to connect it now; status tells how it goes.",
    positionals: [
      { name: "ACTION", isRequired: true, doc: "disconnect or reconnect" },
      { name: "SESSION", isRequired: true, doc: "name of the session, as status shows it" },
      {
        name: "PATH",
        isRequired: false,
        doc: "which one, as status shows it: ip:192.0.2.2,ip:192.0.2.1 (default: all)",
      },
    ],
    options: [outputOption, ...connectOptions],
    examples: ["path disconnect backup", "path reconnect backup ip:192.0.2.2,ip:192.0.2.1"],
  },
  {
    name: "verify",
    summary: "write patterns through a mapping and read them back",
    doc: "Overwrites the device. Without --destroy-data it only says what it would overwrite.",
    positionals: [mappingName],
    options: [
      destroyOption,
      { name: "bytes", value: "SIZE", doc: "how much, from the start (default 0: all)" },
      { name: "bs", value: "SIZE", doc: `${BLOCK_DOC} (default 64KiB)` },
      { name: "iodepth", value: "N", doc: "requests in flight (default 32)" },
      { name: "seed", value: "N", doc: "of the pattern (default 1)" },
      outputOption,
      ...connectOptions,
    ],
    examples: ["verify scratch --destroy-data --bytes 1GiB"],
  },
  {
    name: "bench",
    summary: "measure a mapping from inside the appliance",
    doc: "Load that writes overwrites the device and needs --destroy-data.",
    positionals: [mappingName],
    options: [
      { name: "rw", value: "KIND", doc: "read, write, randread (default), randwrite or randrw" },
      { name: "bs", value: "SIZE", doc: `${BLOCK_DOC} (default 4KiB)` },
      { name: "iodepth", value: "N", doc: "requests in flight (default 32)" },
      { name: "runtime", value: "TIME", doc: "seconds, or with a unit: 500ms, 2m (default 10)" },
      { name: "jobs", value: "N", doc: "reactors that generate load (default 0: all)" },
      destroyOption,
      outputOption,
      ...connectOptions,
    ],
    examples: ["bench scratch --rw randread --bs 4k --iodepth 32"],
  },
  {
    name: "doctor",
    summary: "say what this machine can do, and what it lacks",
    doc: "Says how to get what is missing. Needs no running appliance. Exits with 0 when " +
      "devices can be mapped over TCP and exposed by NBD, else with 69.",
    positionals: [],
    options: [outputOption],
    examples: ["doctor", "doctor -o json"],
  },
  {
    name: "demo",
    summary: "a remote disk on this machine, end to end",
    doc: "Makes a scratch image, serves it, maps it over TCP, exposes it by NBD, verifies and " +
      "measures it, and removes everything again. Needs no root.",
    positionals: [],
    options: [{ name: "stay", doc: "leave it running until Ctrl-C, to look at it" }],
    examples: ["demo", "demo --stay"],
  },
  {
    name: "version",
    summary: "print the version",
    positionals: [],
    options: [],
    examples: ["version"],
  },
  {
    name: "help",
    summary: "explain the program, or one verb",
    positionals: [{ name: "VERB", isRequired: false, doc: "the verb to explain" }],
    options: [],
    examples: ["help map"],
  },
];
