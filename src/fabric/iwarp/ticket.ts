/** The iWARP carrier's own fields of a connection ticket. */
import type { ConnectionTicket } from "../fabric.ts";

/** A connection whose MPA start-up is done. */
export interface IwarpTicketFields {
  readonly fd: number;
  /** Whether frames carry CRCs, both ways. */
  readonly crc: boolean;
  readonly revision: number;
  /** Arena offset of CONNECTION_LAYOUT.BYTES; allocated and freed on main. */
  readonly memory: number;
}

/** @param localAddress, remoteAddress with the carrier's prefix */
export function makeTicket(
  localAddress: string,
  remoteAddress: string,
  fields: IwarpTicketFields,
): ConnectionTicket {
  const { fd, crc, revision, memory } = fields;
  return {
    carrier: "iwarp",
    localAddress,
    remoteAddress,
    hcaName: "tcp",
    hcaPort: 0,
    details: { fd, crc: crc ? 1 : 0, revision, memory },
  };
}

/** @throws TypeError for a ticket of another carrier */
export function readTicket(ticket: ConnectionTicket): IwarpTicketFields {
  const { fd, crc, revision, memory } = ticket.details;
  if (
    ticket.carrier !== "iwarp" || typeof fd !== "number" || typeof memory !== "number" ||
    typeof revision !== "number"
  ) {
    throw new TypeError(`A ticket of the carrier ${ticket.carrier} is no iWARP connection`);
  }
  return { fd, crc: crc === 1, revision, memory };
}
