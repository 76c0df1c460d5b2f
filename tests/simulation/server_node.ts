/** The simulated server host: one process after the other, on disks that stay. */
import { SimAdopter } from "../../src/fabric/sim/sim_adopter.ts";
import { SimFabric } from "../../src/fabric/sim/sim_fabric.ts";
import type { SimProcess } from "../../src/fabric/sim/process.ts";
import { ERRNO } from "../../src/ffi/errno.ts";
import type { BackendTicket } from "../../src/rnbd/backend.ts";
import { type OpenOutcome, RnbdServer, type ServerDevice } from "../../src/rnbd/server/server.ts";
import type { HeartbeatSettings } from "../../src/rtrs/heartbeat.ts";
import { RtrsServer } from "../../src/rtrs/server/server.ts";
import type { ServerSession } from "../../src/rtrs/server/session.ts";
import { guardRegistrations } from "./guards.ts";
import { ReactorNode, ThreadCounters } from "./reactor_node.ts";
import {
  addressOf,
  diskName,
  expect,
  PATHS_MAX,
  SERVER_ADDRESS,
  SERVER_PORT,
  startProcess,
  type WorldParts,
} from "./world_parts.ts";

/** What a server process is started with. */
export interface ServerShape {
  readonly reactors: number;
  readonly queueDepth: number;
  readonly maxIoBytes: number;
  readonly heartbeat: HeartbeatSettings;
  readonly alwaysInvalidate: boolean;
}

/** How well exports can be opened at the moment. */
export interface OpenerConditions {
  /** Chance that an open fails with EIO. */
  failChance: number;
  delayMaxMs: number;
}

const ARENA_BYTES = 24 * 2 ** 20;

/** One process of the server. */
export class ServerNode {
  readonly process: SimProcess;
  readonly rtrs: RtrsServer;
  readonly rnbd: RnbdServer;
  private readonly fabric: SimFabric;
  private readonly counters: ThreadCounters;
  private readonly baselineBytes: number;
  private openTickets = 0;
  /** Names of the sessions that are up. */
  private readonly names = new Set<string>();

  /** @param clientOf number of the client with a session name */
  constructor(
    private readonly parts: WorldParts,
    shape: ServerShape,
    private readonly opener: OpenerConditions,
    private readonly clientOf: (sessname: string) => number,
  ) {
    const process = startProcess(parts, SERVER_ADDRESS, ARENA_BYTES);
    this.process = process;
    this.counters = new ThreadCounters(process, shape.reactors + 1);
    this.baselineBytes = process.memory.usedBytes;
    this.fabric = new SimFabric(parts.network, process);
    guardRegistrations(process, this.fabric);
    const events = {
      onClientBroken: () => {},
      onServerChunkFree: (session: number, waiter: number, chunk: number) =>
        this.rtrs.onChunkFree(session, waiter, chunk),
      onServerBroken: (session: number, path: number, failure: { reason: string }) =>
        this.rtrs.onLaneBroken(session, path, failure.reason),
    };
    const reactors = Array.from(
      { length: shape.reactors },
      (_, i) => new ReactorNode(parts, process, this.counters, i, events, (_, done) => done()),
    );
    const controls = reactors.map((reactor) => reactor.control);
    this.rnbd = new RnbdServer(
      process.memory.arena,
      shape.maxIoBytes,
      {
        open: (_sessname, devicePath, _mode, done) => this.open(devicePath, shape.reactors, done),
        currentSizeBytes: (ticket) => ticket.geometry.sizeBytes,
        close: (tickets) => void (this.openTickets -= tickets.length),
      },
      controls,
      this.log(),
    );
    let handles = 0;
    const environment = {
      clock: process.clock,
      memory: process.memory,
      adopter: new SimAdopter(parts.network, process),
      nextHandle: () => ++handles,
      rejectionsIndex: this.counters.rejections(0),
      onRefused: (reason: string, address: string, detail: string) =>
        parts.log(`server refuses ${address}: ${reason}: ${detail}`),
      onPathClosed: (sessname: string | undefined, address: string, reason: string) =>
        parts.log(`server closes a path of ${sessname} from ${address}: ${reason}`),
    };
    this.rtrs = new RtrsServer(environment, shape, controls, this.rnbd);
    for (let slot = 0; slot < PATHS_MAX; slot++) {
      this.rtrs.listen(this.fabric, addressOf(SERVER_ADDRESS, slot), SERVER_PORT);
    }
  }

