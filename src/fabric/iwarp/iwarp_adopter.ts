/** Makes iWARP connections on one thread. */
import { close } from "../../ffi/libc.ts";
import type { Executor } from "../../ring/executor.ts";
import type {
  ConnectionLimits,
  ConnectionTicket,
  FabricAdopter,
  FabricConnection,
  FabricConnectionHandler,
} from "../fabric.ts";
import { IwarpConnection } from "./connection.ts";
import { readTicket } from "./ticket.ts";

/** The data half of the carrier on the thread of `executor`. */
export class IwarpAdopter implements FabricAdopter {
  /**
   * @param rejections index in `arena.f64` of the counters of REJECTION_NAMES, which this thread
   *   alone writes
   */
  constructor(private readonly executor: Executor, private readonly rejections: number) {}

  adopt(
    ticket: ConnectionTicket,
    limits: ConnectionLimits,
    handler: FabricConnectionHandler,
  ): FabricConnection {
    return new IwarpConnection(this.executor, ticket, limits, handler, this.rejections);
  }

  discard(ticket: ConnectionTicket): void {
    close(readTicket(ticket).fd);
  }
}
