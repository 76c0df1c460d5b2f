/**
 * Files of /proc, /sys and /dev, and what else must not depend on Deno's leave: it opens those
 * three only for programs that may do everything (`-A`), and an executable of this one may do less
 * (docs/executable.md). So libc does it. Nothing here is for files that may be slow.
 */
import { ERRNO, SystemError } from "./errno.ts";
import { AT, O } from "./file_flags.ts";
import { close, cString, errno, open } from "./libc.ts";

const library = Deno.dlopen("libc.so.6", {
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  getdents64: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  readlink: { parameters: ["buffer", "buffer", "usize"], result: "isize" },
  faccessat: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  symlink: { parameters: ["buffer", "buffer"], result: "i32" },
  unlink: { parameters: ["buffer"], result: "i32" },
  mkdir: { parameters: ["buffer", "u32"], result: "i32" },
}).symbols;

/** Longer than any target of a link. */
const BUFFER_BYTES = 65536;
const buffer = new Uint8Array(BUFFER_BYTES);

/** Offsets in struct linux_dirent64 (getdents64(2)). */
const DIRENT = { RECORD_LENGTH: 16, NAME: 19 } as const;

const decoder = new TextDecoder();

function check(result: number | bigint, call: string, subject: string): number {
  if (result < 0) throw new SystemError(errno(), call, subject);
  return Number(result);
}

/** Calls `take` with what the call puts into {@link buffer}, until it puts nothing. */
function readAll(
  path: string,
  flags: number,
  call: "read" | "getdents64",
  take: (bytes: Uint8Array<ArrayBuffer>) => void,
): void {
  const fd = open(path, flags);
  try {
    for (;;) {
      const length = check(library[call](fd, buffer, BigInt(BUFFER_BYTES)), call, path);
      if (length === 0) return;
      take(buffer.subarray(0, length));
    }
  } finally {
    close(fd);
  }
}

/** The text of a file, as UTF-8. @throws SystemError */
export function readSystemText(path: string): string {
  let text = "";
  const whole = new TextDecoder();
  readAll(path, O.RDONLY, "read", (bytes) => text += whole.decode(bytes, { stream: true }));
  return text + whole.decode();
}

/** The names in a folder, sorted, without `.` and `..`. @throws SystemError */
export function listSystemFolder(path: string): string[] {
  const names: string[] = [];
  readAll(path, O.RDONLY | O.DIRECTORY, "getdents64", (bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length;) {
      const end = at + view.getUint16(at + DIRENT.RECORD_LENGTH, true);
      const start = at + DIRENT.NAME;
      names.push(decoder.decode(bytes.subarray(start, bytes.indexOf(0, start))));
      at = end;
    }
  });
  return names.filter((name) => name !== "." && name !== "..").sort();
}

/** What a symbolic link says. @throws SystemError EINVAL when it is none */
export function readSystemLink(path: string): string {
  const length = library.readlink(cString(path), buffer, BigInt(BUFFER_BYTES));
  return decoder.decode(buffer.subarray(0, check(length, "readlink", path)));
}

/** Whether there is something of this name; a link counts by itself, wherever it leads. */
export function isSystemFile(path: string): boolean {
  const F_OK = 0;
  return library.faccessat(AT.FDCWD, cString(path), F_OK, AT.SYMLINK_NOFOLLOW) === 0;
}

/** symlink(2): makes `path` a link that says `target`. @throws SystemError */
export function makeSystemLink(target: string, path: string): void {
  check(library.symlink(cString(target), cString(path)), "symlink", path);
}

/** unlink(2). @throws SystemError */
export function removeSystemFile(path: string): void {
  check(library.unlink(cString(path)), "unlink", path);
}

/** Makes a folder, and those above it, where they are not there. @throws SystemError */
export function makeSystemFolder(path: string): void {
  const MODE = 0o777;
  const parts = path.split("/");
  for (let count = 2; count <= parts.length; count++) {
    const folder = parts.slice(0, count).join("/");
    if (library.mkdir(cString(folder), MODE) === 0) continue;
    const failure = errno();
    // A read-only file system says so before it looks whether the folder is there.
    const isThere = failure === ERRNO.EEXIST || (failure === ERRNO.EROFS && isSystemFile(folder));
    if (!isThere) throw new SystemError(failure, "mkdir", folder);
  }
}
