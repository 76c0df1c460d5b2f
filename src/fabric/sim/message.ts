/** One message of a simulated connection, from the post to its arrival. */
import type { Arena } from "../../ring/arena.ts";
import type { FabricFailure, RemoteAddress } from "../fabric.ts";

/** What a message does at the other end. */
export const MESSAGE = { WRITE: 1, SEND: 2, INVALIDATE: 3, END: 4 } as const;

/** See the head of this file. */
export interface SimMessage {
  readonly kind: number;
  /** Payload: two ranges of the sender's arena. */
  readonly first: number;
  readonly firstLength: number;
  readonly second: number;
  readonly secondLength: number;
  /** Where a WRITE goes; the key of an INVALIDATE. */
  readonly rkey: number;
  readonly address: RemoteAddress;
  readonly immediate: number;
  readonly hasImmediate: boolean;
  /** The payload once it was read: at the post, or as late as on arrival. */
  bytes: Uint8Array | undefined;
  /** Of an END: what the receiver is told. */
  readonly failure: FabricFailure | undefined;
}

const NOWHERE: RemoteAddress = { high: 0, low: 0 };

/** A message without payload; fields as wanted. */
export function makeMessage(kind: number, fields: Partial<SimMessage>): SimMessage {
  return {
    kind,
    first: 0,
    firstLength: 0,
    second: 0,
    secondLength: 0,
    rkey: 0,
    address: NOWHERE,
    immediate: 0,
    hasImmediate: false,
    bytes: undefined,
    failure: undefined,
    ...fields,
  };
}

/** Bytes of payload. */
export function payloadLength(message: SimMessage): number {
  return message.bytes?.length ?? message.firstLength + message.secondLength;
}

/** Reads the payload from the sender's arena, if that was not done before. */
export function readPayload(message: SimMessage, arena: Arena): Uint8Array {
  if (message.bytes !== undefined) return message.bytes;
  const { first, firstLength, second, secondLength } = message;
  const bytes = new Uint8Array(firstLength + secondLength);
  bytes.set(arena.u8.subarray(first, first + firstLength));
  bytes.set(arena.u8.subarray(second, second + secondLength), firstLength);
  message.bytes = bytes;
  return bytes;
}
