/** The faults of a simulation, one kind a function; {@link injectFault} picks one. */
import type { SimRandom } from "../../src/fabric/sim/random.ts";
import { clientName } from "./client_node.ts";
import type { World } from "./world.ts";
import { SERVER_ADDRESS } from "./world_parts.ts";

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
];
const WEIGHTS = FAULTS.reduce((sum, [weight]) => sum + weight, 0);

/** Lets something go wrong now, and often something else right after it. */
export function injectFault(world: World, random: SimRandom): void {
  let dice = random.below(WEIGHTS);
  for (const [weight, fault] of FAULTS) {
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

/** How a partition is described in the log. */
export function describePartition(client: number, durationMs: number): string {
  return `fault: nothing between ${clientName(client)} and ${SERVER_ADDRESS} for ` +
    `${durationMs.toFixed(0)} ms`;
}
