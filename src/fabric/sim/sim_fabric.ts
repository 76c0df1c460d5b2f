/** The control half of the simulated carrier, in one process: listening and connecting. */
import { ERRNO, SystemError } from "../../ffi/errno.ts";
import type {
  ConnectAttempt,
  ConnectionRequest,
  ConnectionTicket,
  ConnectOutcome,
  ConnectTarget,
  Fabric,
  FabricListener,
  MemoryAccess,
  MemoryWindows,
  QueueLimits,
  RegisteredMemory,
} from "../fabric.ts";
import type { ListeningProcess, SimNetwork } from "./network.ts";
import type { SimProcess } from "./process.ts";
import { connectionOf } from "./sim_adopter.ts";
import { SimConnection } from "./sim_connection.ts";

const PAGE_BYTES = 4096;

/** A connect under way, as both ends see it. */
interface Dial {
  readonly process: SimProcess;
  /** Where it comes from. */
  readonly source: string;
  readonly fabric: SimFabric;
  readonly target: ConnectTarget;
  /** Its end was told, or nobody wants to know any more. */
  isOver: boolean;
  /** Its end of the connection, while the news of that travels. */
  end: SimConnection | undefined;
  finish(outcome: ConnectOutcome): void;
}

/** See the head of this file. */
export class SimFabric implements Fabric {
  readonly carrier = "sim";
  private readonly registered = new Map<number, RegisteredMemory>();
  /** Keys of registrations that have windows. */
  private readonly windowed = new Set<number>();

  constructor(private readonly network: SimNetwork, private readonly process: SimProcess) {}

  /** Ranges that were registered and not unregistered. */
  get registrations(): Iterable<RegisteredMemory> {
    return this.registered.values();
  }

  listen(
    address: string,
    port: number,
    onRequest: (request: ConnectionRequest) => void,
  ): FabricListener {
    const name = `${address} ${port}`;
    if (this.network.listeners.has(name)) {
      throw new SystemError(ERRNO.EADDRINUSE, "listen", `sim:${name}`);
    }
    const { process, network } = this;
    const listener: ListeningProcess = { process, onRequest };
    network.listeners.set(name, listener);
    return {
      localAddress: `sim:${address}`,
      port,
      close: () => {
        if (network.listeners.get(name) === listener) network.listeners.delete(name);
      },
    };
  }

  connect(target: ConnectTarget, done: (outcome: ConnectOutcome) => void): ConnectAttempt {
    const { process, network } = this;
    const subject = `sim:${target.destination} port ${target.port}`;
    const fail = (errno: number, what: string) =>
      dial.finish({ kind: "failed", failure: { errno, reason: `${subject}: ${what}` } });
    const timer = process.clock.after(
      target.timeoutMs,
      () => fail(ERRNO.ETIMEDOUT, "no answer to the connect"),
    );
    const source = target.source ?? process.address;
    const dial: Dial = {
      process,
      source,
      fabric: this,
      target,
      isOver: false,
      end: undefined,
      finish: (outcome) => {
        if (dial.isOver || !process.isAlive) return;
        giveUp(outcome.kind === "established");
        done(outcome);
      },
    };
    const giveUp = (keepsEnd: boolean) => {
      dial.isOver = true;
      timer.cancel();
      const { end } = dial;
      dial.end = undefined;
      if (end === undefined || keepsEnd) return;
      end.discard();
      this.release(ticketOf(end));
    };
    if (!network.random.chance(network.conditions.loseConnectChance)) {
      network.travel(source, target.destination, () => this.knock(dial, fail));
    }
    const cancel = () => {
      if (!dial.isOver) giveUp(false);
    };
    return { cancel };
  }

  /** The connect arrives at the host it is for. */
  private knock(dial: Dial, fail: (errno: number, what: string) => void): void {
    const { network } = this;
    const { destination, port } = dial.target;
    // A host without a process is switched off.
    if (dial.isOver || network.processAt(destination) === undefined) return;
    const listener = network.listeners.get(`${destination} ${port}`);
    if (listener === undefined || network.random.chance(network.conditions.refuseChance)) {
      const refuse = () => fail(ERRNO.ECONNREFUSED, "connection refused");
      return network.travel(destination, dial.source, refuse);
    }
    listener.onRequest(new SimConnectionRequest(network, dial, listener.process));
  }

  register(
    _ticket: ConnectionTicket,
    at: number,
    length: number,
    access: MemoryAccess,
  ): RegisteredMemory {
    const { random } = this.network;
    let rkey = random.u32();
    while (rkey === 0 || this.registered.has(rkey)) rkey = random.u32();
    // Often so high in its word that the range goes on in the next.
    const low = random.chance(0.5) ? 2 ** 32 - 1 - random.below(length) : random.u32();
    const address = { high: random.below(2 ** 31), low };
    const memory = { at, length, access, lkey: rkey, rkey, address };
    this.registered.set(rkey, memory);
    return memory;
  }

