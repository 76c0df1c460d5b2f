/** What clients are told about an export. */
import type { BlockGeometry } from "../rnbd/block_queue.ts";
import { MINIMUM_BLOCK_BYTES_MAX, PREFERRED_BLOCK_BYTES_MIN } from "./limits.ts";
import { TRANSMISSION_FLAG } from "./protocol.ts";

/** A mapping as main offers it to NBD clients. */
export interface NbdExport {
  /** Name of the mapping; the empty name selects it too. */
  readonly name: string;
  /** One line for a human being: which remote device this is. */
  readonly description: string;
  /** Asked at every negotiation, since the device may have been opened anew meanwhile. */
  geometry(): BlockGeometry;
}

/** The transmission flags of an export with this geometry. */
export function transmissionFlags(geometry: BlockGeometry, structured: boolean): number {
  const writable = !geometry.readOnly;
  return TRANSMISSION_FLAG.HAS_FLAGS | TRANSMISSION_FLAG.SEND_FLUSH |
    TRANSMISSION_FLAG.SEND_FUA | TRANSMISSION_FLAG.CAN_MULTI_CONN |
    (writable ? TRANSMISSION_FLAG.SEND_WRITE_ZEROES : TRANSMISSION_FLAG.READ_ONLY) |
    (writable && geometry.maxDiscardBytes > 0 ? TRANSMISSION_FLAG.SEND_TRIM : 0) |
    (structured ? TRANSMISSION_FLAG.SEND_DF : 0);
}

/** Minimum and preferred block size, bytes (proto.md, size constraints). */
export function blockSizes(geometry: BlockGeometry): { minimum: number; preferred: number } {
  const minimum = Math.min(geometry.logicalBlockBytes, MINIMUM_BLOCK_BYTES_MAX);
  const preferred = Math.max(PREFERRED_BLOCK_BYTES_MIN, geometry.physicalBlockBytes, minimum);
  // The protocol wants a power of two; a device may report anything.
  const exponent = Math.ceil(Math.log2(preferred));
  return { minimum, preferred: 2 ** exponent };
}
