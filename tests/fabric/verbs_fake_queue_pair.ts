/**
 * Two queue pairs in memory, connected to each other, as strict as hardware: a send queue slot is
 * free again only when a signalled completion at or behind it was polled, a message without a
 * posted receive waits, keys and bounds are checked, an event comes only if asked for, once.
 */
import assert from "node:assert/strict";
import type { RegisteredMemory } from "../../src/fabric/fabric.ts";
import type { ConnectionOperations, WindowFields } from "../../src/fabric/verbs/operations.ts";
import { MARKER_SLOTS } from "../../src/fabric/verbs/limits.ts";
import type { NativePointer } from "../../src/ffi/pointer.ts";
import {
  IBV_MW,
  IBV_MW_BIND,
  IBV_RECV_WR,
  IBV_SEND_WR,
  IBV_SGE,
  IBV_WC,
  SEND_FLAG,
  WC_FLAG,
  WC_OPCODE,
  WC_STATUS,
  WR_OPCODE,
} from "../../src/ffi/verbs_layout.ts";
import type { Arena } from "../../src/ring/arena.ts";

interface Range {
  readonly at: number;
  readonly length: number;
  readonly key: number;
}

interface Request {
  readonly idLow: number;
  readonly idHigh: number;
  readonly opcode: number;
  readonly flags: number;
  readonly data: number;
  readonly remote: number;
  readonly rkey: number;
  readonly ranges: readonly Range[];
}

interface Completion {
  readonly idLow: number;
  readonly idHigh: number;
  readonly status: number;
  readonly opcode?: number;
  readonly length?: number;
  readonly data?: number;
  readonly flags?: number;
  /** Send slots that are free once it was polled. */
  readonly slots?: number;
}

const addressOf = (pointer: NativePointer) => Number(Deno.UnsafePointer.value(pointer));
const isImmediate = (opcode: number) =>
  opcode === WR_OPCODE.RDMA_WRITE_WITH_IMM || opcode === WR_OPCODE.SEND_WITH_IMM;
const isWrite = (opcode: number) =>
  opcode === WR_OPCODE.RDMA_WRITE || opcode === WR_OPCODE.RDMA_WRITE_WITH_IMM;

/** Native address of the registration that windows are on. */
export const REGION = 0x7a00;

/** Keys of windows count in their low byte. */
const nextKey = (rkey: number) => ((rkey & ~0xff) | ((rkey + 1) & 0xff)) >>> 0;

/** One queue pair with its completion queue; also the calls that a connection makes. */
export class FakeQueuePair implements ConnectionOperations {
  peer!: FakeQueuePair;
  failed = false;
  /** The device was pulled out: nothing completes any more. */
  gone = false;
  /** Changes of windows fail when the device gets to them. */
  refusesBinds = false;
  postSendCalls = 0;
  postRecvCalls = 0;
  /** Sends handed over, since ever; and those whose slot is free again. */
  posted = 0;
  private free: number;
  private armed = false;
  events = 0;
  eventsEver = 0;
  takenEvents = 0;
  acknowledged = 0;
  onEvent: () => void = () => {};
  readonly sends: Request[] = [];
  private readonly receives: Request[] = [];
  private readonly queue: Completion[] = [];
  private unsignalled = 0;
  private flushes = 0;

  constructor(
    private readonly arena: Arena,
    private readonly sendDepth: number,
    private readonly receiveDepth: number,
    private readonly keys: Map<number, RegisteredMemory>,
  ) {
    this.free = sendDepth + MARKER_SLOTS;
  }

  postSend(_pair: NativePointer, first: NativePointer): number {
    this.postSendCalls++;
    if (this.gone) return 5;
    for (let at = addressOf(first), count = 0; at !== 0; count++) {
      assert.ok(count <= this.sendDepth, "a chain without an end");
      if (this.free === 0) return 12;
      this.free--;
      this.posted++;
      this.sends.push(this.readSend(at));
      at = this.arena.view.getUint32(at + IBV_SEND_WR.NEXT, true);
    }
    return 0;
  }

  private readSend(at: number): Request {
    const { view } = this.arena;
    const word = (offset: number) => view.getUint32(at + offset, true);
    return {
      idLow: word(IBV_SEND_WR.WR_ID),
      idHigh: word(IBV_SEND_WR.WR_ID + 4),
      opcode: word(IBV_SEND_WR.OPCODE),
      flags: word(IBV_SEND_WR.SEND_FLAGS),
      data: word(IBV_SEND_WR.IMM_DATA),
      remote: word(IBV_SEND_WR.REMOTE_ADDRESS),
      rkey: word(IBV_SEND_WR.RKEY),
      ranges: this.readRanges(word(IBV_SEND_WR.SG_LIST), word(IBV_SEND_WR.NUM_SGE)),
    };
  }

