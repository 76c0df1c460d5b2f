/**
 * The fabric seam: what RTRS needs of RDMA, and no more. Three carriers implement it: `verbs`
 * (RDMA), `iwarp` (RDMA semantics over TCP) and `sim` (in memory, virtual time).
 *
 * It has two halves. The control half ({@link Fabric}) finds and makes connections; it lives on
 * main and is callback-driven, so that it runs unchanged on virtual time. The data half
 * ({@link FabricConnection}) carries messages; it lives on the thread that adopted the connection
 * and allocates nothing per message. All places in memory are arena offsets (bytes).
 */

/** A remote address of 64 bits as two words: kernel addresses exceed 2^53. */
export interface RemoteAddress {
  readonly high: number;
  readonly low: number;
}

/**
 * Who may use registered memory: posts of this side only, or writes of the peer as well, or those
 * through {@link MemoryWindows} only.
 */
export type MemoryAccess = "local" | "remote" | "windows";

/**
 * A range of local memory that posts may take their bytes from and, with access `remote`, a peer
 * may write to. Plain data. It takes effect on a connection with {@link FabricConnection.expose}.
 */
export interface RegisteredMemory {
  /** Arena offset and length, bytes. */
  readonly at: number;
  readonly length: number;
  readonly access: MemoryAccess;
  /** The key that posts of this side present to the device; 0 on carriers that need none. */
  readonly lkey: number;
  /** The key a peer must present (STag on iWARP); 0 for local memory and for windows. */
  readonly rkey: number;
  /** The peer's name of the first byte. */
  readonly address: RemoteAddress;
}

/**
 * Windows on registered memory, side by side, all of one size: a peer may write to one while it is
 * open, on any connection of the path, and each time it is opened it has a new key. Plain data.
 */
export interface MemoryWindows {
  /** What they are on; its access is `windows`. */
  readonly memory: RegisteredMemory;
  readonly windowBytes: number;
  /** The carrier's names of the registration and of the windows, in order. */
  readonly region: number;
  readonly handles: readonly number[];
}

/** The windows of a path as one of its connections opens and closes them. */
export interface ConnectionWindows {
  /**
   * Opens window `index`, which is closed, before anything that is posted from now on.
   * @returns its key; 0 on a connection that is not usable any more
   */
  open(index: number): number;
  /**
   * Closes window `index`; {@link WindowHandler.onWindowClosed} tells when the peer cannot write
   * any more.
   */
  close(index: number): void;
}

/** Told about windows, on the thread that adopted the connection. Never from within a call. */
export interface WindowHandler {
  /** Follows each close, unless the connection breaks or is closed before. */
  onWindowClosed(index: number): void;
}

/** What a broken or refused connection says. */
export interface FabricFailure {
  /** Positive errno. */
  readonly errno: number;
  /** A sentence for the log: what happened, on what. */
  readonly reason: string;
}

/** Told about one connection, on the thread that adopted it. Never called from within a post. */
export interface FabricConnectionHandler {
  /** An RDMA-write-with-immediate (or an empty one) arrived; what it wrote is in place. */
  onImmediate(immediate: number): void;
  /**
   * A SEND arrived: `length` bytes at arena offset `at`, valid during the call only.
   * A send with immediate is this call followed by {@link onImmediate}.
   */
  onSend(at: number, length: number): void;
  /** The peer invalidated `rkey` (SEND with invalidate; an empty one carries nothing else). */
  onInvalidated(rkey: number): void;
  /** The connection is unusable: no more events come but {@link onClosed}. Called at most once. */
  onBroken(failure: FabricFailure): void;
  /** Nothing of this connection refers to local memory any more. Last call, always made. */
  onClosed(): void;
}

/**
 * One reliable connection (a queue pair), the data half. Posts take effect at the end of the
 * batch; their memory must stay untouched until the peer's answer shows that it arrived, or
 * until `onClosed`. A post on a broken connection does nothing.
 */
export interface FabricConnection {
  /**
   * RDMA write of two gathered ranges (either may have length 0), followed by an immediate.
   * @param rkey key of the remote memory; this and the words of the address may come signed
   * @param addressHigh, addressLow remote address of the first byte
   */
  writeImmediate(
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
    rkey: number,
    addressHigh: number,
    addressLow: number,
    immediate: number,
  ): void;
  /** RDMA write of one range, nothing after it. */
  write(
    at: number,
    length: number,
    rkey: number,
    addressHigh: number,
    addressLow: number,
  ): void;
  /** An empty RDMA write with immediate. */
  immediate(immediate: number): void;
  /** SEND of one range. */
  send(at: number, length: number): void;
  /** SEND with immediate. */
  sendImmediate(at: number, length: number, immediate: number): void;
  /** Empty SEND with remote invalidation of `rkey`. */
  sendInvalidate(rkey: number): void;
  /**
   * Lets posts use `memory` and, if its access is `remote`, the peer write to it. Lasts until
   * {@link conceal} or the end of the connection. Every post's memory must have been exposed.
   */
  expose(memory: RegisteredMemory): void;
  /** Undoes {@link expose}: nothing in flight refers to `memory` any more. */
  conceal(memory: RegisteredMemory): void;
  /**
   * Takes windows of the path into use. Carriers with {@link Fabric.makeWindows} have it; the
   * connection must have been made with QueueLimits.windowChangesMax.
   */
  useWindows?(windows: MemoryWindows, handler: WindowHandler): ConnectionWindows;
  /** True when posts may take `length` bytes from arena offset `at`. */
  reaches(at: number, length: number): boolean;
  /** Starts closing: tells the peer, drops what is queued; ends with `onClosed`. Idempotent. */
  close(): void;
}

