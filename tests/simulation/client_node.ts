/** A simulated client host: the real session and RNBD client, with workloads on its mappings. */
import { SimAdopter } from "../../src/fabric/sim/sim_adopter.ts";
import { SimFabric } from "../../src/fabric/sim/sim_fabric.ts";
import type { LaneCommand } from "../../src/rnbd/lane_commands.ts";
import { blindFences } from "./blind_fences.ts";
import type { SimProcess } from "../../src/fabric/sim/process.ts";
import type { FabricFailure } from "../../src/fabric/fabric.ts";
import type { AccessModeName } from "../../src/rnbd/access_mode.ts";
import type { DeviceQueue } from "../../src/rnbd/client/block_lane.ts";
import { RnbdClient } from "../../src/rnbd/client/client.ts";
import type { ClientDevice, DeviceFailure } from "../../src/rnbd/client/device.ts";
import type { ClientPath, PathTarget } from "../../src/rtrs/client/path.ts";
import { ClientSession, type ClientSessionSettings } from "../../src/rtrs/client/session.ts";
import { countdown } from "../../src/rtrs/countdown.ts";
import { guardRegistrations } from "./guards.ts";
import { ReactorNode, ThreadCounters } from "./reactor_node.ts";
import { Workload, type WorkloadShape, type WorkloadTotals } from "./workload.ts";
import {
  addressOf,
  diskName,
  expect,
  SERVER_ADDRESS,
  SERVER_PORT,
  startProcess,
  type WorldParts,
} from "./world_parts.ts";

/** What a client process is started with. */
export interface ClientShape {
  readonly reactors: number;
  /** Paths that it starts with. */
  readonly paths: number;
  readonly settings: ClientSessionSettings;
  readonly mappings: readonly { readonly disk: number; readonly mode: AccessModeName }[];
  readonly workload: WorkloadShape;
}

/** A mapping that is wanted, or not at the moment. */
export interface Mapping {
  readonly disk: number;
  readonly mode: AccessModeName;
  device: ClientDevice | undefined;
  /** Removals of it that are under way. */
  leaving: number;
}

/** Told when a path is given up. */
export type OnLost = (client: number, path: ClientPath) => void;

/** Bugs to be found. */
export interface ClientPlants {
  /** Requests are sent again before it is sure that they cannot take effect twice. */
  readonly blindFences?: boolean;
  /** Requests that lose their path fail though there is another. */
  readonly droppedFailOver?: boolean;
}

function targetOf(client: number, slot: number): PathTarget {
  return {
    source: addressOf(clientName(client), slot),
    destination: addressOf(SERVER_ADDRESS, slot),
    port: SERVER_PORT,
  };
}

const ARENA_BYTES = 16 * 2 ** 20;

/** Address and session name of a client. */
export function clientName(client: number): string {
  return `client${client}`;
}

/** One process of a client. */
export class ClientNode {
  readonly process: SimProcess;
  readonly session: ClientSession;
  readonly mappings: Mapping[];
  private readonly rnbd: RnbdClient;
  private readonly fabric: SimFabric;
  private readonly counters: ThreadCounters;
  private readonly baselineBytes: number;
  private readonly reactors: ReactorNode[];
  private readonly users = new Map<DeviceQueue, Workload>();
  private isQuiet = false;
  isClosing = false;
  /** Since when the session has been connected; Infinity while it is not. */
  private upSince = Infinity;

  constructor(
    private readonly parts: WorldParts,
    readonly index: number,
    private readonly shape: ClientShape,
    private readonly totals: WorkloadTotals,
    private readonly onLost: OnLost,
    plants: ClientPlants = {},
  ) {
    const process = startProcess(parts, clientName(index), ARENA_BYTES);
    this.process = process;
    this.counters = new ThreadCounters(process, shape.reactors + 1);
    this.baselineBytes = process.memory.usedBytes;
    this.fabric = new SimFabric(parts.network, process);
    guardRegistrations(process, this.fabric);
    const events = {
      onClientBroken: (_session: number, path: number, failure: FabricFailure) =>
        this.session.onLaneBroken(path, failure),
      onServerBroken: () => {},
      onServerChunkFree: () => {},
    };
    this.reactors = Array.from(
      { length: shape.reactors },
      (_, i) =>
        new ReactorNode(
          parts,
          process,
          this.counters,
          i,
          events,
          (queue, done) => this.disconnect(queue, done),
          (command) => this.intercept(command, plants.droppedFailOver === true),
        ),
    );
    const controls = this.reactors.map((reactor) => reactor.control);
    this.rnbd = new RnbdClient(controls, this.user());
    let handles = 0;
    const environment = {
      clock: process.clock,
      memory: process.memory,
      adopter: new SimAdopter(parts.network, process),
      randomBytes: (length: number) => process.random.bytes(length),
      nextHandle: () => ++handles,
    };
    this.session = new ClientSession(
      clientName(index),
      environment,
      plants.blindFences ? blindFences(this.fabric, process) : this.fabric,
      "sim",
      Array.from({ length: shape.paths }, (_, slot) => targetOf(index, slot)),
      shape.settings,
      controls,
      this.rnbd,
    );
    this.rnbd.session = this.session;
    this.mappings = shape.mappings.map((mapping) => ({
      ...mapping,
      device: undefined,
      leaving: 0,
    }));
    for (const mapping of this.mappings) this.map(mapping);
    this.session.start();
  }