  bindMw(_pair: NativePointer, window: NativePointer, bind: NativePointer): number {
    if (this.gone) return 5;
    if (this.free === 0) return 12;
    this.free--;
    const { view } = this.arena;
    const [handle, at] = [addressOf(window), addressOf(bind)];
    const word = (offset: number) => view.getUint32(at + offset, true);
    const rkey = nextKey(view.getUint32(handle + IBV_MW.RKEY, true));
    view.setUint32(handle + IBV_MW.RKEY, rkey, true);
    this.sends.push({
      idLow: word(IBV_MW_BIND.WR_ID),
      idHigh: word(IBV_MW_BIND.WR_ID + 4),
      opcode: WR_OPCODE.BIND_MW,
      flags: word(IBV_MW_BIND.SEND_FLAGS),
      data: handle,
      remote: word(IBV_MW_BIND.ADDRESS),
      rkey,
      ranges: [{ at: word(IBV_MW_BIND.MR), length: word(IBV_MW_BIND.LENGTH), key: 0 }],
    });
    return 0;
  }

  windowFields(window: number): WindowFields {
    return { getUint32: (offset) => this.arena.view.getUint32(window + offset, true) };
  }

  private changeWindow({ data, remote, rkey, ranges }: Request): void {
    assert.equal(ranges[0]!.at, REGION, "the region that the window is on");
    this.keys.delete(data);
    const { length } = ranges[0]!;
    const address = { high: 0, low: remote };
    if (length === 0) return;
    this.keys.set(data, { at: remote, length, access: "remote", lkey: data, rkey, address });
  }

  private readRanges(at: number, count: number): Range[] {
    const { view } = this.arena;
    return Array.from({ length: count }, (_, i) => ({
      at: view.getUint32(at + i * IBV_SGE.BYTES, true),
      length: view.getUint32(at + i * IBV_SGE.BYTES + IBV_SGE.LENGTH, true),
      key: view.getUint32(at + i * IBV_SGE.BYTES + IBV_SGE.LKEY, true),
    }));
  }

  postRecv(_pair: NativePointer, first: NativePointer): number {
    this.postRecvCalls++;
    for (let at = addressOf(first); at !== 0;) {
      if (this.receives.length === this.receiveDepth) return 12;
      const { view } = this.arena;
      const word = (offset: number) => view.getUint32(at + offset, true);
      const [idLow, idHigh] = [word(IBV_RECV_WR.WR_ID), word(IBV_RECV_WR.WR_ID + 4)];
      const ranges = this.readRanges(word(IBV_RECV_WR.SG_LIST), word(IBV_RECV_WR.NUM_SGE));
      assert.ok(!this.receives.some((other) => other.idLow === idLow), "posted twice");
      this.receives.push({
        idLow,
        idHigh,
        ranges,
        opcode: 0,
        flags: 0,
        data: 0,
        remote: 0,
        rkey: 0,
      });
      at = word(IBV_RECV_WR.NEXT);
    }
    return 0;
  }

  pollCq(_queue: NativePointer, count: number, completions: NativePointer): number {
    const { view } = this.arena;
    const batch = this.queue.splice(0, count);
    batch.forEach((one, i) => {
      const at = addressOf(completions) + i * IBV_WC.BYTES;
      view.setUint32(at + IBV_WC.WR_ID, one.idLow, true);
      view.setUint32(at + IBV_WC.WR_ID + 4, one.idHigh, true);
      view.setUint32(at + IBV_WC.STATUS, one.status, true);
      // After an error only id and status say anything.
      view.setUint32(at + IBV_WC.OPCODE, one.opcode ?? 0xdead, true);
      view.setUint32(at + IBV_WC.BYTE_LENGTH, one.length ?? 0xdead, true);
      view.setUint32(at + IBV_WC.IMM_DATA, one.data ?? 0xdead, true);
      view.setUint32(at + IBV_WC.FLAGS, one.flags ?? 0xffff, true);
      this.free += one.slots ?? 0;
    });
    return batch.length;
  }

  requestNotifyCq(): number {
    this.armed = true;
    return 0;
  }

  getCqEvent(): number {
    if (this.events === 0) return -1;
    this.events--;
    this.takenEvents++;
    return 0;
  }

  ackCqEvents(_queue: NativePointer, count: number): void {
    this.acknowledged += count;
  }

  disconnect(): boolean {
    if (this.gone) return false;
    this.fail();
    this.peer.fail();
    return true;
  }

