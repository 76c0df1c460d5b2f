/** A connection that finished its negotiation: plain data that main sends to a reactor. */
export interface NbdTicket {
  /** Names the connection towards the listener that it came from; unique in the process. */
  readonly id: number;
  /** The socket; whoever adopts the ticket closes it. */
  readonly fd: number;
  readonly exportName: string;
  /** The client asked for structured replies. */
  readonly structured: boolean;
  /** What the client was promised (NBD_FLAG_*). */
  readonly transmissionFlags: number;
  /** Arena offset of the connection's memory (`CONNECTION_MEMORY.BYTES`), owned by main. */
  readonly memory: number;
}
