/** A peer made of plain bytes over Deno's own TCP: it speaks MPA as it pleases. */
import { concat, mpaFrame, REPLY_KEY, REQUEST_KEY } from "./iwarp_frames.ts";

/** Start-up flag that asks for CRCs. */
export const MPA_CRC = 0x40;

/** Reads until the end or until `length` bytes are there. */
export async function readBytes(stream: Deno.Conn, length = Infinity): Promise<Uint8Array> {
  let all: Uint8Array = new Uint8Array(0);
  const buffer = new Uint8Array(65_536);
  while (all.length < length) {
    const count = await stream.read(buffer).catch(() => null);
    if (count === null) break;
    all = concat(all, buffer.subarray(0, count));
  }
  return all;
}

/** Writes all of `bytes`; the other side may have closed already. */
export async function writeBytes(stream: Deno.Conn, bytes: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < bytes.length;) at += await stream.write(bytes.subarray(at));
  } catch {
    // Cut off before everything was written: the reads that follow show it.
  }
}

/** Connects and goes through start-up as a client of revision 1. */
export async function rawClient(port: number, flags = 0): Promise<Deno.TcpConn> {
  const stream = await Deno.connect({ hostname: "127.0.0.1", port });
  await writeBytes(stream, mpaFrame(REQUEST_KEY, flags, 1, new Uint8Array(56)));
  const reply = await readBytes(stream, 76);
  const wanted = mpaFrame(REPLY_KEY, flags, 1, new Uint8Array(56));
  if (reply.length !== wanted.length || reply.some((byte, i) => byte !== wanted[i])) {
    throw new Error(`Unexpected reply to start-up: ${reply}`);
  }
  return stream;
}
