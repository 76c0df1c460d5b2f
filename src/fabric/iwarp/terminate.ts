/** The RDMAP Terminate message (RFC 5040 4.8): why the sender gives the connection up. */
import { UNTAGGED_FRAME, UNTAGGED_HEADER_BYTES } from "./ddp.ts";
import { encodeFpdu, FPDU } from "./fpdu.ts";
import { FRAME_WORD, RDMAP_OPCODE, RDMAP_QUEUE } from "./rdmap.ts";

/** Which layer found the error. */
export const TERMINATE_LAYER = { RDMAP: 0, DDP: 1, MPA: 2 } as const;

/** An error as a Terminate names it: layer (4 bits), type (4 bits), code (8 bits). */
export interface TerminateError {
  readonly layer: number;
  readonly type: number;
  readonly code: number;
}

/** Bytes of the control word; the copied headers that may follow it are not sent, nor read. */
export const TERMINATE_CONTROL_BYTES = 4;

/** The one number that a stream of Terminates can have: only one is ever sent. */
export const TERMINATE_SEQUENCE = 1;

/** The control word, host order. */
export function encodeTerminateControl(error: TerminateError): number {
  return (error.layer << 28 | error.type << 24 | error.code << 16) >>> 0;
}

/** What a control word says. */
export function decodeTerminateControl(control: number): TerminateError {
  return { layer: control >>> 28, type: (control >>> 24) & 0xf, code: (control >>> 16) & 0xff };
}

/** A whole Terminate, framed. */
export function encodeTerminate(error: TerminateError, crc: boolean): Uint8Array<ArrayBuffer> {
  const segment = new Uint8Array(UNTAGGED_HEADER_BYTES + TERMINATE_CONTROL_BYTES);
  const view = new DataView(segment.buffer);
  const put = (frameOffset: number, word: number) =>
    view.setUint32(frameOffset - FPDU.LENGTH_BYTES, word);
  view.setUint16(0, FRAME_WORD.LAST | FRAME_WORD.VERSIONS | RDMAP_OPCODE.TERMINATE);
  put(UNTAGGED_FRAME.QUEUE, RDMAP_QUEUE.TERMINATE);
  put(UNTAGGED_FRAME.SEQUENCE, TERMINATE_SEQUENCE);
  put(UNTAGGED_FRAME.PAYLOAD, encodeTerminateControl(error));
  return encodeFpdu(segment, crc);
}

const LAYER_NAMES: Readonly<Record<number, string>> = { 0: "RDMAP", 1: "DDP", 2: "MPA" };

/** Meanings by `layer.type.code` (RFC 5040 4.8, RFC 5041 8.2, RFC 5044 8, RFC 6581 9). */
const MEANINGS: Readonly<Record<string, string>> = {
  "0.0.0": "local catastrophic error",
  "0.1.0": "invalid STag",
  "0.1.1": "base or bounds violation",
  "0.1.2": "access rights violation",
  "0.1.3": "STag not of this stream",
  "0.1.4": "tagged offset wraps",
  "0.1.9": "STag cannot be invalidated",
  "0.1.255": "unspecified protection error",
  "0.2.5": "invalid RDMAP version",
  "0.2.6": "unexpected opcode",
  "0.2.7": "catastrophic error of this stream",
  "0.2.8": "catastrophic error of the node",
  "0.2.9": "STag cannot be invalidated",
  "0.2.255": "unspecified operation error",
  "1.0.0": "local catastrophic error",
  "1.1.0": "invalid STag",
  "1.1.1": "base or bounds violation",
  "1.1.2": "STag not of this stream",
  "1.1.3": "tagged offset wraps",
  "1.1.4": "invalid DDP version",
  "1.2.1": "invalid queue number",
  "1.2.2": "no buffer for this message number",
  "1.2.3": "message number out of range",
  "1.2.4": "invalid message offset",
  "1.2.5": "message too long",
  "1.2.6": "invalid DDP version",
  "2.0.1": "stream lost",
  "2.0.2": "CRC mismatch",
  "2.0.3": "frame boundary lost",
  "2.0.4": "invalid request or reply frame",
};

/** `DDP: base or bounds violation (1.1.1)`. */
export function describeTerminate(error: TerminateError): string {
  const number = `${error.layer}.${error.type}.${error.code}`;
  const layer = LAYER_NAMES[error.layer] ?? `layer ${error.layer}`;
  return `${layer}: ${MEANINGS[number] ?? "unknown error"} (${number})`;
}