  makeWindows(memory: RegisteredMemory, windowBytes: number): MemoryWindows {
    const count = memory.length / windowBytes;
    const handles = Array.from({ length: count }, () => this.network.addWindow());
    this.windowed.add(memory.rkey);
    return { memory, windowBytes, region: 0, handles };
  }

  freeWindows(windows: MemoryWindows): void {
    this.windowed.delete(windows.memory.rkey);
    for (const handle of windows.handles) this.network.windows.delete(handle);
  }

  unregister(memory: RegisteredMemory): void {
    if (this.windowed.has(memory.rkey)) throw new Error(`Key ${memory.rkey} still has windows`);
    if (!this.registered.delete(memory.rkey)) {
      throw new Error(`Key ${memory.rkey} is not registered`);
    }
    for (const connection of this.network.connections.values()) {
      if (connection.process === this.process && connection.exposes(memory.rkey)) {
        throw new Error(`Connection ${connection.id} still exposes key ${memory.rkey}`);
      }
    }
  }

  release(ticket: ConnectionTicket): void {
    const connection = connectionOf(this.network, this.process, ticket);
    if (connection.state !== "closed") {
      throw new Error(`Connection ${connection.id} is released while ${connection.state}`);
    }
    this.network.connections.delete(connection.id);
    this.process.memory.release(connection.page);
  }

  /** A new end of a connection, known by its id. @throws RangeError when the arena is full */
  makeEnd(address: string): SimConnection {
    const page = this.process.memory.allocate(PAGE_BYTES, "a simulated connection");
    const id = this.network.nextConnectionId();
    return new SimConnection(this.network, id, this.process, address, page);
  }
}

function ticketOf(end: SimConnection): ConnectionTicket {
  return {
    carrier: "sim",
    localAddress: `sim:${end.address}`,
    remoteAddress: `sim:${end.peer.address}`,
    hcaName: "sim",
    hcaPort: 1,
    details: { connection: end.id },
  };
}

/** A connect as the listening process sees it. */
class SimConnectionRequest implements ConnectionRequest {
  readonly privateData: Uint8Array;
  readonly localAddress: string;
  readonly remoteAddress: string;
  private isAnswered = false;

  constructor(
    private readonly network: SimNetwork,
    private readonly dial: Dial,
    private readonly process: SimProcess,
  ) {
    this.privateData = dial.target.privateData.slice();
    this.localAddress = `sim:${dial.target.destination}`;
    this.remoteAddress = `sim:${dial.source}`;
  }

  accept(
    privateData: Uint8Array,
    _limits: QueueLimits,
    done: Parameters<ConnectionRequest["accept"]>[2],
  ): void {
    this.answer();
    const { network, dial, process } = this;
    process.schedule(network.random.spread(0.01, 1), () => {
      if (dial.isOver || !dial.process.isAlive) {
        const failure = { errno: ERRNO.ECONNRESET, reason: "the peer went away" };
        return done({ failure });
      }
      this.establish(privateData.slice(), done);
    });
  }

  reject(privateData: Uint8Array): void {
    this.answer();
    const { network, dial } = this;
    const data = privateData.slice();
    network.travel(dial.target.destination, dial.source, () => {
      dial.finish({ kind: "rejected", privateData: data });
    });
  }

  private establish(
    privateData: Uint8Array,
    done: Parameters<ConnectionRequest["accept"]>[2],
  ): void {
    const { network, dial, process } = this;
    let near: SimConnection;
    let far: SimConnection;
    try {
      near = new SimFabric(network, process).makeEnd(dial.target.destination);
    } catch (error) {
      return done({ failure: { errno: ERRNO.ENOMEM, reason: String(error) } });
    }
    try {
      far = dial.fabric.makeEnd(dial.source);
    } catch (error) {
      process.memory.release(near.page);
      return done({ failure: { errno: ERRNO.ECONNRESET, reason: String(error) } });
    }
    SimConnection.join(network, near, far);
    for (const end of [near, far]) network.connections.set(end.id, end);
    dial.end = far;
    network.travel(dial.target.destination, dial.source, () => {
      dial.finish({ kind: "established", ticket: ticketOf(far), privateData });
    });
    process.schedule(network.random.spread(0.01, 1), () => done({ ticket: ticketOf(near) }));
  }

  private answer(): void {
    if (this.isAnswered) throw new Error("A connection request was answered twice");
    this.isAnswered = true;
  }
}
