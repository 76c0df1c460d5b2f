/** The offsets and numbers of src/ffi for files, against what the C headers say. */
import assert from "node:assert/strict";
import { BLOCK_IOCTL } from "../../src/ffi/block_ioctl.ts";
import {
  AT,
  FALLOC,
  FSYNC_DATASYNC,
  O,
  OPEN_HOW,
  RESOLVE,
  RWF_DSYNC,
} from "../../src/ffi/file_flags.ts";
import { STATX, STATX_MASK } from "../../src/ffi/statx.ts";
import { runProgram } from "../support/loop_device.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** C expression by what the program has. */
const EXPECTED: Readonly<Record<string, number>> = {
  "offsetof(struct statx, stx_mask)": STATX.MASK,
  "offsetof(struct statx, stx_blksize)": STATX.BLKSIZE,
  "offsetof(struct statx, stx_mode)": STATX.MODE,
  "offsetof(struct statx, stx_ino)": STATX.INO,
  "offsetof(struct statx, stx_size)": STATX.SIZE,
  "offsetof(struct statx, stx_blocks)": STATX.BLOCKS,
  "offsetof(struct statx, stx_rdev_major)": STATX.RDEV_MAJOR,
  "offsetof(struct statx, stx_rdev_minor)": STATX.RDEV_MINOR,
  "offsetof(struct statx, stx_dev_major)": STATX.DEV_MAJOR,
  "offsetof(struct statx, stx_dev_minor)": STATX.DEV_MINOR,
  "offsetof(struct statx, stx_dio_offset_align)": STATX.DIO_OFFSET_ALIGN,
  "sizeof(struct statx)": STATX.BYTES,
  STATX_SIZE: STATX_MASK.SIZE,
  STATX_BASIC_STATS: STATX_MASK.BASIC_STATS,
  STATX_DIOALIGN: STATX_MASK.DIOALIGN,
  "offsetof(struct open_how, flags)": OPEN_HOW.FLAGS,
  "offsetof(struct open_how, mode)": OPEN_HOW.MODE,
  "offsetof(struct open_how, resolve)": OPEN_HOW.RESOLVE,
  "sizeof(struct open_how)": OPEN_HOW.BYTES,
  RESOLVE_NO_MAGICLINKS: RESOLVE.NO_MAGICLINKS,
  AT_FDCWD: AT.FDCWD,
  AT_EMPTY_PATH: AT.EMPTY_PATH,
  AT_STATX_DONT_SYNC: AT.STATX_DONT_SYNC,
  O_RDONLY: O.RDONLY,
  O_RDWR: O.RDWR,
  O_DIRECT: O.DIRECT,
  O_CLOEXEC: O.CLOEXEC,
  __O_PATH: O.PATH,
  FALLOC_FL_KEEP_SIZE: FALLOC.KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE: FALLOC.PUNCH_HOLE,
  FALLOC_FL_ZERO_RANGE: FALLOC.ZERO_RANGE,
  RWF_DSYNC,
  IORING_FSYNC_DATASYNC: FSYNC_DATASYNC,
  BLKROGET: BLOCK_IOCTL.BLKROGET,
  BLKSSZGET: BLOCK_IOCTL.BLKSSZGET,
  BLKPBSZGET: BLOCK_IOCTL.BLKPBSZGET,
  BLKGETSIZE64: BLOCK_IOCTL.BLKGETSIZE64,
};

skippable("file layouts and flags are those of the C headers", async () => {
  const compiler = requireCommand("gcc", "gcc libc6-dev");
  await using directory = await temporaryDirectory();
  const prints = Object.keys(EXPECTED)
    .map((expression) => `  printf("%lld\\n", (long long)(${expression}));`).join("\n");
  const headers = [
    "asm/fcntl.h",
    "linux/falloc.h",
    "linux/fcntl.h",
    "linux/fs.h",
    "linux/io_uring.h",
  ]
    .concat("linux/openat2.h", "linux/stat.h", "stddef.h", "stdio.h")
    .map((header) => `#include <${header}>`).join("\n");
  const source = `${directory.path}/layouts.c`;
  const program = `${directory.path}/layouts`;
  const pathFlag = "#ifdef O_PATH\n#define __O_PATH O_PATH\n#endif\n";
  await Deno.writeTextFile(source, `${headers}\n${pathFlag}int main(void) {\n${prints}\n}\n`);
  await runProgram(compiler, "-o", program, source);
  const lines = (await runProgram(program)).split("\n").map(Number);
  const found = Object.fromEntries(Object.keys(EXPECTED).map((key, i) => [key, lines[i]]));
  assert.deepEqual(found, EXPECTED);
});
