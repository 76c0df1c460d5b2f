/**
 * Native code for the inline verbs: a small ELF64 shared object, written by this program into a
 * memfd and opened like any library. Each symbol is one stub that loads the function pointer from
 * its first argument (`object->context->ops.verb`) and jumps there, so arguments and result are
 * untouched. Why, and what it costs compared with other ways: docs/verbs.md.
 */
import { describeErrno, ERRNO, SystemError } from "./errno.ts";
import { close, cString, errno } from "./libc.ts";
import { IBV_CONTEXT, IBV_CONTEXT_OPS } from "./verbs_layout.ts";

/** Processors that stubs can be written for. */
export type Architecture = "x86_64" | "aarch64";

/** The stubs: the name of each symbol and where its function pointer is in an ibv_context. */
const STUBS: readonly (readonly [name: string, contextOffset: number])[] = [
  ["alloc_mw", IBV_CONTEXT.OPS + IBV_CONTEXT_OPS.ALLOC_MW],
  ["bind_mw", IBV_CONTEXT.OPS + IBV_CONTEXT_OPS.BIND_MW],
  ["dealloc_mw", IBV_CONTEXT.OPS + IBV_CONTEXT_OPS.DEALLOC_MW],
  ["poll_cq", IBV_CONTEXT.OPS + IBV_CONTEXT_OPS.POLL_CQ],
  ["req_notify_cq", IBV_CONTEXT.OPS + IBV_CONTEXT_OPS.REQ_NOTIFY_CQ],
  ["post_send", IBV_CONTEXT.OPS + IBV_CONTEXT_OPS.POST_SEND],
  ["post_recv", IBV_CONTEXT.OPS + IBV_CONTEXT_OPS.POST_RECV],
];

/** The image could not be brought into the process. */
export class NativeImageError extends Error {
  override readonly name = "NativeImageError";
}

const STUB_BYTES = 16;

/** Machine code: `first argument -> context (offset 0) -> function at contextOffset`, jump. */
function writeStub(view: DataView, at: number, architecture: Architecture, offset: number): void {
  if (architecture === "x86_64") {
    view.setUint8(at, 0x48); // mov rax, [rdi]
    view.setUint16(at + 1, 0x078b, true);
    view.setUint16(at + 3, 0xa0ff, true); // jmp [rax + offset]
    view.setUint32(at + 5, offset, true);
  } else {
    view.setUint32(at, 0xf940_0010, true); // ldr x16, [x0]
    // ldr x16, [x16, #offset]: an unsigned immediate of 12 bits in units of 8 bytes.
    view.setUint32(at + 4, (0xf940_0210 | ((offset / 8) << 10)) >>> 0, true);
    view.setUint32(at + 8, 0xd61f_0200, true); // br x16
  }
}

/** Sizes of the ELF64 structures (elf.h). */
const EHDR_BYTES = 64;
const PHDR_BYTES = 56;
const SYM_BYTES = 24;
const DYN_BYTES = 16;

/** Largest page size of either processor: segments of different rights must not share a page. */
const SEGMENT_ALIGNMENT = 65536;

const PT = { LOAD: 1, DYNAMIC: 2, GNU_STACK: 0x6474_e551 } as const;
const PF = { EXECUTE: 1, WRITE: 2, READ: 4 } as const;
const DT = { NULL: 0, HASH: 4, STRTAB: 5, SYMTAB: 6, STRSZ: 10, SYMENT: 11 } as const;
const MACHINE: Readonly<Record<Architecture, number>> = { x86_64: 62, aarch64: 183 };

/** Where the parts lie in the file, bytes. */
interface Plan {
  readonly names: Uint8Array;
  readonly nameOffsets: readonly number[];
  readonly symbols: number;
  readonly hash: number;
  readonly strings: number;
  readonly code: number;
  readonly dynamic: number;
  readonly total: number;
}

const PROGRAM_HEADERS = 4;
const DYNAMIC_ENTRIES = 6;
const SYMBOLS = STUBS.length + 1;

function plan(): Plan {
  const nameOffsets: number[] = [];
  let text = "\0";
  for (const [name] of STUBS) {
    nameOffsets.push(text.length);
    text += `${name}\0`;
  }
  const names = new TextEncoder().encode(text);
  const symbols = EHDR_BYTES + PROGRAM_HEADERS * PHDR_BYTES;
  const hash = symbols + SYMBOLS * SYM_BYTES;
  // DT_HASH: counts of buckets and chains, one bucket, a chain entry a symbol.
  const strings = hash + 4 * (2 + 1 + SYMBOLS);
  const align = (offset: number) => Math.ceil(offset / STUB_BYTES) * STUB_BYTES;
  const code = align(strings + names.length);
  const dynamic = code + STUBS.length * STUB_BYTES;
  const total = dynamic + DYNAMIC_ENTRIES * DYN_BYTES;
  return { names, nameOffsets, symbols, hash, strings, code, dynamic, total };
}

function writeHeader(view: DataView, architecture: Architecture): void {
  view.setUint32(0, 0x7f45_4c46); // magic
  view.setUint32(4, 0x0201_0100); // ELFCLASS64, little-endian, version 1, System V
  view.setUint16(16, 3, true); // ET_DYN
  view.setUint16(18, MACHINE[architecture], true);
  view.setUint32(20, 1, true); // EV_CURRENT
  view.setUint32(32, EHDR_BYTES, true); // e_phoff
  view.setUint16(52, EHDR_BYTES, true);
  view.setUint16(54, PHDR_BYTES, true);
  view.setUint16(56, PROGRAM_HEADERS, true);
}

