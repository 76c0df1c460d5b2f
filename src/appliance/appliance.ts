/** The appliance: serves, maps and exposes what its configuration says. */
import { formatPath, parsePath } from "../fabric/address.ts";
import {
  ApplianceError,
  type ApplianceEvent,
  type ApplyRequest,
  type ApplyResult,
  type BenchRequest,
  type BenchResult,
  type CloseExportRequest,
  type CloseExportResult,
  type Explanation,
  type InflightRequest,
  type MappingStatus,
  type MapRequest,
  type PathEditRequest,
  type PathRequest,
  type Plan,
  type RecoverRequest,
  type RecoverResult,
  type RemapRequest,
  type ResizeRequest,
  type RevalidateResult,
  type RunningAppliance,
  type SessionChangeRequest,
  type SessionStatus,
  type Status,
  type Unsubscribe,
  type VerifyRequest,
  type VerifyResult,
} from "./appliance_api.ts";
import { ClientSide } from "./client/client_side.ts";
import type { Config } from "./config/config.ts";
import { EventHistory } from "./event_history.ts";
import { explain } from "./explain/explain.ts";
import { LoadRunner } from "./load/load_runner.ts";
import { log } from "./log.ts";
import { NodeMetrics } from "./metrics/node_metrics.ts";
import { ManualVerbs } from "./reconcile/manual_verbs.ts";
import { Reconciliation } from "./reconcile/reconciliation.ts";
import { Runtime } from "./runtime.ts";
import { ServerSide } from "./server/server_side.ts";
import { explainStart } from "./start_error.ts";
import { VERSION } from "./version.ts";

const EXIT_FAILED = 1;

/** See the head of this file. */
class Appliance implements RunningAppliance {
  readonly firstTryDone: Promise<void>;
  private readonly runtime: Runtime;
  private readonly server: ServerSide | undefined;
  private readonly client: ClientSide;
  private readonly startedAt = performance.now();
  private readonly reconciliation: Reconciliation;
  private readonly manual: ManualVerbs;
  private readonly loads: LoadRunner;
  private readonly measured: NodeMetrics;
  private readonly events = new EventHistory();
  private stopping: Promise<void> | undefined;

  constructor(private readonly config: Config) {
    log.onEntry = this.events.add;
    this.runtime = new Runtime(config, {
      onClientBroken: (session, path, failure) => this.client.onBroken(session, path, failure),
      onServerBroken: (session, path, failure) => this.server?.onBroken(session, path, failure),
      onServerChunkFree: (session, waiter, chunk) =>
        this.server?.onChunkFree(session, waiter, chunk),
      onNbdClosed: (device, ticket) => this.client.onNbdClosed(device, ticket),
      onFailed: (reactor, message) => {
        log.error("reactor failed", { reactor, reason: message });
        // State that a dead thread held cannot be trusted: fail loudly, the kernel cleans up.
        queueMicrotask(() => {
          throw new Error(`Reactor ${reactor} failed: ${message}`);
        });
      },
    });
    this.client = new ClientSide(this.runtime, config.node, {
      onChange: () => this.reconciliation.wake(),
      onConnected: (mappings) => this.reconciliation.wake(mappings),
    });
    this.server = config.server && new ServerSide(this.runtime, config.server);
    const { runtime, client, server } = this;
    this.reconciliation = new Reconciliation({ runtime, client, server }, config);
    this.manual = new ManualVerbs(client, this.reconciliation);
    this.loads = new LoadRunner(runtime, client);
    this.measured = new NodeMetrics(
      runtime,
      (request) => request.side === "client" ? client.namesOf(request) : server?.namesOf(request),
    );
    this.firstTryDone = this.reconciliation.firstTryDone;
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
      config: this.reconciliation.status(),
      reactors: runtime.reactors.map(({ index, counters }) => ({
        index,
        counters: counters.activity(),
      })),
      memory_bytes: runtime.memory.usedBytes,
      listeners: this.server?.listeners ?? [],
      mappings: this.client.mappingStatus(),
      sessions: this.client.sessionStatus(),
      exports: this.server?.exports() ?? [],
      export_rules: this.server?.rules() ?? [],
      clients: this.server?.clients() ?? [],
      refusals: this.server?.refusals() ?? [],
      rejections: { ...runtime.rejections(), ...this.server?.refusedOpens() },
    };
  }

  map(request: MapRequest): Promise<MappingStatus> {
    return this.manual.map(request);
  }

  unmap(name: string, force: boolean): Promise<void> {
    return this.manual.unmap(name, force);
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

  plan(): Promise<Plan> {
    return this.reconciliation.plan();
  }

  apply(request: ApplyRequest, signal?: AbortSignal): Promise<ApplyResult> {
    return this.reconciliation.apply(request, signal);
  }

  exportConfig(names: readonly string[]): string {
    return this.manual.exportConfig(names);
  }

  addPath(request: PathEditRequest): Promise<SessionStatus> {
    return new Promise((resolve) => resolve(this.manual.addPath(request)));
  }

  deletePath(request: PathEditRequest): Promise<SessionStatus> {
    return new Promise((resolve) => resolve(this.manual.deletePath(request)));
  }

  changeSession(request: SessionChangeRequest): Promise<SessionStatus> {
    return new Promise((resolve) => resolve(this.manual.changeSession(request)));
  }

  recover(request: RecoverRequest): Promise<RecoverResult> {
    return new Promise((resolve) => resolve(this.manual.recover(request)));
  }

  async closeExport(request: CloseExportRequest): Promise<CloseExportResult> {
    return await this.serving().closeExport(request);
  }

  disconnectClient(request: PathRequest): Promise<void> {
    return new Promise((resolve) => resolve(this.serving().disconnectClient(request)));
  }

  async revalidate(device: string | undefined): Promise<RevalidateResult> {
    return await this.serving().revalidate(device);
  }

  private serving(): ServerSide {
    if (this.server !== undefined) return this.server;
    const message = "This node serves nothing: its config has no [server]";
    throw new ApplianceError(message, "ENOENT", EXIT_FAILED);
  }

  explain(name: string): Explanation {
    return explain(name, this.status(), this.events.remembered);
  }

  inflight(limit: number): Promise<readonly InflightRequest[]> {
    return this.measured.inflight(limit);
  }

  metrics(): string {
    return this.measured.render(this.status());
  }

  subscribe(listener: (event: ApplianceEvent) => void, after?: number): Unsubscribe {
    return this.events.subscribe(listener, after);
  }

  verify(request: VerifyRequest, signal?: AbortSignal): Promise<VerifyResult> {
    return this.loads.verify(request, signal);
  }

  bench(request: BenchRequest, signal?: AbortSignal): Promise<BenchResult> {
    return this.loads.bench(request, signal);
  }

  stop(): Promise<void> {
    this.stopping ??= this.shutDown();
    return this.stopping;
  }

  private async shutDown(): Promise<void> {
    this.reconciliation.stop();
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
