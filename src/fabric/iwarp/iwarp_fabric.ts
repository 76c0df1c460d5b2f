/**
 * The control half of the iWARP carrier: listening, connecting and MPA start-up, on main.
 * Connections come out as tickets; their memory is allocated and released here.
 */
import { ERRNO, SystemError } from "../../ffi/errno.ts";
import { bind, close, getSocketName, listen, socket } from "../../ffi/libc.ts";
import type { ControlLoop } from "../../ring/control_loop.ts";
import type {
  ConnectAttempt,
  ConnectionRequest,
  ConnectionTicket,
  ConnectOutcome,
  ConnectTarget,
  Fabric,
  FabricListener,
  MemoryAccess,
  RegisteredMemory,
} from "../fabric.ts";
import { AF_INET6, decodeSockaddr, encodeSockaddr, familyOf } from "../sockaddr.ts";
import { CONNECTION_LAYOUT } from "./connection_memory.ts";
import { type CrcPolicy, wantsCrc } from "./crc_policy.ts";
import { LISTEN_BACKLOG } from "./limits.ts";
import { IwarpListener } from "./listener.ts";
import { encodeMpaFrame, MPA_REJECTION_NAMES, type MpaRejection } from "./mpa.ts";
import { RegistrationKeys } from "./registration_keys.ts";
import { configureBoundSource, configureListener, configureStream } from "./socket_options.ts";
import { StartupError, StartupSocket } from "./startup_socket.ts";
import { makeTicket, readTicket } from "./ticket.ts";

const SOCK_STREAM = 1;

/** The carrier's control half. Several may share a loop, each with its own CRC policy. */
export class IwarpFabric implements Fabric {
  readonly carrier = "iwarp";
  private readonly keys = new RegistrationKeys();

  /**
   * @param rejections index in `arena.f64` of the counters of MPA_REJECTION_NAMES
   */
  constructor(
    private readonly loop: ControlLoop,
    private readonly crcPolicy: CrcPolicy,
    private readonly rejections: number,
  ) {}

  listen(
    address: string,
    port: number,
    onRequest: (request: ConnectionRequest) => void,
  ): FabricListener {
    const sockaddr = encodeSockaddr(address, port);
    const family = familyOf(address);
    const subject = `tcp:${address} port ${port}`;
    const fd = socket(family, SOCK_STREAM, 0);
    try {
      configureListener(fd, family === AF_INET6);
      bind(fd, sockaddr, subject);
      listen(fd, LISTEN_BACKLOG, subject);
    } catch (cause) {
      close(fd);
      throw cause;
    }
    const bound = decodeSockaddr(getSocketName(fd));
    return new IwarpListener(
      this.loop,
      fd,
      `tcp:${address}`,
      bound.port,
      this.crcPolicy,
      (rejection) => this.count(rejection),
      onRequest,
    );
  }

  connect(target: ConnectTarget, done: (outcome: ConnectOutcome) => void): ConnectAttempt {
    let cancelled = false;
    let startup: StartupSocket | undefined;
    const finish = (outcome: ConnectOutcome) => {
      if (!cancelled) {
        done(outcome);
      } else if (outcome.kind === "established") {
        close(readTicket(outcome.ticket).fd);
        this.release(outcome.ticket);
      }
    };
    const onStart = (socket: StartupSocket) => {
      startup = socket;
      if (cancelled) socket.abort(cancelledError());
    };
    this.establish(target, onStart).then(finish);
    const cancel = () => {
      cancelled = true;
      startup?.abort(cancelledError());
    };
    return { cancel };
  }

  private async establish(
    target: ConnectTarget,
    onStart: (startup: StartupSocket) => void,
  ): Promise<ConnectOutcome> {
    const subject = `tcp:${target.destination} port ${target.port}`;
    let startup: StartupSocket | undefined;
    try {
      // Whatever the outcome, it is told after `connect` has returned.
      await Promise.resolve();
      startup = this.openSocket(target);
      onStart(startup);
      const outcome = await this.startUp(startup, target);
      if (outcome.kind !== "established") this.dismantle(startup);
      return outcome;
    } catch (cause) {
      if (startup !== undefined) this.dismantle(startup);
      if (cause instanceof StartupError) this.count(cause.rejection);
      return { kind: "failed", failure: failureOf(cause, subject) };
    }
  }

  /** A socket, bound to the source address if one is given, and memory for the connection. */
  private openSocket(target: ConnectTarget): StartupSocket {
    const fd = socket(familyOf(target.destination), SOCK_STREAM, 0);
    try {
      configureStream(fd);
      if (target.source !== undefined) {
        configureBoundSource(fd);
        bind(fd, encodeSockaddr(target.source, 0), `source tcp:${target.source}`);
      }
      const memory = this.loop.memory.allocate(CONNECTION_LAYOUT.BYTES, "a connection");
      return new StartupSocket(this.loop, fd, memory);
    } catch (cause) {
      close(fd);
      throw cause;
    }
  }

  private async startUp(startup: StartupSocket, target: ConnectTarget): Promise<ConnectOutcome> {
    startup.arm(target.timeoutMs);
    await startup.connect(encodeSockaddr(target.destination, target.port));
    const { localAddress, remoteAddress, loopback } = startup.ends();
    const wanted = wantsCrc(this.crcPolicy, loopback);
    const { privateData } = target;
    await startup.send(
      encodeMpaFrame("request", { crc: wanted, reject: false, revision: 2, privateData }),
    );
    const reply = await startup.receiveFrame("reply");
    startup.disarm();
    if (reply.header.reject) return { kind: "rejected", privateData: reply.privateData };
    const ticket = makeTicket(localAddress, remoteAddress, {
      fd: startup.fd,
      crc: wanted || reply.header.crc,
      revision: reply.header.revision,
      memory: startup.memory,
    });
    return { kind: "established", ticket, privateData: reply.privateData };
  }

  private dismantle(startup: StartupSocket): void {
    startup.close();
    this.loop.memory.release(startup.memory);
  }

  register(
    _ticket: ConnectionTicket,
    at: number,
    length: number,
    access: MemoryAccess,
  ): RegisteredMemory {
    return this.keys.register(at, length, access);
  }

  unregister(memory: RegisteredMemory): void {
    this.keys.unregister(memory);
  }

  release(ticket: ConnectionTicket): void {
    this.loop.memory.release(readTicket(ticket).memory);
  }

  private count(rejection: MpaRejection | undefined): void {
    if (rejection === undefined) return;
    this.loop.arena.f64[this.rejections + MPA_REJECTION_NAMES.indexOf(rejection)]! += 1;
  }
}

function cancelledError(): StartupError {
  return new StartupError(ERRNO.ECANCELED, undefined, "the attempt was called off");
}

/** What the owner of a failed attempt is told. */
function failureOf(cause: unknown, subject: string): { errno: number; reason: string } {
  if (cause instanceof StartupError) {
    return { errno: cause.errno, reason: `${subject}: ${cause.message}` };
  }
  if (cause instanceof SystemError) {
    return { errno: cause.errno, reason: `${subject}: ${cause.message}` };
  }
  // The arena is full, or the target was no address.
  if (cause instanceof RangeError) {
    return { errno: ERRNO.ENOMEM, reason: `${subject}: ${cause.message}` };
  }
  throw cause;
}
