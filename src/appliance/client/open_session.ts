/** A session to a server that is open: its config, and the layers that do the work. */
import { parsePath } from "../../fabric/address.ts";
import { RnbdClient, type RnbdClientUser } from "../../rnbd/client/client.ts";
import { ClientSession, type ClientSessionSettings } from "../../rtrs/client/session.ts";
import type { SessionStatus } from "../appliance_api.ts";
import type { SessionConfig } from "../config/config.ts";
import type { ActualSession } from "../reconcile/actual.ts";
import type { Origin } from "../reconcile/desired.ts";
import type { Runtime } from "../runtime.ts";
import { pathTarget, SessionPaths } from "./session_paths.ts";

function settingsOf(config: SessionConfig): ClientSessionSettings {
  return {
    heartbeat: { intervalMs: config.heartbeatIntervalMs, missedMax: config.heartbeatMissedMax },
    connectTimeoutMs: config.connectTimeoutMs,
    reconnectDelayMs: config.reconnectDelayMs,
    reconnectDelayMaxMs: config.reconnectDelayMaxMs,
    maxReconnectAttempts: config.maxReconnectAttempts,
    policy: config.mpathPolicy,
  };
}

/** See the head of this file. It connects, and reconnects, by itself until it is closed. */
export class OpenSession {
  readonly rtrs: ClientSession;
  readonly rnbd: RnbdClient;
  /** It takes no new mapping. */
  isClosing = false;
  readonly paths: SessionPaths;

  constructor(
    private readonly runtime: Runtime,
    public config: SessionConfig,
    public origin: Origin,
    user: RnbdClientUser,
  ) {
    const { kind } = parsePath(config.paths[0]!).destination;
    const lanes = runtime.reactors.map((reactor) => reactor.lanes);
    this.rnbd = new RnbdClient(lanes, {
      ...user,
      onPath: (path) => {
        user.onPath(path);
        // Within this call the session is not through with the news.
        queueMicrotask(() => this.followConfig());
      },
    });
    this.rtrs = new ClientSession(
      config.sessname,
      {
        clock: runtime.clock,
        memory: runtime.memory,
        adopter: runtime.adopter,
        randomBytes: runtime.randomBytes,
        nextHandle: runtime.nextHandle,
      },
      runtime.fabric(kind, config.crc),
      kind,
      config.paths.map((path) => pathTarget(path, config.destPort)),
      settingsOf(config),
      lanes,
      this.rnbd,
    );
    this.rnbd.session = this.rtrs;
    this.paths = new SessionPaths(this.rtrs, config);
    runtime.sessnames.set(this.rtrs.handle, config.sessname);
    this.rtrs.start();
  }

  /** Takes over what can be changed while it is in use: all but its port, carrier and crc. */
  change(config: SessionConfig, origin: Origin): void {
    this.config = config;
    this.origin = origin;
    this.rtrs.update(settingsOf(config));
    this.followConfig();
  }

  private followConfig(): void {
    if (!this.isClosing) this.paths.follow(this.config);
  }

  /** No mapping uses it any more. */
  async close(): Promise<void> {
    this.isClosing = true;
    await new Promise<void>((resolve) => this.rtrs.close(resolve));
    this.runtime.sessnames.delete(this.rtrs.handle);
  }

  /** An attempt to connect is under way, so that nothing is to be said yet. */
  get isConnecting(): boolean {
    const { paths, nextTryAt } = this.rtrs;
    const isClosed = paths.every(({ state }) => state === "CLOSED");
    return !this.rtrs.isConnected && !isClosed && nextTryAt === undefined;
  }

  /** What it is, for the reconciler. */
  actual(): ActualSession {
    const { config, origin } = this;
    // A path may take its time to go, or to be possible.
    const paths = this.paths.inForce(config);
    return { config: { ...config, paths }, origin, hasLivePaths: true };
  }

  status(): SessionStatus {
    const { config, origin, rtrs } = this;
    const state = rtrs.isConnected ? "connected" as const : "disconnected" as const;
    return {
      sessname: config.sessname,
      origin,
      state,
      dest_port: config.destPort,
      mpath_policy: config.mpathPolicy,
      max_reconnect_attempts: config.maxReconnectAttempts,
      queue_depth: rtrs.offer?.queueDepth ?? 0,
      max_io_size: rtrs.offer?.maxIoBytes ?? 0,
      reconnects: rtrs.reconnects,
      paths: this.paths.status(),
    };
  }
}
