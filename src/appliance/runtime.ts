/** What every part of a running appliance shares: memory, main's ring, reactors, counters. */
import type { AddressKind } from "../fabric/address.ts";
import type { Fabric, FabricAdopter } from "../fabric/fabric.ts";
import { IwarpFabric } from "../fabric/iwarp/iwarp_fabric.ts";
import { VerbsFabric } from "../fabric/verbs/verbs_fabric.ts";
import { ArenaAllocator, reserveArena } from "../ring/arena.ts";
import { ControlLoop } from "../ring/control_loop.ts";
import { allocateZeroes } from "../rnbd/backends/zeroes.ts";
import { UblkControl } from "../ublk/control.ts";
import { systemClock } from "../rtrs/clock.ts";
import type { Config } from "./config/config.ts";
import { IoLedger } from "./metrics/io_ledger.ts";
import { ReactorHandle, type ReactorPoolEvents } from "./reactor/reactor_pool.ts";
import { makeAdopter } from "./reactor/make_adopter.ts";
import { ThreadCounters } from "./reactor/thread_counters.ts";

/** Made first, closed last. */
export class Runtime {
  readonly clock = systemClock;
  readonly memory: ArenaAllocator;
  readonly loop: ControlLoop;
  readonly ublk: UblkControl;
  /** Main's own counters. */
  readonly counters: ThreadCounters;
  readonly adopter: FabricAdopter;
  readonly reactors: readonly ReactorHandle[];
  /** What was done with each mapping, and with each exported device. */
  readonly mappingIo: IoLedger;
  readonly exportIo: IoLedger;
  /** What was carried by each path to a server. */
  readonly pathIo: IoLedger;
  /** Names of the sessions to servers, by their handles. */
  readonly sessnames = new Map<number, string>();
  private readonly verbsFabrics = new Map<AddressKind, VerbsFabric>();
  private handles = 0;

  constructor(config: Config, events: ReactorPoolEvents) {
    this.memory = new ArenaAllocator(reserveArena(config.node.memoryLimitBytes));
    this.loop = new ControlLoop(this.memory);
    this.ublk = new UblkControl(this.loop);
    const at = this.memory.allocate(ThreadCounters.BYTES, "counters");
    this.counters = new ThreadCounters(this.memory.arena, at);
    this.adopter = makeAdopter(this.loop, this.counters);
    this.mappingIo = new IoLedger(this.memory, config.node.reactors);
    this.exportIo = new IoLedger(this.memory, config.node.reactors);
    this.pathIo = new IoLedger(this.memory, config.node.reactors);
    const paths = { io: this.pathIo, sessnames: this.sessnames };
    const zeroes = allocateZeroes(this.memory);
    this.reactors = Array.from(
      { length: config.node.reactors },
      (_, i) => new ReactorHandle(i, this.memory, config.node.spinUs, zeroes, paths, events),
    );
  }

  /**
   * The carrier that an address of `kind` names.
   * @param crc frame checksums of the built-in carrier
   * @throws MissingLibraryError when RDMA is asked for and its libraries are not installed
   */
  fabric(kind: AddressKind, crc: "auto" | "on" | "off"): Fabric {
    if (kind === "tcp") return new IwarpFabric(this.loop, crc, this.counters.startUpRejections.at);
    const known = this.verbsFabrics.get(kind);
    if (known !== undefined) return known;
    const fabric = new VerbsFabric(this.loop, kind);
    this.verbsFabrics.set(kind, fabric);
    return fabric;
  }

  /** A number that names a session, path or device in this process. */
  readonly nextHandle = (): number => ++this.handles;

  readonly randomBytes = (length: number): Uint8Array =>
    crypto.getRandomValues(new Uint8Array(length));

  /** Sum of all threads' refusals, by reason. */
  rejections(): Record<string, number> {
    const sum: Record<string, number> = {};
    for (const thread of [this.counters, ...this.reactors.map(({ counters }) => counters)]) {
      for (const [name, count] of Object.entries(thread.rejections())) {
        if (count > 0) sum[name] = (sum[name] ?? 0) + count;
      }
    }
    return sum;
  }

  /** Stops the threads. Everything on them has been closed. */
  async close(): Promise<void> {
    await Promise.all(this.reactors.map((reactor) => reactor.stop()));
    this.ublk.close();
    await this.loop.close();
  }
}