/** A connection that is set up but not yet adopted; plain data, can be sent to another thread. */
export interface ConnectionTicket {
  readonly carrier: "iwarp" | "verbs" | "sim";
  /** Source and destination as the originals print them, e.g. `tcp:127.0.0.1`. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** The device that carries it, as in the originals' `hca_name`; `tcp` on iWARP. */
  readonly hcaName: string;
  /** Port of that device; 0 on iWARP. */
  readonly hcaPort: number;
  /** The carrier's own fields. */
  readonly details: Readonly<Record<string, number | string>>;
}

/** Sizes that a carrier needs when it makes a connection: those of a queue pair. */
export interface QueueLimits {
  /** Messages posted that the peer has not taken yet; more than these wait at this side. */
  readonly sendsMax: number;
  /** Messages from the peer that must find a receive posted. */
  readonly receivesMax: number;
  /** Windows opened or closed whose completion is outstanding; none when it is left out. */
  readonly windowChangesMax?: number;
}

/** Sizes that a carrier needs when a thread takes a connection over. */
export interface ConnectionLimits {
  /** Messages that may be posted and unsent at a time: bounded by the protocol above. */
  readonly postsMax: number;
  /** Longest SEND that may arrive, bytes. */
  readonly receiveBytesMax: number;
}

/** The data half of a carrier on one thread: turns tickets into connections. */
export interface FabricAdopter {
  /** Takes over a connection. From now on this thread owns it. */
  adopt(
    ticket: ConnectionTicket,
    limits: ConnectionLimits,
    handler: FabricConnectionHandler,
  ): FabricConnection;
  /** Closes a connection that nobody adopted; {@link Fabric.release} is still due. */
  discard(ticket: ConnectionTicket): void;
}

/** Somebody asks to connect. Exactly one of `accept` and `reject` must be called. */
export interface ConnectionRequest {
  readonly privateData: Uint8Array;
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** `done` gets the ticket, or the reason why the peer went away meanwhile. */
  accept(
    privateData: Uint8Array,
    limits: QueueLimits,
    done: (outcome: { ticket: ConnectionTicket } | { failure: FabricFailure }) => void,
  ): void;
  reject(privateData: Uint8Array): void;
}

/** How a connect ended. `rejected` carries the peer's private data. */
export type ConnectOutcome =
  | { readonly kind: "established"; ticket: ConnectionTicket; privateData: Uint8Array }
  | { readonly kind: "rejected"; privateData: Uint8Array }
  | { readonly kind: "failed"; failure: FabricFailure };

/** A connect under way. */
export interface ConnectAttempt {
  /** Gives up; `done` is not called any more. */
  cancel(): void;
}

/** What to connect to. Addresses without the carrier's prefix. */
export interface ConnectTarget {
  readonly source: string | undefined;
  readonly destination: string;
  readonly port: number;
  readonly privateData: Uint8Array;
  readonly limits: QueueLimits;
  readonly timeoutMs: number;
}

/** A listener; `close` stops it (connections made stay). */
export interface FabricListener {
  readonly localAddress: string;
  readonly port: number;
  close(): void;
}

/** The control half of a carrier. */
export interface Fabric {
  readonly carrier: ConnectionTicket["carrier"];
  /**
   * @param port 0 picks a free one
   * @throws SystemError when the address cannot be had
   */
  listen(
    address: string,
    port: number,
    onRequest: (request: ConnectionRequest) => void,
  ): FabricListener;
  connect(target: ConnectTarget, done: (outcome: ConnectOutcome) => void): ConnectAttempt;
  /**
   * Registers a range for a path; the key is good on all connections of the path that
   * {@link FabricConnection.expose} it.
   * @param ticket one connection of the path: it names the device
   * @throws SystemError when the device or the limit on locked memory does not allow it
   */
  register(
    ticket: ConnectionTicket,
    at: number,
    length: number,
    access: MemoryAccess,
  ): RegisteredMemory;
  /**
   * Makes windows of `windowBytes` all over `memory`, whose access is `windows`; all are closed.
   * Carriers that cannot take a key back do not have it.
   * @throws SystemError when the device does not allow it
   */
  makeWindows?(memory: RegisteredMemory, windowBytes: number): MemoryWindows;
  /** Undoes {@link makeWindows}, after the last connection that used them, before unregister. */
  freeWindows?(windows: MemoryWindows): void;
  /** Frees what main holds for a connection, after its `onClosed`. */
  release(ticket: ConnectionTicket): void;
  /** Undoes {@link register}, after the last connection that exposed it was closed. */
  unregister(memory: RegisteredMemory): void;
}
