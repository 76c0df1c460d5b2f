/** A server and a client in two processes over TCP on loopback: what most real-client tests need. */
import { type Appliance, startAppliance } from "./appliance.ts";
import { freePort } from "./process.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./temporary.ts";

/** Something that the server exports and the client maps; `name` is the device_path of both. */
export interface Disk {
  readonly name: string;
  /** `path`: a file of the images directory, made by the caller. */
  readonly backend: "path" | "memory";
  /** For memory only. */
  readonly sizeBytes?: number;
  readonly accessMode?: "ro" | "rw";
}

/** How the two programs differ from the defaults. */
export interface PairOptions {
  readonly disks: readonly Disk[];
  /** How the server does file I/O; default fileio. */
  readonly ioMode?: "fileio" | "blockio";
  /** Data-plane threads of each; default 1. */
  readonly reactors?: number;
  /** Microseconds a reactor polls before it blocks; default 50, as in the config. */
  readonly spinUs?: number;
  /** Where the server listens and the client's session leads; default tcp:127.0.0.1. */
  readonly paths?: readonly string[];
  /** Default: that of the config. */
  readonly reconcileIntervalMs?: number;
  /** Of both; default: that of the config. */
  readonly heartbeatIntervalMs?: number;
}

/** TOML of the server. */
export function serverConfig(directory: string, port: number, options: PairOptions): string {
  const exports = options.disks.map((disk) =>
    [
      "[[server.export]]",
      `device_path = "${disk.name}"`,
      `backend = "${disk.backend}"`,
      ...(disk.sizeBytes === undefined ? [] : [`size = ${disk.sizeBytes}`]),
    ].join("\n")
  );
  return `${nodeConfig("server", directory, options)}
[server]
listen = ${pathList(options)}
port = ${port}
dev_search_path = "${directory}/images"
io_mode = "${options.ioMode ?? "fileio"}"
${heartbeat(options)}

${exports.join("\n\n")}
`;
}

/** TOML of the client. */
export function clientConfig(directory: string, port: number, options: PairOptions): string {
  const mappings = options.disks.map((disk) =>
    [
      "[[mapping]]",
      `name = "${disk.name}"`,
      `sessname = "pair"`,
      `device_path = "${disk.name}"`,
      `access_mode = "${disk.accessMode ?? "rw"}"`,
      `expose = "nbd"`,
    ].join("\n")
  );
  return `${nodeConfig("client", directory, options)}
[[session]]
sessname = "pair"
paths = ${pathList(options)}
dest_port = ${port}
reconnect_delay_ms = 100
reconnect_delay_max_ms = 1000
${heartbeat(options)}

${mappings.join("\n\n")}
`;
}

const pathList = ({ paths }: PairOptions) => JSON.stringify(paths ?? ["tcp:127.0.0.1"]);

const heartbeat = ({ heartbeatIntervalMs: interval }: PairOptions) =>
  interval === undefined ? "" : `heartbeat_interval_ms = ${interval}`;

function nodeConfig(name: string, directory: string, options: PairOptions): string {
  const interval = options.reconcileIntervalMs;
  return `[node]
name = "${name}"
runtime_dir = "${directory}/${name}"
reactors = ${options.reactors ?? 1}
spin_us = ${options.spinUs ?? 50}
${interval === undefined ? "" : `reconcile_interval_ms = ${interval}`}
`;
}

/** Both programs, running; `await using` stops the client, then the server, and removes the files. */
export class Pair implements AsyncDisposable {
  constructor(
    private readonly directory: TemporaryDirectory,
    /** TCP port of the server. */
    readonly port: number,
    private readonly options: PairOptions,
    private serverProcess: Appliance,
    private clientProcess: Appliance,
  ) {}

  /** The serving process. */
  get server(): Appliance {
    return this.serverProcess;
  }

  /** The mapping process. */
  get client(): Appliance {
    return this.clientProcess;
  }

  /** Directory that the server exports from. */
  get images(): string {
    return `${this.directory.path}/images`;
  }

  /** A directory for the test's own files. */
  get scratch(): string {
    return `${this.directory.path}/scratch`;
  }

  /** Starts the server again after it was killed. */
  async restartServer(): Promise<void> {
    this.serverProcess = await startServer(this.directory.path, this.port, this.options);
  }

  /** Starts the client again after it was killed. */
  async restartClient(): Promise<void> {
    this.clientProcess = await startClient(this.directory.path, this.port, this.options);
  }

  /** Stops both and removes everything; the first error is thrown once all of that is done. */
  async [Symbol.asyncDispose](): Promise<void> {
    const outcomes = [];
    for (const process of [this.clientProcess, this.serverProcess]) {
      outcomes.push(...await Promise.allSettled([process.stop()]));
    }
    await this.directory[Symbol.asyncDispose]();
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }
}

const startServer = (directory: string, port: number, options: PairOptions) =>
  startAppliance({ config: serverConfig(directory, port, options), directory, name: "server" });

const startClient = (directory: string, port: number, options: PairOptions) =>
  startAppliance({ config: clientConfig(directory, port, options), directory, name: "client" });

/**
 * Makes the directories, lets `prepare` fill the images directory, and starts both programs.
 * @param prepare gets the path of the images directory
 */
export async function startPair(
  options: PairOptions,
  prepare: (images: string) => Promise<void> = () => Promise.resolve(),
): Promise<Pair> {
  const directory = await temporaryDirectory();
  let server: Appliance | undefined;
  try {
    for (const name of ["images", "scratch"]) {
      await Deno.mkdir(`${directory.path}/${name}`);
    }
    await prepare(`${directory.path}/images`);
    const port = freePort();
    server = await startServer(directory.path, port, options);
    const client = await startClient(directory.path, port, options);
    return new Pair(directory, port, options, server, client);
  } catch (error) {
    await server?.kill("SIGKILL");
    await directory[Symbol.asyncDispose]();
    throw error;
  }
}