  /** Into the error state: everything comes back flushed, one by one. */
  fail(): void {
    this.failed = true;
  }

  /** True when the device has nothing that refers to memory. */
  get isIdle(): boolean {
    return this.sends.length === 0 && this.receives.length === 0;
  }

  private flushOne(): boolean {
    const [one, other] = this.flushes++ % 3 === 0
      ? [this.receives, this.sends]
      : [this.sends, this.receives];
    const request = one.shift() ?? other.shift();
    if (request === undefined) return false;
    const { idLow, idHigh } = request;
    this.complete({ idLow, idHigh, status: WC_STATUS.WR_FLUSH_ERR, slots: 1 });
    return true;
  }

  private complete(completion: Completion): void {
    assert.ok(this.queue.length < this.sendDepth + MARKER_SLOTS + this.receiveDepth, "overflow");
    this.queue.push(completion);
    if (!this.armed) return;
    this.armed = false;
    this.events++;
    this.eventsEver++;
    this.onEvent();
  }

  /** Carries the oldest send over; false when there is none or the peer has no receive. */
  progress(): boolean {
    if (this.gone) return false;
    if (this.failed) return this.flushOne();
    const send = this.sends[0];
    if (send === undefined) return false;
    const takesReceive = send.opcode !== WR_OPCODE.BIND_MW &&
      (!isWrite(send.opcode) || isImmediate(send.opcode));
    if (takesReceive && this.peer.receives.length === 0) return false;
    this.sends.shift();
    if (send.opcode === WR_OPCODE.BIND_MW) {
      if (this.refusesBinds) return this.end(send, WC_STATUS.MW_BIND_ERR);
      this.changeWindow(send);
    } else {
      const status = this.transmit(send, takesReceive);
      if (status !== WC_STATUS.SUCCESS) return this.end(send, status);
    }
    this.unsignalled++;
    if ((send.flags & SEND_FLAG.SIGNALED) === 0) return true;
    const { idLow, idHigh } = send;
    this.complete({ idLow, idHigh, status: WC_STATUS.SUCCESS, opcode: 0, slots: this.unsignalled });
    this.unsignalled = 0;
    return true;
  }

  private transmit(send: Request, takesReceive: boolean): number {
    const bytes = this.gather(send);
    if (bytes === undefined) return WC_STATUS.LOC_PROT_ERR;
    if (isWrite(send.opcode) && bytes.length > 0 && !this.peer.place(send, bytes)) {
      return WC_STATUS.REM_ACCESS_ERR;
    }
    return takesReceive && !this.peer.receive(send, bytes)
      ? WC_STATUS.REM_OP_ERR
      : WC_STATUS.SUCCESS;
  }

  private gather({ ranges }: Request): Uint8Array | undefined {
    const parts: number[] = [];
    for (const { at, length, key } of ranges) {
      const memory = this.keys.get(key);
      if (memory === undefined || at < memory.at || at + length > memory.at + memory.length) {
        return undefined;
      }
      parts.push(...this.arena.u8.subarray(at, at + length));
    }
    return Uint8Array.from(parts);
  }

  private place({ remote, rkey }: Request, bytes: Uint8Array): boolean {
    const memory = [...this.keys.values()].find((one) => one.rkey === rkey && rkey !== 0);
    if (memory === undefined || remote < memory.at) return false;
    if (remote + bytes.length > memory.at + memory.length) return false;
    this.arena.u8.set(bytes, remote);
    return true;
  }

  private receive(send: Request, bytes: Uint8Array): boolean {
    const { idLow, idHigh, ranges } = this.receives.shift()!;
    const [buffer] = ranges;
    const isSend = !isWrite(send.opcode);
    if (isSend && bytes.length > buffer!.length) {
      this.complete({ idLow, idHigh, status: WC_STATUS.LOC_LEN_ERR });
      this.fail();
      return false;
    }
    if (isSend) this.arena.u8.set(bytes, buffer!.at);
    const isInvalidate = send.opcode === WR_OPCODE.SEND_WITH_INV;
    this.complete({
      idLow,
      idHigh,
      status: WC_STATUS.SUCCESS,
      opcode: isSend ? WC_OPCODE.RECV : WC_OPCODE.RECV_RDMA_WITH_IMM,
      length: bytes.length,
      data: send.data,
      flags: isInvalidate ? WC_FLAG.WITH_INV : isImmediate(send.opcode) ? WC_FLAG.WITH_IMM : 0,
    });
    return true;
  }

  private end({ idLow, idHigh }: Request, status: number): true {
    this.complete({ idLow, idHigh, status, slots: 1 });
    this.fail();
    this.peer.fail();
    return true;
  }
}
