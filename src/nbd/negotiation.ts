/**
 * The server's side of the fixed newstyle negotiation as a state machine without I/O: bytes in,
 * bytes out, an outcome at the end. It says how many bytes it wants next and gets exactly those,
 * so that nothing of the transmission phase is ever read here.
 */
import { type NbdExport, transmissionFlags } from "./export_description.ts";
import { OPTION_BYTES_MAX, OPTION_SKIPPED_BYTES_MAX, OPTIONS_MAX } from "./limits.ts";
import { OptionReplies } from "./option_replies.ts";
import {
  CLIENT_FLAGS_BYTES,
  GREETING,
  HANDSHAKE_FLAG,
  INFO,
  MAGIC,
  OPTION,
  OPTION_HEADER,
  REPLY,
} from "./protocol.ts";

/** Why a negotiation ended without a transmission phase; each has a counter. */
export const NEGOTIATION_FAILURES = [
  "client_flags",
  "option_magic",
  "option_too_long",
  "option_too_many",
  "export_unknown",
] as const;

/** One of {@link NEGOTIATION_FAILURES}. */
export type NegotiationFailure = (typeof NEGOTIATION_FAILURES)[number];

/** How a negotiation ended. */
export type NegotiationOutcome =
  | {
    readonly kind: "transmission";
    readonly structured: boolean;
    readonly transmissionFlags: number;
  }
  /** The client said goodbye. */
  | { readonly kind: "aborted" }
  /** The client broke the rules: hang up. */
  | { readonly kind: "failed"; readonly failure: NegotiationFailure };

type Expecting = "client-flags" | "option-header" | "option-data" | "skipped-data";

const KNOWN_FLAGS = HANDSHAKE_FLAG.FIXED_NEWSTYLE | HANDSHAKE_FLAG.NO_ZEROES;
const NO_BYTES = new Uint8Array(0);

/** One client's negotiation. */
export class Negotiation {
  /** Bytes that {@link receive} wants next: never 0 before the outcome, at most 8 KiB. */
  wantedBytes: number = CLIENT_FLAGS_BYTES;
  /** Set once the negotiation is over; what `receive` returned last is still to be sent. */
  outcome: NegotiationOutcome | null = null;
  private expecting: Expecting = "client-flags";
  private readonly replies = new OptionReplies();
  private noZeroes = false;
  private structured = false;
  private option = 0;
  private optionCount = 0;
  private skipLeft = 0;

  constructor(private readonly subject: NbdExport) {}

