/**
 * A carrier that records what is asked of it. Nothing happens by itself: the test says what arrives
 * and when a connection is closed, so that every order of events can be tried.
 */
import assert from "node:assert/strict";
import type {
  ConnectAttempt,
  ConnectionLimits,
  ConnectionRequest,
  ConnectionTicket,
  ConnectOutcome,
  ConnectTarget,
  Fabric,
  FabricAdopter,
  FabricConnection,
  FabricConnectionHandler,
  FabricFailure,
  FabricListener,
  MemoryAccess,
  MemoryWindows,
  RegisteredMemory,
  WindowHandler,
} from "../../../src/fabric/fabric.ts";
import { FakeWindows } from "./fake_windows.ts";

/** A post: what went out, and from where. */
export interface Post {
  readonly kind: "writeImmediate" | "write" | "immediate" | "send" | "sendImmediate" | "invalidate";
  /** Arena offset and length of the first and the second range. */
  readonly first: number;
  readonly firstLength: number;
  readonly second: number;
  readonly secondLength: number;
  readonly rkey: number;
  readonly high: number;
  readonly low: number;
  readonly immediate: number;
}

const EMPTY: Post = {
  kind: "immediate",
  first: 0,
  firstLength: 0,
  second: 0,
  secondLength: 0,
  rkey: 0,
  high: 0,
  low: 0,
  immediate: 0,
};

/** The data half of a connection: posts are recorded, events come from the test. */
export class FakeConnection implements FabricConnection {
  readonly posts: Post[] = [];
  readonly exposed: RegisteredMemory[] = [];
  windows: FakeWindows | undefined;
  isClosing = false;
  isClosed = false;

  constructor(readonly handler: FabricConnectionHandler, readonly limits?: ConnectionLimits) {}

  private record(post: Partial<Post>): void {
    if (!this.isClosing) this.posts.push({ ...EMPTY, ...post });
  }

  writeImmediate(
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
    rkey: number,
    high: number,
    low: number,
    immediate: number,
  ): void {
    const kind = "writeImmediate";
    this.record({ kind, first, firstLength, second, secondLength, rkey, high, low, immediate });
  }

  write(first: number, firstLength: number, rkey: number, high: number, low: number): void {
    this.record({ kind: "write", first, firstLength, rkey, high, low });
  }

  immediate(immediate: number): void {
    this.record({ kind: "immediate", immediate });
  }

  send(first: number, firstLength: number): void {
    this.record({ kind: "send", first, firstLength });
  }

  sendImmediate(first: number, firstLength: number, immediate: number): void {
    this.record({ kind: "sendImmediate", first, firstLength, immediate });
  }

  sendInvalidate(rkey: number): void {
    this.record({ kind: "invalidate", rkey });
  }

  expose(memory: RegisteredMemory): void {
    this.exposed.push(memory);
  }

  conceal(memory: RegisteredMemory): void {
    const at = this.exposed.indexOf(memory);
    assert.ok(at >= 0, "concealed what was not exposed");
    this.exposed.splice(at, 1);
  }

  useWindows(_windows: MemoryWindows, handler: WindowHandler): FakeWindows {
    return this.windows = new FakeWindows(handler, () => this.isClosing);
  }

  reaches(): boolean {
    return true;
  }

  close(): void {
    this.isClosing = true;
  }

  /** The last post, which is taken away. */
  take(): Post {
    const post = this.posts.pop();
    assert.ok(post !== undefined, "nothing was posted");
    return post;
  }

  /** The end of a closing connection: the fabric lets go of memory. */
  finishClose(): void {
    assert.ok(this.isClosing && !this.isClosed, "nobody closed it");
    this.isClosed = true;
    this.handler.onClosed();
  }

  /** The peer went away; the handler is expected to close. */
  break(failure: FabricFailure = { errno: 104, reason: "the peer went away" }): void {
    this.handler.onBroken(failure);
  }
}

/** The data half of the carrier on one thread. */
export class FakeAdopter implements FabricAdopter {
  readonly connections: FakeConnection[] = [];
  readonly adopted: ConnectionTicket[] = [];
  readonly discarded: ConnectionTicket[] = [];

  adopt(
    ticket: ConnectionTicket,
    limits: ConnectionLimits,
    handler: FabricConnectionHandler,
  ): FabricConnection {
    const connection = new FakeConnection(handler, limits);
    this.connections.push(connection);
    this.adopted.push(ticket);
    return connection;
  }

  discard(ticket: ConnectionTicket): void {
    this.discarded.push(ticket);
  }

