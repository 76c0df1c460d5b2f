/** Numbers of file system calls that io_uring operations take (include/uapi, spelled as there). */

/** fcntl.h, openat2.h, stat.h: the current directory as a descriptor, and AT_* flags. */
export const AT = {
  FDCWD: -100,
  SYMLINK_NOFOLLOW: 0x100,
  EMPTY_PATH: 0x1000,
  STATX_DONT_SYNC: 0x4000,
} as const;

/** O_*: asm-generic/fcntl.h, but aarch64 has its own O_DIRECT and O_DIRECTORY (asm/fcntl.h). */
export const O = {
  RDONLY: 0,
  RDWR: 2,
  NONBLOCK: 0o4000,
  DIRECT: Deno.build.arch === "aarch64" ? 0o200000 : 0o40000,
  DIRECTORY: Deno.build.arch === "aarch64" ? 0o40000 : 0o200000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
} as const;

/** RESOLVE_* of openat2(2). */
export const RESOLVE = { NO_MAGICLINKS: 0x02 } as const;

/** struct open_how (openat2.h): three 64-bit fields; byte offsets. */
export const OPEN_HOW = { FLAGS: 0, MODE: 8, RESOLVE: 16, BYTES: 24 } as const;

/** FALLOC_FL_* (falloc.h). */
export const FALLOC = { KEEP_SIZE: 0x01, PUNCH_HOLE: 0x02, ZERO_RANGE: 0x10 } as const;

/** RWF_DSYNC (fs.h): this write is on the medium before it is done. */
export const RWF_DSYNC = 0x02;

/** IORING_FSYNC_DATASYNC (io_uring.h): fdatasync(2) instead of fsync(2). */
export const FSYNC_DATASYNC = 1;

/** BLOCK_URING_CMD_DISCARD (blkdev.h, `_IO(0x12, 0)`); range in the SQE's addr and addr3. */
export const BLOCK_URING_CMD_DISCARD = 0x1200;
