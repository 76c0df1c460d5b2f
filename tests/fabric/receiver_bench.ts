/** A receiver without a socket: memory with guards, a record of what happened, bytes fed by hand. */
import assert from "node:assert/strict";
import { type Arena, plainArena } from "../../src/ring/arena.ts";
import { CONNECTION_LAYOUT } from "../../src/fabric/iwarp/connection_memory.ts";
import { Receiver } from "../../src/fabric/iwarp/receiver.ts";
import type { ReceiverEvents, ReceiverFaults } from "../../src/fabric/iwarp/receiver_events.ts";
import { REJECTION_NAMES } from "../../src/fabric/iwarp/rejection.ts";
import { TaggedMemory } from "../../src/fabric/iwarp/tagged_memory.ts";

const GUARD_WORD = 0xa5a5_a5a5;
const GUARD_BYTES = 64 * 1024;

/** Start of the range that belongs to the connection; the exposed ranges come after it. */
export const CONNECTION_AT = GUARD_BYTES;
/** Where exposed memory starts and how much there may be. */
export const EXPOSED_AT = CONNECTION_AT + CONNECTION_LAYOUT.BYTES + GUARD_BYTES;
export const EXPOSED_BYTES = 512 * 1024;
const ARENA_BYTES = EXPOSED_AT + EXPOSED_BYTES + GUARD_BYTES;

/** The exposed range as the peer knows it. Its addresses cross a 4 GiB line. */
export const EXPOSED = {
  at: EXPOSED_AT,
  length: EXPOSED_BYTES,
  access: "remote",
  lkey: 0,
  rkey: 0xfeed_beef,
  address: { high: 0x100, low: 0xffff_0000 },
} as const;

/** Longest SEND that the receiver here takes. */
export const SEND_BYTES_MAX = 200_000;

/** Tagged offset of byte `offset` of {@link EXPOSED}, as two words. */
export function addressOf(offset: number): { high: number; low: number } {
  const low = EXPOSED.address.low + offset;
  return { high: EXPOSED.address.high + Math.floor(low / 2 ** 32), low: low >>> 0 };
}

/** Memory, receiver, record. May be used for many streams, one {@link restart} each. */
export class ReceiverBench implements ReceiverEvents, ReceiverFaults {
  readonly arena: Arena = plainArena(ARENA_BYTES);
  receiver!: Receiver;
  /** `immediate 5`, `send 8`, `invalidated 7`, `terminate 0`, `rejected iwarp_stag`. */
  events: string[] = [];
  sends: Uint8Array[] = [];
  private readonly isRecording: boolean;

  /** @param isRecording false keeps no events: for fuzzing at speed */
  constructor(isRecording = true) {
    this.isRecording = isRecording;
    this.arena.u32.fill(GUARD_WORD);
    this.restart(false);
  }

  /** A new stream; memory stays as it is. */
  restart(crc: boolean): void {
    const memory = new TaggedMemory();
    memory.expose(EXPOSED);
    this.receiver = new Receiver(
      this.arena,
      CONNECTION_AT + CONNECTION_LAYOUT.STAGING,
      CONNECTION_AT + CONNECTION_LAYOUT.REASSEMBLY,
      crc,
      SEND_BYTES_MAX,
      memory,
      this,
      this,
    );
    this.events = [];
    this.sends = [];
  }

  onImmediate(immediate: number): void {
    if (this.isRecording) this.events.push(`immediate ${immediate}`);
  }
  onSend(at: number, length: number): void {
    const inside = at >= CONNECTION_AT && at + length <= CONNECTION_AT + CONNECTION_LAYOUT.BYTES;
    assert.ok(inside && length <= SEND_BYTES_MAX, `SEND of ${length} bytes at ${at}`);
    if (!this.isRecording) return;
    this.events.push(`send ${length}`);
    this.sends.push(this.arena.u8.slice(at, at + length));
  }
  onInvalidated(rkey: number): void {
    if (this.isRecording) this.events.push(`invalidated ${rkey}`);
  }
  onTerminate(control: number): void {
    if (this.isRecording) this.events.push(`terminate ${control}`);
  }
  onRejected(reason: number): void {
    assert.ok(REJECTION_NAMES[reason] !== undefined);
    if (this.isRecording) this.events.push(`rejected ${REJECTION_NAMES[reason]}`);
  }

  /** Bytes of the exposed range. */
  exposed(): Uint8Array {
    return this.arena.u8.subarray(EXPOSED_AT, EXPOSED_AT + EXPOSED_BYTES);
  }

  /**
   * Feeds a stream as a socket would: at most what the receiver planned for.
   * @param most how many bytes the next receive may bring at most
   */
  feed(stream: Uint8Array, most: () => number): void {
    const receiver = this.receiver;
    const u8 = this.arena.u8;
    for (let at = 0; at < stream.length && !receiver.stopped;) {
      receiver.plan();
      const room = receiver.directBytes + receiver.stagingBytes;
      assert.ok(receiver.stagingBytes > 0, "a receive of no bytes would look like the end");
      this.checkPlan();
      const count = Math.min(stream.length - at, room, Math.max(1, most()));
      const direct = Math.min(count, receiver.directBytes);
      u8.set(stream.subarray(at, at + direct), receiver.directAt);
      u8.set(stream.subarray(at + direct, at + count), receiver.stagingAt);
      at += count;
      receiver.received(count);
    }
  }

  private checkPlan(): void {
    const { directAt, directBytes, stagingAt, stagingBytes } = this.receiver;
    assert.ok(stagingAt >= CONNECTION_AT);
    assert.ok(stagingAt + stagingBytes <= CONNECTION_AT + CONNECTION_LAYOUT.SEND_BANK);
    if (directBytes === 0) return;
    assert.ok(directAt >= EXPOSED_AT && directAt + directBytes <= EXPOSED_AT + EXPOSED_BYTES);
  }

  /** Throws when anything outside the connection's range and the exposed one was written to. */
  checkGuards(): void {
    const u32 = this.arena.u32;
    const check = (at: number) => {
      for (let word = at / 4; word < (at + GUARD_BYTES) / 4; word++) {
        if (u32[word] !== GUARD_WORD) throw new Error(`The guard at byte ${word * 4} was written`);
      }
    };
    check(0);
    check(EXPOSED_AT - GUARD_BYTES);
    check(EXPOSED_AT + EXPOSED_BYTES);
  }
}
