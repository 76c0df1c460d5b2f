/** A mapping as an NBD export on a Unix socket. */
import { NbdListener } from "../../nbd/listener.ts";
import { socketPath } from "../../nbd/socket_file.ts";
import type { NbdTicket } from "../../nbd/ticket.ts";
import type { ClientDevice } from "../../rnbd/client/device.ts";
import type { MappingConfig, NodeConfig } from "../config/config.ts";
import type { Exposure } from "./exposure.ts";
import type { Runtime } from "../runtime.ts";

/** See the head of this file. */
export class NbdExposure implements Exposure {
  readonly kind = "nbd";
  readonly outlivesProgram = false;
  private listener: NbdListener | undefined;
  private nextReactor = 0;

  /** @param session handle of the session that the device belongs to */
  constructor(
    private readonly runtime: Runtime,
    private readonly node: NodeConfig,
    private readonly config: MappingConfig,
    private readonly session: number,
    private readonly device: ClientDevice,
  ) {}

  get path(): string | undefined {
    return this.listener?.path;
  }

  async open(): Promise<void> {
    const { name, devicePath, sessname } = this.config;
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

  /** A reactor let go of a connection. */
  connectionClosed(ticket: number): void {
    this.listener?.connectionClosed(ticket);
  }

  /** Every negotiation asks for the geometry anew. */
  reopened(): Promise<void> {
    return Promise.resolve();
  }

  /** Clients learn the size when they connect. */
  resized(): Promise<void> {
    return Promise.resolve();
  }

  users(): Promise<readonly string[]> {
    const clients = this.listener?.connections ?? 0;
    if (clients === 0) return Promise.resolve([]);
    const who = clients === 1 ? "a client has" : `${clients} clients have`;
    return Promise.resolve([`${who} its NBD socket open`]);
  }

  /** No new clients; those that are there stay until the device is removed. */
  async close(): Promise<void> {
    await this.listener?.close();
  }
}
