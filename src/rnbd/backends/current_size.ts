/** The size of an opened disk now: files and volumes grow while clients have them open. */
import { readBlockDeviceSizes } from "../../ffi/block_ioctl.ts";
import { SystemError } from "../../ffi/errno.ts";
import { fileSize } from "../../ffi/statx.ts";
import type { BackendTicket } from "../backend.ts";

/**
 * Whole logical blocks, in bytes; what was known already when the descriptor does not tell. Makes
 * a system call for files and block devices.
 */
export function currentSizeBytes(ticket: BackendTicket): number {
  const { sizeBytes, logicalBlockBytes } = ticket.geometry;
  const bytes = askSize(ticket);
  return bytes < 0 ? sizeBytes : bytes - bytes % logicalBlockBytes;
}

function askSize(ticket: BackendTicket): number {
  if (ticket.kind === "file") return fileSize(ticket.fd);
  if (ticket.kind !== "block") return ticket.geometry.sizeBytes;
  try {
    return readBlockDeviceSizes(ticket.fd, ticket.path).sizeBytes;
  } catch (error) {
    // The device is gone: its I/O says so.
    if (error instanceof SystemError) return -error.errno;
    throw error;
  }
}

/** The ticket with another size. */
export function withSize<Ticket extends BackendTicket>(ticket: Ticket, sizeBytes: number): Ticket {
  return { ...ticket, geometry: { ...ticket.geometry, sizeBytes } };
}
