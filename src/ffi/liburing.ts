/**
 * The three io_uring system calls: liburing's wrappers where it is installed, libc's `syscall`
 * with the same arguments where it is not. All of them return -errno.
 */
import { errno, mapReserve } from "./libc.ts";

const SYS_IO_URING_SETUP = 425;
const SYS_IO_URING_ENTER = 426;
const SYS_IO_URING_REGISTER = 427;

/** The system calls, whichever library they came from. */
export interface Uring {
  /** Where the calls come from, for `status`. */
  readonly library: string;
  setup(entries: number, parameters: Uint8Array<ArrayBuffer>): number;
  /** All-integer signature: V8 calls it without a slow path (20 ns plus the system call). */
  enter(fd: number, submit: number, wait: number, flags: number, argument: null): number;
  /** {@link enter} with a time-out from {@link makeTimeout}; -ETIME when it is over. */
  enterTimed(
    fd: number,
    submit: number,
    wait: number,
    flags: number,
    argument: Deno.PointerValue,
    size: Deno.PointerValue,
  ): number;
  register(fd: number, opcode: number, argument: Uint8Array<ArrayBuffer>, count: number): number;
}

function fromLiburing(): Uring {
  const { symbols } = Deno.dlopen("liburing.so.2", {
    io_uring_setup: { parameters: ["u32", "buffer"], result: "i32" },
    io_uring_enter: { parameters: ["i32", "u32", "u32", "u32", "pointer"], result: "i32" },
    // The size is declared as a pointer: a usize would have to be a BigInt.
    io_uring_enter2: {
      parameters: ["i32", "u32", "u32", "u32", "pointer", "pointer"],
      result: "i32",
    },
    io_uring_register: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  });
  return {
    library: "liburing.so.2",
    setup: symbols.io_uring_setup,
    enter: symbols.io_uring_enter,
    enterTimed: symbols.io_uring_enter2,
    register: symbols.io_uring_register,
  };
}

function fromSyscall(): Uring {
  const buffers = Deno.dlopen("libc.so.6", {
    syscall: { parameters: ["i32", "u32", "u32", "buffer", "u32"], result: "i32" },
  }).symbols;
  const enters = Deno.dlopen("libc.so.6", {
    syscall: { parameters: ["i32", "i32", "u32", "u32", "u32", "pointer"], result: "i32" },
  }).symbols;
  const timed = Deno.dlopen("libc.so.6", {
    syscall: {
      parameters: ["i32", "i32", "u32", "u32", "u32", "pointer", "pointer"],
      result: "i32",
    },
  }).symbols;
  const setups = Deno.dlopen("libc.so.6", {
    syscall: { parameters: ["i32", "u32", "buffer"], result: "i32" },
  }).symbols;
  const negative = (result: number) => result < 0 ? -errno() : result;
  return {
    library: "libc.so.6 syscall",
    setup: (entries, parameters) =>
      negative(setups.syscall(SYS_IO_URING_SETUP, entries, parameters)),
    enter: (fd, submit, wait, flags, argument) =>
      negative(enters.syscall(SYS_IO_URING_ENTER, fd, submit, wait, flags, argument)),
    enterTimed: (fd, submit, wait, flags, argument, size) =>
      negative(timed.syscall(SYS_IO_URING_ENTER, fd, submit, wait, flags, argument, size)),
    register: (fd, opcode, argument, count) =>
      negative(buffers.syscall(SYS_IO_URING_REGISTER, fd, opcode, argument, count)),
  };
}

/** Arguments of {@link Uring.enterTimed}. */
export interface Timeout {
  readonly argument: Deno.PointerValue;
  readonly size: Deno.PointerValue;
}

/** struct io_uring_getevents_arg: where the pointer to the timespec lies, and its size. */
const GETEVENTS_ARG = { TS: 16, BYTES: 24 };

/** A time-out of `nanoseconds` (below a second) for {@link Uring.enterTimed}; lives for ever. */
export function makeTimeout(nanoseconds: number): Timeout {
  const TIMESPEC_AT = 64;
  const memory = mapReserve(4096);
  const words = new BigUint64Array(memory.buffer);
  words[GETEVENTS_ARG.TS / 8] = BigInt(memory.address + TIMESPEC_AT);
  words[TIMESPEC_AT / 8 + 1] = BigInt(nanoseconds);
  // Safe: the page is never unmapped; the second pointer is a number and never followed.
  return {
    argument: Deno.UnsafePointer.create(BigInt(memory.address)),
    size: Deno.UnsafePointer.create(BigInt(GETEVENTS_ARG.BYTES)),
  };
}

/** Opens the system calls; `RNBD_NO_LIBURING=1` forces the libc way (used by tests). */
export function openUring(): Uring {
  if (Deno.env.get("RNBD_NO_LIBURING") === "1") return fromSyscall();
  try {
    return fromLiburing();
  } catch {
    return fromSyscall();
  }
}
