/** Takes verbs connections over on one thread. */
import type { Executor } from "../../ring/executor.ts";
import type {
  ConnectionLimits,
  ConnectionTicket,
  FabricAdopter,
  FabricConnection,
  FabricConnectionHandler,
} from "../fabric.ts";
import { VerbsConnection } from "./connection.ts";
import { type ConnectionOperations, openConnectionOperations } from "./operations.ts";
import { readTicket } from "./ticket.ts";

/** The data half of the carrier on the thread of `executor`. */
export class VerbsAdopter implements FabricAdopter {
  private operations: ConnectionOperations | undefined;

  /**
   * @param counters index in `arena.f64` of the counters of VERBS_COUNTER_NAMES, which this thread
   *   alone writes
   */
  constructor(private readonly executor: Executor, private readonly counters: number) {}

  /** Libraries are opened at first use: a machine without RDMA need not have them. */
  private open(): ConnectionOperations {
    this.operations ??= openConnectionOperations();
    return this.operations;
  }

  adopt(
    ticket: ConnectionTicket,
    limits: ConnectionLimits,
    handler: FabricConnectionHandler,
  ): FabricConnection {
    const operations = this.open();
    const { executor, counters } = this;
    return new VerbsConnection(executor, ticket, limits, handler, operations, counters);
  }

  discard(ticket: ConnectionTicket): void {
    const { queuePair, id } = readTicket(ticket);
    this.open().disconnect(queuePair, id);
  }
}
