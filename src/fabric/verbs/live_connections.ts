/** Established connections on main: their end is told to the thread that owns them. */
import type { CmEvent } from "../../ffi/librdmacm.ts";
import type { ArenaAllocator } from "../../ring/arena.ts";
import type { ConnectionTicket } from "../fabric.ts";
import type { CmChannel, CmOwner } from "./cm_channel.ts";
import { BLOCK_HEAD } from "./connection_memory.ts";
import type { ConnectionObjects } from "./connection_objects.ts";
import { disconnectBoth } from "./operations.ts";
import { endsConnection } from "./status_words.ts";
import { readTicket } from "./ticket.ts";

class LiveConnection implements CmOwner {
  constructor(
    private readonly memory: ArenaAllocator,
    readonly objects: ConnectionObjects,
  ) {}

  /** The owner sees its queues flushed, and finds the reason in the block. */
  onCmEvent(event: CmEvent): void {
    if (!endsConnection(event.type)) return;
    const word = (this.objects.block + BLOCK_HEAD.END_EVENT) / 4;
    if (this.memory.arena.u32[word] === 0) this.memory.arena.u32[word] = event.type + 1;
    disconnectBoth(this.objects.queuePair, this.objects.id);
  }
}

/** From ESTABLISHED to release. */
export class LiveConnections {
  private readonly byId = new Map<number, LiveConnection>();

  constructor(private readonly channel: CmChannel, private readonly memory: ArenaAllocator) {}

  /** Takes over an established connection and gives its ticket. */
  add(objects: ConnectionObjects): ConnectionTicket {
    const live = new LiveConnection(this.memory, objects);
    this.byId.set(objects.id, live);
    this.channel.own(objects.id, live);
    return objects.ticket();
  }

  /** Destroys everything of a connection. @throws TypeError when it was released before */
  release(ticket: ConnectionTicket): void {
    const { id } = readTicket(ticket);
    const live = this.byId.get(id);
    if (live === undefined) throw new TypeError("The connection was released before");
    this.byId.delete(id);
    this.channel.disown(id);
    live.objects.destroy();
  }
}