  /** Wants a mapping, unless the client is about to end; its last removal may be under way. */
  map(mapping: Mapping): void {
    if (mapping.device !== undefined || this.isClosing) return;
    mapping.device = this.rnbd.addDevice(diskName(mapping.disk), mapping.mode);
  }

  /** Gives a mapping up; `done` when it is gone. */
  unmap(mapping: Mapping, done: () => void): void {
    const { device } = mapping;
    if (device === undefined) return done();
    this.parts.log(`${clientName(this.index)} unmaps ${device.devicePath}`);
    mapping.device = undefined;
    mapping.leaving++;
    this.rnbd.removeDevice(device, () => {
      this.parts.log(`${clientName(this.index)} has unmapped ${device.devicePath}`);
      mapping.leaving--;
      done();
    });
  }

  /** The path that uses the addresses with this number. */
  path(slot: number): ClientPath | undefined {
    const { source } = targetOf(this.index, slot);
    return this.session.paths.find((path) => path.target.source === source);
  }

  /** Adds the path with this number, if it is not there. */
  addPath(slot: number): void {
    if (this.isClosing || this.path(slot) !== undefined) return;
    this.parts.log(`${clientName(this.index)} adds path ${slot}`);
    this.session.addPath(targetOf(this.index, slot));
  }

  /** Removes the path with this number, if it is there and may go. */
  removePath(slot: number): void {
    const path = this.path(slot);
    if (this.isClosing || path === undefined) return;
    const name = `path ${slot} of ${clientName(this.index)}`;
    const problem = this.session.removePath(path, () => this.parts.log(`${name} is removed`));
    this.parts.log(`${name} ${problem === undefined ? "goes" : `stays: ${problem.reason}`}`);
  }

  /** Connects the paths that a user has disconnected. */
  connectAll(): void {
    for (const path of this.session.paths) if (path.state === "CLOSED") path.reconnect();
  }

  /** True when the session has been connected since a time, without a break. */
  hasBeenUpSince(time: number): boolean {
    return this.upSince <= time;
  }

  /** Every mapping that is wanted is open, over all paths. */
  get isAllOpen(): boolean {
    const isConnected = this.session.paths.every((path) => path.state === "CONNECTED");
    return isConnected &&
      this.mappings.every(({ device, leaving }) =>
        leaving === 0 && (device === undefined || device.state === "open")
      );
  }

  /** True when the server may have a disk open for this client. */
  wants(name: string): boolean {
    return !this.session.isConnected ||
      this.mappings.some(({ disk, device, leaving }) =>
        diskName(disk) === name && (device !== undefined || leaving > 0)
      );
  }

  /** Tries what was given up, as an administrator who knows that it is possible now. */
  retryClosed(): void {
    for (const { device } of this.mappings) {
      if (device?.state === "closed") this.rnbd.retryDevice(device);
    }
  }

  /** The state of its mappings, for messages. */
  toString(): string {
    return this.mappings.map(({ disk, mode, device }) =>
      `${clientName(this.index)} ${diskName(disk)} ${mode} ${device?.state ?? "unmapped"}` +
      (device?.lastFailure === undefined ? "" : ` (${device.lastFailure.reason})`)
    ).join("; ");
  }

  /** Has all workloads start requests now. */
  kick(): void {
    for (const user of this.users.values()) user.kick();
  }

  /** No request is started from now on; `done` when none is left. */
  quiesce(done: () => void): void {
    this.isQuiet = true;
    const idle = countdown(this.users.size, done);
    for (const [queue, user] of [...this.users]) {
      user.checkWaiting();
      user.stop(() => {
        this.users.delete(queue);
        idle();
      });
    }
  }

  /** The open queues of all mappings, each with its reactor and disk. */
  openQueues(): { queue: DeviceQueue; reactor: number; disk: number }[] {
    return this.mappings.flatMap(({ device, disk }) =>
      device?.state !== "open" ? [] : this.reactors.map((reactor, i) => {
        const queue = reactor.host.findDevice(this.session.handle, device.handle);
        expect(queue !== undefined, () => `${clientName(this.index)} has no queue of a disk`);
        return { queue: queue!, reactor: i, disk };
      })
    );
  }

