// deno-lint-ignore-file no-console -- a program: its output is its purpose
/**
 * The iWARP carrier alone, over TCP on loopback between two processes: a small
 * write-with-immediate up, a block and an immediate down, as RTRS reads do.
 *
 *     deno run -A bench/iwarp_loopback.ts [--bytes 4096] [--depth 32] [--seconds 2] [--crc] [--spin US]
 *
 * Prints one line of JSON: I/Os a second, microseconds of CPU per I/O on each side, and
 * io_uring_enter calls per I/O on each side.
 */
import { parseArgs } from "node:util";
import { ArenaAllocator, reserveArena } from "../src/ring/arena.ts";
import { ControlLoop } from "../src/ring/control_loop.ts";
import { Reactor } from "../src/ring/reactor.ts";
import { MAILBOX_BYTES } from "../src/ring/limits.ts";
import { eventfd } from "../src/ffi/libc.ts";
import type {
  ConnectionTicket,
  FabricConnection,
  FabricConnectionHandler,
  FabricFailure,
  RegisteredMemory,
} from "../src/fabric/fabric.ts";
import { IwarpAdopter } from "../src/fabric/iwarp/iwarp_adopter.ts";
import { IwarpFabric } from "../src/fabric/iwarp/iwarp_fabric.ts";

const DISK_BYTES = 256 * 2 ** 20;
const REQUEST_BYTES = 56;
/** Words of a request: which block, and where it goes. */
const REQUEST = { OFFSET: 0, LENGTH: 1, RKEY: 2, HIGH: 3, LOW: 4 } as const;
const REQUEST_STRIDE_BYTES = 64;
const WARM_UP_MS = 700;
/** Completions between two looks at the clock. */
const CLOCK_EVERY = 256;
const CPU_TICK_US = 10_000;

const { values } = parseArgs({
  args: Deno.args,
  options: {
    bytes: { type: "string", default: "4096" },
    depth: { type: "string", default: "32" },
    seconds: { type: "string", default: "2" },
    spin: { type: "string", default: "0" },
    crc: { type: "boolean", default: false },
    /** Used by this program itself. */
    connect: { type: "string" },
  },
});
const bytes = Number(values.bytes);
const depth = Number(values.depth);
const limits = { postsMax: depth * 2 + 8, receiveBytesMax: 64 };
/** Sockets have no queue to size. */
const QUEUE_LIMITS = { sendsMax: 0, receivesMax: 0 };

function cpuUs(pid: number | "self"): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * CPU_TICK_US;
}

/** Word of the disk at byte `offset`. */
const pattern = (offset: number) => Math.imul(offset >>> 2, 2_654_435_761) >>> 0;

/** What both sides need. */
class Side {
  readonly memory = new ArenaAllocator(reserveArena(2 ** 33));
  readonly loop = new ControlLoop(this.memory);
  readonly fabric = new IwarpFabric(
    this.loop,
    values.crc ? "on" : "off",
    this.memory.allocate(4096, "counters") / 8,
  );
  reactor: Reactor | undefined;

  get arena() {
    return this.memory.arena;
  }

  /** Moves the connection to a reactor on this very thread and runs it until it is stopped. */
  async run(
    ticket: ConnectionTicket,
    handler: FabricConnectionHandler,
    begin: (connection: FabricConnection, reactor: Reactor) => void,
  ): Promise<void> {
    const mailbox = this.memory.allocate(MAILBOX_BYTES, "mailbox");
    const enters = this.memory.allocate(4096, "counters") / 8;
    const counters = enters + 1;
    await this.loop.close();
    const setup = {
      index: 0,
      arenaBase: this.arena.base,
      arenaBytes: this.arena.buffer.byteLength,
      mailbox,
      wakeFd: eventfd(),
      spinUs: Number(values.spin),
      entersIndex: enters,
    };
    this.reactor = new Reactor(this.arena, setup, () => {});
    begin(new IwarpAdopter(this.reactor, counters).adopt(ticket, limits, handler), this.reactor);
    this.reactor.run();
  }
}