/** One program header; `address` is where the bytes `[offset, offset + length)` are mapped. */
function writeSegment(
  view: DataView,
  index: number,
  type: number,
  flags: number,
  offset: number,
  address: number,
  length: number,
  alignment: number,
): void {
  const at = EHDR_BYTES + index * PHDR_BYTES;
  view.setUint32(at, type, true);
  view.setUint32(at + 4, flags, true);
  view.setUint32(at + 8, offset, true);
  view.setUint32(at + 16, address, true);
  view.setUint32(at + 24, address, true);
  view.setUint32(at + 32, length, true);
  view.setUint32(at + 40, length, true);
  view.setUint32(at + 48, alignment, true);
}

function writeSegments(view: DataView, at: Plan): void {
  const { EXECUTE, READ, WRITE } = PF;
  const length = at.total - at.dynamic;
  // The file is shorter than a page: the same page is mapped twice, once to run, once to write.
  const address = SEGMENT_ALIGNMENT + at.dynamic;
  writeSegment(view, 0, PT.LOAD, READ | EXECUTE, 0, 0, at.dynamic, SEGMENT_ALIGNMENT);
  writeSegment(view, 1, PT.LOAD, READ | WRITE, at.dynamic, address, length, SEGMENT_ALIGNMENT);
  writeSegment(view, 2, PT.DYNAMIC, READ | WRITE, at.dynamic, address, length, 8);
  writeSegment(view, 3, PT.GNU_STACK, READ | WRITE, 0, 0, 0, 16);
}

function writeSymbols(view: DataView, at: Plan, architecture: Architecture): void {
  const FUNCTION_GLOBAL = 0x12;
  STUBS.forEach(([, contextOffset], index) => {
    const code = at.code + index * STUB_BYTES;
    const symbol = at.symbols + (index + 1) * SYM_BYTES;
    view.setUint32(symbol, at.nameOffsets[index]!, true);
    view.setUint8(symbol + 4, FUNCTION_GLOBAL);
    view.setUint16(symbol + 6, 1, true); // any defined section
    view.setUint32(symbol + 8, code, true);
    view.setUint32(symbol + 16, STUB_BYTES, true);
    writeStub(view, code, architecture, contextOffset);
  });
  // One bucket whose chain goes through all symbols: a look-up compares names, needs no hash.
  view.setUint32(at.hash, 1, true);
  view.setUint32(at.hash + 4, SYMBOLS, true);
  view.setUint32(at.hash + 8, 1, true);
  for (let index = 1; index + 1 < SYMBOLS; index++) {
    view.setUint32(at.hash + 12 + 4 * index, index + 1, true);
  }
}

/** Bytes of the shared object with one stub for each inline verb. */
export function buildVerbsImage(architecture: Architecture): Uint8Array<ArrayBuffer> {
  const at = plan();
  const bytes = new Uint8Array(at.total);
  const view = new DataView(bytes.buffer);
  writeHeader(view, architecture);
  writeSegments(view, at);
  writeSymbols(view, at, architecture);
  bytes.set(at.names, at.strings);
  const entries = [
    [DT.HASH, at.hash],
    [DT.STRTAB, at.strings],
    [DT.SYMTAB, at.symbols],
    [DT.STRSZ, at.names.length],
    [DT.SYMENT, SYM_BYTES],
    [DT.NULL, 0],
  ] as const;
  entries.forEach(([tag, value], index) => {
    view.setUint32(at.dynamic + index * DYN_BYTES, tag, true);
    view.setUint32(at.dynamic + index * DYN_BYTES + 8, value, true);
  });
  return bytes;
}

const libc = Deno.dlopen("libc.so.6", {
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
}).symbols;

/** An executable memfd: kernels before 6.3 know no MFD_EXEC, and some policies refuse it. */
function createImageFile(): number {
  const MFD_CLOEXEC = 0x1;
  const MFD_EXEC = 0x10;
  const name = cString("rnbd-verbs");
  for (const flags of [MFD_CLOEXEC | MFD_EXEC, MFD_CLOEXEC]) {
    const fd = libc.memfd_create(name, flags);
    if (fd >= 0) return fd;
  }
  throw new NativeImageError(
    `memfd_create for the inline verbs failed: ${
      describeErrno(errno())
    }. RDMA needs a memfd that ` +
      `can be run: check sysctl vm.memfd_noexec (0 or 1 will do) and the SELinux or seccomp policy`,
  );
}

/**
 * Brings the image into the process and gives the named stubs.
 * @param symbols stubs by name, as Deno.dlopen takes them
 * @throws NativeImageError where the system allows no such code
 */
export function loadVerbsImage<const S extends Deno.ForeignLibraryInterface>(
  symbols: S,
): Deno.DynamicLibrary<S>["symbols"] {
  const architecture: Architecture = Deno.build.arch;
  const bytes = buildVerbsImage(architecture);
  const fd = createImageFile();
  try {
    const written = Number(libc.write(fd, bytes, BigInt(bytes.length)));
    if (written !== bytes.length) {
      throw new SystemError(written < 0 ? errno() : ERRNO.EIO, "write", "memfd rnbd-verbs");
    }
    return Deno.dlopen(`/proc/self/fd/${fd}`, symbols).symbols;
  } catch (cause) {
    if (cause instanceof SystemError) throw cause;
    throw new NativeImageError(
      "The native code for the inline verbs cannot be mapped: is /proc mounted, and does the " +
        `SELinux policy allow execmem and running a memfd? The loader said: ${cause}`,
      { cause },
    );
  } finally {
    close(fd);
  }
}
