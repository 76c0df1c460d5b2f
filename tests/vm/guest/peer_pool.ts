/** Client and server of one boot: kept from case to case while their options stay the same. */
import { KernelClient, KernelServer } from "./kernel_peers.ts";
import { OurClient, OurServer } from "./our_peers.ts";
import type {
  BlockClient,
  BlockServer,
  ClientOptions,
  Combination,
  ServerOptions,
} from "./peers.ts";

interface Kept<Peer> {
  readonly peer: Peer;
  readonly options: string;
}

/** Starts peers when they are needed. */
export class PeerPool {
  private keptServer: Kept<BlockServer> | undefined;
  private keptClient: Kept<BlockClient> | undefined;
  private brokenOptions: string | undefined;

  constructor(
    private readonly combination: Combination,
    private readonly builtModules: string,
  ) {}

  /** The server that is there. */
  get currentServer(): BlockServer {
    if (this.keptServer === undefined) throw new Error("There is no server now");
    return this.keptServer.peer;
  }

  /** The server with these options; a client that is there stays. */
  async server(options: ServerOptions = {}): Promise<BlockServer> {
    const key = JSON.stringify(options);
    if (this.keptServer?.options === key) return this.keptServer.peer;
    await this.stopServer();
    const peer = await this.startServer(options);
    this.keptServer = { peer, options: key };
    return peer;
  }

  /** The usual server and a client; programs of ours take long to start, so both at a time. */
  async usual(clientOptions: ClientOptions = {}): Promise<BlockClient> {
    const { client, server } = this.combination;
    const isHalfThere = this.keptServer?.options === "{}" || this.keptClient !== undefined;
    // The kernel's two load a module that they share.
    if (isHalfThere || (client === "kernel" && server === "kernel")) {
      await this.server();
      return await this.client(clientOptions);
    }
    await this.stop();
    const started = await Promise.allSettled([this.client(clientOptions), this.server()]);
    for (const one of started) if (one.status === "rejected") throw one.reason;
    return await this.client(clientOptions);
  }

  /** The client with these options; the server stays. */
  async client(options: ClientOptions = {}): Promise<BlockClient> {
    const key = JSON.stringify(options);
    if (this.keptClient?.options === key) return this.keptClient.peer;
    await this.stopClient();
    const peer = this.combination.client === "kernel"
      ? await KernelClient.start(this.builtModules)
      : await OurClient.start(this.combination.carrier, options);
    this.keptClient = { peer, options: key };
    return peer;
  }

  /** The server goes while the client is there: ours is killed, the kernel's is unloaded. */
  async breakServer(): Promise<void> {
    const kept = this.keptServer;
    if (kept === undefined) throw new Error("No server to break");
    this.keptServer = undefined;
    this.brokenOptions = kept.options;
    if (kept.peer.process === undefined) await kept.peer.stop();
    else await kept.peer.process.kill();
  }

  /** The same server again, after {@link breakServer}. */
  async restoreServer(): Promise<void> {
    const key = this.brokenOptions!;
    this.keptServer = { peer: await this.startServer(JSON.parse(key)), options: key };
  }

  private startServer(options: ServerOptions): Promise<BlockServer> {
    return this.combination.server === "kernel"
      ? KernelServer.start(this.builtModules, options)
      : OurServer.start(this.combination.carrier, options);
  }

  /** The client is killed; what it left is for the case to judge. */
  async breakClient(): Promise<void> {
    const kept = this.keptClient;
    this.keptClient = undefined;
    await kept!.peer.process!.kill();
  }

  /** Stops the client in order; the server stays. */
  async stopClient(): Promise<void> {
    const kept = this.keptClient;
    this.keptClient = undefined;
    await kept?.peer.stop();
  }

  private async stopServer(): Promise<void> {
    const kept = this.keptServer;
    this.keptServer = undefined;
    await kept?.peer.stop();
  }

  /** Stops the client, then the server. */
  async stop(): Promise<void> {
    try {
      await this.stopClient();
    } finally {
      await this.stopServer();
    }
  }

  /** What programs of ours said so far, for the report of a failure. */
  logs(): string[] {
    const logs: string[] = [];
    const add = (role: string, log: string | undefined) => {
      if (log === undefined || log === "") return;
      logs.push(`stderr of our ${role}, at its end:`, ...log.trimEnd().split("\n").slice(-30));
    };
    add("server", this.keptServer?.peer.process?.log);
    add("client", this.keptClient?.peer.process?.log);
    return logs;
  }
}