  /** What the server says first. */
  greeting(): Uint8Array {
    const bytes = new Uint8Array(GREETING.BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint32(GREETING.MAGIC, MAGIC.INIT_HIGH);
    view.setUint32(GREETING.MAGIC + 4, MAGIC.INIT_LOW);
    view.setUint32(GREETING.OPTION_MAGIC, MAGIC.OPTION_HIGH);
    view.setUint32(GREETING.OPTION_MAGIC + 4, MAGIC.OPTION_LOW);
    view.setUint16(GREETING.FLAGS, KNOWN_FLAGS);
    return bytes;
  }

  /**
   * Takes exactly {@link wantedBytes} bytes and returns what to send.
   * @throws RangeError when called with another number of bytes, or after the outcome
   */
  receive(bytes: Uint8Array): Uint8Array {
    if (this.outcome !== null || bytes.length !== this.wantedBytes) {
      throw new RangeError(`Negotiation wants ${this.wantedBytes} bytes, got ${bytes.length}`);
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    switch (this.expecting) {
      case "client-flags":
        this.onClientFlags(view.getUint32(0));
        break;
      case "option-header":
        this.onOptionHeader(view);
        break;
      case "option-data":
        this.onOption(bytes);
        break;
      case "skipped-data":
        this.onSkipped(bytes.length);
    }
    return this.replies.take();
  }

  private onClientFlags(flags: number): void {
    // An unknown flag must end the connection: its meaning could change the format.
    if ((flags & ~KNOWN_FLAGS) !== 0) return this.fail("client_flags");
    this.noZeroes = (flags & HANDSHAKE_FLAG.NO_ZEROES) !== 0;
    this.expectHeader();
  }

  private onOptionHeader(view: DataView): void {
    const magicOk = view.getUint32(OPTION_HEADER.MAGIC) === MAGIC.OPTION_HIGH &&
      view.getUint32(OPTION_HEADER.MAGIC + 4) === MAGIC.OPTION_LOW;
    if (!magicOk) return this.fail("option_magic");
    if (++this.optionCount > OPTIONS_MAX) return this.fail("option_too_many");
    this.option = view.getUint32(OPTION_HEADER.OPTION);
    const length = view.getUint32(OPTION_HEADER.LENGTH);
    if (length > OPTION_BYTES_MAX) return this.skip(length);
    if (length === 0) return this.onOption(NO_BYTES);
    this.expecting = "option-data";
    this.wantedBytes = length;
  }

  private skip(length: number): void {
    // EXPORT_NAME has no error reply, so a name that cannot be right ends the connection.
    if (this.option === OPTION.EXPORT_NAME || length > OPTION_SKIPPED_BYTES_MAX) {
      return this.fail("option_too_long");
    }
    this.skipLeft = length;
    this.expecting = "skipped-data";
    this.wantedBytes = Math.min(length, OPTION_BYTES_MAX);
  }

  private onSkipped(length: number): void {
    this.skipLeft -= length;
    this.wantedBytes = Math.min(this.skipLeft, OPTION_BYTES_MAX);
    if (this.skipLeft > 0) return;
    const text = `option data is limited to ${OPTION_BYTES_MAX} bytes`;
    this.replies.refuse(this.option, REPLY.ERR_TOO_BIG, text);
    this.expectHeader();
  }

  private onOption(data: Uint8Array): void {
    this.expectHeader();
    switch (this.option) {
      case OPTION.EXPORT_NAME:
        return this.onExportName(data);
      case OPTION.ABORT:
        this.replies.reply(this.option, REPLY.ACK);
        this.outcome = { kind: "aborted" };
        return;
      case OPTION.LIST:
        return this.onList(data);
      case OPTION.INFO:
      case OPTION.GO:
        return this.onInfo(data);
      case OPTION.STRUCTURED_REPLY:
        return this.onStructuredReply(data);
      default:
        this.replies.refuse(this.option, REPLY.ERR_UNSUP, "option not supported");
    }
  }

  private onExportName(data: Uint8Array): void {
    if (!this.selects(data)) return this.fail("export_unknown");
    const geometry = this.subject.geometry();
    this.replies.exportName(geometry, this.structured, this.noZeroes);
    this.enterTransmission(transmissionFlags(geometry, this.structured));
  }

  private onList(data: Uint8Array): void {
    if (data.length > 0) return this.refuseData();
    this.replies.server(this.option, this.subject);
    this.replies.reply(this.option, REPLY.ACK);
  }

  private onStructuredReply(data: Uint8Array): void {
    if (data.length > 0) return this.refuseData();
    this.structured = true;
    this.replies.reply(this.option, REPLY.ACK);
  }

  private refuseData(): void {
    this.replies.refuse(this.option, REPLY.ERR_INVALID, "this option takes no data");
  }

  private onInfo(data: Uint8Array): void {
    const { option, replies, subject } = this;
    const request = parseInfoRequest(data);
    if (request === null) {
      return replies.refuse(option, REPLY.ERR_INVALID, "the lengths in this option disagree");
    }
    if (!this.selects(request.name)) {
      const text = `no such export; this socket serves "${subject.name}"`;
      return replies.refuse(option, REPLY.ERR_UNKNOWN, text);
    }
    const geometry = subject.geometry();
    replies.infoExport(option, geometry, this.structured);
    // Told unasked too: a server with size constraints must make them known.
    replies.infoBlockSize(option, geometry);
    if (request.types.has(INFO.NAME)) replies.infoText(option, INFO.NAME, subject.name);
    if (request.types.has(INFO.DESCRIPTION)) {
      replies.infoText(option, INFO.DESCRIPTION, subject.description);
    }
    replies.reply(option, REPLY.ACK);
    if (option === OPTION.GO) {
      this.enterTransmission(transmissionFlags(geometry, this.structured));
    }
  }

  private selects(name: Uint8Array): boolean {
    if (name.length === 0) return true;
    const own = new TextEncoder().encode(this.subject.name);
    return own.length === name.length && own.every((byte, i) => byte === name[i]);
  }

  private enterTransmission(flags: number): void {
    this.outcome = {
      kind: "transmission",
      structured: this.structured,
      transmissionFlags: flags,
    };
  }

  private expectHeader(): void {
    this.expecting = "option-header";
    this.wantedBytes = OPTION_HEADER.BYTES;
  }

  private fail(failure: NegotiationFailure): void {
    this.outcome = { kind: "failed", failure };
  }
}

/** Data of NBD_OPT_INFO and NBD_OPT_GO; null when it is malformed. */
function parseInfoRequest(data: Uint8Array): { name: Uint8Array; types: Set<number> } | null {
  const LENGTH_BYTES = 4;
  const COUNT_BYTES = 2;
  if (data.length < LENGTH_BYTES + COUNT_BYTES) return null;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const nameLength = view.getUint32(0);
  if (nameLength > data.length - LENGTH_BYTES - COUNT_BYTES) return null;
  const count = view.getUint16(LENGTH_BYTES + nameLength);
  const typesAt = LENGTH_BYTES + nameLength + COUNT_BYTES;
  if (data.length !== typesAt + count * 2) return null;
  const types = new Set<number>();
  for (let i = 0; i < count; i++) types.add(view.getUint16(typesAt + i * 2));
  return { name: data.subarray(LENGTH_BYTES, LENGTH_BYTES + nameLength), types };
}