/** Tells the peer a registration: the first message each way. */
function announce(side: Side, connection: FabricConnection, memory: RegisteredMemory, at: number) {
  side.arena.u32[at / 4] = memory.rkey;
  side.arena.u32[at / 4 + 1] = memory.address.high;
  side.arena.u32[at / 4 + 2] = memory.address.low;
  connection.send(at, 12);
}

class Server implements FabricConnectionHandler {
  private connection!: FabricConnection;
  private readonly disk: number;
  private readonly requests: number;
  private readonly requestWords: number;
  constructor(private readonly side: Side) {
    this.disk = side.memory.allocate(DISK_BYTES, "disk");
    this.requests = side.memory.allocate(depth * REQUEST_STRIDE_BYTES + 64, "requests");
    this.requestWords = this.requests / 4;
    const words = side.arena.u32;
    for (let at = 0; at < DISK_BYTES; at += 64) words[(this.disk + at) / 4] = pattern(at);
  }
  begin(connection: FabricConnection, ticket: ConnectionTicket): void {
    this.connection = connection;
    const length = depth * REQUEST_STRIDE_BYTES;
    const memory = this.side.fabric.register(ticket, this.requests, length, "remote");
    connection.expose(memory);
    announce(this.side, connection, memory, this.requests + length);
  }
  onImmediate(slot: number): void {
    const words = this.side.arena.u32;
    const request = this.requestWords + slot * (REQUEST_STRIDE_BYTES / 4);
    this.connection.writeImmediate(
      this.disk + words[request + REQUEST.OFFSET]!,
      words[request + REQUEST.LENGTH]!,
      0,
      0,
      words[request + REQUEST.RKEY]!,
      words[request + REQUEST.HIGH]!,
      words[request + REQUEST.LOW]!,
      slot,
    );
  }
  onSend(): void {}
  onInvalidated(): void {}
  onBroken(): void {}
  onClosed(): void {
    this.side.reactor!.stop();
  }
}

class Client implements FabricConnectionHandler {
  private connection!: FabricConnection;
  private readonly buffers: number;
  private readonly requests: number;
  private readonly offsets: Uint32Array;
  private memory!: RegisteredMemory;
  private rkey = 0;
  private high = 0;
  private low = 0;
  private seed = 12_345;
  private done = 0;
  private bad = 0;
  private start = { done: 0, timeMs: 0, cpu: 0, serverCpu: 0, enters: 0 };
  private endMs = performance.now() + WARM_UP_MS;
  private isMeasuring = false;

