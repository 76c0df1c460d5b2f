/** Scratch places that go away with the test. */
import { createHash } from "node:crypto";

/** A directory of its own for one test; `await using` removes it. */
export interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
}

/** Makes a directory below the system's place for temporary files. */
export async function temporaryDirectory(prefix = "rnbd-test-"): Promise<TemporaryDirectory> {
  const path = await Deno.makeTempDir({ prefix });
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

const RANDOM_CHUNK_BYTES = 65536;

/** Writes a file of `bytes` random bytes (a multiple of 64 KiB). */
export async function writeRandomFile(path: string, bytes: number): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const batch = new Uint8Array(RANDOM_CHUNK_BYTES * 16);
  for (let left = bytes; left > 0; left -= batch.length) {
    for (let at = 0; at < batch.length; at += RANDOM_CHUNK_BYTES) {
      crypto.getRandomValues(batch.subarray(at, at + RANDOM_CHUNK_BYTES));
    }
    await writeFully(file, batch.subarray(0, Math.min(left, batch.length)));
  }
}

async function writeFully(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

/** Makes a sparse file of `bytes` zero bytes. */
export async function writeSparseFile(path: string, bytes: number): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  await file.truncate(bytes);
}

/** Reads `length` bytes at `offset`; fewer at the end of the file. */
export async function readRange(path: string, offset: number, length: number): Promise<Uint8Array> {
  using file = await Deno.open(path);
  await file.seek(offset, Deno.SeekMode.Start);
  const bytes = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const count = await file.read(bytes.subarray(at));
    if (count === null) break;
    at += count;
  }
  return bytes.subarray(0, at);
}

/** Overwrites bytes in place. */
export async function writeRange(path: string, offset: number, bytes: Uint8Array): Promise<void> {
  using file = await Deno.open(path, { write: true });
  await file.seek(offset, Deno.SeekMode.Start);
  await writeFully(file, bytes);
}

/** SHA-256 of a file of any size, in hex. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  const chunk = new Uint8Array(1 << 20);
  for (;;) {
    const count = await file.read(chunk);
    if (count === null) return hash.digest("hex");
    hash.update(chunk.subarray(0, count));
  }
}
