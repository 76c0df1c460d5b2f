/**
 * The socket on which the service manager is told how the service is: sd_notify(3), without
 * libsystemd. One datagram a message, of lines NAME=value; nothing here ever blocks or throws.
 */
import { ERRNO, SystemError } from "../../ffi/errno.ts";
import { sendDatagram, socket } from "../../ffi/libc.ts";
import { log } from "../log.ts";
import { BACKLOG_MAX, SEND_RETRIES_MAX, SEND_RETRY_MS, SUN_PATH_BYTES } from "./limits.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;

/** What is told, by name; see sd_notify(3). */
export type Assignments = Readonly<Record<string, string | number>>;

/** Sends one datagram. @throws SystemError */
export type SendDatagram = (bytes: Uint8Array<ArrayBuffer>) => void;

/**
 * Address of NOTIFY_SOCKET: an absolute path, or `@` and an abstract name.
 * @throws RangeError when it is neither, or too long
 */
export function notifyAddress(text: string): Uint8Array<ArrayBuffer> {
  const isAbstract = text.startsWith("@");
  if (!isAbstract && !text.startsWith("/")) {
    throw new RangeError("it is neither an absolute path nor @ and an abstract name");
  }
  const bytes = new TextEncoder().encode(isAbstract ? `\0${text.slice(1)}` : `${text}\0`);
  if (isAbstract && bytes.length === 1) throw new RangeError("the abstract name is empty");
  if (bytes.length > SUN_PATH_BYTES) throw new RangeError("it is too long for a Unix socket");
  // sockaddr_un: family in host order, then the path.
  const address = new Uint8Array(2 + bytes.length);
  address.set(new Uint8Array(new Uint16Array([AF_UNIX]).buffer));
  address.set(bytes, 2);
  return address;
}

/** A message: one line an assignment; a line end or other control character within is a space. */
export function notifyText(assignments: Assignments): string {
  return Object.entries(assignments)
    // deno-lint-ignore no-control-regex
    .map(([name, value]) => `${name}=${String(value).replaceAll(/[\x00-\x1f\x7f]+/g, " ")}`)
    .join("\n");
}

/** See the head of this file. */
export class NotifySocket {
  private readonly encoder = new TextEncoder();
  private readonly backlog: Uint8Array<ArrayBuffer>[] = [];
  private retries = 0;
  private hasWarned = false;

  /** @param name of the socket, for warnings */
  constructor(private readonly name: string, private readonly sendNow: SendDatagram) {}

  /**
   * The socket that NOTIFY_SOCKET names; undefined when nobody wants to be told, or a warning in
   * the log when it cannot be used: the service runs without it.
   */
  static open(name: string | undefined): NotifySocket | undefined {
    if (name === undefined || name === "") return undefined;
    try {
      const address = notifyAddress(name);
      const fd = socket(AF_UNIX, SOCK_DGRAM, 0);
      return new NotifySocket(name, (bytes) => sendDatagram(fd, bytes, address, name));
    } catch (error) {
      warn(name, error);
      return undefined;
    }
  }

  /** Sends a message after those before it; one that cannot be sent is left out. */
  send(assignments: Assignments): void {
    if (this.backlog.length >= BACKLOG_MAX) return;
    this.backlog.push(this.encoder.encode(notifyText(assignments)));
    // Otherwise a try is due.
    if (this.backlog.length === 1) this.drain();
  }

  private drain(): void {
    while (this.backlog.length > 0) {
      if (!this.hasSent(this.backlog[0]!)) {
        setTimeout(() => this.drain(), SEND_RETRY_MS);
        return;
      }
      this.backlog.shift();
      this.retries = 0;
    }
  }

  /** @returns false: the receiver has no room now, try again */
  private hasSent(bytes: Uint8Array<ArrayBuffer>): boolean {
    try {
      this.sendNow(bytes);
      this.hasWarned = false;
    } catch (error) {
      if (isFull(error) && this.retries < SEND_RETRIES_MAX) {
        this.retries++;
        return false;
      }
      if (!this.hasWarned) warn(this.name, error);
      this.hasWarned = true;
    }
    return true;
  }
}

function isFull(error: unknown): boolean {
  return error instanceof SystemError &&
    (error.errno === ERRNO.EAGAIN || error.errno === ERRNO.ENOBUFS);
}

function warn(socketName: string, error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error);
  log.warn("service manager cannot be told", { socket: socketName, reason });
}
