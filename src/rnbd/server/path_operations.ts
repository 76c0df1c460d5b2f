/** File system calls on main, by its ring: a dead disk holds up its caller, not the thread. */
import { ERRNO, SystemError } from "../../ffi/errno.ts";
import { AT, BLOCK_URING_CMD_DISCARD, FALLOC, O, OPEN_HOW, RESOLVE } from "../../ffi/file_flags.ts";
import { cString } from "../../ffi/libc.ts";
import { decodeStatx, type FileStatus, STATX_MASK } from "../../ffi/statx.ts";
import type { ControlLoop } from "../../ring/control_loop.ts";
import { OP, SQE } from "../../ring/opcodes.ts";

/** Scratch memory of one caller; byte offsets. The data buffer is aligned for O_DIRECT. */
const SCRATCH = { OPEN_HOW: 0, STATX: 256, PATH: 4096, DATA: 12_288, BYTES: 16_384 };
const DATA_BYTES = 4096;

/** The operations; each {@link PathOperations.release} gives its scratch memory back. */
export class PathOperations {
  private readonly scratch: number;

  constructor(private readonly loop: ControlLoop) {
    this.scratch = loop.memory.allocate(SCRATCH.BYTES, "opening a device");
  }

  /** Gives the scratch memory back; every operation has ended. */
  release(): void {
    this.loop.memory.release(this.scratch);
  }

  private setAddress(sqe: Int32Array, at: number, offset: number): void {
    sqe[at] = offset >>> 0;
    sqe[at + 1] = this.loop.arena.addressHigh(offset);
  }

  private putPath(path: string): number {
    const bytes = cString(path);
    if (bytes.length > SCRATCH.DATA - SCRATCH.PATH) {
      throw new SystemError(ERRNO.ENAMETOOLONG, "open", path);
    }
    this.loop.arena.u8.set(bytes, this.scratch + SCRATCH.PATH);
    return this.scratch + SCRATCH.PATH;
  }

  /**
   * openat2(2) with O_CLOEXEC; symbolic links are followed, the kernel's magic links are not.
   * @throws SystemError
   */
  open(path: string, flags: number): Promise<number> {
    return this.openat2(path, flags, RESOLVE.NO_MAGICLINKS, path);
  }

  /** Opens what is open as `fd` once more: an open file of its own; `subject` names it. */
  reopen(fd: number, flags: number, subject: string): Promise<number> {
    return this.openat2(`/proc/self/fd/${fd}`, flags, 0, subject);
  }

  private async openat2(
    path: string,
    flags: number,
    resolve: number,
    subject: string,
  ): Promise<number> {
    const how = this.scratch + SCRATCH.OPEN_HOW;
    const { u32 } = this.loop.arena;
    u32.fill(0, how / 4, (how + OPEN_HOW.BYTES) / 4);
    u32[(how + OPEN_HOW.FLAGS) / 4] = flags | O.CLOEXEC;
    u32[(how + OPEN_HOW.RESOLVE) / 4] = resolve;
    const result = await this.loop.operate(
      OP.OPENAT2,
      AT.FDCWD,
      this.putPath(path),
      OPEN_HOW.BYTES,
      (sqe, at) => this.setAddress(sqe, at + SQE.OFFSET_LOW, how),
    );
    if (result < 0) throw new SystemError(-result, "open", subject);
    return result;
  }

  /** statx(2) of an open descriptor. */
  async status(fd: number, subject: string): Promise<FileStatus> {
    const answer = this.scratch + SCRATCH.STATX;
    const mask = STATX_MASK.BASIC_STATS | STATX_MASK.DIOALIGN;
    const result = await this.loop.operate(OP.STATX, fd, this.putPath(""), mask, (sqe, at) => {
      this.setAddress(sqe, at + SQE.OFFSET_LOW, answer);
      sqe[at + SQE.OP_FLAGS] = AT.EMPTY_PATH;
    });
    if (result < 0) throw new SystemError(-result, "statx", subject);
    return decodeStatx(this.loop.arena.view, answer);
  }

  /** Reads the first `length` (at most 4096) bytes into nowhere; returns the count or -errno. */
  tryRead(fd: number, length: number): Promise<number> {
    const data = this.scratch + SCRATCH.DATA;
    return this.loop.operate(OP.READ, fd, data, Math.min(length, DATA_BYTES));
  }

  /**
   * True when the file system can punch holes: asks for one behind the end of the file, where
   * there is no data, and which keeps the size as it is.
   */
  async canPunchHoles(fd: number, sizeBytes: number): Promise<boolean> {
    const PAGE_BYTES = 4096;
    const offset = Math.ceil(sizeBytes / PAGE_BYTES) * PAGE_BYTES;
    const mode = FALLOC.PUNCH_HOLE | FALLOC.KEEP_SIZE;
    const result = await this.loop.operate(OP.FALLOCATE, fd, 0, mode, (sqe, at) => {
      sqe[at + SQE.ADDRESS_LOW] = PAGE_BYTES;
      sqe[at + SQE.OFFSET_LOW] = offset >>> 0;
      sqe[at + SQE.OFFSET_HIGH] = Math.floor(offset / 2 ** 32);
    });
    return result === 0;
  }

  /**
   * True when this kernel and device take the discard command: sends one of length 0, which a
   * kernel that knows it refuses with EINVAL, after it has looked for support.
   */
  async canDiscardByCommand(fd: number): Promise<boolean> {
    const result = await this.loop.operate(OP.URING_CMD, fd, 0, 0, (sqe, at) => {
      sqe[at + SQE.OFFSET_LOW] = BLOCK_URING_CMD_DISCARD;
    });
    return result === -ERRNO.EINVAL;
  }

  /** close(2); its errno says nothing that can be acted on. */
  async close(fd: number): Promise<void> {
    await this.loop.operate(OP.CLOSE, fd, 0, 0);
  }
}
