/** The appliance: serves, maps and exposes what its configuration says. */
import { formatPath, parsePath } from "../fabric/address.ts";
import { describeErrno } from "../ffi/errno.ts";
import {
  ApplianceError,
  type BenchRequest,
  type BenchResult,
  type MappingStatus,
  type MapRequest,
  type PathRequest,
  type RemapRequest,
  type ResizeRequest,
  type RunningAppliance,
  type SessionStatus,
  type Status,
  type VerifyRequest,
  type VerifyResult,
} from "./appliance_api.ts";
import { combineBench } from "./bench_result.ts";
import { ClientSide } from "./client_side.ts";
import type { Config, MappingConfig, SessionConfig } from "./config/config.ts";
import { defaultSession } from "./config/defaults.ts";
import type { LoadOutcome, LoadPlan } from "./load/load.ts";
import { log } from "./log.ts";
import { Runtime } from "./runtime.ts";
import { ServerSide } from "./server_side.ts";
import { explainStart } from "./start_error.ts";
import { VERSION } from "./version.ts";

const EXIT_FAILED = 1;
const EXIT_USAGE = 64;
const EXIT_TRY_AGAIN = 75;

/** See the head of this file. */
class Appliance implements RunningAppliance {
  readonly firstTryDone: Promise<void>;
  private readonly runtime: Runtime;
  private readonly server: ServerSide | undefined;
  private readonly client: ClientSide;
  private readonly startedAt = performance.now();
  private stopping: Promise<void> | undefined;

  constructor(private readonly config: Config) {
    this.runtime = new Runtime(config, {
      onClientBroken: (session, path, failure) => this.client.onBroken(session, path, failure),
      onServerBroken: (session, path, failure) => this.server?.onBroken(session, path, failure),
      onNbdClosed: (device, ticket) => this.client.onNbdClosed(device, ticket),
      onFailed: (reactor, message) => {
        log.error("reactor failed", { reactor, message });
        // State that a dead thread held cannot be trusted: fail loudly, the kernel cleans up.
        queueMicrotask(() => {
          throw new Error(`Reactor ${reactor} failed: ${message}`);
        });
      },
    });
    this.client = new ClientSide(this.runtime, config.node);
    this.server = config.server && new ServerSide(this.runtime, config.server);
    for (const mapping of config.mappings) {
      const session = config.sessions.find(({ sessname }) => sessname === mapping.sessname)!;
      this.client.map(mapping, session);
    }
    this.firstTryDone = this.client.firstTries().then(() => {});
  }

  status(): Status {
    const { runtime, config } = this;
    // Answered by the next status: nobody waits for a reactor.
    for (const reactor of runtime.reactors) reactor.send({ kind: "sample" });
    return {
      version: VERSION,
      node: config.node.name,
      pid: Deno.pid,
      uptime_ms: Math.round(performance.now() - this.startedAt),
      config: { file: config.file },
      reactors: runtime.reactors.map(({ index, counters }) => ({
        index,
        counters: counters.activity(),
      })),
      memory_bytes: runtime.memory.usedBytes,
      listeners: this.server?.listeners ?? [],
      mappings: this.client.mappingStatus(),
      sessions: this.client.sessionStatus(),
      exports: this.server?.exports() ?? [],
      clients: this.server?.clients() ?? [],
      rejections: runtime.rejections(),
    };
  }

  async map(request: MapRequest): Promise<MappingStatus> {
    const config: MappingConfig = {
      name: request.name ?? request.device_path.replaceAll("/", "!"),
      sessname: request.sessname,
      devicePath: request.device_path,
      accessMode: request.access_mode ?? "rw",
      expose: request.expose ?? "auto",
    };
    const mapping = this.client.map(config, this.sessionFor(request));
    const result = await mapping.firstTry;
    if (result.isOpen) return mapping.status();
    await this.client.unmap(config.name);
    throw new ApplianceError(
      `Cannot map ${config.devicePath} of session ${config.sessname}: ${result.reason}`,
      result.errno,
      EXIT_FAILED,
    );
  }

  private sessionFor(request: MapRequest): SessionConfig {
    const { sessname } = request;
    const known = this.client.sessionConfig(sessname) ??
      this.config.sessions.find((session) => session.sessname === sessname);
    const paths = request.paths ?? known?.paths ?? [];
    if (paths.length === 0) {
      const message = `No session is called ${sessname}, and no path to its server is given`;
      throw new ApplianceError(message, "ENXIO", EXIT_USAGE);
    }
    const base = known ?? defaultSession(sessname, paths);
    return { ...base, paths, destPort: request.dest_port ?? base.destPort };
  }

  async unmap(name: string, force: boolean): Promise<void> {
    const users = force ? [] : await this.client.mapping(name).users();
    if (users.length > 0) {
      const message = `${name} is in use: ${users.join(", ")}; end that, or force`;
      throw new ApplianceError(message, "EBUSY", EXIT_TRY_AGAIN);
    }
    await this.client.unmap(name);
  }

  async remap({ name, force }: RemapRequest): Promise<MappingStatus> {
    await this.client.remap(name, force);
    return this.client.mapping(name).status();
  }

