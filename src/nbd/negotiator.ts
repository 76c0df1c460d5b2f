/** Runs one {@link Negotiation} over a socket, on main's ring and against a deadline. */
import type { ControlLoop, PendingOperation } from "../ring/control_loop.ts";
import { MSG, OP, SQE } from "../ring/opcodes.ts";
import type { NbdExport } from "./export_description.ts";
import { NEGOTIATION_TIMEOUT_MS } from "./limits.ts";
import { Negotiation, type NegotiationOutcome } from "./negotiation.ts";

/** How a negotiation over a socket ended. */
export type NegotiatorOutcome =
  | NegotiationOutcome
  /** The client took longer than {@link NEGOTIATION_TIMEOUT_MS}. */
  | { readonly kind: "timeout" }
  /** The client went away, or {@link Negotiator.cancel} was called. */
  | { readonly kind: "lost" };

/** The negotiation of one connection. */
export class Negotiator {
  private operation: PendingOperation | null = null;
  private timedOut = false;
  private cancelled = false;

  /**
   * @param fd the connected socket; stays open whatever happens
   * @param buffer arena offset of at least OPTION_BYTES_MAX bytes
   */
  constructor(
    private readonly loop: ControlLoop,
    private readonly fd: number,
    private readonly buffer: number,
    private readonly subject: NbdExport,
    private readonly timeoutMs: number = NEGOTIATION_TIMEOUT_MS,
  ) {}

  /** Negotiates; never rejects because of what the client does. Call once. */
  async run(): Promise<NegotiatorOutcome> {
    const deadline = setTimeout(() => {
      this.timedOut = true;
      this.operation?.cancel();
    }, this.timeoutMs);
    try {
      return await this.negotiate() ?? { kind: this.timedOut ? "timeout" : "lost" };
    } finally {
      clearTimeout(deadline);
    }
  }

  /** Ends {@link run} soon. */
  cancel(): void {
    this.cancelled = true;
    this.operation?.cancel();
  }

  /** Null when the socket failed, or the negotiation was told to stop. */
  private async negotiate(): Promise<NegotiationOutcome | null> {
    const negotiation = new Negotiation(this.subject);
    if (!await this.send(negotiation.greeting())) return null;
    while (negotiation.outcome === null) {
      const bytes = await this.receive(negotiation.wantedBytes);
      if (bytes === null) return null;
      const answer = negotiation.receive(bytes);
      // After a goodbye the client may be gone already: its outcome stands.
      if (!await this.send(answer) && negotiation.outcome === null) return null;
    }
    return negotiation.outcome;
  }

  private async receive(length: number): Promise<Uint8Array | null> {
    let have = 0;
    while (have < length) {
      const result = await this.operate(OP.RECV, this.buffer + have, length - have, MSG.WAITALL);
      if (result <= 0) return null;
      have += result;
    }
    return this.loop.arena.u8.slice(this.buffer, this.buffer + length);
  }

  private async send(bytes: Uint8Array): Promise<boolean> {
    this.loop.arena.u8.set(bytes, this.buffer);
    let sent = 0;
    while (sent < bytes.length) {
      const flags = MSG.WAITALL | MSG.NOSIGNAL;
      const result = await this.operate(OP.SEND, this.buffer + sent, bytes.length - sent, flags);
      if (result <= 0) return false;
      sent += result;
    }
    return true;
  }

  /** One operation; its result, or 0 when the negotiation is to stop. */
  private async operate(
    opcode: number,
    at: number,
    length: number,
    flags: number,
  ): Promise<number> {
    if (this.timedOut || this.cancelled) return 0;
    this.operation = this.loop.start(opcode, this.fd, at, length, (sqe, word) => {
      sqe[word + SQE.OP_FLAGS] = flags;
    });
    const result = await this.operation.result;
    this.operation = null;
    return this.timedOut || this.cancelled ? 0 : result;
  }
}
