/**
 * One simulation: clients, a server and disks, first with faults, then without, then in peace.
 * Throws a {@link SimFailure} as soon as something is not as it must be.
 */
import { SimNetwork } from "../../src/fabric/sim/network.ts";
import { SimRandom } from "../../src/fabric/sim/random.ts";
import { SimScheduler } from "../../src/fabric/sim/scheduler.ts";
import { BLOCK_OP, type BlockUser } from "../../src/rnbd/block_queue.ts";
import type { DeviceQueue } from "../../src/rnbd/client/block_lane.ts";
import { blockId } from "./block_pattern.ts";
import { clientName, ClientNode, type ClientPlants } from "./client_node.ts";
import { DiskModel } from "./disk_model.ts";
import { injectFault, mendEverything, OPEN_DELAY_MS, THREAD_DELAY_MS } from "./faults.ts";
import { ForgottenDevices } from "./forgotten_devices.ts";
import { MemoryHoards } from "./memory_hoards.ts";
import { type OpenerConditions, ServerNode, type ServerShape } from "./server_node.ts";
import { checkPatience, silence } from "./silence.ts";
import { SimDisk } from "./sim_disk.ts";
import type { WorkloadTotals } from "./workload.ts";
import { addressOf, diskName, expect, SERVER_ADDRESS, type WorldParts } from "./world_parts.ts";
import { serverShape, type WorldShape, worldShape } from "./world_shape.ts";

/** Bugs to be found: each is a switch in the simulation, never in the program. */
export interface Plants extends ClientPlants {
  lostWriteChance?: number;
  staleReadChance?: number;
  leakPermitChance?: number;
  lateWrites?: boolean;
}

/** What a run was like. */
export interface WorldResult {
  readonly traceHash: number;
  readonly events: number;
  readonly requests: number;
  readonly succeeded: number;
  readonly virtualMs: number;
}

/** Everything must be open this long after the last fault. */
const LIVENESS_MS = 200_000;
/** Requests must end, and closing must be done, this long after it was asked for. */
const PEACE_MS = 60_000;
const SETTLE_MS = 2_000;
const SLICE_MS = 250;
const EVENTS_MAX = 3_000_000;

/** See the head of this file. */
export class World {
  readonly parts: WorldParts;
  readonly shape: WorldShape;
  readonly clients: (ClientNode | undefined)[] = [];
  readonly opener: OpenerConditions = { failChance: 0, delayMaxMs: OPEN_DELAY_MS };
  server: ServerNode | undefined;
  hasFaults = true;
  /** The next server process has other sizes for sure. */
  newShapeNext = false;
  readonly hoards = new MemoryHoards();
  private readonly forgotten = new ForgottenDevices();
  private readonly random: SimRandom;
  private readonly totals: WorkloadTotals;
  private serverShape: ServerShape;
  private isServerStopping = false;

  constructor(
    readonly seed: number,
    private readonly plants: Plants,
    onLine: ((line: string) => void) | undefined,
  ) {
    this.random = new SimRandom(seed);
    this.shape = worldShape(this.random.fork());
    const scheduler = new SimScheduler();
    const network = new SimNetwork(scheduler, this.random.fork());
    network.plantLateWrites = plants.lateWrites ?? false;
    const disks = this.shape.disks.map(({ blockCount, blockBytes, writeCache }) => {
      const disk = new SimDisk(this.random.fork(), blockCount, blockBytes, writeCache);
      disk.plants.lostWriteChance = plants.lostWriteChance ?? 0;
      disk.plants.staleReadChance = plants.staleReadChance ?? 0;
      return disk;
    });
    const models = this.shape.disks.map(({ blockCount, writeCache }, i) =>
      new DiskModel(diskName(i), blockCount, writeCache)
    );
    const log = (line: string) => onLine?.(`${scheduler.now().toFixed(3).padStart(12)} ${line}`);
    this.totals = {
      submitted: 0,
      ended: 0,
      succeeded: 0,
      open: new Set(),
      trace: onLine === undefined ? undefined : log,
      isSpared: this.shape.faults === "paths",
      leakPermitChance: plants.leakPermitChance ?? 0,
    };
    const threads = { delayMaxMs: THREAD_DELAY_MS };
    this.parts = { scheduler, random: this.random.fork(), network, disks, models, threads, log };
    this.serverShape = this.shape.server;
  }

