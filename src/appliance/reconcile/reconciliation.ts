/**
 * The node and its config: reads the files, keeps what was done by hand, runs the reconciler, and
 * tells how far it is. The asynchronous edge around the synchronous parts.
 */
import { systemClock } from "../../rtrs/clock.ts";
import type { ApplyRequest, ApplyResult, Plan } from "../appliance_api.ts";
import type { Config, LiveNodeConfig, MappingConfig, SessionConfig } from "../config/config.ts";
import { ConfigError } from "../config/problems.ts";
import { log } from "../log.ts";
import type { LogFields } from "../log_entry.ts";
import type { ConfigStatus } from "../status.ts";
import type { Users } from "./actual.ts";
import { ByHand } from "./by_hand.ts";
import { ConfigSource } from "./config_source.ts";
import { ConfigWatch } from "./config_watch.ts";
import { type Desired, type ManualMapping, wantedMappings } from "./desired.ts";
import { type NodeParts, NodeWorld } from "./node_world.ts";
import { makePlan, publicStep } from "./plan.ts";
import { RELOAD_EVENTS } from "./reload_events.ts";
import { nameOf, Reconciler } from "./reconciler.ts";
import type { Step } from "./step.ts";
import type { WorkFailure } from "./world.ts";

/** A session that takes longer to close does so while nobody waits. */
const CLOSE_TIMEOUT_MS = 10_000;

/** Somebody who waits for the node. */
interface Waiter {
  isServed(): boolean;
  resolve(): void;
}

