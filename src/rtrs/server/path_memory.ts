/**
 * Memory of a server path: the session's chunks as this path's client may write to them, and the
 * messages that the server sends from memory, on pages of their own: INFO_RSP, and where keys are
 * renewed, one rkey_rsp a chunk.
 */
import type {
  ConnectionTicket,
  ConnectionWindows,
  Fabric,
  MemoryWindows,
  RegisteredMemory,
} from "../../fabric/fabric.ts";
import { SystemError } from "../../ffi/errno.ts";
import type { ArenaAllocator } from "../../ring/arena.ts";
import { type ChunkRegion, encodeInfoResponse, infoResponseBytes } from "../info_codec.ts";
import { RKEY_RSP } from "../request_codec.ts";
import type { KeyRenewal, ServerPathMemory } from "./connection.ts";

/** What the session gives. */
export interface ChunkMemory {
  /** Arena offset of chunk 0. */
  readonly at: number;
  readonly chunkBytes: number;
  readonly count: number;
}

const PAGE_BYTES = 4096;
const TWO_32 = 2 ** 32;

/** See the head of this file. */
export class ServerPathRegistrations {
  /** Arena offset of the messages, INFO_RSP first. */
  private readonly messagesAt: number;
  private readonly messagesBytes: number;
  private readonly keyMessagesAt: number;
  private chunks: RegisteredMemory | undefined;
  private messages: RegisteredMemory | undefined;
  private windows: MemoryWindows | undefined;

  /**
   * @param renewsKeys the carrier must have windows
   * @throws RangeError when the arena has no room
   */
  constructor(
    private readonly memory: ArenaAllocator,
    private readonly fabric: Fabric,
    private readonly source: ChunkMemory,
    private readonly renewsKeys: boolean,
  ) {
    const infoBytes = Math.ceil(infoResponseBytes(renewsKeys ? source.count : 1) / 8) * 8;
    const bytes = infoBytes + (renewsKeys ? source.count * RKEY_RSP.BYTES : 0);
    this.messagesBytes = Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
    this.messagesAt = memory.allocate(this.messagesBytes, "the messages of a server path");
    this.keyMessagesAt = this.messagesAt + infoBytes;
  }

  /** Registers what is not registered yet; a sentence when that fails. */
  register(ticket: ConnectionTicket): string | undefined {
    const { fabric, source } = this;
    const access = this.renewsKeys ? "windows" : "remote";
    try {
      this.chunks ??= fabric.register(ticket, source.at, source.count * source.chunkBytes, access);
      this.messages ??= fabric.register(ticket, this.messagesAt, this.messagesBytes, "local");
      if (this.renewsKeys) this.windows ??= fabric.makeWindows!(this.chunks, source.chunkBytes);
    } catch (error) {
      if (error instanceof SystemError) return error.message;
      throw error;
    }
    return undefined;
  }

  /** For the connections of the path; after {@link register}. */
  get shared(): ServerPathMemory {
    const chunks = this.chunks!;
    if (this.windows === undefined) return { chunks, renewal: undefined };
    const renewal: KeyRenewal = {
      windows: this.windows,
      messages: this.messages!,
      messagesAt: this.keyMessagesAt,
    };
    return { chunks, renewal };
  }

  /** Where INFO_RSP lies, for the service connection. */
  get forInfo(): RegisteredMemory {
    return this.messages!;
  }

  /**
   * Writes INFO_RSP; where keys are renewed, it has a region for each chunk, whose window is
   * opened.
   * @returns its arena offset and its length in bytes
   */
  buildInfo(
    windows: ConnectionWindows | undefined,
  ): { readonly at: number; readonly length: number } {
    const regions = windows === undefined ? [this.wholeRegion()] : this.openAll(windows);
    const length = infoResponseBytes(regions.length);
    const { u8 } = this.memory.arena;
    encodeInfoResponse(u8.subarray(this.messagesAt, this.messagesAt + length), regions);
    return { at: this.messagesAt, length };
  }

  private wholeRegion(): ChunkRegion {
    const { address, rkey, length } = this.chunks!;
    return { high: address.high, low: address.low, rkey, length };
  }

  private openAll(windows: ConnectionWindows): ChunkRegion[] {
    const { address } = this.chunks!;
    const { count, chunkBytes } = this.source;
    return Array.from({ length: count }, (_, chunk) => {
      const low = address.low + chunk * chunkBytes;
      return {
        high: address.high + Math.floor(low / TWO_32),
        low: low % TWO_32,
        rkey: windows.open(chunk),
        length: chunkBytes,
      };
    });
  }

  /** Undoes everything, after the last connection has closed. */
  free(): void {
    if (this.windows !== undefined) this.fabric.freeWindows!(this.windows);
    if (this.chunks !== undefined) this.fabric.unregister(this.chunks);
    if (this.messages !== undefined) this.fabric.unregister(this.messages);
    this.memory.release(this.messagesAt);
  }
}