  constructor(private readonly side: Side, private readonly serverPid: number) {
    this.buffers = side.memory.allocate(depth * bytes, "buffers");
    this.requests = side.memory.allocate((depth + 1) * REQUEST_STRIDE_BYTES, "requests");
    this.offsets = new Uint32Array(depth);
  }
  begin(connection: FabricConnection, ticket: ConnectionTicket): void {
    this.connection = connection;
    this.memory = this.side.fabric.register(ticket, this.buffers, depth * bytes, "remote");
    connection.expose(this.memory);
  }
  onSend(at: number): void {
    const words = this.side.arena.u32;
    this.rkey = words[at / 4]!;
    this.high = words[at / 4 + 1]!;
    this.low = words[at / 4 + 2]!;
    for (let slot = 0; slot < depth; slot++) this.request(slot);
  }
  private request(slot: number): void {
    this.seed = (Math.imul(this.seed, 1_664_525) + 1_013_904_223) >>> 0;
    const offset = ((this.seed >>> 4) % Math.floor(DISK_BYTES / bytes)) * bytes;
    this.offsets[slot] = offset;
    const at = this.requests + slot * REQUEST_STRIDE_BYTES;
    const words = this.side.arena.u32;
    const word = at / 4;
    words[word + REQUEST.OFFSET] = offset;
    words[word + REQUEST.LENGTH] = bytes;
    words[word + REQUEST.RKEY] = this.memory.rkey;
    words[word + REQUEST.HIGH] = this.memory.address.high;
    words[word + REQUEST.LOW] = slot * bytes;
    const low = this.low + slot * REQUEST_STRIDE_BYTES;
    this.connection.writeImmediate(0, 0, at, REQUEST_BYTES, this.rkey, this.high, low, slot);
  }
  onImmediate(slot: number): void {
    const first = this.side.arena.u32[(this.buffers + slot * bytes) / 4]!;
    if (first !== pattern(this.offsets[slot]!)) this.bad++;
    this.done++;
    if (this.done % CLOCK_EVERY === 0 || depth === 1) this.look();
    this.request(slot);
  }
  private look(): void {
    const now = performance.now();
    if (now < this.endMs) return;
    const figures = {
      done: this.done,
      timeMs: now,
      cpu: cpuUs("self"),
      serverCpu: cpuUs(this.serverPid),
      enters: this.side.reactor!.ring.enters,
    };
    if (this.isMeasuring) this.report(figures);
    this.isMeasuring = true;
    this.start = figures;
    this.endMs = now + Number(values.seconds) * 1000;
  }
  private report(end: typeof this.start): void {
    const ios = end.done - this.start.done;
    const seconds = (end.timeMs - this.start.timeMs) / 1000;
    const each = (key: "cpu" | "serverCpu" | "enters") =>
      Number(((end[key] - this.start[key]) / ios).toFixed(3));
    console.log(JSON.stringify({
      bytes,
      depth,
      crc: values.crc,
      spin_us: Number(values.spin),
      iops: Math.round(ios / seconds),
      mib_per_second: Math.round(ios * bytes / seconds / 2 ** 20),
      client_cpu_us: each("cpu"),
      server_cpu_us: each("serverCpu"),
      client_enters: each("enters"),
      wrong: this.bad,
    }));
    Deno.exit(this.bad === 0 ? 0 : 1);
  }
  onInvalidated(): void {}
  onBroken(failure: FabricFailure): void {
    console.error(failure.reason);
    Deno.exit(1);
  }
  onClosed(): void {}
}

async function client(port: number, serverPid: number): Promise<void> {
  const side = new Side();
  const target = {
    source: undefined,
    destination: "127.0.0.1",
    port,
    limits: QUEUE_LIMITS,
    timeoutMs: 5000,
  };
  const privateData = new Uint8Array(56);
  const outcome = await new Promise<ConnectionTicket>((resolve, reject) => {
    side.fabric.connect({ ...target, privateData }, (outcome) => {
      if (outcome.kind === "established") resolve(outcome.ticket);
      else reject(new Error(JSON.stringify(outcome)));
    });
  });
  const handler = new Client(side, serverPid);
  await side.run(outcome, handler, (connection) => handler.begin(connection, outcome));
}

async function server(): Promise<void> {
  const side = new Side();
  const handler = new Server(side);
  const { promise, resolve } = Promise.withResolvers<ConnectionTicket>();
  const listener = side.fabric.listen("127.0.0.1", 0, (request) => {
    request.accept(new Uint8Array(56), QUEUE_LIMITS, (outcome) => {
      if ("ticket" in outcome) resolve(outcome.ticket);
    });
  });
  const args = ["run", "-A", "--no-check", import.meta.url, ...Deno.args];
  const child = new Deno.Command(Deno.execPath(), {
    args: args.concat("--connect", `${listener.port}:${Deno.pid}`),
  }).spawn();
  const ticket = await promise;
  listener.close();
  await side.run(ticket, handler, (connection) => handler.begin(connection, ticket));
  Deno.exit((await child.status).code);
}

if (values.connect === undefined) await server();
else {
  const [port, pid] = values.connect.split(":").map(Number);
  await client(port!, pid!);
}
