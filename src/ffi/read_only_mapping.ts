/** Device memory that may be read and never written. */
import { SystemError } from "./errno.ts";
import { errno, type Mapping } from "./libc.ts";

const PROT_READ = 1;
const MAP_SHARED = 0x01;
const MAP_POPULATE = 0x8000;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

const library = Deno.dlopen("libc.so.6", {
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
}).symbols;

/**
 * Maps `length` bytes of a device at `offset`, shared. A store to the view is a crash.
 * @throws SystemError with `subject`
 */
export function mapReadOnly(fd: number, offset: number, length: number, subject: string): Mapping {
  const flags = MAP_SHARED | MAP_POPULATE;
  const pointer = library.mmap(null, BigInt(length), PROT_READ, flags, fd, BigInt(offset));
  const address = pointer === null ? MAP_FAILED : BigInt(Deno.UnsafePointer.value(pointer));
  if (address === MAP_FAILED) throw new SystemError(errno(), "mmap", subject);
  // Safe: the mapping is `length` bytes long, and its owner unmaps it only after its last use.
  const buffer = Deno.UnsafePointerView.getArrayBuffer(pointer!, length);
  return { address: Number(address), length, buffer };
}
