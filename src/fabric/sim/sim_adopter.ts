/** Makes simulated connections on one simulated thread. */
import type {
  ConnectionLimits,
  ConnectionTicket,
  FabricAdopter,
  FabricConnection,
  FabricConnectionHandler,
} from "../fabric.ts";
import type { SimNetwork } from "./network.ts";
import type { SimProcess } from "./process.ts";
import type { SimConnection } from "./sim_connection.ts";

/** The connection that a ticket names, if its process is the right one. */
export function connectionOf(
  network: SimNetwork,
  process: SimProcess,
  ticket: ConnectionTicket,
): SimConnection {
  const connection = network.connections.get(Number(ticket.details.connection));
  if (connection === undefined) throw new Error("The ticket's connection was released");
  if (connection.process !== process) throw new Error("The ticket is another process's");
  return connection;
}

/** The data half of the carrier in one process. */
export class SimAdopter implements FabricAdopter {
  constructor(private readonly network: SimNetwork, private readonly process: SimProcess) {}

  adopt(
    ticket: ConnectionTicket,
    limits: ConnectionLimits,
    handler: FabricConnectionHandler,
  ): FabricConnection {
    const connection = connectionOf(this.network, this.process, ticket);
    connection.adopt(limits, handler);
    return connection;
  }

  discard(ticket: ConnectionTicket): void {
    connectionOf(this.network, this.process, ticket).discard();
  }
}
