/** A disk image to play with. */

const CHUNK_BYTES = 65_536;

/** Writes a file of random bytes. @param bytes a multiple of 64 KiB */
export function writeScratchImage(path: string, bytes: number): void {
  using file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let left = bytes; left > 0; left -= CHUNK_BYTES) {
    crypto.getRandomValues(chunk);
    for (let at = 0; at < chunk.length;) at += file.writeSync(chunk.subarray(at));
  }
}
