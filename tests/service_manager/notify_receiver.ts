/** The service manager's end of NOTIFY_SOCKET: a datagram socket that keeps what it is told. */
import assert from "node:assert/strict";
import { notifyAddress } from "../../src/appliance/service_manager/notify_socket.ts";
import { bind, close, socket } from "../../src/ffi/libc.ts";
import { waitFor } from "../support/process.ts";

const library = Deno.dlopen("libc.so.6", {
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
}).symbols;

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;
const POLL_MS = 5;
/** As systemd has it: a longer message is cut. */
const MESSAGE_BYTES_MAX = 4096;

/** A message, as sd_notify(3) says what one is. */
export type Message = Readonly<Record<string, string>>;

/** @throws AssertionError when it is no list of lines NAME=value, each name once */
export function parseMessage(bytes: Uint8Array): Message {
  assert.ok(bytes.length < MESSAGE_BYTES_MAX, `a message of ${bytes.length} bytes`);
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const message: Record<string, string> = {};
  for (const line of text.replace(/\n$/, "").split("\n")) {
    // deno-lint-ignore no-control-regex
    const [, name, value] = /^([A-Z][A-Z0-9_]*)=([^\x00-\x1f\x7f]*)$/.exec(line) ?? [];
    assert.ok(name !== undefined && value !== undefined, `no NAME=value: ${JSON.stringify(line)}`);
    assert.ok(!Object.hasOwn(message, name), `${name} twice`);
    message[name] = value;
  }
  return message;
}

/** See the head of this file. Listening from its making to its disposal. */
export class NotifyReceiver implements Disposable {
  private readonly fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  private readonly received: Message[] = [];
  private readonly timer: ReturnType<typeof setInterval>;

  /** @param name as in NOTIFY_SOCKET */
  constructor(readonly name: string) {
    bind(this.fd, notifyAddress(name), name);
    this.timer = setInterval(() => this.receive(), POLL_MS);
  }

  private receive(): void {
    const bytes = new Uint8Array(MESSAGE_BYTES_MAX);
    for (;;) {
      const length = Number(library.recv(this.fd, bytes, BigInt(bytes.length), MSG_DONTWAIT));
      if (length < 0) return;
      this.received.push(parseMessage(bytes.subarray(0, length)));
    }
  }

  /** All messages so far, in order. */
  get messages(): readonly Message[] {
    this.receive();
    return this.received;
  }

  /** Waits for a message and gives it. */
  async find(what: string, isIt: (message: Message) => boolean): Promise<Message> {
    await waitFor(
      () => this.messages.some(isIt),
      15_000,
      `${what} in ${JSON.stringify(this.messages)}`,
    );
    return this.messages.find(isIt)!;
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
    close(this.fd);
  }
}
