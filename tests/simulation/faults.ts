/** The faults of a simulation, one kind a function; {@link injectFault} picks one. */
import type { SimRandom } from "../../src/fabric/sim/random.ts";
import { MPATH_POLICIES } from "../../src/rtrs/client/policy.ts";
import { clientName, type ClientNode } from "./client_node.ts";
import type { World } from "./world.ts";
import { addressOf, PATHS_MAX, SERVER_ADDRESS } from "./world_parts.ts";

/** Both ends have heard of a reset by then, unless the network is slow. */
const RESET_HEARD_MS = 3;

type Fault = (world: World, random: SimRandom) => void;

/** A message between two threads of a process usually takes this long, at most. */
export const THREAD_DELAY_MS = 0.5;
/** To open a disk at the server usually takes this long, at most. */
export const OPEN_DELAY_MS = 20;

function pickClient(world: World, random: SimRandom): number {
  return random.below(world.clients.length);
}

const resetConnection: Fault = (world, random) => {
  const connections = [...world.parts.network.connections.values()];
  if (connections.length === 0) return;
  const connection = random.pick(connections);
  world.parts.log(`fault: connection ${connection.id} of ${connection.process.address} is reset`);
  world.parts.network.reset(connection);
};

/** One reset after the other: set-up, INFO, SESS_INFO and OPEN are hit as well. */
const manyResets: Fault = (world, random) => {
  const end = world.parts.scheduler.now() + random.spread(100, 10_000);
  const gapMs = random.spread(1, 200);
  const next = () => {
    if (!world.hasFaults || world.parts.scheduler.now() > end) return;
    resetConnection(world, random);
    world.parts.scheduler.after(random.spread(0.05, gapMs), next);
  };
  next();
};

const partition: Fault = (world, random) => {
  const durationMs = random.spread(20, 60_000);
  world.partition(pickClient(world, random), durationMs);
};

const crashServer: Fault = (world, random) => {
  world.crashServer(random.chance(0.5), random.spread(20, 20_000));
};

const stopServer: Fault = (world, random) => world.stopServer(random.spread(20, 5_000));

const crashClient: Fault = (world, random) => {
  world.crashClient(pickClient(world, random), random.chance(0.5), random.spread(20, 20_000));
};

const stopClient: Fault = (world, random) => {
  world.stopClient(pickClient(world, random), random.spread(20, 5_000));
};

/** The server comes back with other sizes, and connections to it break again and again. */
const reshapeServer: Fault = (world, random) => {
  world.newShapeNext = true;
  world.crashServer(false, random.spread(20, 300));
  world.parts.scheduler.after(random.spread(50, 1_000), () => manyResets(world, random));
};

/** Changes something for a while. */
function during(
  name: string,
  change: (world: World, random: SimRandom) => void,
  undo: (world: World) => void,
): Fault {
  return (world, random) => {
    const durationMs = random.spread(100, 20_000);
    world.parts.log(`fault: ${name} for ${durationMs.toFixed(0)} ms`);
    change(world, random);
    world.parts.scheduler.after(durationMs, () => undo(world));
  };
}

const slowNetwork = during("slow network", ({ parts }, random) => {
  parts.network.conditions.delayMaxMs = random.spread(5, 2_000);
}, ({ parts }) => {
  parts.network.conditions.delayMaxMs = 0.5;
});

const refusedConnects = during("refused connects", ({ parts }) => {
  parts.network.conditions.refuseChance = 0.5;
}, ({ parts }) => {
  parts.network.conditions.refuseChance = 0;
});

const lostConnects = during("lost connects", ({ parts }) => {
  parts.network.conditions.loseConnectChance = 0.5;
}, ({ parts }) => {
  parts.network.conditions.loseConnectChance = 0;
});

const slowDisks = during("slow disks", ({ parts }, random) => {
  const latencyMaxMs = random.spread(100, 30_000);
  for (const disk of parts.disks) disk.conditions.latencyMaxMs = latencyMaxMs;
}, ({ parts }) => {
  for (const disk of parts.disks) disk.conditions.latencyMaxMs = 10;
});

const failingDisks = during("failing disks", ({ parts }, random) => {
  const errorChance = random.pick([0.05, 0.5, 1]);
  for (const disk of parts.disks) disk.conditions.errorChance = errorChance;
}, ({ parts }) => {
  for (const disk of parts.disks) disk.conditions.errorChance = 0;
});