/** See the head of this file. */
export class Reconciliation {
  /** Settles when every declared mapping has been tried once, or cannot be. */
  readonly firstTryDone: Promise<void>;
  private readonly source: ConfigSource;
  private readonly byHand = new ByHand();
  private readonly world: NodeWorld;
  private readonly reconciler: Reconciler;
  private readonly waiters = new Set<Waiter>();
  private watch: ConfigWatch | undefined;
  private lookTimer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly parts: Omit<NodeParts, "onNodeChanged">, config: Config) {
    this.source = new ConfigSource(config);
    this.world = new NodeWorld(
      { ...parts, onNodeChanged: (settings) => this.nodeChanged(settings) },
      config,
    );
    this.reconciler = new Reconciler(
      {
        world: this.world,
        clock: systemClock,
        random: Math.random,
        intervalMs: config.node.reconcileIntervalMs,
      },
      this.byHand.desired(config),
      {
        onDone: logDone,
        onFailed: logFailed,
        onWaiting: logWaiting,
        onRound: () => this.serveWaiters(),
      },
    );
    this.takeOver(config.node);
    const untried = new Set(config.mappings);
    this.firstTryDone = this.until(() => {
      for (const mapping of untried) if (this.hasTried(mapping)) untried.delete(mapping);
      return untried.size === 0;
    });
    this.look();
  }

  private nodeChanged(settings: LiveNodeConfig): void {
    log.configure({ level: settings.logLevel, format: settings.logFormat });
    this.takeOver(settings);
  }

  private takeOver({ reconcileIntervalMs, watchConfig }: LiveNodeConfig): void {
    this.reconciler.intervalMs = reconcileIntervalMs;
    clearInterval(this.lookTimer);
    this.lookTimer = setInterval(() => this.look(), reconcileIntervalMs);
    const { file } = this.config;
    if (watchConfig && file !== null) this.watch ??= new ConfigWatch(file, () => this.reload());
    if (watchConfig) return;
    this.watch?.[Symbol.dispose]();
    this.watch = undefined;
  }

  /** Looks for what nobody tells of: block devices left behind, other sizes; a round follows. */
  private look(): void {
    this.world.look().then(() => this.reconciler.wake());
    this.parts.client.sizes.look();
  }

  private hasTried({ name, sessname }: MappingConfig): boolean {
    const { client } = this.parts;
    if (client.has(name)) return client.mapping(name).hasBeenTried;
    const { reconciler } = this;
    return reconciler.hasFailed(`mapping ${name}`) || reconciler.hasFailed(`session ${sessname}`);
  }

  /** The config that is in force. */
  get config(): Config {
    return this.source.config;
  }

  /** Mappings that no file names. */
  manual(): readonly ManualMapping[] {
    return this.byHand.manual();
  }

  /** What `apply` would do now. @throws ConfigError when the files have errors */
  async plan(): Promise<Plan> {
    return await this.planFor(this.source.read());
  }

  private async planFor(config: Config): Promise<Plan> {
    const desired = this.byHand.desiredAfterApply(config);
    const asks = makePlan(desired, this.world.actual()).flatMap((step) => step.asks);
    const users = await new Promise<Users>((resolve) => this.world.askUsers(asks, resolve));
    const steps = makePlan(desired, this.world.actual(), users);
    return { steps: steps.map((step) => publicStep(step, null, null)) };
  }

  /**
   * Takes over what the files say now, undoes what was done by hand against them, and tries again
   * what was given up.
   * @throws ConfigError when the files have errors: nothing has changed then
   */
  async apply(request: ApplyRequest, signal?: AbortSignal): Promise<ApplyResult> {
    const config = this.reloadSource();
    const plan = await this.planFor(config);
    this.takeConfig();
    const isSettled = () => this.pending().length === 0 || this.reconciler.isAtRest();
    if (request.timeout_ms > 0) await this.until(isSettled, request.timeout_ms, signal);
    return { plan, pending: this.pending() };
  }

  /** As {@link apply}, for nobody who waits or listens: what is wrong is logged. */
  reload(): void {
    try {
      this.reloadSource();
    } catch {
      return;
    }
    this.takeConfig();
  }

  private reloadSource(): Config {
    log.info(RELOAD_EVENTS.begun, { file: this.config.file });
    try {
      const config = this.source.reload();
      log.info(RELOAD_EVENTS.done, { file: config.file, mappings: config.mappings.length });
      return config;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const reason of error.message.split("\n")) log.error("config is wrong", { reason });
      log.warn(RELOAD_EVENTS.refused, { file: this.config.file });
      throw error;
    }
  }

  private takeConfig(): void {
    this.byHand.apply(this.config);
    this.want();
    this.reconciler.tryEverything();
  }

  private want(): void {
    this.reconciler.want(this.desired());
  }

  private desired(): Desired {
    return this.byHand.desired(this.config);
  }

  /** Something happened at the client side. @param mappings that are to be tried without a pause */
  wake(mappings: readonly string[] = []): void {
    for (const name of mappings) this.reconciler.wake(nameOf({ kind: "mapping", name }));
    this.reconciler.wake();
  }

  /** Whether somebody unmapped what the files declare under this name. */
  isUnmapped(name: string): boolean {
    return this.desired().heldMappings.has(name);
  }

  /** Somebody mapped it. */
  mapped(mapping: MappingConfig, session: SessionConfig): void {
    this.byHand.map(mapping, session, this.config);
    this.want();
  }

  /** Somebody unmaps it: it is not mapped again by itself. */
  unmapped(name: string): void {
    this.byHand.unmap(name, this.config);
    this.want();
  }

  /** Somebody changed these keys of a session. */
  sessionChanged(session: SessionConfig, keys: readonly string[]): void {
    this.byHand.changeSession(session, keys, this.config);
    this.want();
  }

  /** Waits until a session is gone that nobody wants any more. */
  async closed(sessname: string): Promise<void> {
    const { client } = this.parts;
    const isWanted = [...wantedMappings(this.desired()).values()]
      .some(({ mapping }) => mapping.sessname === sessname);
    const isGone = () => client.sessionConfig(sessname) === undefined;
    if (!isWanted && !isGone()) await this.until(isGone, CLOSE_TIMEOUT_MS);
  }

  private pending() {
    return this.reconciler.pending();
  }

  status(): ConfigStatus {
    return { ...this.source.status(), pending: this.pending() };
  }

  /** Waits until it is so, for at most that long. */
  private until(isSo: () => boolean, timeoutMs?: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(end, timeoutMs);
      const waiter: Waiter = { isServed: isSo, resolve: end };
      const { waiters } = this;
      function end(): void {
        clearTimeout(timer);
        waiters.delete(waiter);
        signal?.removeEventListener("abort", end);
        resolve();
      }
      signal?.addEventListener("abort", end);
      waiters.add(waiter);
      if (signal?.aborted === true) end();
    });
  }

  private serveWaiters(): void {
    for (const waiter of this.waiters) if (waiter.isServed()) waiter.resolve();
  }

  /** No more rounds; who waits does so no longer. */
  stop(): void {
    clearInterval(this.lookTimer);
    this.watch?.[Symbol.dispose]();
    this.reconciler.stop();
    for (const waiter of this.waiters) waiter.resolve();
  }
}

const changesOf = ({ changes }: Step): string | undefined =>
  changes.length === 0
    ? undefined
    : changes.map(({ key, from, to }) => `${key} ${from} -> ${to}`).join(", ");

/** The step and what it is about, under the key that other events have for it. */
function subjectOf({ action, kind, name }: Step): LogFields {
  const step = `${action} ${kind}`;
  return kind === "session" ? { step, sessname: name } : { step, name };
}

function logDone(step: Step): void {
  // A try is told of by what comes of it.
  if (step.work?.kind === "reopen") return;
  log.info("reconciled", {
    ...subjectOf(step),
    reason: step.reason,
    changes: changesOf(step),
  });
}

function logFailed(step: Step, { reason, isTerminal }: WorkFailure): void {
  const next = isTerminal ? "when something changes, or is told to: apply" : "soon";
  log.warn("step failed", { ...subjectOf(step), reason, next_try: next });
}

function logWaiting(step: Step): void {
  log.info("step waits", { ...subjectOf(step), waits_for: step.waitsFor });
}
