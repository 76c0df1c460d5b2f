/** The process's queue of connection events, waited for on main's ring. */
import { SystemError } from "../../ffi/errno.ts";
import {
  type CmEvent,
  createEventChannel,
  destroyEventChannel,
  destroyId,
  type EventChannel,
  nextEvent,
} from "../../ffi/librdmacm.ts";
import { CM_EVENT } from "../../ffi/verbs_layout.ts";
import type { ControlLoop, PendingOperation } from "../../ring/control_loop.ts";
import { OP, SQE } from "../../ring/opcodes.ts";
import { EVENT_RETRY_MS } from "./limits.ts";

const POLLIN = 1;

/** Gets the events of one id (a listener also those that make a new id). */
export interface CmOwner {
  onCmEvent(event: CmEvent): void;
}

/** Opened at first use. */
export class CmChannel {
  private channel: EventChannel | undefined;
  private pending: PendingOperation | undefined;
  private closed = false;
  private readonly owners = new Map<number, CmOwner>();

  constructor(private readonly loop: ControlLoop) {}

  /** Native address of the rdma_event_channel. @throws SystemError, MissingLibraryError */
  open(): number {
    if (this.channel === undefined) {
      this.channel = createEventChannel();
      this.wait(this.channel);
    }
    return this.channel.address;
  }

  /** From now on `owner` gets the events of `id`. */
  own(id: number, owner: CmOwner): void {
    this.owners.set(id, owner);
  }

  /** Nobody gets the events of `id` any more. */
  disown(id: number): void {
    this.owners.delete(id);
  }

  /** Stops; all ids must be gone. */
  close(): void {
    this.closed = true;
    this.pending?.cancel();
  }

  private async wait(channel: EventChannel): Promise<void> {
    while (!this.closed) {
      this.pending = this.loop.start(OP.POLL_ADD, channel.fd, 0, 0, (sqe, word) => {
        sqe[word + SQE.OP_FLAGS] = POLLIN;
      });
      await this.pending.result;
      if (!this.closed) await this.dispatchAll(channel.address);
    }
    destroyEventChannel(channel.address);
  }

  private async dispatchAll(channel: number): Promise<void> {
    for (;;) {
      let event: CmEvent | undefined;
      try {
        event = nextEvent(channel);
      } catch (cause) {
        // Out of memory or descriptors for a new id: the others go on.
        if (!(cause instanceof SystemError)) throw cause;
        await new Promise((resolve) => setTimeout(resolve, EVENT_RETRY_MS));
        return;
      }
      if (event === undefined) return;
      this.dispatch(event);
    }
  }

  private dispatch(event: CmEvent): void {
    const isRequest = event.type === CM_EVENT.CONNECT_REQUEST;
    const owner = this.owners.get(isRequest ? event.listenId : event.id);
    if (owner !== undefined) owner.onCmEvent(event);
    // The listener was closed meanwhile.
    else if (isRequest) destroyId(event.id);
  }
}
