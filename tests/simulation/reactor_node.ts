/** A simulated reactor: the real lane host, and the mailbox between it and main. */
import { SimAdopter } from "../../src/fabric/sim/sim_adopter.ts";
import { type SimProcess, SimThread } from "../../src/fabric/sim/process.ts";
import type { DeviceQueue } from "../../src/rnbd/client/block_lane.ts";
import { LaneClient, type LaneCommand, type LaneReply } from "../../src/rnbd/lane_commands.ts";
import { LaneHost } from "../../src/rnbd/lane_host.ts";
import { IO_REJECTIONS } from "../../src/rnbd/server/io_gate.ts";
import { IO_COUNTERS } from "../../src/rnbd/server/io_lane.ts";
import type { LaneEvents } from "../../src/rtrs/lane_control.ts";
import { REQUEST_REJECTIONS } from "../../src/rtrs/server/gate.ts";
import { expect, type WorldParts } from "./world_parts.ts";

/** 64-bit floats that one thread counts in. */
const THREAD_COUNTERS = REQUEST_REJECTIONS.length + IO_REJECTIONS.length + IO_COUNTERS.length;
const FLOAT_BYTES = 8;

/** Counters of the threads of a process: main is thread 0. */
export class ThreadCounters {
  /** Arena offset. */
  readonly at: number;

  constructor(private readonly process: SimProcess, private readonly threads: number) {
    const bytes = threads * THREAD_COUNTERS * FLOAT_BYTES;
    this.at = process.memory.allocate(bytes, "simulated counters");
  }

  rejections(thread: number): number {
    return this.at / FLOAT_BYTES + thread * THREAD_COUNTERS;
  }

  ioRejections(thread: number): number {
    return this.rejections(thread) + REQUEST_REJECTIONS.length;
  }

  io(thread: number): number {
    return this.ioRejections(thread) + IO_REJECTIONS.length;
  }

  /** No gate refused anything, but for writes to read-only mappings, which workloads try. */
  check(): void {
    const { f64 } = this.process.memory.arena;
    for (let thread = 0; thread < this.threads; thread++) {
      REQUEST_REJECTIONS.forEach((name, i) => {
        const count = f64[this.rejections(thread) + i]!;
        expect(count === 0, () => `the RTRS gate refused ${count} requests: ${name}`);
      });
      IO_REJECTIONS.forEach((name, i) => {
        const count = f64[this.ioRejections(thread) + i]!;
        const isFine = count === 0 || name === "io_read_only";
        expect(isFine, () => `the RNBD gate refused ${count} requests: ${name}`);
      });
    }
  }
}

/** Messages from one thread to another: in order, each after a while, as plain data. */
class Mailbox {
  private lastArrival = 0;

  constructor(private readonly parts: WorldParts, private readonly process: SimProcess) {}

  send(action: () => void): void {
    const { scheduler, random } = this.process;
    const arrival = scheduler.now() + random.spread(0.005, this.parts.threads.delayMaxMs);
    this.lastArrival = Math.max(this.lastArrival, arrival);
    this.process.scheduleAt(this.lastArrival, action);
  }
}

/** Disconnects whoever uses a queue; `done` when no request of theirs is left. */
export type Disconnect = (queue: DeviceQueue, done: () => void) => void;

/** See the head of this file. */
export class ReactorNode {
  readonly host: LaneHost;
  readonly control: LaneClient;
  private readonly toReactor: Mailbox;

  /** @param intercept sees what main asks when it is about to be done, and may change it */
  constructor(
    parts: WorldParts,
    process: SimProcess,
    counters: ThreadCounters,
    readonly index: number,
    events: LaneEvents,
    disconnect: Disconnect,
    intercept: (command: LaneCommand) => readonly LaneCommand[] = (command) => [command],
  ) {
    const thread = new SimThread(process);
    this.toReactor = new Mailbox(parts, process);
    const toMain = new Mailbox(parts, process);
    const reply = (message: LaneReply) => {
      const plain: LaneReply = JSON.parse(JSON.stringify(message));
      toMain.send(() => this.control.receive(plain));
    };
    this.host = new LaneHost({
      arena: process.memory.arena,
      // Latencies are not looked at here.
      clock: { us: new Float64Array(1) },
      defer: (task) => thread.defer(task),
      adopter: new SimAdopter(parts.network, process),
      openQueue: (ticket, _queueDepth, handler) => {
        if (ticket.kind !== "sim") throw new TypeError(`A ${ticket.kind} ticket in a simulation`);
        return parts.disks[ticket.disk]!.open(process, handler);
      },
      rejectionsIndex: counters.rejections(index + 1),
      ioRejectionsIndex: counters.ioRejections(index + 1),
      ioCountersIndex: counters.io(index + 1),
      reply,
    }, disconnect);
    const send = (command: LaneCommand) => {
      const plain: LaneCommand = JSON.parse(JSON.stringify(command));
      this.toReactor.send(() => {
        for (const taken of intercept(plain)) this.host.execute(taken);
      });
    };
    this.control = new LaneClient(send, events);
  }

  /** Has `action` happen on the reactor, behind all commands sent so far. */
  post(action: () => void): void {
    this.toReactor.send(action);
  }
}
