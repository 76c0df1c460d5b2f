/** Starts what is compared, inside the guest; each contender has a RAM disk of its own. */
import { KernelClient, KernelServer } from "../../tests/vm/guest/kernel_peers.ts";
import { OurClient, OurServer } from "../../tests/vm/guest/our_peers.ts";
import type { BlockClient, BlockServer, PeerProcess } from "../../tests/vm/guest/peers.ts";
import { CONTENDER_NAMES, type ContenderName } from "./contender_names.ts";
import { connectNvme } from "./nvme.ts";
import type { VmBenchPlan } from "./records.ts";

/** One way to a RAM disk. */
export interface Contender {
  /** Of the block device. */
  readonly path: string;
  /** Ours only. */
  readonly client: PeerProcess | undefined;
  readonly server: PeerProcess | undefined;
}

/** The kernel's server has 1234 on every address. */
const OUR_PORT = 1235;
const KERNEL_PORT = 1234;

/** Starts contenders and the programs they share. */
export class Stage {
  private readonly peers = new Map<string, Promise<BlockClient | BlockServer>>();

  constructor(private readonly plan: VmBenchPlan) {}

  private share<Peer extends BlockClient | BlockServer>(
    key: string,
    start: () => Promise<Peer>,
  ): Promise<Peer> {
    const started = this.peers.get(key) ?? start();
    this.peers.set(key, started);
    return started as Promise<Peer>;
  }

  private server(kind: string, carrier: "ip" | "tcp"): Promise<BlockServer> {
    const { builtModules, reactors, spinUs, ioMode } = this.plan;
    return this.share<BlockServer>(
      `server ${kind} ${carrier}`,
      () =>
        kind === "kernel"
          ? KernelServer.start(builtModules, {})
          : OurServer.start(carrier, { port: OUR_PORT, reactors, spinUs, ioMode }),
    );
  }

  private client(kind: string, carrier: "ip" | "tcp"): Promise<BlockClient> {
    const { builtModules, reactors, spinUs } = this.plan;
    return this.share<BlockClient>(
      `client ${kind} ${carrier}`,
      () =>
        kind === "kernel"
          ? KernelClient.start(builtModules)
          : OurClient.start(carrier, { reactors, spinUs }),
    );
  }

  /** Starts one. */
  async start(name: ContenderName): Promise<Contender> {
    const disk = `ram${CONTENDER_NAMES.indexOf(name)}`;
    if (name === "nvme-rdma" || name === "nvme-tcp") {
      const path = await connectNvme(name === "nvme-rdma" ? "rdma" : "tcp", `/dev/${disk}`);
      return { path, client: undefined, server: undefined };
    }
    const [clientKind, serverKind, tcp] = name.split("-");
    const carrier = tcp === undefined ? "ip" : "tcp";
    const server = await this.server(serverKind!, carrier);
    const client = await this.client(clientKind!, carrier);
    const port = serverKind === "kernel" ? KERNEL_PORT : OUR_PORT;
    const { path } = await client.map({ sessname: name, devicePath: disk, port });
    return { path, client: client.process, server: server.process };
  }
}
