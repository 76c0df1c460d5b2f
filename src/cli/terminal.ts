/** Standard output and error as the verbs see them. */

/** Where a verb writes. */
export interface Terminal {
  /** Results. */
  print(text: string): void;
  /** Everything else. */
  complain(text: string): void;
  /** To standard error, without a line end: for a line that moves. */
  murmur(text: string): void;
  /** Whether results go to a terminal. */
  readonly isTerminal: boolean;
  /** Whether everything else goes to a terminal. */
  readonly isErrorTerminal: boolean;
  /** Whether results may have colours. */
  readonly isColored: boolean;
  /** Lines and columns of the terminal. */
  size(): { readonly columns: number; readonly rows: number };
}

const encoder = new TextEncoder();

/** PIPE_BUF: a pipe takes this much or nothing, so that what failed can be written again. */
const PIECE_BYTES = 4096;

const pause = new Int32Array(new SharedArrayBuffer(4));

/** Writes all of `text`; a reader that went away (`… | head`) ends the writing, not the program. */
function writeTo(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
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

/** Where nobody says how large the terminal is. */
const USUAL_SIZE = { columns: 80, rows: 24 };

/** The terminal of this process. */
export const processTerminal: Terminal = {
  print: (text) => writeTo(Deno.stdout, text + "\n"),
  complain: (text) => writeTo(Deno.stderr, text + "\n"),
  murmur: (text) => writeTo(Deno.stderr, text),
  get isTerminal() {
    return Deno.stdout.isTerminal();
  },
  get isErrorTerminal() {
    return Deno.stderr.isTerminal() && Deno.env.get("TERM") !== "dumb";
  },
  get isColored() {
    // https://no-color.org: any value that is not empty.
    const isPlain = (Deno.env.get("NO_COLOR") ?? "") !== "" || Deno.env.get("TERM") === "dumb";
    return !isPlain && Deno.stdout.isTerminal();
  },
  size() {
    try {
      const { columns, rows } = Deno.consoleSize();
      // Pseudo terminals may not know how large they are.
      return columns === 0 || rows === 0 ? USUAL_SIZE : { columns, rows };
    } catch {
      return USUAL_SIZE;
    }
  },
};
