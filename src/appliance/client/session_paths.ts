/** The paths of an open session: they follow its config while it is in use. */
import { errnoName } from "../../ffi/errno.ts";
import { formatAddress, formatPath, parsePath } from "../../fabric/address.ts";
import type { ClientPath, PathTarget } from "../../rtrs/client/path.ts";
import type { ClientSession } from "../../rtrs/client/session.ts";
import { ApplianceError } from "../appliance_api.ts";
import type { SessionConfig } from "../config/config.ts";
import { findClientPath, type NamedPath } from "./find_client_path.ts";
import { log } from "../log.ts";
import type { PathStatus } from "../status.ts";

const EXIT_TRY_LATER = 75;

/** Where a path of the config leads. */
export function pathTarget(text: string, port: number): PathTarget {
  const { source, destination } = parsePath(text);
  return { source: source?.host, destination: destination.host, port };
}

/** See the head of this file. */
export class SessionPaths {
  /** By their canonical text; those that are being removed are not among them. */
  private readonly known = new Map<string, ClientPath>();

  constructor(private readonly rtrs: ClientSession, config: SessionConfig) {
    config.paths.forEach((text, i) => this.known.set(canonical(text), rtrs.paths[i]!));
  }

  private get named(): NamedPath[] {
    return [...this.known].map(([text, path]) => ({ text, path }));
  }

  /** @throws ApplianceError ENOENT, EINVAL; undefined is all of them */
  find(text: string | undefined): readonly ClientPath[] {
    if (text === undefined) return [...this.known.values()];
    return [findClientPath(this.rtrs.sessname, this.named, text).path];
  }

  /** The canonical text of a path. @throws ApplianceError ENOENT, EINVAL */
  textOf(text: string): string {
    return findClientPath(this.rtrs.sessname, this.named, text).text;
  }

  /** The paths that there are, as the config spells them where it names them. */
  inForce({ paths }: SessionConfig): readonly string[] {
    const wanted = new Set(paths.map(canonical));
    return [
      ...paths.filter((text) => this.known.has(canonical(text))),
      ...[...this.known.keys()].filter((text) => !wanted.has(text)),
    ];
  }

  /**
   * Adds what the config has more, and removes what it has less. What cannot go yet, because it is
   * the only path that is connected, goes when another one is: call again on every change of one.
   */
  follow(config: SessionConfig): void {
    const wanted = new Set(config.paths.map(canonical));
    for (const text of wanted) {
      if (this.known.has(text)) continue;
      this.known.set(text, this.rtrs.addPath(pathTarget(text, config.destPort)));
      log.info("path added", { sessname: config.sessname, path: text });
    }
    for (const [text, path] of [...this.known]) {
      if (!wanted.has(text)) this.remove(text, path);
    }
  }

  private remove(text: string, path: ClientPath): void {
    const { sessname } = this.rtrs;
    const removed = () => log.info("path removed", { sessname, path: text });
    const problem = this.rtrs.removePath(path, removed);
    if (problem === undefined) this.known.delete(text);
    else log.warn("path stays for now", { sessname, path: text, reason: problem.reason });
  }

  /** Closes paths until {@link reconnect}; requests go to others, if there are. */
  async disconnect(text: string | undefined): Promise<void> {
    await Promise.all(
      this.find(text).map((path) => new Promise<void>((resolve) => path.disconnect(resolve))),
    );
  }

  /**
   * Connects paths now; those that are connected are dropped first.
   * @throws ApplianceError EBUSY
   */
  reconnect(text: string | undefined): void {
    const paths = this.find(text);
    const busy = paths.filter((path) => !path.reconnect());
    if (busy.length < paths.length || paths.length === 0) return;
    const { state } = busy[0]!;
    const message = `The path of session ${this.rtrs.sessname} is ${state.toLowerCase()}`;
    throw new ApplianceError(`${message}; try again later`, "EBUSY", EXIT_TRY_LATER);
  }

  /** Connects now what is down. @returns the destinations of those paths */
  reconnectDown(): string[] {
    return this.named.flatMap(({ text, path }) => {
      if (path.state === "CONNECTED" || !path.reconnect()) return [];
      return [formatAddress(parsePath(text).destination)];
    });
  }

  status(): PathStatus[] {
    return this.named.map(({ text, path }) => pathStatus(text, path));
  }
}

function canonical(text: string): string {
  return formatPath(parsePath(text));
}

function pathStatus(text: string, path: ClientPath): PathStatus {
  const { source, destination } = parsePath(text);
  const failure = path.lastFailure;
  return {
    src_addr: path.sourceAddress || (source === undefined ? "" : formatAddress(source)),
    dst_addr: path.destinationAddress || formatAddress(destination),
    state: path.state === "CONNECTED" ? "connected" : "disconnected",
    hca_name: path.hcaName,
    hca_port: path.hcaPort,
    inflight: path.counters.inflight,
    reconnects: path.reconnects,
    rx_bytes: path.counters.rxBytes,
    tx_bytes: path.counters.txBytes,
    latency_us: Math.round(path.heartbeat.latencyMs * 1000),
    last_error: failure === undefined ? null : failure.reason,
    last_errno: failure === undefined || failure.errno === 0 ? null : errnoName(failure.errno),
  };
}
