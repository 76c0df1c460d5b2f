/**
 * A socket during MPA start-up, on main: exact reads and whole writes that can be called off as
 * one. Reads never go past the frame, so nothing of the stream behind it is lost.
 */
import { describeErrno, ERRNO, SystemError } from "../../ffi/errno.ts";
import { close, getPeerName, getSocketName } from "../../ffi/libc.ts";
import type { ControlLoop, PendingOperation } from "../../ring/control_loop.ts";
import { MSG, OP, SQE } from "../../ring/opcodes.ts";
import type { FabricFailure } from "../fabric.ts";
import { isLoopback, parseIpv4, parseIpv6 } from "../ip_address.ts";
import { decodeSockaddr } from "../sockaddr.ts";
import { CONNECTION_LAYOUT } from "./connection_memory.ts";
import {
  decodeMpaHeader,
  MPA_FRAME,
  type MpaFrameKind,
  type MpaHeader,
  type MpaRejection,
  userPrivateData,
} from "./mpa.ts";

/** Ends a start-up: what to tell the owner, and which counter it belongs to. */
export class StartupError extends Error {
  override readonly name = "StartupError";
  constructor(
    readonly errno: number,
    readonly rejection: MpaRejection | undefined,
    message: string,
  ) {
    super(message);
  }

  get failure(): FabricFailure {
    return { errno: this.errno, reason: this.message };
  }
}

const SENTENCES: Readonly<Record<MpaRejection, string>> = {
  mpa_key: "what came is no MPA start-up frame",
  mpa_revision: "the MPA revision is neither 1 nor 2",
  mpa_markers: "markers are demanded, which are not supported",
  mpa_private_data: "the private data has an impossible length",
  mpa_timeout: "MPA start-up took too long",
  mpa_closed: "the connection was closed during MPA start-up",
  mpa_evicted: "too many peers are in MPA start-up, and this one was the oldest",
  mpa_no_memory: "no memory for another connection",
};

const ERRNOS: Readonly<Record<MpaRejection, number>> = {
  mpa_key: ERRNO.EPROTO,
  mpa_revision: ERRNO.EPROTONOSUPPORT,
  mpa_markers: ERRNO.EPROTONOSUPPORT,
  mpa_private_data: ERRNO.EMSGSIZE,
  mpa_timeout: ERRNO.ETIMEDOUT,
  mpa_closed: ERRNO.ECONNRESET,
  mpa_evicted: ERRNO.EBUSY,
  mpa_no_memory: ERRNO.ENOMEM,
};

/** The error for a peer that is refused for `rejection`. */
export function startupError(rejection: MpaRejection): StartupError {
  return new StartupError(ERRNOS[rejection], rejection, SENTENCES[rejection]);
}

/** Both ends of a connected socket. */
export interface SocketEnds {
  /** With the carrier's prefix. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** Neither end is on another host. */
  readonly loopback: boolean;
}

/** One socket; the memory is that of the connection to be. */
export class StartupSocket {
  private pending: PendingOperation | undefined;
  private reason: StartupError | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param memory arena offset of CONNECTION_LAYOUT.BYTES */
  constructor(
    private readonly loop: ControlLoop,
    readonly fd: number,
    readonly memory: number,
  ) {}

  /** Ends the operation under way, and any later one, with `reason`. */
  abort(reason: StartupError): void {
    this.reason ??= reason;
    this.pending?.cancel();
  }

  /** Aborts after this time, unless {@link disarm} is called. */
  arm(timeoutMs: number): void {
    this.disarm();
    this.timer = setTimeout(() => this.abort(startupError("mpa_timeout")), timeoutMs);
  }

  disarm(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** Closes the descriptor. Only when no call is under way. */
  close(): void {
    this.disarm();
    close(this.fd);
  }

  private async run(start: () => PendingOperation): Promise<number> {
    if (this.reason !== undefined) throw this.reason;
    const operation = start();
    this.pending = operation;
    const result = await operation.result;
    this.pending = undefined;
    if (this.reason !== undefined) throw this.reason;
    return result;
  }

  /** Connects to a socket address. @throws StartupError */
  async connect(sockaddr: Uint8Array): Promise<void> {
    const at = this.memory + CONNECTION_LAYOUT.SEND_BANK;
    this.loop.arena.u8.set(sockaddr, at);
    const result = await this.run(() =>
      this.loop.start(OP.CONNECT, this.fd, at, 0, (sqe, word) => {
        sqe[word + SQE.OFFSET_LOW] = sockaddr.length;
      })
    );
    if (result < 0) {
      throw new StartupError(-result, undefined, `connecting failed: ${describeErrno(-result)}`);
    }
  }

  /** Sends all of `bytes`. @throws StartupError */
  async send(bytes: Uint8Array): Promise<void> {
    const at = this.memory + CONNECTION_LAYOUT.SEND_BANK;
    this.loop.arena.u8.set(bytes, at);
    for (let sent = 0; sent < bytes.length;) {
      const result = await this.run(() =>
        this.loop.start(OP.SEND, this.fd, at + sent, bytes.length - sent, (sqe, word) => {
          sqe[word + SQE.OP_FLAGS] = MSG.NOSIGNAL;
        })
      );
      if (result < 0) throw startupError("mpa_closed");
      sent += result;
    }
  }

  /** Receives exactly `length` bytes. @throws StartupError */
  async receive(length: number): Promise<Uint8Array> {
    const at = this.memory + CONNECTION_LAYOUT.STAGING;
    for (let received = 0; received < length;) {
      const result = await this.run(() =>
        this.loop.start(OP.RECV, this.fd, at + received, length - received)
      );
      if (result <= 0) throw startupError("mpa_closed");
      received += result;
    }
    return this.loop.arena.u8.slice(at, at + length);
  }

  /** Receives and checks an MPA frame. @throws StartupError */
  async receiveFrame(
    kind: MpaFrameKind,
  ): Promise<{ readonly header: MpaHeader; readonly privateData: Uint8Array }> {
    const header = decodeMpaHeader(kind, await this.receive(MPA_FRAME.HEADER_BYTES));
    if (typeof header === "string") throw startupError(header);
    const bytes = await this.receive(header.privateDataBytes);
    return { header, privateData: userPrivateData(header, bytes) };
  }

  private peerHost(): string {
    try {
      return decodeSockaddr(getPeerName(this.fd)).host;
    } catch (cause) {
      throw peerLost(cause);
    }
  }

  /** Who is connected to whom. @throws SystemError when the peer is gone */
  ends(): SocketEnds {
    const local = decodeSockaddr(getSocketName(this.fd)).host;
    const remote = this.peerHost();
    return {
      localAddress: `tcp:${local}`,
      remoteAddress: `tcp:${remote}`,
      loopback: isLoopbackHost(local) && isLoopbackHost(remote),
    };
  }
}

/** A connection that was reset meanwhile has no peer any more. */
function peerLost(cause: unknown): unknown {
  const isLost = cause instanceof SystemError && cause.errno === ERRNO.ENOTCONN;
  return isLost
    ? new StartupError(ERRNO.ECONNRESET, undefined, "the peer reset the connection")
    : cause;
}

function isLoopbackHost(host: string): boolean {
  const bytes = parseIpv4(host) ?? parseIpv6(host);
  return bytes !== undefined && isLoopback(bytes);
}
