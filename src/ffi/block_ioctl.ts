/** The block device ioctls (include/uapi/linux/fs.h): sizes and flags, none of which does I/O. */
import { ioctl } from "./libc.ts";

/** Request numbers, the same on x86-64 and aarch64. */
export const BLOCK_IOCTL = {
  BLKROGET: 0x125e,
  BLKSSZGET: 0x1268,
  BLKPBSZGET: 0x127b,
  BLKGETSIZE64: 0x8008_1272,
} as const;

/** What the ioctls tell of an open block device. */
export interface BlockDeviceSizes {
  readonly sizeBytes: number;
  readonly logicalBlockBytes: number;
  readonly physicalBlockBytes: number;
  readonly readOnly: boolean;
}

/**
 * Asks an open block device for its sizes.
 * @throws SystemError when `fd` is no block device; `subject` names it
 */
export function readBlockDeviceSizes(fd: number, subject: string): BlockDeviceSizes {
  const words = new Uint32Array(2);
  const bytes = new Uint8Array(words.buffer);
  const ask = (request: number) => {
    words.fill(0);
    ioctl(fd, request, bytes, subject);
    return words[0]! + words[1]! * 2 ** 32;
  };
  return {
    sizeBytes: ask(BLOCK_IOCTL.BLKGETSIZE64),
    logicalBlockBytes: ask(BLOCK_IOCTL.BLKSSZGET),
    physicalBlockBytes: ask(BLOCK_IOCTL.BLKPBSZGET),
    readOnly: ask(BLOCK_IOCTL.BLKROGET) !== 0,
  };
}