  /** Runs everything. @throws SimFailure */
  run(): WorldResult {
    this.startServer();
    this.shape.clients.forEach((_, i) => this.startClient(i));
    this.runWithFaults();
    this.recover();
    this.comeToRest();
    this.closeAll();
    const { scheduler } = this.parts;
    return {
      traceHash: scheduler.traceHash,
      events: scheduler.executed,
      requests: this.totals.submitted,
      succeeded: this.totals.succeeded,
      virtualMs: scheduler.now(),
    };
  }

  // Phases.

  private runWithFaults(): void {
    const { scheduler } = this.parts;
    const random = this.random.fork();
    const { faultsMs, faultDistanceMs } = this.shape;
    const plan = () => {
      if (faultDistanceMs === Infinity) return;
      const delayMs = -Math.log(1 - random.unit()) * faultDistanceMs;
      scheduler.after(delayMs, () => {
        if (!this.hasFaults) return;
        for (const client of this.clients) client?.kick();
        scheduler.after(random.spread(0.05, 30), () => {
          if (this.hasFaults) injectFault(this, random);
        });
        plan();
      });
    };
    plan();
    this.advance(faultsMs, () => false);
    this.hasFaults = false;
    mendEverything(this);
    if (this.shape.faults === "paths") {
      for (const client of this.clients) {
        const isKept = client!.path(0)?.state === "CONNECTED" && client!.path(0)!.reconnects === 0;
        expect(
          isKept,
          () => `${clientName(client!.index)} has lost a path that nothing happened to`,
        );
        expect(
          client!.hasBeenUpSince(faultsMs),
          () => "a session was lost though a path was alive",
        );
      }
    }
    if (faultDistanceMs !== Infinity) return;
    for (const client of this.clients) {
      expect(client!.session.reconnects === 0, () => "a session was lost without a fault");
      const isUp = client!.session.isConnected;
      expect(isUp, () => "a session did not come up though nothing was wrong");
    }
  }

  private recover(): void {
    const { scheduler, network, log } = this.parts;
    log("the faults end");
    for (const node of [...this.clients, this.server]) {
      if (node !== undefined) this.hoards.free(node.process.memory);
    }
    this.advance(Math.max(0, network.lastBlockedUntil - scheduler.now()), () => false);
    const isUp = () =>
      this.server !== undefined && !this.isServerStopping &&
      this.clients.every((client) => client !== undefined && !client.isClosing);
    this.advance(LIVENESS_MS, isUp);
    expect(isUp(), () => "a host that was to stop in order did not");
    this.settleConflicts();
    for (const client of this.clients) client!.retryClosed();
    // What a client holds open with a server that is no more will break soon: look twice.
    const end = scheduler.now() + LIVENESS_MS;
    do {
      this.advance(end - scheduler.now(), () => {
        for (const client of this.clients) client!.connectAll();
        return this.isAllOpen();
      });
      const isOpen = this.isAllOpen();
      expect(isOpen, () => `not everything is open again: ${this.clients.map(String).join("; ")}`);
      this.advance(SETTLE_MS, () => false);
    } while (!this.isAllOpen());
  }

  private isAllOpen(): boolean {
    const served = this.server!.connectedPeers;
    return this.clients.every((client) =>
      client!.isAllOpen &&
      client!.session.paths.every(({ target }) => served.includes(target.source!))
    );
  }

