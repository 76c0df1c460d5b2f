/** What lives on one reactor of the appliance: lanes, NBD connections, ublk queues, loads. */
import { close, shutdownSocket } from "../../ffi/libc.ts";
import { NbdConnection } from "../../nbd/connection.ts";
import type { Executor } from "../../ring/executor.ts";
import type { RequestClock } from "../../ring/turn_clock.ts";
import { backendOpener } from "../../rnbd/backends/open_queue.ts";
import type { BlockUser } from "../../rnbd/block_queue.ts";
import type { DeviceQueue } from "../../rnbd/client/block_lane.ts";
import { LaneHost } from "../../rnbd/lane_host.ts";
import { BenchLoad } from "../load/bench_load.ts";
import { type Load, type LoadOutcome, planProblem } from "../load/load.ts";
import { VerifyLoad } from "../load/verify_load.ts";
import { makeAdopter } from "./make_adopter.ts";
import type { ReactorCommand, ReactorEvent, ReactorWorkerSetup } from "./messages.ts";
import type { QueueUser } from "./queue_user.ts";
import { ThreadCounters } from "./thread_counters.ts";
import { type QueueUsers, UblkQueues } from "./ublk_queues.ts";

/** See the head of this file. */
export class ReactorHost {
  private readonly lanes: LaneHost;
  private readonly counters: ThreadCounters;
  private readonly ublk: UblkQueues;
  private readonly users = new Set<QueueUser>();
  /** Running loads by their number. */
  private readonly loads = new Map<number, QueueUser>();
  /** Who waits until a queue has no users. */
  private readonly draining = new Map<DeviceQueue, () => void>();

  /**
   * @param stop ends the reactor's loop
   * @param emit sends an event to main
   */
  constructor(
    private readonly executor: Executor & { readonly clock: RequestClock },
    setup: ReactorWorkerSetup,
    private readonly stop: () => void,
    private readonly emit: (event: ReactorEvent) => void,
  ) {
    this.counters = new ThreadCounters(executor.arena, setup.counters);
    this.lanes = new LaneHost({
      arena: executor.arena,
      clock: executor.clock,
      defer: (task) => executor.defer(task),
      adopter: makeAdopter(executor, this.counters),
      openQueue: backendOpener(executor, setup.zeroes),
      rejectionsIndex: this.counters.requestRejections.at,
      ioRejectionsIndex: this.counters.ioRejections.at,
      ioCountersIndex: this.counters.io.at,
      reply: (reply) => emit({ kind: "lane", reply }),
    }, (queue, done) => this.disconnectUsers(queue, done));
    const users: QueueUsers = {
      find: (session, device) => this.findQueue(session, device),
      add: (user) => void this.users.add(user),
      remove: (user, blockUser) => this.remove(user, blockUser),
    };
    this.ublk = new UblkQueues(executor, this.counters.ublk, users, emit);
  }

  /** Carries out a command of main. */
  execute(command: ReactorCommand): void {
    switch (command.kind) {
      case "lane":
        return this.lanes.execute(command.command);
      case "serveNbd":
        return this.serveNbd(command);
      case "serveUblk":
        return this.ublk.serve(command);
      case "bindUblk":
        return this.ublk.bind(command.session, command.device);
      case "startLoad":
        return this.startLoad(command);
      case "stopLoad":
        // One that has ended meanwhile is not there any more.
        return this.loads.get(command.id)?.stop();
      case "sample":
        return this.sample();
      case "stop":
        return this.stop();
    }
  }

  private sample(): void {
    const index = this.counters.ring.indexOf("heap_bytes");
    this.executor.arena.f64[index] = Deno.memoryUsage().heapUsed;
  }

  /** The queue of a mapped disk, unless it is going away. */
  private findQueue(session: number, device: number): DeviceQueue | undefined {
    const queue = this.lanes.findDevice(session, device);
    return queue === undefined || this.draining.has(queue) ? undefined : queue;
  }

  private serveNbd(command: ReactorCommand & { kind: "serveNbd" }): void {
    const { ticket, session, device } = command;
    const queue = this.findQueue(session, device);
    const closed = () => this.emit({ kind: "nbdClosed", device, ticket: ticket.id });
    if (queue === undefined) {
      shutdownSocket(ticket.fd);
      close(ticket.fd);
      return closed();
    }
    const connection = new NbdConnection(
      this.executor,
      queue,
      ticket,
      this.counters.nbd,
      () => {
        this.remove(user, connection);
        closed();
      },
    );
    const user: QueueUser = { queue, stop: () => connection.close() };
    this.users.add(user);
  }

  private startLoad(command: ReactorCommand & { kind: "startLoad" }): void {
    const { id, plan } = command;
    const queue = this.findQueue(command.session, command.device);
    const refuse = (reason: string) =>
      this.emit({ kind: "loadDone", id, outcome: { kind: "refused", reason } });
    if (queue === undefined || !queue.isOpen) return refuse("the device is not open");
    const problem = planProblem(plan, queue);
    if (problem !== undefined) return refuse(problem);
    let isStopped = false;
    const done = (outcome: LoadOutcome) => {
      this.loads.delete(id);
      this.remove(user, load);
      this.emit({ kind: "loadDone", id, outcome: isStopped ? { kind: "stopped" } : outcome });
    };
    const load: Load & BlockUser = plan.kind === "bench"
      ? new BenchLoad(this.executor, queue, plan, done)
      : new VerifyLoad(this.executor, queue, plan, done);
    const stop = () => {
      isStopped = true;
      load.stop();
    };
    const user: QueueUser = { queue, stop };
    this.users.add(user);
    this.loads.set(id, user);
  }

  private remove(user: QueueUser, blockUser: BlockUser): void {
    user.queue.forget(blockUser);
    this.users.delete(user);
    const done = this.draining.get(user.queue);
    if (done === undefined || this.hasUsers(user.queue)) return;
    this.draining.delete(user.queue);
    done();
  }

  private hasUsers(queue: DeviceQueue): boolean {
    for (const user of this.users) if (user.queue === queue) return true;
    return false;
  }

  private disconnectUsers(queue: DeviceQueue, done: () => void): void {
    if (!this.hasUsers(queue)) return done();
    const earlier = this.draining.get(queue);
    this.draining.set(queue, () => {
      earlier?.();
      done();
    });
    for (const user of [...this.users]) if (user.queue === queue) user.stop();
  }
}
