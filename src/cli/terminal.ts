/** Standard output and error as the verbs see them. */

/** Where a verb writes. */
export interface Terminal {
  /** Results. */
  print(text: string): void;
  /** Everything else. */
  complain(text: string): void;
}

const encoder = new TextEncoder();

/** Writes all of `text`; a reader that went away (`… | head`) ends the writing, not the program. */
function writeTo(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text + "\n");
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch (error) {
    const isGone = error instanceof Deno.errors.BrokenPipe ||
      error instanceof Deno.errors.BadResource;
    if (!isGone) throw error;
  }
}

/** The terminal of this process. */
export const processTerminal: Terminal = {
  print: (text) => writeTo(Deno.stdout, text),
  complain: (text) => writeTo(Deno.stderr, text),
};
