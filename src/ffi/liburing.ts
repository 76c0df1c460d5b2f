/**
 * The three io_uring system calls: liburing's wrappers where it is installed, libc's `syscall`
 * with the same arguments where it is not. All of them return -errno.
 */
import { errno } from "./libc.ts";

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
  register(fd: number, opcode: number, argument: Uint8Array<ArrayBuffer>, count: number): number;
}

function fromLiburing(): Uring {
  const { symbols } = Deno.dlopen("liburing.so.2", {
    io_uring_setup: { parameters: ["u32", "buffer"], result: "i32" },
    io_uring_enter: { parameters: ["i32", "u32", "u32", "u32", "pointer"], result: "i32" },
    io_uring_register: { parameters: ["u32", "u32", "buffer", "u32"], result: "i32" },
  });
  return {
    library: "liburing.so.2",
    setup: symbols.io_uring_setup,
    enter: symbols.io_uring_enter,
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
    register: (fd, opcode, argument, count) =>
      negative(buffers.syscall(SYS_IO_URING_REGISTER, fd, opcode, argument, count)),
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
