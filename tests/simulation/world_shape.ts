/** The random parts of a simulation that are fixed at its start. */
import type { SimRandom } from "../../src/fabric/sim/random.ts";
import type { AccessModeName } from "../../src/rnbd/access_mode.ts";
import { MPATH_POLICIES } from "../../src/rtrs/client/policy.ts";
import type { ClientShape } from "./client_node.ts";
import type { ServerShape } from "./server_node.ts";
import { PATHS_MAX } from "./world_parts.ts";

/** Sizes of one disk. */
export interface DiskShape {
  readonly blockCount: number;
  readonly blockBytes: number;
  readonly writeCache: boolean;
}

/** Everything that a seed decides before the first event. */
export interface WorldShape {
  readonly disks: readonly DiskShape[];
  readonly server: ServerShape;
  readonly clients: readonly ClientShape[];
  /** What goes wrong: anything, or paths other than each client's first. */
  readonly faults: "all" | "paths";
  /** How long faults are injected, and their mean distance; Infinity = no faults. */
  readonly faultsMs: number;
  readonly faultDistanceMs: number;
}

const KIB = 1024;
/** Requests that a seed should make, roughly. */
const REQUESTS = 2_500;
/** Mean of the requests between two pauses of a workload's slot. */
const BURST_REQUESTS = 10;

/** Sizes and reactors of a new server process. */
export function serverShape(random: SimRandom, intervalMs: number): ServerShape {
  return {
    reactors: 1 + random.below(3),
    queueDepth: random.pick([8, 9, 16, 33, 64]),
    maxIoBytes: 4 * KIB * (1 + random.below(6)),
    heartbeat: { intervalMs, missedMax: 5 },
    alwaysInvalidate: random.chance(1 / 3),
  };
}

function diskShape(random: SimRandom): DiskShape {
  return {
    blockCount: 8 + random.below(40),
    blockBytes: random.pick([512, 512, 4096]),
    writeCache: random.chance(0.5),
  };
}

function clientShape(
  random: SimRandom,
  disks: number,
  pauseMs: number,
  pathsMin: number,
): ClientShape {
  const modes: readonly AccessModeName[] = ["rw", "rw", "rw", "ro", "ro", "migration"];
  const all = Array.from({ length: disks }, (_, disk) => ({ disk, mode: random.pick(modes) }));
  const some = all.filter(() => random.chance(0.8));
  return {
    reactors: 1 + random.below(3),
    paths: pathsMin + random.below(PATHS_MAX - pathsMin + 1),
    settings: {
      policy: random.pick(MPATH_POLICIES),
      heartbeat: { intervalMs: 5_000, missedMax: 5 },
      connectTimeoutMs: random.pick([1_000, 5_000, 30_000]),
      reconnectDelayMs: random.pick([50, 500, 1_000]),
      reconnectDelayMaxMs: random.pick([2_000, 10_000]),
      maxReconnectAttempts: -1,
    },
    mappings: some.length > 0 ? some : all,
    workload: { depth: 1 + random.below(4), pauseMs },
  };
}

/** What a seed makes of everything. */
export function worldShape(random: SimRandom): WorldShape {
  const disks = Array.from({ length: 1 + random.below(3) }, () => diskShape(random));
  const clientCount = 1 + random.below(3);
  const faultsMs = random.between(40_000, 100_000);
  const hasFaults = !random.chance(0.08);
  const faults = random.chance(1 / 3) ? "paths" : "all";
  // About five slots for each of a client's mappings.
  const slots = clientCount * disks.length * 5;
  const pauseMs = slots * BURST_REQUESTS * faultsMs / REQUESTS;
  return {
    disks,
    server: serverShape(random, 5_000),
    clients: Array.from(
      { length: clientCount },
      () => clientShape(random, disks.length, pauseMs, faults === "paths" ? 2 : 1),
    ),
    faults,
    faultsMs: hasFaults ? faultsMs : 15_000,
    faultDistanceMs: hasFaults ? random.spread(1_500, 12_000) : Infinity,
  };
}
