/** A device in memory: makes blocks, keys, windows and queue pairs in one plain arena. */
import type { MemoryWindows, RegisteredMemory } from "../../src/fabric/fabric.ts";
import { connectionLayout } from "../../src/fabric/verbs/connection_memory.ts";
import { buildReceives } from "../../src/fabric/verbs/receive_ring.ts";
import type { NativePointer } from "../../src/ffi/pointer.ts";
import { IBV_MW } from "../../src/ffi/verbs_layout.ts";
import { type ArenaAllocator, plainArena } from "../../src/ring/arena.ts";
import { FakeQueuePair, REGION } from "./verbs_fake_queue_pair.ts";

/** See the head of this file. */
export class FakeDevice {
  readonly arena = plainArena(8 * 1024 * 1024);
  readonly keys = new Map<number, RegisteredMemory>();
  private top = 4096;
  private nextKey = 100;

  allocate: ArenaAllocator["allocate"] = (bytes) => {
    const at = this.top;
    this.top += Math.ceil(bytes / 4096) * 4096;
    return at;
  };

  register(at: number, length: number): RegisteredMemory {
    const lkey = this.nextKey++;
    const rkey = lkey + 10_000;
    const address = { high: 0, low: at };
    const memory = { at, length, access: "remote", lkey, rkey, address } as const;
    this.keys.set(lkey, memory);
    return memory;
  }

  /** Windows all over `memory`, closed. */
  makeWindows(memory: RegisteredMemory, windowBytes: number): MemoryWindows {
    const at = this.allocate(4096, "windows");
    const handles = Array.from({ length: memory.length / windowBytes }, (_, i) => at + i * 64);
    for (const handle of handles) this.arena.u32[(handle + IBV_MW.RKEY) / 4] = handle << 8;
    return { memory, windowBytes, region: REGION, handles };
  }

  /** A queue pair with its block, receives posted, and the details of its ticket. */
  queuePair(sendDepth: number, receiveDepth: number, windowDepth = 0) {
    const layout = connectionLayout(sendDepth, receiveDepth);
    const memory = this.allocate(layout.bytes, "a connection");
    const sends = sendDepth + windowDepth;
    const pair = new FakeQueuePair(this.arena, sends, receiveDepth, this.keys);
    const receives = memory + layout.receives;
    buildReceives(this.arena, receives, receiveDepth, memory + layout.buffers, 1);
    pair.postRecv({} as NativePointer, Deno.UnsafePointer.create(BigInt(receives))!);
    const details = {
      ...{ id: 1, queuePair: 2, queuePairNumber: 3, completionQueue: 4, channel: 5, channelFd: 6 },
      ...{ context: 7, memory, sendDepth, receiveDepth, windowDepth },
    };
    return { pair, details };
  }
}
