/**
 * The reactor's end of `lane_commands.ts`: keeps the lanes of all sessions on this thread. The
 * exposures (NBD, ublk) find their block queues here. Runs unchanged in simulation.
 */
import type { FabricAdopter, FabricFailure } from "../fabric/fabric.ts";
import type { Arena } from "../ring/arena.ts";
import type { Flushable } from "../ring/executor.ts";
import type { RequestClock } from "../ring/turn_clock.ts";
import { ClientConnection } from "../rtrs/client/connection.ts";
import { POSTS_PER_REQUEST_MAX, SERVICE_POSTS_MAX } from "../rtrs/limits.ts";
import { ServerConnection } from "../rtrs/server/connection.ts";
import type { OpenBackendQueue } from "./backend.ts";
import { BlockLane, DeviceQueue } from "./client/block_lane.ts";
import { UNMEASURED_ROW } from "./io_statistics.ts";
import type { LaneCommand, LaneReply, LaneRequest } from "./lane_commands.ts";
import { IoLane } from "./server/io_lane.ts";

/** What the thread gives its lanes. */
export interface LaneThread {
  readonly arena: Arena;
  readonly clock: RequestClock;
  defer(task: Flushable): void;
  /** Carriers by their name in the ticket. */
  readonly adopter: FabricAdopter;
  readonly openQueue: OpenBackendQueue;
  /** Indexes in `arena.f64` of this thread's counters. */
  readonly rejectionsIndex: number;
  readonly ioRejectionsIndex: number;
  readonly ioCountersIndex: number;
  reply(reply: LaneReply): void;
}

/** Disconnects everybody who uses a device's queue on this thread; `done` when they are gone. */
export type DisconnectUsers = (queue: DeviceQueue, done: () => void) => void;

interface ClientEntry {
  readonly lane: BlockLane;
  readonly devices: Map<number, DeviceQueue>;
  readonly connections: Set<ClientConnection>;
}

interface ServerEntry {
  readonly lane: IoLane;
  readonly connections: Set<ServerConnection>;
}

/** See the head of this file. */
export class LaneHost {
  private readonly clients = new Map<number, ClientEntry>();
  private readonly servers = new Map<number, ServerEntry>();
  /** Who waits until the connections of a path have ended: key is the path's handle. */
  private readonly detaching = new Map<number, () => void>();
  /** Where the requests of a mapped device are counted: first row by its handle. */
  private readonly measured = new Map<number, number>();

  constructor(
    private readonly thread: LaneThread,
    private readonly disconnectUsers: DisconnectUsers,
  ) {}

  /** The queue of a mapped disk on this thread. */
  findDevice(session: number, device: number): DeviceQueue | undefined {
    return this.clients.get(session)?.devices.get(device);
  }

  /** Carries out a command of main. */
  execute(command: LaneCommand): void {
    const done = () => this.thread.reply({ kind: "done", id: command.id });
    switch (command.kind) {
      case "createClient":
        return this.createClient(command);
      case "attachClient":
        this.attachClient(command);
        return done();
      case "exposeClient":
        return this.connectionOf(command.session, command.path)?.expose(command.memory);
      case "concealClient":
        this.connectionOf(command.session, command.path)?.conceal(command.memory);
        return done();
      case "drainClient":
        return this.drainClient(command, done);
      case "detachClient":
        return this.detachClient(command, done);
      case "endClientPath":
        return this.clients.get(command.session)?.lane.lane.onPathEnded(command.path);
      case "setClientUp":
        return this.setClientUp(command);
      case "setClientPolicy":
        this.client(command.session).lane.lane.policy = command.policy;
        return;
      case "destroyClient":
        return this.destroyClient(command.session, done);
      case "createServer":
        return this.createServer(command);
      case "attachServer":
        this.attachServer(command);
        return done();
      case "resumeServer":
        return this.servers.get(command.session)?.lane.lane.resume(command.chunk);
      case "detachServer":
        return this.detachServer(command, done);
      case "destroyServer":
        this.servers.delete(command.session);
        return done();
      case "openDevice":
        this.server(command.session).lane.openDevice(
          command.deviceId,
          command.ticket,
          command.readOnly,
        );
        return done();
      case "refreshDevice":
        this.servers.get(command.session)?.lane.refreshDevice(command.deviceId);
        return done();
      case "closeDevice":
        return this.server(command.session).lane.closeDevice(command.deviceId, done);
      case "setDevice":
        this.setDevice(command);
        return done();
      case "unsetDevice":
        return this.unsetDevice(command);
      case "removeDevice":
        return this.removeDevice(command, done);
      case "measureDevice":
        return void this.measured.set(command.device, command.statisticsRow);
      case "inflight": {
        const requests = this.oldestRequests(command.limit);
        return this.thread.reply({ kind: "inflight", id: command.id, requests });
      }
    }
  }

  private client(session: number): ClientEntry {
    const entry = this.clients.get(session);
    if (entry === undefined) throw new Error(`No client lane for session ${session}`);
    return entry;
  }

  private server(session: number): ServerEntry {
    const entry = this.servers.get(session);
    if (entry === undefined) throw new Error(`No server lane for session ${session}`);
    return entry;
  }

  private createClient(command: LaneCommand & { kind: "createClient" }): void {
    const { session } = command.setup;
    const connections = new Set<ClientConnection>();
    const lane = new BlockLane(this.thread, command.setup, {
      onConnectionBroken: (connection, failure) =>
        this.report("clientBroken", session, connection.path, failure),
      onConnectionClosed: (connection) => {
        connections.delete(connection);
        this.checkDetached(connection.path, connections);
      },
    });
    this.clients.set(session, { lane, devices: new Map(), connections });
  }

