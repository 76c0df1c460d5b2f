/** A mapping: a device of a session, and the NBD socket that exposes it. */
import { errnoName } from "../ffi/errno.ts";
import { NbdListener } from "../nbd/listener.ts";
import { socketPath } from "../nbd/socket_file.ts";
import type { NbdTicket } from "../nbd/ticket.ts";
import type { ClientDevice } from "../rnbd/client/device.ts";
import type { MappingStatus } from "./appliance_api.ts";
import type { MappingConfig, NodeConfig } from "./config/config.ts";
import { log } from "./log.ts";
import type { Runtime } from "./runtime.ts";

/** What happened to a mapping's first try. */
export type FirstTry =
  | { readonly isOpen: true }
  | { readonly isOpen: false; readonly reason: string; readonly errno: string };

/** See the head of this file. */
export class Mapping {
  /** Settles when the first OPEN succeeded or failed. */
  readonly firstTry: Promise<FirstTry>;
  private settleFirstTry!: (result: FirstTry) => void;
  private listener: NbdListener | undefined;
  /** The listener is being made: a device may close and open again meanwhile. */
  private listening: Promise<void> | undefined;
  private exposeError: string | undefined;
  private nextReactor = 0;

  constructor(
    private readonly runtime: Runtime,
    private readonly node: NodeConfig,
    readonly config: MappingConfig,
    private readonly session: number,
    readonly device: ClientDevice,
  ) {
    const { promise, resolve } = Promise.withResolvers<FirstTry>();
    this.firstTry = promise;
    this.settleFirstTry = resolve;
  }

  /** Clients that have the NBD socket open. */
  get users(): number {
    return this.listener?.connections ?? 0;
  }

  /** The device is open: it is exposed, once. */
  onOpen(): void {
    log.info("mapping open", { name: this.config.name, sessname: this.config.sessname });
    this.listening ??= this.listen();
    this.listening.then(() => {
      if (this.exposeError === undefined) return this.settleFirstTry({ isOpen: true });
      this.settleFirstTry({ isOpen: false, reason: this.exposeError, errno: "EADDRINUSE" });
    });
  }

  /** The device could not be opened. */
  onFailed(errno: number, reason: string): void {
    log.warn("mapping failed", { name: this.config.name, reason });
    this.settleFirstTry({ isOpen: false, reason, errno: errnoName(errno) });
  }

  /** The session was lost. */
  onClosed(reason: string): void {
    log.warn("mapping closed", { name: this.config.name, reason });
  }

  private async listen(): Promise<void> {
    const { name, devicePath, sessname } = this.config;
    try {
      this.listener = await NbdListener.open({
        loop: this.runtime.loop,
        subject: {
          name,
          description: `${devicePath} of session ${sessname}`,
          geometry: () => this.device.geometry!,
        },
        path: socketPath(this.node.runtimeDir, name),
        counters: this.runtime.counters.nbd,
        onConnection: (ticket) => this.serve(ticket),
      });
    } catch (error) {
      this.exposeError = error instanceof Error ? error.message : String(error);
      log.error("cannot expose mapping", { name, reason: this.exposeError });
    }
  }

  private serve(ticket: NbdTicket): void {
    const { reactors } = this.runtime;
    const reactor = reactors[this.nextReactor++ % reactors.length]!;
    reactor.send({
      kind: "serveNbd",
      session: this.session,
      device: this.device.handle,
      ticket,
    });
  }

  /** A reactor let go of an NBD connection. */
  onNbdClosed(ticket: number): void {
    this.listener?.connectionClosed(ticket);
  }

  /** Stops exposing: no new users; those that are there stay until the device is removed. */
  async hide(): Promise<void> {
    await this.listening;
    await this.listener?.close();
  }

  status(): MappingStatus {
    const { config, device } = this;
    const isOpen = device.state === "open" && this.listener !== undefined;
    const nextTryAt = device.nextTryAt;
    return {
      name: config.name,
      sessname: config.sessname,
      device_path: config.devicePath,
      access_mode: config.accessMode,
      state: isOpen ? "open" : "closed",
      expose: "nbd",
      device: this.listener?.path ?? null,
      size_bytes: device.geometry?.sizeBytes ?? 0,
      logical_block_size: device.geometry?.logicalBlockBytes ?? 0,
      last_error: isOpen ? null : this.exposeError ?? device.lastFailure?.reason ?? null,
      next_try_ms: isOpen || nextTryAt === undefined
        ? null
        : Math.max(0, Math.round(nextTryAt - this.runtime.clock.now())),
    };
  }
}