  /** Keeps the mappings that can be open together. */
  private settleConflicts(): void {
    for (let disk = 0; disk < this.shape.disks.length; disk++) {
      let hasWriter = false;
      for (const client of this.clients) {
        for (const mapping of client!.mappings.filter((candidate) => candidate.disk === disk)) {
          const isSecond = mapping.mode !== "ro" && hasWriter;
          hasWriter ||= mapping.mode !== "ro";
          if (isSecond) client!.unmap(mapping, () => {});
          else client!.map(mapping);
        }
      }
    }
  }

  private comeToRest(): void {
    let quiet = 0;
    for (const client of this.clients) client!.quiesce(() => quiet++);
    this.advance(PEACE_MS, () => quiet === this.clients.length);
    const { submitted, ended } = this.totals;
    expect(quiet === this.clients.length, () => `${submitted - ended} requests did not end`);
    for (const client of this.clients) {
      for (const { queue, disk } of client!.openQueues()) this.readAll(client!, queue, disk);
      client!.checkPermits();
    }
  }

  private closeAll(): void {
    let closed = 0;
    for (const client of this.clients) client!.close(() => closed++);
    this.advance(PEACE_MS, () => closed === this.clients.length);
    expect(closed === this.clients.length, () => `${closed} of all clients could close`);
    const server = this.server!;
    this.advance(PEACE_MS, () => server.sessionCount === 0);
    expect(server.sessionCount === 0, () => "the server keeps a session that nobody uses");
    // Deliveries and mailboxes that are still under way.
    this.advance(5_000, () => false);
    for (const client of this.clients) client!.checkIdle();
    server.checkIdle();
    let isClosed = false;
    server.rtrs.close(() => isClosed = true);
    this.advance(1_000, () => isClosed);
    expect(isClosed, () => "the idle server did not close");
    const { violations, listeners } = this.parts.network;
    expect(listeners.size === 0, () => "the server still listens");
    expect(violations.length === 0, () => `the fabric was misused: ${violations[0]}`);
  }

  // Hosts.

  private startServer(): void {
    this.isServerStopping = false;
    this.server = new ServerNode(
      this.parts,
      this.serverShape,
      this.opener,
      (sessname) => this.shape.clients.findIndex((_, i) => clientName(i) === sessname),
    );
    this.parts.log("the server starts");
  }

  private startClient(index: number): void {
    const shape = this.shape.clients[index]!;
    this.clients[index] = new ClientNode(
      this.parts,
      index,
      shape,
      this.totals,
      (client, path) => checkPatience(this, client, path),
      this.plants,
    );
    this.parts.log(`${clientName(index)} starts`);
  }

  private restartServer(pauseMs: number): void {
    const { random } = this;
    if (this.newShapeNext || random.chance(0.3)) {
      this.newShapeNext = false;
      this.serverShape = serverShape(random, this.serverShape.heartbeat.intervalMs);
    }
    this.parts.scheduler.after(pauseMs, () => this.startServer());
  }

  /** The server's process or host stops at once. */
  crashServer(isPowerCut: boolean, pauseMs: number): void {
    const { server, parts } = this;
    if (server === undefined) return;
    const now = parts.scheduler.now();
    parts.log(`fault: the server ${isPowerCut ? "loses power" : "is killed"}`);
    server.checkGates();
    parts.network.crash(server.process, isPowerCut, !isPowerCut);
    for (const disk of parts.disks) disk.crash(isPowerCut);
    for (const model of parts.models) model.crashed(now, isPowerCut);
    this.server = undefined;
    this.restartServer(pauseMs);
  }

  /** The server disconnects everybody and ends. */
  stopServer(pauseMs: number): void {
    const { server, parts } = this;
    if (server === undefined || this.isServerStopping) return;
    parts.log("fault: the server is stopped in order");
    this.isServerStopping = true;
    server.rtrs.close(() => {
      parts.log("the server has stopped");
      server.process.schedule(2_000, () => {
        this.hoards.free(server.process.memory);
        server.checkIdle();
        parts.network.crash(server.process, false, true);
        this.server = undefined;
        this.restartServer(pauseMs);
      });
    });
  }

