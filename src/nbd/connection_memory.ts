/** What a connection keeps in the arena: everything of it that the kernel reads or writes. */
import {
  PAYLOAD_BYTES_MAX,
  REPLY_HEADER_BYTES_MAX,
  REPLY_RANGES_MAX,
  STAGING_BYTES,
} from "./limits.ts";

/** Bytes of a struct iovec. */
export const IOVEC_BYTES = 16;

const HEADERS = STAGING_BYTES;
const RANGES = HEADERS + REPLY_HEADER_BYTES_MAX;
const MESSAGE = RANGES + REPLY_RANGES_MAX * IOVEC_BYTES;
const ASSEMBLY = Math.ceil((MESSAGE + 64) / 4096) * 4096;

/** Offsets from the connection's memory, bytes. Only touched pages cost memory. */
export const CONNECTION_MEMORY = {
  /** Received bytes. */
  STAGING: 0,
  /** Reply headers of the send in flight. */
  HEADERS,
  /** Its struct iovec array. */
  RANGES,
  /** Its struct msghdr. */
  MESSAGE,
  /** One read that must go out whole but is longer than the device's longest I/O. */
  ASSEMBLY,
  BYTES: ASSEMBLY + PAYLOAD_BYTES_MAX,
} as const;