const fullDisks = during("full disks", ({ parts }) => {
  for (const disk of parts.disks) disk.conditions.noSpaceChance = 0.7;
}, ({ parts }) => {
  for (const disk of parts.disks) disk.conditions.noSpaceChance = 0;
});

const failingOpens = during("failing opens", ({ opener }, random) => {
  opener.failChance = 0.5;
  opener.delayMaxMs = random.spread(20, 2_000);
}, ({ opener }) => {
  opener.failChance = 0;
  opener.delayMaxMs = OPEN_DELAY_MS;
});

const busyThreads = during("busy threads", ({ parts }, random) => {
  parts.threads.delayMaxMs = random.spread(5, 2_000);
}, ({ parts }) => {
  parts.threads.delayMaxMs = THREAD_DELAY_MS;
});

const fullMemory: Fault = (world, random) => {
  const processes = [...world.clients, world.server].flatMap((node) => node?.process ?? []);
  if (processes.length === 0) return;
  const process = random.pick(processes);
  world.parts.log(`fault: the memory of ${process.address} is full`);
  world.hoards.take(process.memory);
  world.parts.scheduler.after(random.spread(100, 10_000), () => world.hoards.free(process.memory));
};

const remap: Fault = (world, random) => {
  const client = world.clients[pickClient(world, random)];
  if (client === undefined) return;
  const mapping = random.pick(client.mappings);
  if (mapping.device === undefined) return client.map(mapping);
  const pauseMs = random.chance(0.3) ? 0 : random.spread(0.1, 3_000);
  const mapAgain = () =>
    client.process.schedule(pauseMs, () => {
      if (world.hasFaults) client.map(mapping);
    });
  const isPatient = random.chance(0.5);
  client.unmap(mapping, () => {
    if (isPatient) mapAgain();
  });
  if (!isPatient) mapAgain();
};

/** Maps and unmaps so fast that OPEN and CLOSE are still under way. */
const flipMapping: Fault = (world, random) => {
  const client = world.clients[pickClient(world, random)];
  if (client === undefined) return;
  const mapping = random.pick(client.mappings);
  let flips = 1 + random.below(4);
  const flip = () => {
    if (!world.hasFaults || client.isClosing) return;
    if (mapping.device === undefined) client.map(mapping);
    else client.unmap(mapping, () => {});
    const isLast = --flips <= 0;
    if (isLast && mapping.device !== undefined) return;
    client.process.schedule(isLast ? random.spread(1_000, 30_000) : random.spread(0.05, 20), flip);
  };
  flip();
};

const retryNow: Fault = (world, random) => {
  const client = world.clients[pickClient(world, random)];
  client?.session.retryNow();
};

/** A client and one of its possible paths; not its first where that is spared. */
function pickPath(
  world: World,
  random: SimRandom,
): { client: ClientNode; slot: number } | undefined {
  const client = world.clients[pickClient(world, random)];
  if (client === undefined) return undefined;
  const first = world.shape.faults === "paths" ? 1 : 0;
  return { client, slot: first + random.below(PATHS_MAX - first) };
}

const resetPath: Fault = (world, random) => {
  const picked = pickPath(world, random);
  if (picked === undefined) return;
  const { client, slot } = picked;
  const address = addressOf(clientName(client.index), slot);
  const isAll = random.chance(0.3);
  for (const connection of [...world.parts.network.connections.values()]) {
    if (connection.address !== address || (!isAll && random.chance(0.7))) continue;
    world.parts.log(`fault: connection ${connection.id} of ${address} is reset`);
    world.parts.network.reset(connection);
  }
};

/**
 * The server is slow to take what a path brings, and the client has given the path up meanwhile:
 * what it sent arrives when it has gone on elsewhere.
 */
const stallPath: Fault = (world, random) => {
  const picked = pickPath(world, random);
  if (picked === undefined) return;
  const address = addressOf(clientName(picked.client.index), picked.slot);
  const stallMs = random.spread(20, 3_000);
  const { network, scheduler, log } = world.parts;
  const stalled = [...network.connections.values()].filter((end) => end.address === address);
  log(`fault: what ${address} sends is late by ${stallMs.toFixed(0)} ms, and it is reset`);
  for (const connection of stalled) connection.outbound.stall(stallMs);
  scheduler.after(random.spread(0.5, stallMs / 2), () => {
    for (const connection of stalled) {
      if (network.connections.has(connection.id)) network.breakLate(connection);
    }
    // The path does not come back before: its connect would tell the server.
    const server = addressOf(SERVER_ADDRESS, picked.slot);
    scheduler.after(RESET_HEARD_MS, () => network.partition(address, server, stallMs));
  });
};