  /** With nobody using it, every permit of every reactor can be had. */
  checkPermits(): void {
    const idle = { onBlockDone: () => {}, onPermits: () => {} };
    for (const { queue, reactor } of this.openQueues()) {
      const { permits } = this.session.allotments[reactor + 1]!.setup;
      const taken: number[] = [];
      for (let permit = queue.acquire(idle); permit >= 0; permit = queue.acquire(idle)) {
        taken.push(permit);
      }
      expect(
        taken.length === permits,
        () => `${clientName(this.index)}: ${taken.length} of ${permits} permits are free`,
      );
      queue.forget(idle);
      for (const permit of taken) queue.release(permit);
    }
  }

  /** Unmaps everything and leaves the server; `done` when nothing is left. */
  close(done: () => void): void {
    this.isClosing = true;
    const left = this.mappings.filter((mapping) => mapping.device !== undefined);
    const unmapped = countdown(left.length, () => {
      this.session.close(() => {
        this.parts.log(`${clientName(this.index)} has closed its session`);
        done();
      });
    });
    for (const mapping of left) this.unmap(mapping, unmapped);
  }

  /** After {@link close}: everything was given back. */
  checkIdle(): void {
    const name = clientName(this.index);
    const { memory, timers } = this.process;
    expect(
      memory.usedBytes === this.baselineBytes,
      () => `${name} keeps ${memory.usedBytes - this.baselineBytes} bytes of its arena`,
    );
    expect([...this.fabric.registrations].length === 0, () => `${name} keeps registrations`);
    expect(timers === 0, () => `${name} keeps ${timers} timers`);
    expect(this.users.size === 0, () => `${name} still has users of its disks`);
    for (const connection of this.parts.network.connections.values()) {
      expect(connection.process !== this.process, () => `${name} keeps a connection`);
    }
    this.counters.check();
  }

  /** What a lost path carried is sent again on another one, or not if that bug is planted. */
  private intercept(command: LaneCommand, dropsFailOver: boolean): readonly LaneCommand[] {
    if (command.kind !== "endClientPath") return [command];
    const now = this.process.scheduler.now();
    for (const { process, write, model } of this.totals.open) {
      if (process === this.process && write !== undefined) model.repeat(write, now);
    }
    if (!dropsFailOver) return [command];
    const { id, session } = command;
    return [false, true].map((isUp) => ({ id, kind: "setClientUp", session, isUp }));
  }

  private disconnect(queue: DeviceQueue, done: () => void): void {
    const user = this.users.get(queue);
    if (user === undefined) return done();
    user.stop(() => {
      this.users.delete(queue);
      done();
    });
  }

  private user() {
    const name = clientName(this.index);
    const { log } = this.parts;
    return {
      onDeviceOpen: (device: ClientDevice) => {
        log(`${name}: ${device.devicePath} is open as ${device.deviceId}`);
        const mapping = this.mappings.find((candidate) => candidate.device === device);
        expect(mapping !== undefined, () => `${name}: a removed device was opened`);
        for (const reactor of this.reactors) {
          reactor.post(() => this.attach(reactor, device, mapping!.disk));
        }
      },
      onDeviceClosed: (device: ClientDevice, failure: DeviceFailure) =>
        log(`${name}: ${device.devicePath} is closed: ${failure.reason}`),
      onDeviceResized: (device: ClientDevice) =>
        log(`${name}: ${device.devicePath} has ${device.geometry!.sizeBytes} bytes`),
      onDeviceFailed: (device: ClientDevice, failure: DeviceFailure) =>
        log(`${name}: ${device.devicePath} failed: ${failure.reason}`),
      onSession: (isConnected: boolean, failure: FabricFailure | undefined) => {
        log(`${name}: session ${isConnected ? "up" : `down: ${failure?.reason}`}`);
        const now = this.process.scheduler.now();
        this.upSince = isConnected ? now : Infinity;
        // Nothing of what failed before can come to the disks any more.
        if (isConnected) { for (const model of this.parts.models) model.drained(this.index, now); }
      },
      onPath: (path: ClientPath) => {
        const { sourceAddress, state, lastFailure } = path;
        log(`${name}: path ${sourceAddress} ${state}: ${lastFailure?.reason ?? ""}`);
        const isViolated = lastFailure?.reason.includes("broke the protocol") === true;
        expect(!isViolated, () => `${name}: ${lastFailure!.reason}`);
        if (state === "CONNECTED") return;
        this.onLost(this.index, path);
      },
    };
  }

  private attach(reactor: ReactorNode, device: ClientDevice, disk: number): void {
    const queue = reactor.host.findDevice(this.session.handle, device.handle);
    if (queue === undefined || this.users.has(queue) || this.isQuiet) return;
    const model = this.parts.models[disk]!;
    const { workload } = this.shape;
    const user = new Workload(this.process, queue, this, model, workload, this.totals);
    this.users.set(queue, user);
  }
}
