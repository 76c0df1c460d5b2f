/** A listener: accepts, takes each peer through MPA start-up, and hands the request on. */
import { ERRNO, SystemError } from "../../ffi/errno.ts";
import { close } from "../../ffi/libc.ts";
import type { ControlLoop, PendingOperation } from "../../ring/control_loop.ts";
import { OP, SQE } from "../../ring/opcodes.ts";
import type { ConnectionRequest, FabricListener } from "../fabric.ts";
import { CONNECTION_LAYOUT } from "./connection_memory.ts";
import { type CrcPolicy, wantsCrc } from "./crc_policy.ts";
import {
  ACCEPT_RETRY_MS,
  HALF_OPEN_MAX,
  MPA_REPLY_TIMEOUT_MS,
  MPA_REQUEST_TIMEOUT_MS,
} from "./limits.ts";
import { encodeMpaFrame, type MpaHeader, type MpaRejection } from "./mpa.ts";
import { configureStream } from "./socket_options.ts";
import { type SocketEnds, StartupError, startupError, StartupSocket } from "./startup_socket.ts";
import { makeTicket } from "./ticket.ts";

const SOCK_CLOEXEC = 0o2000000;

type AcceptDone = Parameters<ConnectionRequest["accept"]>[2];

/** Accepts until closed; connections made stay. */
export class IwarpListener implements FabricListener {
  private closed = false;
  private accepting: PendingOperation | undefined;
  /** Peers in start-up, the oldest first. */
  private readonly halfOpen = new Set<StartupSocket>();

  /**
   * @param fd a listening socket, which this object closes
   * @param count adds to the counter of a reason
   */
  constructor(
    private readonly loop: ControlLoop,
    private readonly fd: number,
    readonly localAddress: string,
    readonly port: number,
    private readonly crcPolicy: CrcPolicy,
    private readonly count: (rejection: MpaRejection) => void,
    private readonly onRequest: (request: ConnectionRequest) => void,
  ) {
    this.acceptAll();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.accepting?.cancel();
    for (const startup of this.halfOpen) startup.abort(startupError("mpa_closed"));
  }

  private async acceptAll(): Promise<void> {
    while (!this.closed) {
      this.accepting = this.loop.start(OP.ACCEPT, this.fd, 0, 0, (sqe, word) => {
        sqe[word + SQE.OP_FLAGS] = SOCK_CLOEXEC;
      });
      const result = await this.accepting.result;
      if (result >= 0) {
        this.admit(result);
      } else if (result === -ERRNO.EMFILE || result === -ERRNO.ENOMEM) {
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_RETRY_MS));
      }
    }
    close(this.fd);
  }

  private admit(fd: number): void {
    if (this.closed) {
      close(fd);
      return;
    }
    let memory: number;
    try {
      memory = this.loop.memory.allocate(CONNECTION_LAYOUT.BYTES, "a connection");
    } catch {
      this.count("mpa_no_memory");
      close(fd);
      return;
    }
    // A silent peer is there for seconds, an honest one for a round trip: the oldest has to go.
    if (this.halfOpen.size >= HALF_OPEN_MAX) {
      const [oldest] = this.halfOpen;
      this.halfOpen.delete(oldest!);
      oldest!.abort(startupError("mpa_evicted"));
    }
    const startup = new StartupSocket(this.loop, fd, memory);
    this.halfOpen.add(startup);
    this.receiveRequest(startup);
  }

  private async receiveRequest(startup: StartupSocket): Promise<void> {
    let request: { header: MpaHeader; privateData: Uint8Array };
    let ends: SocketEnds;
    try {
      configureStream(startup.fd);
      startup.arm(MPA_REQUEST_TIMEOUT_MS);
      request = await startup.receiveFrame("request");
      startup.disarm();
      ends = startup.ends();
    } catch (cause) {
      this.giveUp(startup, cause);
      return;
    }
    this.halfOpen.delete(startup);
    const { header, privateData } = request;
    this.onRequest({
      privateData,
      localAddress: ends.localAddress,
      remoteAddress: ends.remoteAddress,
      accept: (data, _limits, done) => void this.accept(startup, header, ends, data, done),
      reject: (data) => void this.reject(startup, header, data),
    });
  }

  private async accept(
    startup: StartupSocket,
    header: MpaHeader,
    ends: SocketEnds,
    privateData: Uint8Array,
    done: AcceptDone,
  ): Promise<void> {
    const crc = header.crc || wantsCrc(this.crcPolicy, ends.loopback);
    try {
      await this.reply(startup, header, crc, false, privateData);
    } catch (cause) {
      done({ failure: this.giveUp(startup, cause) });
      return;
    }
    const ticket = makeTicket(ends.localAddress, ends.remoteAddress, {
      fd: startup.fd,
      crc,
      revision: header.revision,
      memory: startup.memory,
    });
    done({ ticket });
  }

  private async reject(
    startup: StartupSocket,
    header: MpaHeader,
    privateData: Uint8Array,
  ): Promise<void> {
    try {
      await this.reply(startup, header, false, true, privateData);
    } catch (cause) {
      this.giveUp(startup, cause);
      return;
    }
    this.dismantle(startup);
  }

  private async reply(
    startup: StartupSocket,
    header: MpaHeader,
    crc: boolean,
    reject: boolean,
    privateData: Uint8Array,
  ): Promise<void> {
    // The reply has the revision of the request (RFC 6581 4).
    const revision = header.enhanced ? 2 : 1;
    const frame = encodeMpaFrame("reply", { crc, reject, revision, privateData });
    startup.arm(MPA_REPLY_TIMEOUT_MS);
    await startup.send(frame);
    startup.disarm();
  }

  /** Counts why, cleans up, and returns what the owner is told. */
  private giveUp(startup: StartupSocket, cause: unknown) {
    this.dismantle(startup);
    if (cause instanceof StartupError) {
      if (cause.rejection !== undefined) this.count(cause.rejection);
      return cause.failure;
    }
    // The peer was gone before its socket could be set up.
    if (cause instanceof SystemError) {
      this.count("mpa_closed");
      return { errno: cause.errno, reason: cause.message };
    }
    throw cause;
  }

  private dismantle(startup: StartupSocket): void {
    this.halfOpen.delete(startup);
    startup.close();
    this.loop.memory.release(startup.memory);
  }
}
