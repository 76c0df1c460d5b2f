/** The ublk queues of one reactor: each is bound to a mapped disk for as long as it is there. */
import { setIoFlusher } from "../../ffi/io_flusher.ts";
import { unmap } from "../../ffi/libc.ts";
import { mapReadOnly } from "../../ffi/read_only_mapping.ts";
import type { CounterBlock } from "../../ring/counters.ts";
import type { Executor } from "../../ring/executor.ts";
import type { BlockUser } from "../../rnbd/block_queue.ts";
import type { DeviceQueue } from "../../rnbd/client/block_lane.ts";
import type { UblkCounterName } from "../../ublk/counters.ts";
import { descriptorArea } from "../../ublk/descriptor_area.ts";
import { UblkQueue } from "../../ublk/queue.ts";
import type { UblkQueueTicket } from "../../ublk/queue_ticket.ts";
import type { ReactorCommand, ReactorEvent } from "./messages.ts";
import type { QueueUser } from "./queue_user.ts";

/** What the reactor offers to whoever uses its block queues. */
export interface QueueUsers {
  /** The queue of a mapped disk; undefined when there is none, or it is going away. */
  find(session: number, device: number): DeviceQueue | undefined;
  add(user: QueueUser): void;
  /** It uses its queue no more. */
  remove(user: QueueUser, blockUser: BlockUser): void;
}

interface Entry {
  readonly session: number;
  readonly device: number;
  readonly queue: UblkQueue;
  /** While it is bound. */
  user: QueueUser | undefined;
}

/** See the head of this file. */
export class UblkQueues {
  private readonly entries = new Map<number, Entry>();
  private isFlusher = false;

  constructor(
    private readonly executor: Executor,
    private readonly counters: CounterBlock<UblkCounterName>,
    private readonly users: QueueUsers,
    private readonly emit: (event: ReactorEvent) => void,
  ) {}

  /** Fetches the requests of a queue and answers them until the device stops. */
  serve(command: ReactorCommand & { kind: "serveUblk" }): void {
    const { id, session, device, ticket } = command;
    // Refused without CAP_SYS_RESOURCE: then only a shortage of memory is more dangerous.
    if (!this.isFlusher) setIoFlusher();
    this.isFlusher = true;
    try {
      this.entries.set(id, this.open(id, session, device, ticket));
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      this.emit({ kind: "ublkOpened", id, failure });
      return this.emit({ kind: "ublkClosed", id });
    }
    this.bind(session, device);
    this.emit({ kind: "ublkOpened", id, failure: null });
  }

  private open(id: number, session: number, device: number, ticket: UblkQueueTicket): Entry {
    const { offset, length } = descriptorArea(ticket.queue, ticket.depth);
    const subject = `requests of /dev/ublkc${ticket.device}`;
    const mapping = mapReadOnly(ticket.fd, offset, length, subject);
    const descriptors = new Uint32Array(mapping.buffer);
    const queue = new UblkQueue(this.executor, ticket, descriptors, this.counters, {
      onUnbound: () => this.unbound(entry),
      onStopped: () => {
        this.unbound(entry);
        unmap(mapping);
        this.entries.delete(id);
        this.emit({ kind: "ublkClosed", id });
      },
    });
    const entry: Entry = { session, device, queue, user: undefined };
    return entry;
  }

  /** Has the queues of a disk use it, as it is now. */
  bind(session: number, device: number): void {
    const disk = this.users.find(session, device);
    if (disk === undefined) return;
    for (const entry of this.entries.values()) {
      const isOfDisk = entry.session === session && entry.device === device;
      if (!isOfDisk || entry.user !== undefined) continue;
      entry.user = { queue: disk, stop: () => entry.queue.unbind() };
      this.users.add(entry.user);
      entry.queue.bind(disk);
    }
  }

  private unbound(entry: Entry): void {
    const { user } = entry;
    entry.user = undefined;
    if (user !== undefined) this.users.remove(user, entry.queue);
  }
}
