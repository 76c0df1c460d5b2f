/** A queue of a ublk device: plain data that main sends to the reactor that serves it. */
export interface UblkQueueTicket {
  /** Number of the device: N of /dev/ublkcN. */
  readonly device: number;
  /** Number of the queue in the device. */
  readonly queue: number;
  /** /dev/ublkcN, owned by main. */
  readonly fd: number;
  /** Requests. */
  readonly depth: number;
  /** Arena offset of the data buffers, one a request. */
  readonly buffersAt: number;
  /** Length of each. */
  readonly bufferBytes: number;
}