  async resize({ name, size_bytes }: ResizeRequest): Promise<MappingStatus> {
    const before = this.client.mapping(name).status();
    if (before.state !== "open") {
      const why = before.last_error === null ? "" : ` (${before.last_error})`;
      const message = `${name} is not open${why}; its size is taken over when it opens again`;
      throw new ApplianceError(message, "ENOENT", EXIT_FAILED);
    }
    await this.client.resize(name);
    const status = this.client.mapping(name).status();
    if (size_bytes === undefined || status.size_bytes === size_bytes) return status;
    const message = `${name} has ${status.size_bytes} bytes at its server, not ${size_bytes}; ` +
      "it has the server's size here too";
    throw new ApplianceError(message, "EINVAL", EXIT_FAILED);
  }

  async disconnectPath({ sessname, path }: PathRequest): Promise<SessionStatus> {
    await this.client.disconnectPath(sessname, canonicalPath(path));
    return this.sessionStatus(sessname);
  }

  async reconnectPath({ sessname, path }: PathRequest): Promise<SessionStatus> {
    await this.client.reconnectPath(sessname, canonicalPath(path));
    return this.sessionStatus(sessname);
  }

  private sessionStatus(sessname: string): SessionStatus {
    const session = this.client.sessionStatus().find((one) => one.sessname === sessname);
    if (session !== undefined) return session;
    throw new ApplianceError(`The session ${sessname} has ended meanwhile`, "ENOENT", EXIT_FAILED);
  }

  async verify(request: VerifyRequest, signal?: AbortSignal): Promise<VerifyResult> {
    if (!request.destroy_data) throw destroysData(request.name);
    const [outcome] = await this.runLoads(request.name, [{
      kind: "verify",
      blockBytes: request.block_bytes,
      iodepth: request.iodepth,
      bytes: request.bytes,
      seed: request.seed,
    }], signal);
    const result = outcome as LoadOutcome & { kind: "verify" };
    if (!result.checkerProven && result.errors === 0) {
      throw new ApplianceError("The checker missed a planted corruption", "EIO", EXIT_FAILED);
    }
    return {
      name: request.name,
      bytes_written: result.bytesWritten,
      bytes_read: result.bytesRead,
      duration_ms: result.durationMs,
      bad_blocks: result.badBlocks,
      first_bad_offsets: result.firstBadOffsets,
      io_errors: result.errors,
      first_error: result.firstErrno === 0 ? null : describeErrno(result.firstErrno),
    };
  }

  async bench(request: BenchRequest, signal?: AbortSignal): Promise<BenchResult> {
    const isRead = request.rw === "read" || request.rw === "randread";
    if (!isRead && !request.destroy_data) throw destroysData(request.name);
    const reactors = this.runtime.reactors.length;
    const wanted = request.jobs === 0 ? reactors : Math.min(request.jobs, reactors);
    const jobs = Math.min(wanted, request.iodepth);
    const plans = Array.from({ length: jobs }, (_, i): LoadPlan => ({
      kind: "bench",
      random: request.rw.startsWith("rand"),
      readShare: isRead ? 1 : request.rw === "randrw" ? 0.5 : 0,
      blockBytes: request.block_bytes,
      iodepth: Math.floor(request.iodepth / jobs) + (i < request.iodepth % jobs ? 1 : 0),
      runtimeMs: request.runtime_ms,
      seed: 0x2545f491 + i * 0x9e3779b1,
    }));
    const outcomes = await this.runLoads(request.name, plans, signal);
    return combineBench(request, outcomes as (LoadOutcome & { kind: "bench" })[]);
  }

  /** Runs plan i on reactor i. @throws ApplianceError when one did not run, or not to its end */
  private async runLoads(
    name: string,
    plans: readonly LoadPlan[],
    signal: AbortSignal | undefined,
  ): Promise<LoadOutcome[]> {
    const mapping = this.client.mapping(name);
    const { session, device } = this.client.deviceOf(mapping);
    const outcomes = await Promise.all(
      plans.map((plan, i) => this.runtime.reactors[i]!.runLoad(session, device, plan, signal)),
    );
    if (outcomes.some(({ kind }) => kind === "stopped")) {
      const why = signal?.aborted === true ? "its caller went away" : "its device was taken away";
      throw new ApplianceError(`The load on ${name} was stopped: ${why}`, "ECANCELED", EXIT_FAILED);
    }
    const refused = outcomes.find((outcome) => outcome.kind === "refused");
    if (refused === undefined) return outcomes;
    const reason = mapping.status().last_error;
    const why = reason === null ? refused.reason : `${refused.reason}: ${reason}`;
    throw new ApplianceError(`Cannot run on ${name}: ${why}`, "EINVAL", EXIT_FAILED);
  }

  stop(): Promise<void> {
    this.stopping ??= this.shutDown();
    return this.stopping;
  }

  private async shutDown(): Promise<void> {
    const isLeavingSome = await this.client.close();
    await this.server?.close();
    // What serves the devices that are left ends with the process: the kernel keeps their requests.
    if (!isLeavingSome) await this.runtime.close();
  }
}

/** One spelling for all that mean the same path. */
function canonicalPath(path: string | undefined): string | undefined {
  return path === undefined ? undefined : formatPath(parsePath(path));
}

function destroysData(name: string): ApplianceError {
  const message = `This overwrites the data of ${name}; say --destroy-data if it may`;
  return new ApplianceError(message, "EPERM", EXIT_USAGE);
}

/**
 * Starts an appliance: listeners are up when this returns, mappings are being made.
 * @throws ApplianceError when something is missing or taken; threads that run by then go with the
 *   process
 */
export function startAppliance(config: Config): Promise<RunningAppliance> {
  try {
    return Promise.resolve(new Appliance(config));
  } catch (error) {
    return Promise.reject(explainStart(error));
  }
}
