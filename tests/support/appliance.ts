/** The real program as a subprocess. */
import type { MappingStatus, Status } from "../../src/appliance/appliance_api.ts";
import { run, tryRun, waitFor } from "./process.ts";
import { programCommand } from "./program.ts";

const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 15_000;

/** Runs the program with these arguments to its end, as a user would. */
export function appliance(args: readonly string[], timeoutMs = 60_000) {
  const program = programCommand(args);
  return tryRun(program.command, program.args, { timeoutMs });
}

/** The same, but anything but exit code 0 throws. */
export function applianceOk(args: readonly string[], timeoutMs = 60_000) {
  const program = programCommand(args);
  return run(program.command, program.args, { timeoutMs });
}

/** What {@link startAppliance} takes. */
export interface StartOptions {
  /** TOML text; sets `runtime_dir`. */
  readonly config: string;
  /** Where the config file is written; an existing directory. */
  readonly directory: string;
  /** Base name of the config file, and of the program in error messages. */
  readonly name: string;
  /** More arguments after `--config FILE`. */
  readonly args?: readonly string[];
  /** Variables besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** How much longer than usual starting and stopping may take; for emulated machines. */
  readonly patience?: number;
}

/** A running program; `await using` stops it in order. */
export class Appliance implements AsyncDisposable {
  private out = "";
  private err = "";
  private exited: Deno.CommandStatus | undefined;
  private readonly drained: Promise<unknown>;

  private constructor(
    private readonly child: Deno.ChildProcess,
    /** Path of the config file, for `status --config`. */
    readonly configFile: string,
    /** Path of the control socket. */
    readonly controlSocket: string,
    private readonly patience: number,
  ) {
    const collect = async (stream: ReadableStream<Uint8Array>, add: (text: string) => void) => {
      const decoder = new TextDecoder();
      for await (const bytes of stream) add(decoder.decode(bytes, { stream: true }));
    };
    this.drained = Promise.all([
      collect(child.stdout, (text) => this.out += text),
      collect(child.stderr, (text) => this.err += text),
      child.status.then((status) => this.exited = status),
    ]);
  }

  /** Starts the program and waits for its line `ready`. @throws with its stderr if it never comes */
  static async start(options: StartOptions): Promise<Appliance> {
    const configFile = `${options.directory}/${options.name}.toml`;
    await Deno.writeTextFile(configFile, options.config);
    const program = programCommand(["--config", configFile, ...(options.args ?? [])]);
    const child = new Deno.Command(program.command, {
      args: program.args,
      env: { ...options.env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const runtimeDir = /^runtime_dir = "(.*)"$/m.exec(options.config)?.[1];
    const patience = options.patience ?? 1;
    const started = new Appliance(child, configFile, `${runtimeDir}/control.sock`, patience);
    try {
      const hasDecided = () => started.exited !== undefined || started.isReady;
      await waitFor(hasDecided, READY_TIMEOUT_MS * patience, `${options.name} to say ready`);
      if (!started.isReady) throw new Error(`${options.name} ended with ${started.exited?.code}`);
    } catch (error) {
      await started.kill("SIGKILL");
      throw new Error(`${error}\nstdout:\n${started.out}\nstderr:\n${started.err}`);
    }
    return started;
  }

  private get isReady(): boolean {
    return /^ready$/m.test(this.out);
  }

  /** Its process id. */
  get pid(): number {
    return this.child.pid;
  }

  /** What it wrote to stdout so far. */
  get stdout(): string {
    return this.out;
  }

  /** What it wrote to stderr so far. */
  get stderr(): string {
    return this.err;
  }

  /**
   * A request to the control socket, with a JSON body if there is one.
   * @param signal ends it early
   */
  async request(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<{ readonly ok: boolean; readonly status: number; readonly text: string }> {
    using client = Deno.createHttpClient({
      proxy: { transport: "unix", path: this.controlSocket },
    });
    const response = await fetch(`http://localhost${path}`, {
      client,
      method,
      ...(signal === undefined ? {} : { signal }),
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    return { ok: response.ok, status: response.status, text: await response.text() };
  }

  /** Its status, over the control socket. */
  async status(): Promise<Status> {
    const { ok, status, text } = await this.request("GET", "/v1/status").catch((error) => {
      const why = error instanceof Error ? error.cause ?? error : error;
      throw new Error(`status over ${this.controlSocket}: ${why}`);
    });
    if (!ok) throw new Error(`status: ${status} ${text}`);
    return JSON.parse(text) as Status;
  }

  /** The mapping `name` of `status`. */
  async mapping(name: string): Promise<MappingStatus> {
    const { mappings } = await this.status();
    const found = mappings.find((mapping) => mapping.name === name);
    if (found === undefined) throw new Error(`No mapping ${name} in ${JSON.stringify(mappings)}`);
    return found;
  }

  /** The NBD socket of a mapping that is open. */
  async nbdSocket(name: string): Promise<string> {
    const mapping = await this.mapping(name);
    if (mapping.state !== "open" || mapping.device === null || mapping.expose !== "nbd") {
      throw new Error(`Mapping has no NBD socket: ${JSON.stringify(mapping)}`);
    }
    return mapping.device;
  }

  /** Sends a signal and waits until the process is gone. */
  async kill(signal: Deno.Signal): Promise<Deno.CommandStatus> {
    if (this.exited === undefined) this.child.kill(signal);
    await this.drained;
    return this.exited!;
  }

  /** SIGTERM. @throws when it is not gone in 15 s times `patience` (it is killed then) or fails */
  async stop(): Promise<void> {
    if (this.exited !== undefined) return;
    const late = Symbol();
    const timeoutMs = STOP_TIMEOUT_MS * this.patience;
    const outcome = await Promise.race([
      this.kill("SIGTERM"),
      sleepUnreferenced(timeoutMs).then(() => late),
    ]);
    if (outcome === late) {
      await this.kill("SIGKILL");
      throw new Error(`Not gone ${timeoutMs} ms after SIGTERM; stderr:\n${this.err}`);
    }
    if (this.exited!.code !== 0) {
      throw new Error(`Exit code ${this.exited!.code} after SIGTERM; stderr:\n${this.err}`);
    }
  }

  /** Stops it if it still runs. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function sleepUnreferenced(ms: number): Promise<void> {
  return new Promise((resolve) => Deno.unrefTimer(setTimeout(resolve, ms)));
}

/** Starts the program; see {@link Appliance.start}. */
export const startAppliance = (options: StartOptions): Promise<Appliance> =>
  Appliance.start(options);

/** Waits until a mapping is in `state`. */
export const waitForMapping = (
  client: Appliance,
  name: string,
  state: MappingStatus["state"],
  timeoutMs: number,
): Promise<void> =>
  waitFor(
    async () => (await client.mapping(name)).state === state,
    timeoutMs,
    `mapping ${name} to be ${state}`,
  );

/** NBD URI of a Unix socket, for fio, nbdcopy, nbdinfo and QEMU alike. */
export const nbdUri = (socket: string): string => `nbd+unix:///?socket=${socket}`;
