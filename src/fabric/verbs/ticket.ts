/** The verbs carrier's own fields of a connection ticket: native addresses and queue sizes. */
import type { ConnectionTicket } from "../fabric.ts";

/** An established connection as another thread needs it. Addresses are native. */
export interface VerbsTicketFields {
  /** rdma_cm_id. */
  readonly id: number;
  /** ibv_qp and its number. */
  readonly queuePair: number;
  readonly queuePairNumber: number;
  /** ibv_cq. */
  readonly completionQueue: number;
  /** ibv_comp_channel and its descriptor. */
  readonly channel: number;
  readonly channelFd: number;
  /** ibv_context of the device. */
  readonly context: number;
  /** Arena offset of the connection's block; allocated and freed on main. */
  readonly memory: number;
  /** Work requests the queues take. */
  readonly sendDepth: number;
  readonly receiveDepth: number;
  /** Changes of windows that the send queue takes besides. */
  readonly windowDepth: number;
}

const FIELDS: readonly (keyof VerbsTicketFields)[] = [
  "id",
  "queuePair",
  "queuePairNumber",
  "completionQueue",
  "channel",
  "channelFd",
  "context",
  "memory",
  "sendDepth",
  "receiveDepth",
  "windowDepth",
];

/** @param ends addresses with the carrier's prefix, device and port */
export function makeTicket(
  ends: Omit<ConnectionTicket, "carrier" | "details">,
  fields: VerbsTicketFields,
): ConnectionTicket {
  return { carrier: "verbs", ...ends, details: { ...fields } };
}

/** @throws TypeError for a ticket of another carrier */
export function readTicket(ticket: ConnectionTicket): VerbsTicketFields {
  const isComplete = FIELDS.every((field) => typeof ticket.details[field] === "number");
  if (ticket.carrier !== "verbs" || !isComplete) {
    throw new TypeError(`A ticket of the carrier ${ticket.carrier} is no verbs connection`);
  }
  return ticket.details as unknown as VerbsTicketFields;
}
