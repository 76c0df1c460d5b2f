/** Standard output and error as the verbs see them. */

/** Where a verb writes. */
export interface Terminal {
  /** Results. */
  print(text: string): void;
  /** Everything else. */
  complain(text: string): void;
}

const encoder = new TextEncoder();

/** PIPE_BUF: a pipe takes this much or nothing, so that what failed can be written again. */
const PIECE_BYTES = 4096;

const pause = new Int32Array(new SharedArrayBuffer(4));

/** Writes all of `text`; a reader that went away (`… | head`) ends the writing, not the program. */
function writeTo(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text + "\n");
  for (let at = 0; at < bytes.length;) {
    try {
      at += stream.writeSync(bytes.subarray(at, at + PIECE_BYTES));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) return;
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      // Somebody made the pipe non-blocking, and its reader is slow.
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}

/** The terminal of this process. */
export const processTerminal: Terminal = {
  print: (text) => writeTo(Deno.stdout, text),
  complain: (text) => writeTo(Deno.stderr, text),
};
