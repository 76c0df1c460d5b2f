/**
 * The NBD export of one mapping, on main: listens on its Unix socket, accepts, negotiates, and
 * hands finished connections on as tickets.
 */
import { close, setSocketOption, shutdownSocket } from "../ffi/libc.ts";
import type { ControlLoop, PendingOperation } from "../ring/control_loop.ts";
import type { CounterBlock } from "../ring/counters.ts";
import { OP, SQE } from "../ring/opcodes.ts";
import { CONNECTION_MEMORY } from "./connection_memory.ts";
import type { NbdCounterName } from "./counters.ts";
import type { NbdExport } from "./export_description.ts";
import { ACCEPT_RETRY_MS, CONNECTIONS_MAX, NEGOTIATIONS_MAX, SEND_BUFFER_BYTES } from "./limits.ts";
import { Negotiator, type NegotiatorOutcome } from "./negotiator.ts";
import { closeListeningSocket, type ListeningSocket, listenOnPath } from "./socket_file.ts";
import type { NbdTicket } from "./ticket.ts";

const SOCK_CLOEXEC = 0o2000000;
/** Owner only: the socket gives raw access to the disk. */
const SOCKET_MODE = 0o600;

let nextTicketId = 1;

/**
 * Lets several replies wait in the socket: with the default a client that reads 128 KiB blocks is
 * woken for each one. The kernel cuts the size to net.core.wmem_max unless we are privileged.
 */
function widenSendBuffer(fd: number): void {
  const SOL_SOCKET = 1;
  const SO_SNDBUF = 7;
  const SO_SNDBUFFORCE = 32;
  try {
    setSocketOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER_BYTES);
  } catch {
    setSocketOption(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_BYTES);
  }
}

/** What {@link NbdListener.open} needs. */
export interface NbdListenerOptions {
  readonly loop: ControlLoop;
  readonly subject: NbdExport;
  /** Path of the socket; see `socketPath`. */
  readonly path: string;
  /** Access mode of the socket file; default 0600. */
  readonly mode?: number;
  /** Main's {@link NBD_COUNTERS}. */
  readonly counters: CounterBlock<NbdCounterName>;
  /** Gets every finished connection; must see to `connectionClosed` or `discard` in the end. */
  readonly onConnection: (ticket: NbdTicket) => void;
  /** Default NEGOTIATION_TIMEOUT_MS; shorter in tests. */
  readonly negotiationTimeoutMs?: number;
}

/** A listening export. */
export class NbdListener {
  private readonly negotiators = new Set<Negotiator>();
  /** Tickets given out and not given back, by id: their memory. */
  private readonly tickets = new Map<number, number>();
  private accepting: PendingOperation | null = null;
  private closing = false;
  private wakeAccept: (() => void) | null = null;
  private readonly acceptLoop: Promise<void>;
  private readonly negotiations = new Set<Promise<void>>();

  private constructor(
    private readonly options: NbdListenerOptions,
    private readonly socket: ListeningSocket,
  ) {
    this.acceptLoop = this.accept();
  }

  /**
   * Starts to listen.
   * @throws RangeError when the path is too long
   * @throws SystemError when the socket cannot be made, EADDRINUSE when somebody serves the path
   */
  static async open(options: NbdListenerOptions): Promise<NbdListener> {
    return new NbdListener(options, await listenOnPath(options.path, options.mode ?? SOCKET_MODE));
  }

  /** Path of the socket. */
  get path(): string {
    return this.options.path;
  }

  /** Clients that are past the negotiation. */
  get connections(): number {
    return this.tickets.size;
  }

  /** A reactor reports that the connection of this ticket has closed: its memory is free. */
  connectionClosed(ticketId: number): void {
    const memory = this.tickets.get(ticketId);
    if (memory === undefined) return;
    this.tickets.delete(ticketId);
    this.options.loop.memory.release(memory);
    this.wakeAccept?.();
  }

  /** Closes a connection that no reactor took over. */
  discard(ticket: NbdTicket): void {
    shutdownSocket(ticket.fd);
    close(ticket.fd);
    this.connectionClosed(ticket.id);
  }

  /**
   * Stops listening, ends half-open negotiations and removes the socket file. Connections that
   * were handed on are not touched: whoever serves them closes them.
   */
  async close(): Promise<void> {
    if (this.closing) return await this.acceptLoop;
    this.closing = true;
    this.accepting?.cancel();
    this.wakeAccept?.();
    for (const negotiator of this.negotiators) negotiator.cancel();
    await this.acceptLoop;
    await Promise.all(this.negotiations);
    closeListeningSocket(this.socket);
  }

  private async accept(): Promise<void> {
    const { loop } = this.options;
    while (!this.closing) {
      if (this.negotiators.size >= NEGOTIATIONS_MAX) {
        await this.pause();
        continue;
      }
      this.accepting = loop.start(OP.ACCEPT, this.socket.fd, 0, 0, (sqe, word) => {
        sqe[word + SQE.OP_FLAGS] = SOCK_CLOEXEC;
      });
      const result = await this.accepting.result;
      this.accepting = null;
      if (result >= 0) this.onAccepted(result);
      // Out of descriptors or memory: the client waits in the backlog until there are some.
      else if (!this.closing) await this.pause(ACCEPT_RETRY_MS);
    }
  }

  /** Waits until a negotiation or connection ends, the listener closes, or the time is over. */
  private async pause(timeoutMs?: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
    this.wakeAccept = resolve;
    await promise;
    this.wakeAccept = null;
    clearTimeout(timer);
  }

  private onAccepted(fd: number): void {
    const { counters } = this.options;
    counters.add("nbd_accepted");
    if (this.closing || this.negotiators.size + this.tickets.size >= CONNECTIONS_MAX) {
      if (!this.closing) counters.add("nbd_refused_busy");
      close(fd);
      return;
    }
    widenSendBuffer(fd);
    const negotiation: Promise<void> = this.negotiate(fd).finally(() => {
      this.negotiations.delete(negotiation);
      this.wakeAccept?.();
    });
    this.negotiations.add(negotiation);
  }

  private async negotiate(fd: number): Promise<void> {
    const { loop, subject, negotiationTimeoutMs, onConnection } = this.options;
    let memory = 0;
    try {
      memory = loop.memory.allocate(CONNECTION_MEMORY.BYTES, `an NBD client of ${subject.name}`);
    } catch {
      this.options.counters.add("nbd_refused_busy");
      close(fd);
      return;
    }
    const buffer = memory + CONNECTION_MEMORY.STAGING;
    const negotiator = new Negotiator(loop, fd, buffer, subject, negotiationTimeoutMs);
    this.negotiators.add(negotiator);
    const outcome = await negotiator.run();
    this.negotiators.delete(negotiator);
    if (outcome.kind === "transmission" && !this.closing) {
      const { structured, transmissionFlags } = outcome;
      const id = nextTicketId++;
      this.tickets.set(id, memory);
      const exportName = subject.name;
      onConnection({ id, fd, exportName, structured, transmissionFlags, memory });
      return;
    }
    this.count(outcome);
    close(fd);
    loop.memory.release(memory);
  }

  private count(outcome: NegotiatorOutcome): void {
    const { counters } = this.options;
    if (outcome.kind === "timeout") counters.add("nbd_negotiation_timeout");
    else if (outcome.kind === "lost") counters.add("nbd_negotiation_lost");
    else if (outcome.kind === "failed") counters.add(`nbd_negotiation_${outcome.failure}`);
  }
}
