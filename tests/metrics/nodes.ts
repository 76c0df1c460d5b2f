/** A server and a client in this process, over TCP on loopback, and what they tell of themselves. */
import { startAppliance } from "../../src/appliance/appliance.ts";
import type { RunningAppliance } from "../../src/appliance/appliance_api.ts";
import { loadConfig } from "../../src/appliance/config/load_config.ts";
import { clientConfig, type PairOptions, serverConfig } from "../support/pair.ts";
import { freePort } from "../support/process.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary.ts";

async function start(directory: string, name: string, toml: string): Promise<RunningAppliance> {
  const file = `${directory}/${name}.toml`;
  await Deno.writeTextFile(file, toml);
  const appliance = await startAppliance(loadConfig(file));
  await appliance.firstTryDone;
  return appliance;
}

/** See the head of this file; `await using` stops both. */
export class Nodes implements AsyncDisposable {
  private constructor(
    private readonly directory: TemporaryDirectory,
    readonly port: number,
    private readonly options: PairOptions,
    private serving: RunningAppliance,
    readonly client: RunningAppliance,
  ) {}

  /** @param prepare gets the folder that the server exports from */
  static async start(
    options: PairOptions,
    prepare: (images: string) => Promise<void> = () => Promise.resolve(),
  ): Promise<Nodes> {
    const directory = await temporaryDirectory();
    const port = freePort();
    await Deno.mkdir(`${directory.path}/images`);
    await prepare(`${directory.path}/images`);
    const server = await start(
      directory.path,
      "server",
      serverConfig(directory.path, port, options),
    );
    const client = await start(
      directory.path,
      "client",
      clientConfig(directory.path, port, options),
    );
    for (const { name } of options.disks) await untilOpen(client, name);
    return new Nodes(directory, port, options, server, client);
  }

  get server(): RunningAppliance {
    return this.serving;
  }

  /** Edits the client's config and has it taken over. */
  async applyToClient(edit: (toml: string) => string): Promise<void> {
    const file = `${this.directory.path}/client.toml`;
    await Deno.writeTextFile(
      file,
      edit(clientConfig(this.directory.path, this.port, this.options)),
    );
    const { pending } = await this.client.apply({ timeout_ms: 20_000 });
    if (pending.length > 0) throw new Error(`pending: ${JSON.stringify(pending)}`);
  }

  /** Ends the server and starts another one in its place. */
  async replaceServer(): Promise<void> {
    await this.serving.stop();
    const { path } = this.directory;
    this.serving = await start(path, "server", serverConfig(path, this.port, this.options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.stop();
    await this.serving.stop();
    await this.directory[Symbol.asyncDispose]();
  }
}

/** Waits until a mapping is open. */
export async function untilOpen(node: RunningAppliance, name: string): Promise<void> {
  const TIMEOUT_MS = 10_000;
  const end = performance.now() + TIMEOUT_MS;
  while (node.status().mappings.find((one) => one.name === name)?.state !== "open") {
    if (performance.now() > end) throw new Error(`${name} is not open after ${TIMEOUT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
