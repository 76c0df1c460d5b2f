/** The control API: HTTP with JSON bodies on a Unix socket that only its owner can open. */
import type { ApplianceControl } from "../appliance_api.ts";
import { ApplianceError } from "../appliance_api.ts";
import { controlSocketPath } from "../config/names.ts";
import { log } from "../log.ts";
import { prepareRuntimeDir } from "../runtime_dir.ts";
import { ApiFailure, asFailure } from "./failure.ts";
import { REQUESTS_MAX, STOP_TIMEOUT_MS } from "./limits.ts";
import { route } from "./routes.ts";

/** A control API that listens. Until {@link attach} it answers `try again`. */
export class ControlApi {
  private appliance: ApplianceControl | undefined;
  private reason = "is starting";
  private readonly server: Deno.HttpServer;
  /** Requests under way; each of these ends one early. */
  private readonly running = new Set<(response: Response) => void>();

  /**
   * Takes the socket, which also keeps a second appliance out of the folder.
   * @param runtimeDir made if it is not there
   * @param version what `GET /v1/version` says
   * @throws ApplianceError when another appliance has the socket, or it cannot be had
   */
  static async start(runtimeDir: string, version: string): Promise<ControlApi> {
    prepareRuntimeDir(runtimeDir);
    const socket = controlSocketPath(runtimeDir);
    await removeStale(socket);
    return new ControlApi(runtimeDir, version, socket);
  }

  private constructor(
    private readonly runtimeDir: string,
    private readonly version: string,
    readonly socket: string,
  ) {
    this.server = listen(socket, (request) => this.answer(request));
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

  /** Removes the socket and ends; requests under way get a moment to finish. */
  async stop(): Promise<void> {
    this.detach();
    const timer = setTimeout(() => {
      for (const end of this.running) end(this.refusal().response());
    }, STOP_TIMEOUT_MS);
    await this.server.shutdown();
    clearTimeout(timer);
  }

  private async answer(request: Request): Promise<Response> {
    if (this.running.size >= REQUESTS_MAX) {
      const message = `${REQUESTS_MAX} requests are under way; try again`;
      return new ApiFailure(503, message, "EAGAIN", 75).response();
    }
    const { promise, resolve } = Promise.withResolvers<Response>();
    this.running.add(resolve);
    this.route(request).then(resolve);
    const response = await promise;
    this.running.delete(resolve);
    return response;
  }

  private async route(request: Request): Promise<Response> {
    try {
      return await route(request, {
        runtimeDir: this.runtimeDir,
        version: this.version,
        appliance: () => this.attached(),
      });
    } catch (error) {
      const failure = asFailure(error);
      const fields = { method: request.method, status: failure.status, error: failure.message };
      log[failure.status === 500 ? "error" : "debug"]("control request failed", fields);
      return failure.response();
    }
  }

  private refusal(): ApiFailure {
    return new ApiFailure(503, `The appliance ${this.reason}; try again`, "EAGAIN", 75);
  }

  private attached(): ApplianceControl {
    if (this.appliance !== undefined) return this.appliance;
    throw this.refusal();
  }
}

/** The mode is right from the first moment on: nobody else can connect in between. */
function listen(
  socket: string,
  answer: (request: Request) => Promise<Response>,
): Deno.HttpServer {
  const umask = Deno.umask(0o177);
  try {
    return Deno.serve({ path: socket, onListen: () => {} }, answer);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ApplianceError(`Cannot listen on ${socket}: ${reason}`, "EADDRINUSE", 1);
  } finally {
    Deno.umask(umask);
  }
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
