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
      { name: "session", value: "SESSNAME", isRequired: true, doc: "name of the session" },
      { name: "path", value: "ADDRESS", doc: "server, as tcp:192.0.2.1; not for a known session" },
      { name: "port", value: "N", doc: "port of the server (default 1234); only with --path" },
      { name: "access-mode", value: "MODE", doc: "ro, rw (default) or migration" },
      { name: "name", value: "NAME", doc: 'name of the mapping (default: path with "!" for "/")' },
      { name: "expose", value: "HOW", doc: "auto (default) or nbd" },
      outputOption,
      ...connectOptions,
    ],
    examples: ["map disk0.img --session backup --path tcp:192.0.2.1"],
  },
  {
    name: "unmap",
    summary: "end a mapping",
    positionals: [mappingName],
    options: [
      { name: "force", doc: "even while it is in use; its users get I/O errors" },
      ...connectOptions,
    ],
    examples: ["unmap scratch", "unmap scratch --force"],
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
