/** prctl(2): the mark of a thread that the kernel's own I/O depends on. */
import { errno } from "./libc.ts";

const PR_SET_IO_FLUSHER = 57;

const library = Deno.dlopen("libc.so.6", {
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
}).symbols;

/**
 * Tells the kernel that the calling thread serves a block device: memory that it needs must not be
 * got by writing to that device first (PR_SET_IO_FLUSHER, Linux 5.6).
 * @returns 0, or the errno: EPERM without CAP_SYS_RESOURCE
 */
export function setIoFlusher(): number {
  return library.prctl(PR_SET_IO_FLUSHER, 1n, 0n, 0n, 0n) === 0 ? 0 : errno();
}
