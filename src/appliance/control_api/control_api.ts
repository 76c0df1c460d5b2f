/** The control API: HTTP with JSON bodies, on every socket and port that the config asks for. */
import { umask } from "../../ffi/libc.ts";
import type { ApplianceControl } from "../appliance_api.ts";
import { ApplianceError } from "../appliance_api.ts";
import { type HttpAddress, parseHttpAddress } from "../config/addresses.ts";
import type { ControlConfig } from "../config/config.ts";
import { SOCKET_PATH_BYTES_MAX } from "../config/limits.ts";
import { controlSocketPath, utf8Bytes } from "../config/names.ts";
import { log } from "../log.ts";
import { prepareRuntimeDir } from "../runtime_dir.ts";
import { ApiListener } from "./api_listener.ts";
import { ApiFailure } from "./failure.ts";
import { isLoopback } from "./host_header.ts";
import { openApiText } from "./openapi.ts";
import type { Page, Surroundings } from "./route.ts";
import { grant, groupId, letThrough, type SocketAccess } from "./socket_access.ts";

const EXIT_UNAVAILABLE = 69;

/** What {@link ControlApi.start} takes. */
export interface ControlApiOptions {
  /** Made if it is not there. */
  readonly runtimeDir: string;
  readonly control: ControlConfig;
  /** What `GET /v1/version` says. */
  readonly version: string;
  /** The status page; absent: there is none. */
  readonly page?: () => Page;
  /** Threads that do not answer, by their numbers; absent: nobody looks. */
  readonly silentReactors?: () => readonly number[];
}

/** A control API that listens. Until {@link attach} it answers `try again`. */
export class ControlApi {
  /** Path of the socket that takes everything. */
  readonly socket: string;
  /** Path of the socket that only shows; undefined: there is none. */
  readonly readOnlySocket: string | undefined;
  private appliance: ApplianceControl | undefined;
  private reason = "is starting";
  private readonly surroundings: Surroundings;
  private readonly listeners: ApiListener[] = [];

  /**
   * Takes the control socket first, which also keeps a second appliance out of the folder.
   * @throws ApplianceError when another appliance has the socket, or something cannot be had
   */
  static async start(options: ControlApiOptions): Promise<ControlApi> {
    const { control } = options;
    const gid = control.socketGroup === undefined ? undefined : groupId(control.socketGroup);
    prepareRuntimeDir(options.runtimeDir);
    const api = new ControlApi(options);
    try {
      await api.listenOnSocket(api.socket, false, { mode: control.socketMode, gid });
      if (api.readOnlySocket !== undefined) {
        const access = { mode: control.readOnlySocketMode, gid };
        await api.listenOnSocket(api.readOnlySocket, true, access);
      }
      if (control.http !== undefined) await api.listenOnPort(parseHttpAddress(control.http));
    } catch (error) {
      await api.stop();
      throw error;
    }
    return api;
  }

  private constructor(private readonly options: ControlApiOptions) {
    const { runtimeDir, control, version, page } = options;
    this.socket = controlSocketPath(runtimeDir);
    this.readOnlySocket = control.readOnlySocket ? `${runtimeDir}/control-ro.sock` : undefined;
    this.surroundings = {
      runtimeDir,
      version,
      appliance: () => this.attached(),
      silentReactors: options.silentReactors ?? (() => []),
      document: openApiText,
      ...(page === undefined ? {} : { page }),
    };
  }

  /** From now on requests reach the appliance. */
  attach(appliance: ApplianceControl): void {
    this.appliance = appliance;
  }

  /** From now on requests are refused: the appliance stops. */
  detach(): void {
    this.appliance = undefined;
    this.reason = "is stopping";
  }

  /** Ends all listeners, the control socket last; their files go with them. */
  async stop(): Promise<void> {
    this.detach();
    for (const listener of this.listeners.splice(0).reverse()) await listener.stop();
  }

  private async listenOnSocket(
    path: string,
    isReadOnly: boolean,
    access: SocketAccess,
  ): Promise<void> {
    const bytes = utf8Bytes(path);
    if (bytes > SOCKET_PATH_BYTES_MAX) {
      const message = `${path} has ${bytes} bytes, a socket's path at most ` +
        `${SOCKET_PATH_BYTES_MAX}; choose another node.runtime_dir`;
      throw new ApplianceError(message, "ENAMETOOLONG", 78);
    }
    await removeStale(path);
    const name = path.slice(path.lastIndexOf("/") + 1);
    const listener = new ApiListener({ name, isReadOnly }, this.surroundings);
    // Nobody but root can connect to a file of mode 0: between here and grant() nobody comes in.
    const before = umask(0o777);
    let listening: Promise<void>;
    try {
      listening = listener.listen({ path });
    } finally {
      umask(before);
    }
    await listening.catch((error) => {
      throw new ApplianceError(`Cannot listen on ${path}: ${reasonOf(error)}`, "EADDRINUSE", 1);
    });
    this.listeners.push(listener);
    letThrough(this.options.runtimeDir, access);
    grant(path, access);
  }

  private async listenOnPort({ hostname, port }: HttpAddress): Promise<void> {
    const loopback = isLoopback(hostname) ? { loopback: hostname } : {};
    const options = { name: "The HTTP address", isReadOnly: true, ...loopback };
    const listener = new ApiListener(options, this.surroundings);
    await listener.listen({ host: hostname, port }).catch((error) => {
      throw portError(this.options.control.http!, error);
    });
    log.info("http listening", { address: hostname, port });
    this.listeners.push(listener);
  }

  private attached(): ApplianceControl {
    if (this.appliance !== undefined) return this.appliance;
    throw new ApiFailure(503, `The appliance ${this.reason}; try again`, "EAGAIN", 75);
  }
}

function portError(written: string, error: unknown): ApplianceError {
  const code = (error as { code?: string }).code ?? "EIO";
  const next: Record<string, string> = {
    EADDRINUSE: "another program has the port: end it, or choose another one",
    EADDRNOTAVAIL: "this machine has no such address: choose another one",
    // What the runtime makes of EADDRNOTAVAIL.
    EINVAL: "this machine has no such address: choose another one",
    EACCES: "ports below 1024 are root's: choose another one",
  };
  const message = `Cannot listen on ${written} of [control] http: ${reasonOf(error)}; ` +
    (next[code] ?? "choose another address");
  return new ApplianceError(message, code, EXIT_UNAVAILABLE);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Removes a socket that a dead appliance left. */
async function removeStale(socket: string): Promise<void> {
  let info: Deno.FileInfo;
  try {
    info = Deno.lstatSync(socket);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  if (!info.isSocket) {
    const message = `${socket} is no socket; remove it, or choose another node.runtime_dir`;
    throw new ApplianceError(message, "EEXIST", 1);
  }
  try {
    const connection = await Deno.connect({ transport: "unix", path: socket });
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
    Deno.removeSync(socket);
    return;
  }
  const message = `Another appliance answers on ${socket}; stop it, or choose another ` +
    "node.runtime_dir";
  throw new ApplianceError(message, "EADDRINUSE", 69);
}