  /** Sessions that are there. */
  get sessionCount(): number {
    return this.rtrs.sessions.size;
  }

  /** Paths that are connected, by their remote address. */
  get connectedPeers(): string[] {
    return [...this.rtrs.sessions.values()].flatMap((session) =>
      [...session.paths.values()]
        .filter((path) => path.state === "CONNECTED")
        .map((path) => path.remoteAddress.replace("sim:", ""))
    );
  }

  /** Devices that are open, each with the number of its client and its disk's name. */
  openDevices(): { readonly client: number; readonly device: ServerDevice }[] {
    return [...this.rnbd.devices].flatMap(([session, devices]) =>
      devices.flatMap((device) =>
        device === undefined ? [] : [{ client: this.clientOf(session.sessname!), device }]
      )
    );
  }

  /** Nothing is left of any client. */
  checkIdle(): void {
    const { memory } = this.process;
    expect(
      memory.usedBytes === this.baselineBytes,
      () => `the server keeps ${memory.usedBytes - this.baselineBytes} bytes of its arena`,
    );
    expect(this.openTickets === 0, () => `the server keeps ${this.openTickets} disks open`);
    for (const disk of this.parts.disks) {
      expect(disk.openQueues === 0, () => `the server keeps ${disk.openQueues} disk queues open`);
    }
    expect([...this.fabric.registrations].length === 0, () => "the server keeps registrations");
    expect(this.process.timers === 0, () => `the server keeps ${this.process.timers} timers`);
    for (const connection of this.parts.network.connections.values()) {
      expect(connection.process !== this.process, () => "the server keeps a connection");
    }
    this.checkGates();
  }

  /** No request was refused. */
  checkGates(): void {
    this.counters.check();
  }

  private open(devicePath: string, reactors: number, done: (outcome: OpenOutcome) => void): void {
    const { random } = this.process;
    this.process.schedule(random.spread(0.05, this.opener.delayMaxMs), () => {
      const disk = this.parts.disks.findIndex((_, i) => diskName(i) === devicePath);
      if (disk < 0 || random.chance(this.opener.failChance)) {
        return done({ errno: ERRNO.EIO, reason: "the simulation wants it so" });
      }
      const { geometry } = this.parts.disks[disk]!;
      const ticket: BackendTicket = { kind: "sim", identity: devicePath, disk, geometry };
      this.openTickets += reactors;
      done({ tickets: new Array<BackendTicket>(reactors).fill(ticket), device: devicePath });
    });
  }

  private log() {
    const { parts } = this;
    return {
      onOpened: (session: ServerSession, device: { mappingPath: string; mode: string }) => {
        parts.log(`server opens ${device.mappingPath} ${device.mode} for ${session.sessname}`);
        this.checkWriters(device.mappingPath);
      },
      onResized: (session: ServerSession, device: { mappingPath: string }) =>
        parts.log(`${session.sessname}: ${device.mappingPath} has another size`),
      onClosed: (session: ServerSession, device: { mappingPath: string }) =>
        parts.log(`server closes ${device.mappingPath} of ${session.sessname}`),
      onOpenRefused: (session: ServerSession, path: string, errno: number, reason: string) =>
        parts.log(`server refuses ${path} to ${session.sessname}: errno ${errno}: ${reason}`),
      onSession: (session: ServerSession, isUp: boolean) => {
        const name = session.sessname!;
        parts.log(`server: session ${name} is ${isUp ? "up" : "down"}`);
        if (isUp) {
          expect(!this.names.has(name), () => `two sessions are called ${name}`);
          this.names.add(name);
          return;
        }
        this.names.delete(name);
        const client = this.clientOf(name);
        for (const model of parts.models) model.drained(client, parts.scheduler.now());
      },
    };
  }

  /** At most one writer of a disk, or two with a migration under way. */
  private checkWriters(identity: string): void {
    const modes = [...this.rnbd.devices.values()].flat().flatMap((device) =>
      device?.ticket.identity === identity && device.mode !== "ro" ? [device.mode] : []
    );
    const isFine = modes.length < 2 || (modes.length === 2 && modes.includes("migration"));
    expect(isFine, () => `${identity} is open for writing by ${modes.join(" and ")}`);
  }
}
