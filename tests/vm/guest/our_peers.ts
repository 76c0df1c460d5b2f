/** Our server and client in the guest: the program of this tree, driven by its control API. */
import type { MappingStatus, MapRequest } from "../../../src/appliance/appliance_api.ts";
import type { FailureBody } from "../../../src/appliance/control_api/failure.ts";
import { Appliance } from "../../support/appliance.ts";
import { run, waitFor } from "../../support/process.ts";
import { RDMA_ADDRESS, RDMA_ADDRESS_2, RDMA_ADDRESS_V6 } from "./network.ts";
import {
  type BlockClient,
  type BlockServer,
  type ClientOptions,
  type Combination,
  type MapOptions,
  type MappedDevice,
  PeerError,
  type PeerProcess,
  type ServerOptions,
  type SessionPaths,
} from "./peers.ts";

/** An emulated processor is 10 to 20 times slower. */
export const PATIENCE = 6;
const OPEN_TIMEOUT_MS = 120_000;
const PORT = 1234;

const addressOf = (carrier: Combination["carrier"], address?: string): string =>
  carrier === "ip" ? `ip:${address ?? RDMA_ADDRESS}` : `tcp:${address ?? "127.0.0.1"}`;

/** Both families at once: neither may be in the other's way. */
const listenAddresses = (carrier: Combination["carrier"]): string[] =>
  carrier === "ip"
    ? [RDMA_ADDRESS, RDMA_ADDRESS_2, RDMA_ADDRESS_V6].map((address) => addressOf("ip", address))
    : [addressOf("tcp")];

let folders = 0;

/** Starts the program on a config of its own. */
async function startProgram(
  name: string,
  config: string,
  v8Flags: string | undefined,
): Promise<Appliance> {
  const directory = `/run/rnbd-test/${name}-${++folders}`;
  await Deno.mkdir(directory, { recursive: true });
  const node = `[node]\nname = "${name}"\nruntime_dir = "${directory}/run"\n`;
  const env = v8Flags === undefined ? {} : { DENO_V8_FLAGS: v8Flags };
  return await Appliance.start({
    config: node + config,
    directory,
    name,
    env,
    patience: PATIENCE,
  });
}

async function addCounters(program: Appliance): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { counters } of (await program.status()).reactors) {
    for (const [name, value] of Object.entries(counters)) sums[name] = (sums[name] ?? 0) + value;
  }
  return sums;
}

/** Lines of `[node]` for its data plane. */
const reactorLines = (
  options: { readonly reactors?: number; readonly spinUs?: number },
): string[] => [
  ...(options.reactors === undefined ? [] : [`reactors = ${options.reactors}`]),
  ...(options.spinUs === undefined ? [] : [`spin_us = ${options.spinUs}`]),
];

function processOf(program: Appliance): PeerProcess {
  return {
    pid: program.pid,
    kill: async () => void await program.kill("SIGKILL"),
    freeze: () => Deno.kill(program.pid, "SIGSTOP"),
    thaw: () => Deno.kill(program.pid, "SIGCONT"),
    counters: () => addCounters(program),
    rejections: async () => (await program.status()).rejections,
    get log() {
      return program.stderr;
    },
  };
}

/** Our server. */
export class OurServer implements BlockServer {
  readonly kind = "ours";
  readonly process: PeerProcess;

  private constructor(private readonly program: Appliance) {
    this.process = processOf(program);
  }

  /** Starts it. */
  static async start(
    carrier: Combination["carrier"],
    options: ServerOptions,
  ): Promise<OurServer> {
    const lines = [
      ...reactorLines(options),
      "[server]",
      `listen = [${listenAddresses(carrier).map((one) => `"${one}"`).join(", ")}]`,
      `port = ${options.port ?? PORT}`,
      `dev_search_path = "${options.searchPath ?? "/dev"}"`,
      ...(options.queueDepth === undefined ? [] : [`queue_depth = ${options.queueDepth}`]),
      ...(options.ioMode === undefined ? [] : [`io_mode = "${options.ioMode}"`]),
      ...(options.alwaysInvalidate === undefined
        ? []
        : [`always_invalidate = ${options.alwaysInvalidate}`]),
    ];
    if (options.memoryExport !== undefined) {
      const { devicePath, sizeBytes } = options.memoryExport;
      lines.push("", "[[server.export]]", `device_path = "${devicePath}"`);
      lines.push('backend = "memory"', `size = ${sizeBytes}`);
      // Rules that allow something allow nothing else.
      lines.push("", "[[server.export]]", 'device_path = "*"', 'access_mode = "migration"');
    }
    const config = lines.join("\n") + "\n";
    return new OurServer(await startProgram("server", config, options.v8Flags));
  }

