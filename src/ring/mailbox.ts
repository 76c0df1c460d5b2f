/**
 * Main → reactor messages: a byte ring in the arena that holds length-prefixed JSON. Control
 * traffic only; the reactor is woken by an eventfd that its ring reads.
 */
import type { Arena } from "./arena.ts";
import { MAILBOX_BYTES } from "./limits.ts";

/**
 * Layout: what the sender counts (bytes ever written, pings), what the receiver counts (bytes ever
 * read, pings that it has seen), all modulo 2^32, each in a cache line of its own; then the data.
 */
const WRITTEN_WORD = 0;
const PING_WORD = 1;
const READ_WORD = 16;
const ECHO_WORD = 17;
const DATA_OFFSET = 128;
const DATA_BYTES = MAILBOX_BYTES - DATA_OFFSET;
const LENGTH_BYTES = 4;

/** The sending end; one, on main. */
export class MailboxWriter {
  private readonly encoder = new TextEncoder();
  private readonly backlog: Uint8Array[] = [];
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private written = 0;

  /**
   * @param offset place of the mailbox in the arena, MAILBOX_BYTES long, zeroed
   * @param wake called after something was written
   */
  constructor(
    private readonly arena: Arena,
    private readonly offset: number,
    private readonly wake: () => void,
  ) {}

  /** Queues a message; order is kept. Never blocks: what does not fit waits here. */
  send(message: unknown): void {
    const bytes = this.encoder.encode(JSON.stringify(message));
    if (bytes.length + LENGTH_BYTES > DATA_BYTES) {
      throw new RangeError(`Mailbox message of ${bytes.length} bytes is too large`);
    }
    this.backlog.push(bytes);
    this.drain();
  }

  /** Asks the receiver whether it still turns; {@link isAnswered} becomes true when it does. */
  ping(): void {
    Atomics.add(this.arena.u32, this.offset / 4 + PING_WORD, 1);
    this.wake();
  }

  /** Whether the receiver has come to its mailbox since the last ping, and emptied it. */
  get isAnswered(): boolean {
    const base = this.offset / 4;
    const { u32 } = this.arena;
    return Atomics.load(u32, base + ECHO_WORD) === Atomics.load(u32, base + PING_WORD);
  }

  private drain(): void {
    this.retryTimer = undefined;
    const base = this.offset / 4;
    let wrote = false;
    while (this.backlog.length > 0) {
      const bytes = this.backlog[0]!;
      const used = (this.written - Atomics.load(this.arena.u32, base + READ_WORD)) >>> 0;
      if (DATA_BYTES - used < bytes.length + LENGTH_BYTES) break;
      for (let i = 0; i < LENGTH_BYTES; i++) this.put(i, (bytes.length >>> (8 * i)) & 0xff);
      for (let i = 0; i < bytes.length; i++) this.put(LENGTH_BYTES + i, bytes[i]!);
      this.position = (this.position + LENGTH_BYTES + bytes.length) % DATA_BYTES;
      this.written = (this.written + LENGTH_BYTES + bytes.length) >>> 0;
      Atomics.store(this.arena.u32, base + WRITTEN_WORD, this.written);
      this.backlog.shift();
      wrote = true;
    }
    if (wrote) this.wake();
    if (this.backlog.length > 0) this.retryTimer ??= setTimeout(() => this.drain(), 1);
  }

  private position = 0;

  private put(at: number, byte: number): void {
    this.arena.u8[this.offset + DATA_OFFSET + (this.position + at) % DATA_BYTES] = byte;
  }
}

/** The receiving end; one, on the reactor. */
export class MailboxReader {
  private readonly decoder = new TextDecoder();
  private read = 0;
  private position = 0;

  constructor(private readonly arena: Arena, private readonly offset: number) {}

  /** Hands every waiting message to `receive`, in order; then answers the pings that were there. */
  drain(receive: (message: unknown) => void): void {
    const base = this.offset / 4;
    const ping = Atomics.load(this.arena.u32, base + PING_WORD);
    while (Atomics.load(this.arena.u32, base + WRITTEN_WORD) !== this.read) {
      let length = 0;
      for (let i = 0; i < LENGTH_BYTES; i++) length |= this.get(i) << (8 * i);
      const bytes = new Uint8Array(length);
      for (let i = 0; i < length; i++) bytes[i] = this.get(LENGTH_BYTES + i);
      this.position = (this.position + LENGTH_BYTES + length) % DATA_BYTES;
      this.read = (this.read + LENGTH_BYTES + length) >>> 0;
      Atomics.store(this.arena.u32, base + READ_WORD, this.read);
      receive(JSON.parse(this.decoder.decode(bytes)));
    }
    Atomics.store(this.arena.u32, base + ECHO_WORD, ping);
  }

  private get(at: number): number {
    return this.arena.u8[this.offset + DATA_OFFSET + (this.position + at) % DATA_BYTES]!;
  }
}
