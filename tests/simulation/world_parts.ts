/** What all hosts of a simulation share. */
import type { SimNetwork } from "../../src/fabric/sim/network.ts";
import { SimProcess } from "../../src/fabric/sim/process.ts";
import type { SimRandom } from "../../src/fabric/sim/random.ts";
import type { SimScheduler } from "../../src/fabric/sim/scheduler.ts";
import { ArenaAllocator, plainArena } from "../../src/ring/arena.ts";
import type { DiskModel } from "./disk_model.ts";
import { SimFailure } from "./failure.ts";
import type { SimDisk } from "./sim_disk.ts";

/** Time, network and disks, and what is expected of those. */
export interface WorldParts {
  readonly scheduler: SimScheduler;
  readonly random: SimRandom;
  readonly network: SimNetwork;
  readonly disks: readonly SimDisk[];
  /** One for each disk. */
  readonly models: readonly DiskModel[];
  /** How long a message between two threads of a process takes at most, at the moment. */
  readonly threads: { delayMaxMs: number };
  /** A line for `--verbose`. */
  log(line: string): void;
}

/** Port of the simulated server. */
export const SERVER_PORT = 1234;
/** Host of the simulated server; client i is `clientName(i)`. */
export const SERVER_ADDRESS = "server";
/** Paths of a client, at most. */
export const PATHS_MAX = 3;

/** Address of a host that path `slot` uses. */
export function addressOf(host: string, slot: number): string {
  return `${host}/${slot}`;
}

/** The path that an address belongs to. */
export function slotOf(address: string): number {
  return Number(address.split("/")[1]);
}

/** Name of a disk as clients open it. */
export function diskName(disk: number): string {
  return `disk${disk}`;
}

/** A fresh process on a host, with an arena of its own. */
export function startProcess(
  parts: WorldParts,
  address: string,
  arenaBytes: number,
): SimProcess {
  const memory = new ArenaAllocator(plainArena(arenaBytes));
  const process = new SimProcess(parts.scheduler, parts.random.fork(), address, memory);
  parts.network.addProcess(process);
  return process;
}

/** Fails the run unless `isTrue`. */
export function expect(isTrue: boolean, otherwise: () => string): void {
  if (!isTrue) throw new SimFailure(otherwise());
}
