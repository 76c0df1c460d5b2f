/** The reactors of the process: Workers, their mailboxes, and main's end of their lanes. */
import { close, eventfd, signalEventfd } from "../../ffi/libc.ts";
import type { ArenaAllocator } from "../../ring/arena.ts";
import { MAILBOX_BYTES } from "../../ring/limits.ts";
import { MailboxWriter } from "../../ring/mailbox.ts";
import { LaneClient } from "../../rnbd/lane_commands.ts";
import type { LaneEvents } from "../../rtrs/lane_control.ts";
import type { ServedQueue } from "../../ublk/host.ts";
import type { UblkQueueTicket } from "../../ublk/queue_ticket.ts";
import type { LoadOutcome, LoadPlan } from "../load/load.ts";
import { type PathLedger, PathRows } from "../metrics/path_rows.ts";
import type { ReactorCommand, ReactorEvent, ReactorWorkerSetup } from "./messages.ts";
import { pulse, type PulseSubject } from "./pulse.ts";
import { ThreadCounters } from "./thread_counters.ts";
import { REACTOR_WORKER } from "./worker_url.ts";

/** What reactors tell the appliance. */
export interface ReactorPoolEvents extends LaneEvents {
  onNbdClosed(device: number, ticket: number): void;
  /** A reactor died of a bug: nothing on it can be trusted any more. */
  onFailed(reactor: number, message: string): void;
}

/** Main's end of one reactor. */
export class ReactorHandle implements PulseSubject {
  readonly lanes: LaneClient;
  readonly counters: ThreadCounters;
  readonly stopped: Promise<void>;
  private readonly worker: Worker;
  private readonly mailbox: MailboxWriter;
  private readonly mailboxAt: number;
  private readonly countersAt: number;
  private readonly wakeFd: number;
  private readonly loads = new Map<number, (outcome: LoadOutcome) => void>();
  private nextLoad = 1;
  private readonly ublkOpening = new Map<number, (failure: string | undefined) => void>();
  private readonly ublkClosing = new Map<number, () => void>();
  private nextUblkQueue = 1;

  constructor(
    readonly index: number,
    private readonly memory: ArenaAllocator,
    spinUs: number,
    zeroes: number,
    paths: PathLedger,
    events: ReactorPoolEvents,
  ) {
    const { arena } = memory;
    this.mailboxAt = memory.allocate(MAILBOX_BYTES, "a mailbox");
    this.countersAt = memory.allocate(ThreadCounters.BYTES, "counters");
    this.counters = new ThreadCounters(arena, this.countersAt);
    this.wakeFd = eventfd();
    this.mailbox = new MailboxWriter(arena, this.mailboxAt, () => signalEventfd(this.wakeFd));
    this.lanes = new LaneClient(
      (command) => this.send({ kind: "lane", command }),
      events,
      new PathRows(paths, index),
    );
    const { promise, resolve } = Promise.withResolvers<void>();
    this.stopped = promise;
    this.worker = new Worker(REACTOR_WORKER, {
      type: "module",
      name: `reactor-${index}`,
    });
    this.worker.onmessage = (message: MessageEvent<ReactorEvent>) =>
      this.receive(message.data, events, resolve);
    this.worker.onerror = (event) => {
      event.preventDefault();
      events.onFailed(index, event.message);
      resolve();
    };
    const setup: ReactorWorkerSetup = {
      index,
      arenaBase: arena.base,
      arenaBytes: arena.buffer.byteLength,
      mailbox: this.mailboxAt,
      wakeFd: this.wakeFd,
      spinUs,
      entersIndex: this.counters.ring.indexOf("io_uring_enters"),
      counters: this.countersAt,
      zeroes,
    };
    this.worker.postMessage(setup);
    pulse.add(this);
  }

  ping(): void {
    this.mailbox.ping();
  }

  get isAnswered(): boolean {
    return this.mailbox.isAnswered;
  }

  /** Sends a command; order is kept. */
  send(command: ReactorCommand): void {
    this.mailbox.send(command);
  }

  /**
   * Runs a load on a device of this reactor.
   * @param signal stops it; the outcome still comes only when it holds no permit any more
   */
  async runLoad(
    session: number,
    device: number,
    plan: LoadPlan,
    signal?: AbortSignal,
  ): Promise<LoadOutcome> {
    if (signal?.aborted === true) return { kind: "stopped" };
    const { promise, resolve } = Promise.withResolvers<LoadOutcome>();
    const id = this.nextLoad++;
    this.loads.set(id, resolve);
    this.send({ kind: "startLoad", id, session, device, plan });
    const stop = () => this.send({ kind: "stopLoad", id });
    signal?.addEventListener("abort", stop);
    const outcome = await promise;
    signal?.removeEventListener("abort", stop);
    return outcome;
  }

  /** Serves a queue of a ublk device with the disk `device` of `session`. */
  serveUblk(session: number, device: number, ticket: UblkQueueTicket): ServedQueue {
    const id = this.nextUblkQueue++;
    const opened = new Promise<string | undefined>((resolve) => this.ublkOpening.set(id, resolve));
    const closed = new Promise<void>((resolve) => this.ublkClosing.set(id, resolve));
    this.send({ kind: "serveUblk", id, session, device, ticket });
    return { opened, closed };
  }

  private receive(event: ReactorEvent, events: ReactorPoolEvents, stopped: () => void): void {
    switch (event.kind) {
      case "lane":
        return this.lanes.receive(event.reply);
      case "nbdClosed":
        return events.onNbdClosed(event.device, event.ticket);
      case "ublkOpened":
        this.ublkOpening.get(event.id)?.(event.failure ?? undefined);
        this.ublkOpening.delete(event.id);
        return;
      case "ublkClosed":
        this.ublkClosing.get(event.id)?.();
        this.ublkClosing.delete(event.id);
        return;
      case "loadDone":
        this.loads.get(event.id)?.(event.outcome);
        this.loads.delete(event.id);
        return;
      case "failed":
        events.onFailed(this.index, event.message);
        return stopped();
      case "stopped":
        return stopped();
    }
  }

  /** Ends the thread; nothing is open on it any more. */
  async stop(): Promise<void> {
    pulse.remove(this);
    this.send({ kind: "stop" });
    await this.stopped;
    close(this.wakeFd);
    this.memory.release(this.mailboxAt);
    this.memory.release(this.countersAt);
  }
}
