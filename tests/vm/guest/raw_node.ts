/**
 * A peer that says whatever a case wants, right or wrong: the verbs carrier without the layers
 * above it, inside the guest's own program.
 */
import type {
  ConnectionRequest,
  ConnectionTicket,
  FabricConnection,
  FabricConnectionHandler,
  FabricFailure,
  FabricListener,
  RegisteredMemory,
} from "../../../src/fabric/fabric.ts";
import { VERBS_COUNTER_NAMES } from "../../../src/fabric/verbs/counters.ts";
import { VerbsAdopter } from "../../../src/fabric/verbs/verbs_adopter.ts";
import { VerbsFabric } from "../../../src/fabric/verbs/verbs_fabric.ts";
import { ArenaAllocator, reserveArena } from "../../../src/ring/arena.ts";
import { ControlLoop } from "../../../src/ring/control_loop.ts";
import { CounterBlock } from "../../../src/ring/counters.ts";
import { CONN_RSP } from "../../../src/rtrs/connect_codec.ts";
import { IMMEDIATE, IMMEDIATE_PAYLOAD_BITS } from "../../../src/rtrs/constants.ts";
import { HEARTBEAT_ACK_IMMEDIATE, HEARTBEAT_IMMEDIATE } from "../../../src/rtrs/immediate.ts";
import { waitFor } from "../../support/process.ts";
import { RDMA_ADDRESS } from "./network.ts";

const ARENA_BYTES = 2 ** 33;
/** Memory of each connection that its peer may write to and posts take their bytes from. */
export const RAW_WINDOW_BYTES = 1 << 20;
const QUEUE_LIMITS = { sendsMax: 128, receivesMax: 1024 };
const CONNECTION_LIMITS = { postsMax: 1024, receiveBytesMax: 64 * 1024 };
const CONNECT_TIMEOUT_MS = 30_000;
/** What should happen at once, on an emulated processor. */
export const RAW_TIMEOUT_MS = 30_000;

/** One connection and what came over it. Heartbeats are answered, so that a case may take long. */
export class RawConnection implements FabricConnectionHandler {
  /** Arena offset of {@link RAW_WINDOW_BYTES}. */
  readonly window: number;
  readonly memory: RegisteredMemory;
  readonly fabric: FabricConnection;
  readonly messages: Uint8Array[] = [];
  /** Without heartbeats. */
  readonly immediates: number[] = [];
  failure: FabricFailure | undefined;
  isClosed = false;
  /** Called after each immediate that is no heartbeat, and after each message. */
  onReceived: () => void = () => {};

  constructor(readonly node: RawNode, private readonly ticket: ConnectionTicket) {
    this.window = node.memory.allocate(RAW_WINDOW_BYTES, "a raw connection");
    this.memory = node.fabric.register(ticket, this.window, RAW_WINDOW_BYTES, "remote");
    this.fabric = node.adopter.adopt(ticket, CONNECTION_LIMITS, this);
    this.fabric.expose(this.memory);
  }

  onImmediate(immediate: number): void {
    const type = immediate >>> IMMEDIATE_PAYLOAD_BITS;
    if (immediate === HEARTBEAT_IMMEDIATE) this.fabric.immediate(HEARTBEAT_ACK_IMMEDIATE);
    if (type === IMMEDIATE.HEARTBEAT || type === IMMEDIATE.HEARTBEAT_ACK) return;
    this.immediates.push(immediate);
    this.onReceived();
  }

  onSend(at: number, length: number): void {
    this.messages.push(this.node.memory.arena.u8.slice(at, at + length));
    this.onReceived();
  }

  onInvalidated(): void {}

  onBroken(failure: FabricFailure): void {
    this.failure = failure;
  }

  onClosed(): void {
    this.isClosed = true;
    this.node.fabric.release(this.ticket);
    this.node.fabric.unregister(this.memory);
    this.node.memory.release(this.window);
    this.node.forget(this);
  }

  /** Waits until the peer has ended it. @throws when it does not */
  async untilBroken(what: string): Promise<FabricFailure> {
    await waitFor(() => this.failure !== undefined, RAW_TIMEOUT_MS, `the end after ${what}`);
    return this.failure!;
  }

  /** Disconnects. */
  async close(): Promise<void> {
    this.fabric.close();
    await waitFor(() => this.isClosed, RAW_TIMEOUT_MS, "the end of a raw connection");
  }
}

/** How a connect of a raw client ended. */
export type RawOutcome =
  | { readonly kind: "established"; connection: RawConnection; answer: Uint8Array }
  /** `errno` as it was on the wire: negative when all is well. */
  | { readonly kind: "rejected"; readonly errno: number }
  | { readonly kind: "failed"; readonly failure: FabricFailure };

/** Arena, ring and carrier. */
export class RawNode implements AsyncDisposable {
  readonly memory = new ArenaAllocator(reserveArena(ARENA_BYTES));
  readonly loop = new ControlLoop(this.memory);
  readonly fabric = new VerbsFabric(this.loop, "ip");
  readonly adopter: VerbsAdopter;
  private readonly connections = new Set<RawConnection>();
  private readonly listeners: FabricListener[] = [];

  constructor() {
    const at = this.memory.allocate(4096, "counters");
    const counters = new CounterBlock(this.memory.arena, at, VERBS_COUNTER_NAMES);
    this.adopter = new VerbsAdopter(this.loop, counters.at);
  }

  /** Connects to a port of this machine with these bytes as private data. */
  async connect(privateData: Uint8Array, port: number): Promise<RawOutcome> {
    const target = {
      source: undefined,
      destination: RDMA_ADDRESS,
      port,
      privateData,
      limits: QUEUE_LIMITS,
      timeoutMs: CONNECT_TIMEOUT_MS,
    };
    const { promise, resolve } = Promise.withResolvers<RawOutcome>();
    this.fabric.connect(target, (outcome) => {
      if (outcome.kind === "failed") return resolve(outcome);
      const answer = outcome.privateData;
      const errno = new DataView(answer.buffer, answer.byteOffset).getInt16(CONN_RSP.ERRNO, true);
      if (outcome.kind === "rejected") return resolve({ kind: "rejected", errno });
      resolve({ kind: "established", connection: this.adopt(outcome.ticket), answer });
    });
    return await promise;
  }

  /** Takes over a connection. */
  adopt(ticket: ConnectionTicket): RawConnection {
    const connection = new RawConnection(this, ticket);
    this.connections.add(connection);
    return connection;
  }

  /** Accepts with these bytes; `use` gets the connection, unless the peer went away meanwhile. */
  accept(
    request: ConnectionRequest,
    privateData: Uint8Array,
    use: (connection: RawConnection) => void,
  ): void {
    request.accept(privateData, QUEUE_LIMITS, (outcome) => {
      if ("ticket" in outcome) use(this.adopt(outcome.ticket));
    });
  }

  /** Listens on a port until the end of the node. */
  listen(port: number, onRequest: (request: ConnectionRequest) => void): void {
    this.listeners.push(this.fabric.listen(RDMA_ADDRESS, port, onRequest));
  }

  forget(connection: RawConnection): void {
    this.connections.delete(connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.listeners.splice(0)) listener.close();
    await Promise.all([...this.connections].map((connection) => connection.close()));
    this.fabric.close();
    await this.loop.close();
  }
}