  async sessions(): Promise<readonly string[]> {
    return (await this.program.status()).clients.map(({ sessname }) => sessname);
  }

  stop(): Promise<void> {
    return this.program.stop();
  }
}

/** A request to the control socket. @throws {PeerError} with the errno of the answer */
export async function request(
  program: Appliance,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const { ok, text } = await program.request(method, path, body);
  if (ok) return text === "" ? undefined : JSON.parse(text);
  const { error } = JSON.parse(text) as FailureBody;
  throw new PeerError(error.errno, error.message);
}

class OurDevice implements MappedDevice {
  constructor(
    private readonly program: Appliance,
    private readonly name: string,
    readonly path: string,
  ) {}

  private get resource(): string {
    return `/v1/mappings/${encodeURIComponent(this.name)}`;
  }

  async state(): Promise<"open" | "closed"> {
    return (await this.program.mapping(this.name)).state;
  }

  async unmap(force = false): Promise<void> {
    await request(this.program, "DELETE", `${this.resource}?force=${force}`);
  }

  async reopen(): Promise<void> {
    // RNBD says a size only when a device is opened, so this opens it anew.
    await request(this.program, "POST", `${this.resource}/resize`, {});
    const isOpen = async () => await this.state() === "open";
    await waitFor(isOpen, OPEN_TIMEOUT_MS, `${this.path} to be open again`);
  }
}

class OurPaths implements SessionPaths {
  private readonly resource: string;

  constructor(
    private readonly program: Appliance,
    private readonly sessname: string,
    private readonly carrier: Combination["carrier"],
  ) {
    this.resource = `/v1/sessions/${encodeURIComponent(sessname)}`;
  }

  private async post(verb: string, address: string): Promise<void> {
    const path = addressOf(this.carrier, address);
    await request(this.program, "POST", `${this.resource}/${verb}`, { path });
  }

  add(address: string): Promise<void> {
    return this.post("paths", address);
  }

  disconnect(address: string): Promise<void> {
    return this.post("disconnect", address);
  }

  reconnect(address: string): Promise<void> {
    return this.post("reconnect", address);
  }

  async connected(): Promise<readonly string[]> {
    const { sessions } = await this.program.status();
    const { paths } = sessions.find(({ sessname }) => sessname === this.sessname)!;
    return paths.filter(({ state }) => state === "connected")
      .map(({ dst_addr }) => dst_addr.slice(dst_addr.indexOf(":") + 1));
  }
}

/** Our client, with devices by ublk. */
export class OurClient implements BlockClient {
  readonly kind = "ours";
  readonly process: PeerProcess;

  private constructor(
    private readonly program: Appliance,
    private readonly carrier: Combination["carrier"],
  ) {
    this.process = processOf(program);
  }

  /** Starts it without any mapping. */
  static async start(
    carrier: Combination["carrier"],
    options: ClientOptions,
  ): Promise<OurClient> {
    await run("modprobe", ["ublk_drv"]);
    const lines = reactorLines(options).map((line) => `${line}\n`);
    return new OurClient(await startProgram("client", lines.join(""), options.v8Flags), carrier);
  }

  paths(sessname: string): SessionPaths {
    return new OurPaths(this.program, sessname, this.carrier);
  }

  async map(options: MapOptions): Promise<MappedDevice> {
    const isKnown = (await this.program.status()).sessions
      .some(({ sessname }) => sessname === options.sessname);
    const asked: MapRequest = {
      sessname: options.sessname,
      device_path: options.devicePath,
      name: `${options.sessname}-${options.devicePath.replaceAll("/", "!")}`,
      expose: "ublk",
      ...(options.accessMode === undefined ? {} : { access_mode: options.accessMode }),
      ...(isKnown ? {} : {
        paths: [addressOf(this.carrier, options.address)],
        dest_port: options.port ?? PORT,
      }),
    };
    const mapping = await request(this.program, "POST", "/v1/mappings", asked) as MappingStatus;
    return new OurDevice(this.program, mapping.name, mapping.device!);
  }

  stop(): Promise<void> {
    return this.program.stop();
  }
}