  /** Ends every connection that is being closed. */
  settle(): void {
    for (const connection of this.connections) {
      if (connection.isClosing && !connection.isClosed) connection.finishClose();
    }
  }
}

/** A connect of a client that the test answers. */
export interface PendingConnect {
  readonly target: ConnectTarget;
  readonly done: (outcome: ConnectOutcome) => void;
  isCancelled: boolean;
}

/** What became of a connection request. */
export interface RequestFate {
  accepted?: Uint8Array;
  rejected?: Uint8Array;
  /** Ends the accept: with a ticket, or with a failure. */
  finish(failure?: FabricFailure): ConnectionTicket | undefined;
}

/** The control half. */
export class FakeFabric implements Fabric {
  readonly carrier = "sim";
  readonly connects: PendingConnect[] = [];
  readonly registered = new Set<RegisteredMemory>();
  readonly windows = new Set<MemoryWindows>();
  /** Tickets that were made and not released. */
  readonly tickets = new Set<ConnectionTicket>();
  private onRequest: ((request: ConnectionRequest) => void) | undefined;
  private nextNumber = 1;

  listen(
    address: string,
    port: number,
    onRequest: (request: ConnectionRequest) => void,
  ): FabricListener {
    this.onRequest = onRequest;
    return { localAddress: address, port, close: () => this.onRequest = undefined };
  }

  get isListening(): boolean {
    return this.onRequest !== undefined;
  }

  connect(target: ConnectTarget, done: (outcome: ConnectOutcome) => void): ConnectAttempt {
    const pending: PendingConnect = { target, done, isCancelled: false };
    this.connects.push(pending);
    return { cancel: () => pending.isCancelled = true };
  }

  register(
    _ticket: ConnectionTicket,
    at: number,
    length: number,
    access: MemoryAccess,
  ): RegisteredMemory {
    const rkey = 0x1000 + this.nextNumber++;
    const memory = { at, length, access, lkey: 0, rkey, address: { high: 0x7f01, low: at >>> 0 } };
    this.registered.add(memory);
    return memory;
  }

  makeWindows(memory: RegisteredMemory, windowBytes: number): MemoryWindows {
    assert.equal(memory.access, "windows");
    const handles = Array.from({ length: memory.length / windowBytes }, (_, i) => i + 1);
    const windows = { memory, windowBytes, region: 7, handles };
    this.windows.add(windows);
    return windows;
  }

  freeWindows(windows: MemoryWindows): void {
    assert.ok(this.registered.has(windows.memory), "the memory went first");
    assert.ok(this.windows.delete(windows), "freed twice");
  }

  unregister(memory: RegisteredMemory): void {
    assert.ok(this.registered.delete(memory), "unregistered twice");
  }

  release(ticket: ConnectionTicket): void {
    assert.ok(this.tickets.delete(ticket), "released twice");
  }

  ticket(localAddress: string, remoteAddress: string): ConnectionTicket {
    const details = { number: this.nextNumber++ };
    const ticket: ConnectionTicket = {
      carrier: "sim",
      localAddress,
      remoteAddress,
      hcaName: "fake0",
      hcaPort: 1,
      details,
    };
    this.tickets.add(ticket);
    return ticket;
  }

  /** The connect that waits for an answer; the oldest one, which is taken away. */
  takeConnect(): PendingConnect {
    const pending = this.connects.shift();
    assert.ok(pending !== undefined, "nobody connects");
    return pending;
  }

  /** Somebody connects to the listener. */
  request(
    privateData: Uint8Array,
    remoteAddress = "tcp:10.0.0.2",
    localAddress = "tcp:10.0.0.1",
  ): RequestFate {
    let done: Parameters<ConnectionRequest["accept"]>[2] | undefined;
    const fate: RequestFate = {
      finish: (failure) => {
        assert.ok(done !== undefined, "nobody accepted");
        if (failure !== undefined) {
          done({ failure });
          return undefined;
        }
        const ticket = this.ticket(localAddress, remoteAddress);
        done({ ticket });
        return ticket;
      },
    };
    const isOpen = () => assert.ok(!fate.accepted && !fate.rejected, "answered twice");
    assert.ok(this.onRequest !== undefined, "nobody listens");
    this.onRequest({
      privateData,
      localAddress,
      remoteAddress,
      accept: (bytes, _limits, callback) => {
        isOpen();
        fate.accepted = bytes;
        done = callback;
      },
      reject: (bytes) => {
        isOpen();
        fate.rejected = bytes;
      },
    });
    return fate;
  }
}
