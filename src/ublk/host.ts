/** What a ublk device needs of the program around it: memory, and threads that serve queues. */
import type { UblkQueueTicket } from "./queue_ticket.ts";

/** A queue that a reactor was told to serve. */
export interface ServedQueue {
  /** Settles when all requests have been fetched, or with the reason why they cannot be. */
  readonly opened: Promise<string | undefined>;
  /** Settles when nothing of the ticket is used any more. */
  readonly closed: Promise<void>;
}

/** The reactors, and the memory that a server may write to. */
export interface UblkHost {
  /** Reactors; queue q lives on reactor q modulo this. */
  readonly lanes: number;
  /** Data buffers for `queue`, registered with the session. @throws when there is no room */
  allocateBuffers(lane: number, length: number): number;
  /** Gives them back; nothing uses them any more. */
  releaseBuffers(at: number): Promise<void>;
  /** Has reactor `lane` serve a queue. */
  serve(lane: number, ticket: UblkQueueTicket): ServedQueue;
}
