/** statx(2): the layout of its answer, and a size look-up that allocates nothing. */
import { errno } from "./libc.ts";
import { AT } from "./file_flags.ts";

/** Byte offsets in struct statx (include/uapi/linux/stat.h). */
export const STATX = {
  MASK: 0,
  BLKSIZE: 4,
  MODE: 28,
  INO: 32,
  SIZE: 40,
  BLOCKS: 48,
  RDEV_MAJOR: 128,
  RDEV_MINOR: 132,
  DEV_MAJOR: 136,
  DEV_MINOR: 140,
  DIO_OFFSET_ALIGN: 156,
  BYTES: 256,
} as const;

/** STATX_*: what to ask for, and what was answered. */
export const STATX_MASK = { SIZE: 0x200, BASIC_STATS: 0x7ff, DIOALIGN: 0x2000 } as const;

const S_IFMT = 0o170000;

/** S_IFMT values, and how an error names them. */
const FILE_KINDS: Readonly<Record<number, string>> = {
  0o010000: "fifo",
  0o020000: "character device",
  0o040000: "directory",
  0o060000: "block device",
  0o100000: "file",
  0o140000: "socket",
};

/** What the program wants to know of a file. */
export interface FileStatus {
  readonly kind: string;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  /** st_blocks in bytes: what is allocated on the medium. */
  readonly allocatedBytes: number;
  /** `major:minor` of the file system's device, and of the device that a device file is. */
  readonly device: string;
  readonly deviceOfNode: string;
  readonly inode: string;
  /** O_DIRECT: alignment of file offsets; undefined when the kernel does not say, 0 = refused. */
  readonly directAlignmentBytes: number | undefined;
}

/** Reads struct statx at byte `at` of `view`. */
export function decodeStatx(view: DataView<ArrayBuffer>, at: number): FileStatus {
  const word = (offset: number) => view.getUint32(at + offset, true);
  const long = (offset: number) => word(offset) + word(offset + 4) * 2 ** 32;
  const mode = view.getUint16(at + STATX.MODE, true);
  const SECTOR_BYTES = 512;
  return {
    kind: FILE_KINDS[mode & S_IFMT] ?? "file of an unknown kind",
    sizeBytes: long(STATX.SIZE),
    blockBytes: word(STATX.BLKSIZE),
    allocatedBytes: long(STATX.BLOCKS) * SECTOR_BYTES,
    device: `${word(STATX.DEV_MAJOR)}:${word(STATX.DEV_MINOR)}`,
    deviceOfNode: `${word(STATX.RDEV_MAJOR)}:${word(STATX.RDEV_MINOR)}`,
    inode: String(view.getBigUint64(at + STATX.INO, true)),
    directAlignmentBytes: (word(STATX.MASK) & STATX_MASK.DIOALIGN) === 0
      ? undefined
      : word(STATX.DIO_OFFSET_ALIGN),
  };
}

const library = Deno.dlopen("libc.so.6", {
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
}).symbols;

const EMPTY_PATH = new Uint8Array(1);
const answer = new Uint32Array(STATX.BYTES / 4);
const answerBytes = new Uint8Array(answer.buffer);

/**
 * Size in bytes of the file open as `fd`, or -errno, as this machine knows it: a network file
 * system is not asked, so this never waits. For the data plane: allocates nothing.
 */
export function fileSize(fd: number): number {
  const flags = AT.EMPTY_PATH | AT.STATX_DONT_SYNC;
  const result = library.statx(fd, EMPTY_PATH, flags, STATX_MASK.SIZE, answerBytes);
  if (result < 0) return -errno();
  return answer[STATX.SIZE / 4]! + answer[STATX.SIZE / 4 + 1]! * 2 ** 32;
}
