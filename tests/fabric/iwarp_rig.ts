/** Two ends of the iWARP carrier in this process, over real TCP, on main's ring. */
import { ArenaAllocator, reserveArena } from "../../src/ring/arena.ts";
import { ControlLoop } from "../../src/ring/control_loop.ts";
import type {
  ConnectionRequest,
  ConnectionTicket,
  ConnectOutcome,
  FabricConnection,
  FabricConnectionHandler,
  FabricFailure,
  FabricListener,
} from "../../src/fabric/fabric.ts";
import type { CrcPolicy } from "../../src/fabric/iwarp/crc_policy.ts";
import { IwarpAdopter } from "../../src/fabric/iwarp/iwarp_adopter.ts";
import { IwarpFabric } from "../../src/fabric/iwarp/iwarp_fabric.ts";
import { MPA_REJECTION_NAMES } from "../../src/fabric/iwarp/mpa.ts";
import { REJECTION_NAMES } from "../../src/fabric/iwarp/rejection.ts";

const ARENA_BYTES = 2 ** 34;
const WAIT_MS = 10_000;
/** Sockets have no queue to size. */
export const QUEUE_LIMITS = { sendsMax: 0, receivesMax: 0 };
const LIMITS = { postsMax: 4096, receiveBytesMax: 1024 * 1024 };

/** What happened on a connection, as text lines such as `immediate 7`. */
export class Recorder implements FabricConnectionHandler {
  readonly events: string[] = [];
  readonly sends: Uint8Array[] = [];
  failure: FabricFailure | undefined;
  closed = false;
  /** Called after each event. */
  onEvent: (event: string) => void = () => {};

  constructor(private readonly rig: IwarpRig) {}

  private note(event: string): void {
    this.events.push(event);
    this.onEvent(event);
  }
  onImmediate(immediate: number): void {
    this.note(`immediate ${immediate}`);
  }
  onSend(at: number, length: number): void {
    this.sends.push(this.rig.arena.u8.slice(at, at + length));
    this.note(`send ${length}`);
  }
  onInvalidated(rkey: number): void {
    this.note(`invalidated ${rkey}`);
  }
  onBroken(failure: FabricFailure): void {
    this.failure = failure;
    this.note("broken");
  }
  onClosed(): void {
    this.closed = true;
    this.note("closed");
  }

  /** Waits until `count` events have come, or throws with those that have. */
  async until(event: string, count = 1): Promise<void> {
    const seen = () => this.events.filter((one) => one === event).length >= count;
    await waitFor(seen, () => `${count} × "${event}"; seen: ${this.events.slice(-10).join(", ")}`);
  }
}

/** Polls until `condition` holds. */
export async function waitFor(condition: () => boolean, what: () => string): Promise<void> {
  const end = performance.now() + WAIT_MS;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Waited in vain for ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** One end of a pair. */
export interface End {
  readonly connection: FabricConnection;
  readonly recorder: Recorder;
  readonly ticket: ConnectionTicket;
}

/** Arena, ring, carrier. Dispose of it with `await using`. */
export class IwarpRig implements AsyncDisposable {
  readonly memory = new ArenaAllocator(reserveArena(ARENA_BYTES));
  readonly loop = new ControlLoop(this.memory);
  readonly adopter: IwarpAdopter;
  private readonly rejections: number;
  private readonly mpaRejections: number;

  constructor() {
    // Beyond 4 GiB, so that a place taken for a 32-bit number shows.
    this.memory.allocate(2 ** 32 + 12_288, "a gap");
    const counters = this.memory.allocate(4096, "counters") / 8;
    this.rejections = counters;
    this.mpaRejections = counters + REJECTION_NAMES.length;
    this.adopter = new IwarpAdopter(this.loop, this.rejections);
  }

  get arena() {
    return this.memory.arena;
  }

  fabric(crc: CrcPolicy = "auto"): IwarpFabric {
    return new IwarpFabric(this.loop, crc, this.mpaRejections);
  }

  /** The reasons whose counters are not zero. */
  counted(): Record<string, number> {
    const names = [...REJECTION_NAMES, ...MPA_REJECTION_NAMES];
    const values = names.map((name, i): [string, number] => [
      name,
      this.arena.f64[this.rejections + i]!,
    ]);
    return Object.fromEntries(values.filter(([, value]) => value > 0));
  }

  /** Adopts a ticket with a recorder. */
  adopt(ticket: ConnectionTicket, limits = LIMITS): End {
    const recorder = new Recorder(this);
    return { recorder, ticket, connection: this.adopter.adopt(ticket, limits, recorder) };
  }

  /** Listens on loopback and accepts everybody; ends come through `onEnd`. */
  serve(fabric: IwarpFabric, onEnd: (end: End) => void, address = "127.0.0.1"): FabricListener {
    return fabric.listen(address, 0, (request) => {
      request.accept(new Uint8Array(56), QUEUE_LIMITS, (outcome) => {
        if ("ticket" in outcome) onEnd(this.adopt(outcome.ticket));
      });
    });
  }

  /** A connected pair. */
  async pair(clientCrc: CrcPolicy = "auto", serverCrc: CrcPolicy = "auto"): Promise<[End, End]> {
    const { promise, resolve } = Promise.withResolvers<End>();
    const listener = this.serve(this.fabric(serverCrc), resolve);
    const outcome = await connect(this.fabric(clientCrc), "127.0.0.1", listener.port);
    if (outcome.kind !== "established") throw new Error(JSON.stringify(outcome));
    const server = await promise;
    listener.close();
    return [this.adopt(outcome.ticket), server];
  }

  /** Closes both ends and gives their memory back. */
  async close(...ends: End[]): Promise<void> {
    for (const end of ends) end.connection.close();
    for (const end of ends) {
      await end.recorder.until("closed");
      this.fabric().release(end.ticket);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Lets listeners and half-open peers that were just closed see their cancellation.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await this.loop.close();
  }
}

/** {@link IwarpFabric.connect} as a promise. */
export function connect(
  fabric: IwarpFabric,
  destination: string,
  port: number,
  privateData: Uint8Array = new Uint8Array(56),
  timeoutMs = 5_000,
): Promise<ConnectOutcome> {
  const limits = QUEUE_LIMITS;
  const target = { source: undefined, destination, port, privateData, limits, timeoutMs };
  return new Promise((resolve) => void fabric.connect(target, resolve));
}

/** The next request of a listener made here. */
export function nextRequest(
  fabric: IwarpFabric,
): { listener: FabricListener; request: Promise<ConnectionRequest> } {
  const { promise, resolve } = Promise.withResolvers<ConnectionRequest>();
  return { listener: fabric.listen("127.0.0.1", 0, resolve), request: promise };
}
