/** Hands tickets to the adopter of their carrier. */
import type {
  ConnectionLimits,
  ConnectionTicket,
  FabricAdopter,
  FabricConnection,
  FabricConnectionHandler,
} from "./fabric.ts";

/** The data halves of several carriers on one thread. */
export class CarrierAdopter implements FabricAdopter {
  constructor(
    private readonly adopters: Partial<Record<ConnectionTicket["carrier"], FabricAdopter>>,
  ) {}

  adopt(
    ticket: ConnectionTicket,
    limits: ConnectionLimits,
    handler: FabricConnectionHandler,
  ): FabricConnection {
    return this.adopterOf(ticket).adopt(ticket, limits, handler);
  }

  discard(ticket: ConnectionTicket): void {
    this.adopterOf(ticket).discard(ticket);
  }

  private adopterOf(ticket: ConnectionTicket): FabricAdopter {
    const adopter = this.adopters[ticket.carrier];
    if (adopter === undefined) throw new TypeError(`No carrier ${ticket.carrier} here`);
    return adopter;
  }
}
