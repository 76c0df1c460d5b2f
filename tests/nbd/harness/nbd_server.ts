/** The NBD exposure in this process: a real listener on main, real reactors, a fake disk. */
import { close, eventfd, signalEventfd } from "../../../src/ffi/libc.ts";
import { NBD_COUNTERS, type NbdCounterName } from "../../../src/nbd/counters.ts";
import { NbdListener } from "../../../src/nbd/listener.ts";
import type { NbdTicket } from "../../../src/nbd/ticket.ts";
import { ArenaAllocator, reserveArena } from "../../../src/ring/arena.ts";
import { ControlLoop } from "../../../src/ring/control_loop.ts";
import { CounterBlock } from "../../../src/ring/counters.ts";
import { MAILBOX_BYTES } from "../../../src/ring/limits.ts";
import { MailboxWriter } from "../../../src/ring/mailbox.ts";
import { sleep } from "../../support/process.ts";
import {
  bufferStride,
  DISK_LOG,
  type FakeDiskMemory,
  type FakeDiskOptions,
  type LoggedOperation,
  type PlannedFailure,
  readLog,
} from "./fake_disk.ts";
import type { FromReactor, ToReactor } from "./messages.ts";

/** Figures of all reactors together. */
export interface Figures {
  readonly enters: number;
  readonly permitsOut: number;
  readonly connections: number;
  readonly heapBytes: number;
}

/** How a server is started. */
export interface NbdServerOptions {
  readonly disk: FakeDiskOptions;
  /** Name of the export; default "disk". */
  readonly name?: string;
  readonly reactors?: number;
  readonly spinUs?: number;
  readonly negotiationTimeoutMs?: number;
}

interface ReactorHandle {
  readonly worker: Worker;
  readonly mailbox: MailboxWriter;
  readonly wakeFd: number;
  readonly counters: CounterBlock<NbdCounterName>;
  readonly stopped: Promise<void>;
}

const arena = reserveArena(16 * 2 ** 30);
const allocator = new ArenaAllocator(arena);

/** A running server; `await using` stops it and checks that it left nothing. */
export class NbdServer implements AsyncDisposable {
  listener!: NbdListener;
  readonly directory = Deno.makeTempDirSync({ prefix: "nbd-test-" });
  private readonly loop = new ControlLoop(allocator);
  private readonly memory: FakeDiskMemory;
  private readonly allocated: number[] = [];
  private readonly reactors: ReactorHandle[] = [];
  private readonly mainCounters: CounterBlock<NbdCounterName>;
  private readonly figuresWaiting = new Map<number, (figures: Figures) => void>();
  private nextFigures = 1;
  private nextReactor = 0;
  private readonly usedBefore: number = allocator.usedBytes;

  private constructor(private readonly options: NbdServerOptions) {
    const { disk } = options;
    this.memory = {
      content: this.allocate(disk.geometry.sizeBytes),
      buffers: 0,
      log: this.allocate(DISK_LOG.BYTES),
      timespec: 0,
    };
    this.mainCounters = this.counterBlock();
  }

  /** Starts the reactors and listens. */
  static async start(options: NbdServerOptions): Promise<NbdServer> {
    const server = new NbdServer(options);
    for (let i = 0; i < (options.reactors ?? 1); i++) {
      server.reactors.push(await server.startReactor(i));
    }
    const { disk: { geometry }, name = "disk", negotiationTimeoutMs } = options;
    server.listener = await NbdListener.open({
      loop: server.loop,
      subject: { name, description: "a disk of the tests", geometry: () => geometry },
      path: `${server.directory}/nbd/${name}.sock`,
      counters: server.mainCounters,
      onConnection: (ticket) => server.serve(ticket),
      ...(negotiationTimeoutMs === undefined ? {} : { negotiationTimeoutMs }),
    });
    return server;
  }

  /** Path of the socket. */
  get path(): string {
    return this.listener.path;
  }

  /** `nbd+unix:///?socket=…` */
  get uri(): string {
    return `nbd+unix:///?socket=${this.path}`;
  }

  /** The disk's bytes, live. */
  get content(): Uint8Array<ArrayBuffer> {
    const { content } = this.memory;
    return arena.u8.subarray(content, content + this.options.disk.geometry.sizeBytes);
  }

  /** What the disk was asked so far, at most the last 1024. */
  get log(): LoggedOperation[] {
    return readLog(arena.f64, this.memory.log);
  }

  /** Forgets the log. */
  clearLog(): void {
    arena.f64[this.memory.log / 8] = 0;
  }