  private attachClient(command: LaneCommand & { kind: "attachClient" }): void {
    const { lane, connections } = this.client(command.session);
    const connection = new ClientConnection(lane.lane, command.path, command.slot, command.cid);
    connection.statisticsRow = command.statisticsRow;
    const limits = {
      postsMax: lane.lane.setup.permits * POSTS_PER_REQUEST_MAX,
      receiveBytesMax: 64,
    };
    connections.add(connection);
    connection.bind(this.thread.adopter.adopt(command.ticket, limits, connection));
    for (const memory of command.memory.memory) connection.expose(memory);
    lane.lane.attach(connection);
    connection.open(command.memory);
  }

  /** The client connection of a path on this thread, unless it has ended. */
  private connectionOf(session: number, path: number): ClientConnection | undefined {
    const connections = this.clients.get(session)?.connections ?? [];
    for (const connection of connections) if (connection.path === path) return connection;
    return undefined;
  }

  private drainClient(command: LaneCommand & { kind: "drainClient" }, done: () => void): void {
    const connection = this.connectionOf(command.session, command.path);
    if (connection === undefined) done();
    else connection.drain(done);
  }

  private setClientUp(command: LaneCommand & { kind: "setClientUp" }): void {
    const entry = this.clients.get(command.session);
    if (entry === undefined) return;
    if (!command.isUp) { for (const device of entry.devices.values()) device.isOpen = false; }
    entry.lane.lane.setUp(command.isUp);
  }

  private detachClient(command: LaneCommand & { kind: "detachClient" }, done: () => void): void {
    const { connections } = this.client(command.session);
    this.detaching.set(command.path, done);
    for (const connection of [...connections]) {
      if (connection.path === command.path) connection.close();
    }
    this.checkDetached(command.path, connections);
  }

  private destroyClient(session: number, done: () => void): void {
    const { devices } = this.client(session);
    let left = devices.size + 1;
    const gone = () => {
      left--;
      if (left > 0) return;
      this.clients.delete(session);
      done();
    };
    for (const device of devices.values()) {
      device.isOpen = false;
      this.disconnectUsers(device, gone);
    }
    gone();
  }

  private createServer(command: LaneCommand & { kind: "createServer" }): void {
    const { session } = command.setup;
    const connections = new Set<ServerConnection>();
    const setup = { ...command.setup, rejectionsIndex: this.thread.rejectionsIndex };
    const lane = new IoLane(this.thread, setup, {
      onConnectionBroken: (connection, failure) =>
        this.report("serverBroken", session, connection.path, failure),
      onChunkFree: (waiter, chunk) =>
        this.thread.reply({ kind: "chunkFree", session, waiter, chunk }),
      onConnectionDrained: (connection) => {
        connections.delete(connection);
        this.checkDetached(connection.path, connections);
      },
    });
    this.servers.set(session, { lane, connections });
  }

  private attachServer(command: LaneCommand & { kind: "attachServer" }): void {
    const { lane, connections } = this.server(command.session);
    const connection = new ServerConnection(
      lane.lane,
      command.path,
      command.cid,
      command.countersAt,
    );
    const limits = {
      postsMax: lane.lane.setup.queueDepth * POSTS_PER_REQUEST_MAX + SERVICE_POSTS_MAX,
      receiveBytesMax: 64,
    };
    connections.add(connection);
    connection.bind(this.thread.adopter.adopt(command.ticket, limits, connection));
    connection.useMemory(command.memory);
  }

  private detachServer(command: LaneCommand & { kind: "detachServer" }, done: () => void): void {
    const { connections } = this.server(command.session);
    this.detaching.set(command.path, done);
    for (const connection of [...connections]) {
      if (connection.path === command.path) connection.close();
    }
    this.checkDetached(command.path, connections);
  }

  private checkDetached(path: number, connections: Iterable<{ readonly path: number }>): void {
    const done = this.detaching.get(path);
    if (done === undefined) return;
    for (const connection of connections) if (connection.path === path) return;
    this.detaching.delete(path);
    done();
  }

  private setDevice(command: LaneCommand & { kind: "setDevice" }): void {
    const { lane, devices } = this.client(command.session);
    let device = devices.get(command.device);
    if (device === undefined) {
      const row = this.measured.get(command.device) ?? UNMEASURED_ROW;
      device = new DeviceQueue(lane, command.device, command.geometry, row);
      devices.set(command.device, device);
    }
    device.geometry = command.geometry;
    device.deviceId = command.deviceId;
    device.isOpen = true;
  }

  private oldestRequests(limit: number): LaneRequest[] {
    const requests: LaneRequest[] = [];
    for (const [session, { lane }] of this.clients) {
      for (const request of lane.oldestRequests(limit)) {
        requests.push({ side: "client", session, ...request });
      }
    }
    for (const [session, { lane }] of this.servers) {
      for (const request of lane.oldestRequests(limit)) {
        requests.push({ side: "server", session, ...request });
      }
    }
    return requests.sort((a, b) => b.ageUs - a.ageUs).slice(0, limit);
  }

  private unsetDevice(command: LaneCommand & { kind: "unsetDevice" }): void {
    const device = this.findDevice(command.session, command.device);
    if (device !== undefined) device.isOpen = false;
  }

  private removeDevice(command: LaneCommand & { kind: "removeDevice" }, done: () => void): void {
    this.measured.delete(command.device);
    const devices = this.clients.get(command.session)?.devices;
    const device = devices?.get(command.device);
    if (device === undefined) return done();
    device.isOpen = false;
    this.disconnectUsers(device, () => {
      devices!.delete(command.device);
      done();
    });
  }

  private report(
    kind: "clientBroken" | "serverBroken",
    session: number,
    path: number,
    failure: FabricFailure,
  ): void {
    this.thread.reply({ kind, session, path, failure });
  }
}