  /** A client's process or host stops at once. */
  crashClient(index: number, isPowerCut: boolean, pauseMs: number): void {
    const client = this.clients[index];
    if (client === undefined) return;
    const { parts } = this;
    parts.log(`fault: ${clientName(index)} ${isPowerCut ? "loses power" : "is killed"}`);
    parts.network.crash(client.process, isPowerCut, true);
    this.forgetRequests(client);
    this.clients[index] = undefined;
    parts.scheduler.after(pauseMs, () => this.startClient(index));
  }

  /** A client leaves in order. */
  stopClient(index: number, pauseMs: number): void {
    const client = this.clients[index];
    if (client === undefined || client.isClosing) return;
    const { parts } = this;
    parts.log(`fault: ${clientName(index)} is stopped in order`);
    client.close(() => {
      client.process.schedule(2_000, () => {
        this.hoards.free(client.process.memory);
        client.checkIdle();
        parts.network.crash(client.process, false, true);
        this.clients[index] = undefined;
        parts.scheduler.after(pauseMs, () => this.startClient(index));
      });
    });
  }

  /** Nobody waits for what a dead client asked for. */
  private forgetRequests(client: ClientNode): void {
    for (const request of [...this.totals.open]) {
      if (request.process === client.process) this.totals.open.delete(request);
    }
  }

  // Silence and heartbeats.

  /** Nothing gets through between a client and the server for a while. */
  partition(index: number, durationMs: number): void {
    silence(this, index, clientName(index), SERVER_ADDRESS, durationMs);
  }

  /** Nothing gets through on one of a client's paths for a while. */
  partitionPath(index: number, slot: number, durationMs: number): void {
    const address = addressOf(clientName(index), slot);
    silence(this, index, address, addressOf(SERVER_ADDRESS, slot), durationMs);
  }

  // Helpers.

  /** Lets time pass until `isDone`, at most `maxMs`. */
  private advance(maxMs: number, isDone: () => boolean): void {
    const { scheduler, models } = this.parts;
    const end = scheduler.now() + maxMs;
    while (scheduler.now() < end && !isDone()) {
      scheduler.runUntil(Math.min(end, scheduler.now() + SLICE_MS));
      let oldest = scheduler.now();
      for (const request of this.totals.open) oldest = Math.min(oldest, request.start);
      for (const model of models) model.forget(oldest);
      this.forgotten.check(this.server, this.clients, scheduler.now());
      expect(scheduler.executed < EVENTS_MAX, () => "the simulation does not come to an end");
    }
  }

  /** Reads a whole disk, one piece after the other. */
  private readAll(client: ClientNode, queue: DeviceQueue, disk: number): void {
    const model = this.parts.models[disk]!;
    const blockBytes = queue.geometry.logicalBlockBytes;
    const words = client.process.memory.arena.u32;
    const { scheduler } = this.parts;
    for (let block = 0; block < model.blockCount; block++) {
      let result = -1;
      const user: BlockUser = {
        onBlockDone: (_, __, errno) => result = errno,
        onPermits: () => {},
      };
      const permit = queue.acquire(user);
      expect(permit >= 0, () => `${clientName(client.index)} has no permit though it is idle`);
      const at = queue.bufferOf(permit);
      const start = scheduler.now();
      queue.submit(permit, user, BLOCK_OP.READ, 0, block * blockBytes, blockBytes, at, 0);
      this.advance(PEACE_MS, () => result >= 0);
      expect(result === 0, () => `the last read of block ${block} ended with ${result}`);
      model.read(block, blockId(words, at, blockBytes, block), start, scheduler.now());
      queue.release(permit);
    }
  }
}
