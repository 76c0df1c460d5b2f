/** Where the requests of a queue lie in /dev/ublkcN (ublk_drv.c, `ublk_ch_mmap`). */
import { DESCRIPTOR } from "./commands.ts";
import { DESCRIPTOR_AREA_STRIDE_BYTES, PAGE_BYTES } from "./limits.ts";

/** Offset and length to map, bytes; the driver takes exactly these. */
export function descriptorArea(queue: number, depth: number): { offset: number; length: number } {
  const bytes = depth * DESCRIPTOR.WORDS * 4;
  return {
    offset: queue * DESCRIPTOR_AREA_STRIDE_BYTES,
    length: Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES,
  };
}
