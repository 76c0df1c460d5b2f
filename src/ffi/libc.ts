/**
 * libc as this program uses it: the symbol table and thin wrappers that turn -1 into an
 * {@link SystemError}. Nothing above `src/ffi/` sees a pointer; addresses are plain numbers.
 */
import { SystemError } from "./errno.ts";

const library = Deno.dlopen("libc.so.6", {
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  madvise: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  sendto: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"],
    result: "isize",
  },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  sched_yield: { parameters: [], result: "i32" },
  umask: { parameters: ["u32"], result: "u32" },
  __errno_location: { parameters: [], result: "pointer" },
}).symbols;

const waiting = Deno.dlopen("libc.so.6", {
  read: { parameters: ["i32", "buffer", "usize"], result: "isize", nonblocking: true },
}).symbols;

const PROT_READ_WRITE = 1 | 2;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MAP_POPULATE = 0x8000;
const MADV_DONTNEED = 4;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** A mapping: native address as a number (user addresses stay below 2^47) and a view over it. */
export interface Mapping {
  readonly address: number;
  readonly length: number;
  readonly buffer: ArrayBuffer;
}

/** errno of the calling thread; right only straight after a synchronous call. */
export function errno(): number {
  // Safe: libc guarantees that the location is valid for the life of the thread.
  return new Deno.UnsafePointerView(library.__errno_location()!).getInt32();
}

function check(result: number, call: string, subject: string): number {
  if (result < 0) throw new SystemError(errno(), call, subject);
  return result;
}

function map(length: number, flags: number, fd: number, offset: number, subject: string): Mapping {
  const pointer = library.mmap(null, BigInt(length), PROT_READ_WRITE, flags, fd, BigInt(offset));
  const address = pointer === null ? MAP_FAILED : BigInt(Deno.UnsafePointer.value(pointer));
  if (address === MAP_FAILED) throw new SystemError(errno(), "mmap", subject);
  // Safe: the mapping is `length` bytes long, and its owner unmaps it only after its last use.
  const buffer = Deno.UnsafePointerView.getArrayBuffer(pointer!, length);
  return { address: Number(address), length, buffer };
}

/** Maps `length` bytes of an io_uring (or other device) descriptor at `offset`, shared. */
export function mapDescriptor(fd: number, offset: number, length: number): Mapping {
  return map(length, MAP_SHARED | MAP_POPULATE, fd, offset, `descriptor ${fd}`);
}

/** Reserves address space; pages cost memory only once touched, and read as zero until then. */
export function mapReserve(length: number): Mapping {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  return map(length, flags, -1, 0, `${length} bytes of address space`);
}

/** A view over memory that another thread of this process mapped; `address` comes from there. */
export function wrapMemory(address: number, length: number): ArrayBuffer {
  // Safe: only the arena is passed between threads, and it is never unmapped.
  const pointer = Deno.UnsafePointer.create(BigInt(address))!;
  return Deno.UnsafePointerView.getArrayBuffer(pointer, length);
}

/** Unmaps a mapping. No view over it may be used afterwards: that would be a crash. */
export function unmap(mapping: Mapping): void {
  const pointer = Deno.UnsafePointer.create(BigInt(mapping.address))!;
  check(library.munmap(pointer, BigInt(mapping.length)), "munmap", "mapping");
}

/** Gives pages back to the kernel; they read as zero afterwards. Both arguments page-aligned. */
export function discardPages(address: number, length: number): void {
  // Safe: the pages stay mapped; only their content goes.
  const pointer = Deno.UnsafePointer.create(BigInt(address))!;
  check(library.madvise(pointer, BigInt(length), MADV_DONTNEED), "madvise", "arena pages");
}

/** Closes a descriptor; a second close of the same number is a bug, so EBADF throws. */
export function close(fd: number): void {
  check(library.close(fd), "close", `descriptor ${fd}`);
}

/** socket(2) with SOCK_CLOEXEC. */
export function socket(family: number, type: number, protocol: number): number {
  const SOCK_CLOEXEC = 0o2000000;
  return check(library.socket(family, type | SOCK_CLOEXEC, protocol), "socket", `family ${family}`);
}

/** bind(2) to a prepared sockaddr; `subject` names the address in an error. */
export function bind(fd: number, sockaddr: Uint8Array<ArrayBuffer>, subject: string): void {
  check(library.bind(fd, sockaddr, sockaddr.length), "bind", subject);
}

