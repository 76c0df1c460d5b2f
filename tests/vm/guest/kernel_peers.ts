/** The kernel's own RNBD server and client, driven by their modules and sysfs. */
import { errnoName } from "../../../src/ffi/errno.ts";
import { run, tryRun, waitFor } from "../../support/process.ts";
import { BUILT_MODULES } from "../machine/kernel_modules.ts";
import {
  type BlockClient,
  type BlockServer,
  type MapOptions,
  type MappedDevice,
  PeerError,
  type ServerOptions,
  type SessionPaths,
} from "./peers.ts";
import { RDMA_ADDRESS } from "./network.ts";

const CLIENT_CONTROL = "/sys/class/rnbd-client/ctl";
const RTRS_CLIENT = "/sys/class/rtrs-client";
const RTRS_SERVER = "/sys/class/rtrs-server";
const GONE_TIMEOUT_MS = 60_000;

const isLoaded = (name: string): boolean => exists(`/sys/module/${name.replaceAll("-", "_")}`);

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function listNames(folder: string): string[] {
  return exists(folder) ? [...Deno.readDirSync(folder)].map(({ name }) => name) : [];
}

const moduleName = (file: string): string => /([^/]+)\.ko$/.exec(file)![1]!;

async function load(folder: string, file: string, ...parameters: string[]): Promise<void> {
  if (!isLoaded(moduleName(file))) await run("insmod", [`${folder}/${file}`, ...parameters]);
}

async function unload(file: string): Promise<void> {
  const name = moduleName(file);
  // What was closed a moment ago may still hold a reference.
  await waitFor(
    async () => !isLoaded(name) || (await tryRun("rmmod", [name])).code === 0,
    GONE_TIMEOUT_MS,
    `rmmod ${name}`,
  );
}

/** @throws {PeerError} with the errno that the write gave */
async function writeAttribute(path: string, value: string): Promise<void> {
  try {
    await Deno.writeTextFile(path, value);
  } catch (error) {
    const number = /os error (\d+)/.exec(String(error))?.[1];
    if (number === undefined) throw error;
    throw new PeerError(errnoName(Number(number)), `echo "${value}" > ${path}`);
  }
}

/** The kernel's server. */
export class KernelServer implements BlockServer {
  readonly kind = "kernel";

  /** Loads it; it listens on every RDMA address then. */
  static async start(modules: string, options: ServerOptions): Promise<KernelServer> {
    const rtrs: string[] = [];
    if (options.alwaysInvalidate !== undefined) {
      rtrs.push(`always_invalidate=${options.alwaysInvalidate ? "Y" : "N"}`);
    }
    if (options.queueDepth !== undefined) rtrs.push(`sess_queue_depth=${options.queueDepth}`);
    await load(modules, BUILT_MODULES.core);
    await load(modules, BUILT_MODULES.rtrsServer, ...rtrs);
    const searchPath = options.searchPath ?? "/dev";
    await load(modules, BUILT_MODULES.rnbdServer, `dev_search_path=${searchPath}`);
    return new KernelServer();
  }

  sessions(): Promise<readonly string[]> {
    return Promise.resolve(listNames(RTRS_SERVER).filter((name) => name !== "ctl"));
  }

  async stop(): Promise<void> {
    await unload(BUILT_MODULES.rnbdServer);
    await unload(BUILT_MODULES.rtrsServer);
  }
}

class KernelDevice implements MappedDevice {
  readonly path: string;
  private readonly attributes: string;

  constructor(readonly name: string, private readonly sessname: string) {
    this.path = `/dev/${name}`;
    this.attributes = `/sys/block/${name}/rnbd`;
  }

  async state(): Promise<"open" | "closed"> {
    return (await Deno.readTextFile(`${this.attributes}/state`)).trim() as "open" | "closed";
  }

  async unmap(force = false): Promise<void> {
    await writeAttribute(`${this.attributes}/unmap_device`, force ? "force" : "normal");
    await waitFor(() => !exists(`/sys/block/${this.name}`), GONE_TIMEOUT_MS, `${this.path} to go`);
  }

  async reopen(): Promise<void> {
    for (const path of listNames(`${RTRS_CLIENT}/${this.sessname}/paths`)) {
      await writeAttribute(`${RTRS_CLIENT}/${this.sessname}/paths/${path}/reconnect`, "1");
    }
    const isOpen = async () => await this.state() === "open";
    await waitFor(isOpen, GONE_TIMEOUT_MS, `${this.path} to be open again`);
  }
}

/** Directories are called `ip:SOURCE@ip:DESTINATION`. */
class KernelPaths implements SessionPaths {
  private readonly folder: string;

  constructor(sessname: string) {
    this.folder = `${RTRS_CLIENT}/${sessname}`;
  }

  private async write(address: string, attribute: string): Promise<void> {
    const name = listNames(`${this.folder}/paths`).find((one) => one.endsWith(`@ip:${address}`));
    await writeAttribute(`${this.folder}/paths/${name}/${attribute}`, "1");
  }

  add(address: string): Promise<void> {
    return writeAttribute(`${this.folder}/add_path`, `ip:${address}`);
  }

  disconnect(address: string): Promise<void> {
    return this.write(address, "disconnect");
  }

  reconnect(address: string): Promise<void> {
    return this.write(address, "reconnect");
  }

  async connected(): Promise<readonly string[]> {
    const names: string[] = [];
    for (const name of listNames(`${this.folder}/paths`)) {
      const state = await Deno.readTextFile(`${this.folder}/paths/${name}/state`);
      if (state.trim() === "connected") names.push(name.slice(name.lastIndexOf("@ip:") + 4));
    }
    return names;
  }
}

/** The kernel's client. */
export class KernelClient implements BlockClient {
  readonly kind = "kernel";

  /** Loads it. */
  static async start(modules: string): Promise<KernelClient> {
    await load(modules, BUILT_MODULES.core);
    await load(modules, BUILT_MODULES.rtrsClient);
    await load(modules, BUILT_MODULES.rnbdClient);
    return new KernelClient();
  }

  paths(sessname: string): SessionPaths {
    return new KernelPaths(sessname);
  }

  async map(options: MapOptions): Promise<MappedDevice> {
    const words = [
      `sessname=${options.sessname}`,
      // Before the path: the kernel's parser uses the port that it knows by then.
      ...(options.port === undefined ? [] : [`dest_port=${options.port}`]),
      `path=ip:${options.address ?? RDMA_ADDRESS}`,
      `device_path=${options.devicePath}`,
      ...(options.accessMode === undefined ? [] : [`access_mode=${options.accessMode}`]),
    ];
    await writeAttribute(`${CLIENT_CONTROL}/map_device`, words.join(" "));
    const id = `${options.devicePath.replaceAll("/", "!")}@${options.sessname}`;
    const target = await Deno.readLink(`${CLIENT_CONTROL}/devices/${id}`);
    return new KernelDevice(target.slice(target.lastIndexOf("/") + 1), options.sessname);
  }

  async stop(): Promise<void> {
    for (const name of listNames("/sys/block").filter((name) => /^rnbd\d/.test(name))) {
      await new KernelDevice(name, "").unmap(true);
    }
    await unload(BUILT_MODULES.rnbdClient);
    await unload(BUILT_MODULES.rtrsClient);
  }
}
