/** What an executable says of the machine that it is for. */

/** What the launcher has to know of an ELF executable. */
export interface ElfFacts {
  /** As `uname -m` says it. */
  readonly machine: string;
  /** Path of the dynamic loader; where it is missing, the runtime cannot start. */
  readonly loader: string;
}

const MACHINES: Readonly<Record<number, string>> = { 62: "x86_64", 183: "aarch64" };

/**
 * Reads the header and the program header PT_INTERP of a 64-bit little-endian ELF file
 * (System V ABI, chapters 4 and 5). @throws Error when it is something else
 */
export function readElf(bytes: Uint8Array): ElfFacts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isElf = bytes.length >= 64 && view.getUint32(0) === 0x7f454c46 && bytes[4] === 2 &&
    bytes[5] === 1;
  if (!isElf) throw new Error("The runtime is no 64-bit little-endian ELF executable");
  const machine = MACHINES[view.getUint16(18, true)];
  if (machine === undefined) throw new Error("The runtime is for an unknown processor");
  const headers = Number(view.getBigUint64(32, true));
  const [size, count] = [view.getUint16(54, true), view.getUint16(56, true)];
  for (let at = headers; at < headers + size * count; at += size) {
    if (view.getUint32(at, true) !== 3) continue;
    const start = Number(view.getBigUint64(at + 8, true));
    const length = Number(view.getBigUint64(at + 32, true));
    return { machine, loader: new TextDecoder().decode(bytes.subarray(start, start + length - 1)) };
  }
  throw new Error("The runtime names no dynamic loader");
}