  /** Sum of a counter over all threads. */
  counter(name: NbdCounterName): number {
    const blocks = [this.mainCounters, ...this.reactors.map(({ counters }) => counters)];
    return blocks.reduce((sum, block) => sum + block.read()[name], 0);
  }

  /** Opens or closes the device under the clients. */
  setOpen(isOpen: boolean): void {
    this.broadcast({ kind: "disk", isOpen });
  }

  /** Has operations fail from now on. */
  setFailures(failures: readonly PlannedFailure[]): void {
    this.broadcast({ kind: "failures", failures });
  }

  /** Cuts or drains all connections. */
  end(how: "close" | "drain"): void {
    this.broadcast({ kind: how });
  }

  /** Asks the reactors. */
  async figures(): Promise<Figures> {
    const all = await Promise.all(this.reactors.map(({ mailbox }) => {
      const id = this.nextFigures++;
      const { promise, resolve } = Promise.withResolvers<Figures>();
      this.figuresWaiting.set(id, resolve);
      mailbox.send({ kind: "figures", id } satisfies ToReactor);
      return promise;
    }));
    return all.reduce((sum, one) => ({
      enters: sum.enters + one.enters,
      permitsOut: sum.permitsOut + one.permitsOut,
      connections: sum.connections + one.connections,
      heapBytes: sum.heapBytes + one.heapBytes,
    }));
  }

  /** Waits until no client is left. @throws after `timeoutMs` */
  async waitForNoClient(timeoutMs = 5000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const { permitsOut, connections } = await this.figures();
      if (permitsOut === 0 && connections === 0 && this.listener.connections === 0) return;
      if (Date.now() > deadline) {
        throw new Error(`Left behind: ${connections} connections, ${permitsOut} permits`);
      }
      await sleep(20);
    }
  }

  /** Stops everything. @throws when a client, a permit or memory is left */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.close();
    this.end("close");
    await this.waitForNoClient();
    for (const { worker, mailbox, stopped, wakeFd } of this.reactors) {
      mailbox.send({ kind: "stop" } satisfies ToReactor);
      await stopped;
      worker.terminate();
      close(wakeFd);
    }
    await this.loop.close();
    for (const offset of this.allocated) allocator.release(offset);
    if (allocator.usedBytes !== this.usedBefore) throw new Error("Memory was left behind");
    Deno.removeSync(this.directory, { recursive: true });
  }

  private serve(ticket: NbdTicket): void {
    const { mailbox } = this.reactors[this.nextReactor++ % this.reactors.length]!;
    mailbox.send({ kind: "serve", ticket } satisfies ToReactor);
  }

  private broadcast(message: ToReactor): void {
    for (const { mailbox } of this.reactors) mailbox.send(message);
  }

  private allocate(bytes: number): number {
    const offset = allocator.allocate(bytes, "a test");
    this.allocated.push(offset);
    return offset;
  }

  private counterBlock(): CounterBlock<NbdCounterName> {
    return new CounterBlock(arena, this.allocate(CounterBlock.bytes(NBD_COUNTERS)), NBD_COUNTERS);
  }

  private async startReactor(index: number): Promise<ReactorHandle> {
    const { disk } = this.options;
    const worker = new Worker(new URL("reactor_worker.ts", import.meta.url), { type: "module" });
    const wakeFd = eventfd();
    const mailboxAt = this.allocate(MAILBOX_BYTES);
    const mailbox = new MailboxWriter(arena, mailboxAt, () => signalEventfd(wakeFd));
    const counters = this.counterBlock();
    const ready = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    worker.onmessage = ({ data }: MessageEvent<FromReactor>) => {
      if (data.kind === "ready") ready.resolve();
      else if (data.kind === "stopped") stopped.resolve();
      else if (data.kind === "closed") this.listener.connectionClosed(data.ticketId);
      else {
        this.figuresWaiting.get(data.id)?.(data);
        this.figuresWaiting.delete(data.id);
      }
    };
    worker.postMessage({
      reactor: {
        index,
        arenaBase: arena.base,
        arenaBytes: arena.buffer.byteLength,
        mailbox: mailboxAt,
        wakeFd,
        spinUs: this.options.spinUs ?? 0,
      },
      disk,
      memory: {
        ...this.memory,
        buffers: this.allocate(disk.permits * bufferStride(disk)),
        timespec: this.allocate(16),
      },
      counters: counters.at * 8,
    });
    await ready.promise;
    return { worker, mailbox, wakeFd, counters, stopped: stopped.promise };
  }
}