/** listen(2). */
export function listen(fd: number, backlog: number, subject: string): void {
  check(library.listen(fd, backlog), "listen", subject);
}

/**
 * sendto(2) of one datagram to a prepared sockaddr; never blocks, never raises SIGPIPE.
 * @param subject names the address in an error
 * @throws SystemError EAGAIN or ENOBUFS when the receiver has no room now
 */
export function sendDatagram(
  fd: number,
  bytes: Uint8Array<ArrayBuffer>,
  sockaddr: Uint8Array<ArrayBuffer>,
  subject: string,
): void {
  const MSG_DONTWAIT = 0x40;
  const MSG_NOSIGNAL = 0x4000;
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  const length = BigInt(bytes.length);
  const sent = library.sendto(fd, bytes, length, flags, sockaddr, sockaddr.length);
  if (sent < 0n) throw new SystemError(errno(), "sendto", subject);
}

/** shutdown(2) of both directions; a socket that is not connected any more is no error. */
export function shutdownSocket(fd: number): void {
  const SHUT_RDWR = 2;
  library.shutdown(fd, SHUT_RDWR);
}

/** Sets O_NONBLOCK on a descriptor that a library opened. */
export function setNonBlocking(fd: number): void {
  const F_GETFL = 3;
  const F_SETFL = 4;
  const O_NONBLOCK = 0o4000;
  const flags = check(library.fcntl(fd, F_GETFL, 0), "fcntl(F_GETFL)", `descriptor ${fd}`);
  check(library.fcntl(fd, F_SETFL, flags | O_NONBLOCK), "fcntl(F_SETFL)", `descriptor ${fd}`);
}

/** setsockopt(2) of an int option. */
export function setSocketOption(fd: number, level: number, option: number, value: number): void {
  const bytes = new Uint8Array(new Int32Array([value]).buffer);
  const subject = `level ${level} option ${option}`;
  check(library.setsockopt(fd, level, option, bytes, 4), "setsockopt", subject);
}

const SOCKADDR_STORAGE_BYTES = 128;

function socketAddress(
  call: "getsockname" | "getpeername",
  fd: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SOCKADDR_STORAGE_BYTES);
  const length = new Uint32Array([SOCKADDR_STORAGE_BYTES]);
  check(library[call](fd, bytes, new Uint8Array(length.buffer)), call, `descriptor ${fd}`);
  return bytes.slice(0, length[0]!);
}

/** The sockaddr that `fd` is bound to. */
export const getSocketName = (fd: number): Uint8Array<ArrayBuffer> =>
  socketAddress("getsockname", fd);

/** The sockaddr that `fd` is connected to. */
export const getPeerName = (fd: number): Uint8Array<ArrayBuffer> =>
  socketAddress("getpeername", fd);

/** A new eventfd with an initial count of 0. */
export function eventfd(): number {
  const EFD_CLOEXEC = 0o2000000;
  return check(library.eventfd(0, EFD_CLOEXEC), "eventfd", "wake-up");
}

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

/** Adds one to an eventfd: wakes its reader. Callable from any thread. */
export function signalEventfd(fd: number): void {
  const written = Number(library.write(fd, ONE, 8n));
  if (written !== 8) throw new SystemError(errno(), "write", `eventfd ${fd}`);
}

/** Waits on a helper thread until an eventfd is signalled and resets it. */
export async function awaitEventfd(fd: number): Promise<void> {
  const count = new Uint8Array(8);
  await waiting.read(fd, count, 8n);
}

/** open(2); on failure throws with the path as the subject. */
export function open(path: string, flags: number, mode = 0): number {
  const O_CLOEXEC = 0o2000000;
  return check(library.open(cString(path), flags | O_CLOEXEC, mode), "open", path);
}

/** ioctl(2) with a buffer argument; returns its result, throws on -1. */
export function ioctl(
  fd: number,
  request: number,
  argument: Uint8Array<ArrayBuffer>,
  subject: string,
): number {
  return check(library.ioctl(fd, BigInt(request), argument), "ioctl", subject);
}

/** umask(2): sets the mask and returns the one before. */
export function umask(mask: number): number {
  return library.umask(mask);
}

/** UTF-8 bytes of `text` with the terminating NUL. A NUL inside is refused: it would cut a path. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) throw new TypeError("A string for C holds a NUL character");
  return new TextEncoder().encode(text + "\0");
}

/** sched_yield(2): lets other threads that wait for this core run first. */
export function yieldCore(): void {
  library.sched_yield();
}