const partitionPath: Fault = (world, random) => {
  const picked = pickPath(world, random);
  if (picked === undefined) return;
  world.partitionPath(picked.client.index, picked.slot, random.spread(20, 60_000));
};

const addPath: Fault = (world, random) => {
  const picked = pickPath(world, random);
  picked?.client.addPath(picked.slot);
};

const removePath: Fault = (world, random) => {
  const picked = pickPath(world, random);
  picked?.client.removePath(picked.slot);
};

/** A user disconnects a path, and connects it again after a while. */
const disconnectPath: Fault = (world, random) => {
  const picked = pickPath(world, random);
  const path = picked?.client.path(picked.slot);
  if (picked === undefined || path === undefined || picked.client.isClosing) return;
  world.parts.log(`path ${picked.slot} of ${clientName(picked.client.index)} is disconnected`);
  path.disconnect(() => {});
  picked.client.process.schedule(random.spread(1, 20_000), () => {
    if (world.hasFaults && !picked.client.isClosing && picked.client.session.paths.includes(path)) {
      path.reconnect();
    }
  });
};

const reconnectPath: Fault = (world, random) => {
  const picked = pickPath(world, random);
  if (picked?.client.isClosing === false) picked.client.path(picked.slot)?.reconnect();
};

const changePolicy: Fault = (world, random) => {
  const client = world.clients[pickClient(world, random)];
  if (client === undefined || client.isClosing) return;
  client.session.update({ ...client.session.settings, policy: random.pick(MPATH_POLICIES) });
};

/** Faults that spare each client's first path. */
const PATH_FAULTS: readonly (readonly [number, Fault])[] = [
  [20, resetPath],
  [40, stallPath],
  [12, partitionPath],
  [8, addPath],
  [8, removePath],
  [6, disconnectPath],
  [6, reconnectPath],
  [4, changePolicy],
  [4, slowNetwork],
  [4, slowDisks],
  [4, busyThreads],
];

const FAULTS: readonly (readonly [number, Fault])[] = [
  [20, resetConnection],
  [6, manyResets],
  [8, partition],
  [8, crashServer],
  [4, stopServer],
  [6, reshapeServer],
  [6, crashClient],
  [4, stopClient],
  [6, slowNetwork],
  [3, refusedConnects],
  [3, lostConnects],
  [6, slowDisks],
  [6, failingDisks],
  [3, fullDisks],
  [4, failingOpens],
  [6, busyThreads],
  [4, fullMemory],
  [16, remap],
  [12, flipMapping],
  [4, retryNow],
  [14, resetPath],
  [16, stallPath],
  [8, partitionPath],
  [5, addPath],
  [5, removePath],
  [4, disconnectPath],
  [4, reconnectPath],
  [3, changePolicy],
];

/** Lets something go wrong now, and often something else right after it. */
export function injectFault(world: World, random: SimRandom): void {
  const faults = world.shape.faults === "paths" ? PATH_FAULTS : FAULTS;
  let dice = random.below(faults.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, fault] of faults) {
    dice -= weight;
    if (dice >= 0) continue;
    fault(world, random);
    break;
  }
  if (!random.chance(0.3)) return;
  const soonMs = random.spread(0.05, 2_000);
  world.parts.scheduler.after(soonMs, () => {
    if (world.hasFaults) injectFault(world, random);
  });
}

/** The network and disks work well again. */
export function mendEverything({ parts, opener }: World): void {
  Object.assign(parts.network.conditions, {
    delayMaxMs: 0.5,
    refuseChance: 0,
    loseConnectChance: 0,
  });
  parts.threads.delayMaxMs = THREAD_DELAY_MS;
  for (const disk of parts.disks) {
    Object.assign(disk.conditions, { latencyMaxMs: 10, errorChance: 0, noSpaceChance: 0 });
  }
  Object.assign(opener, { failChance: 0, delayMaxMs: OPEN_DELAY_MS });
}
