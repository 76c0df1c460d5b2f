/** Runs one command of the test command: time limit, marked environment, no leftovers. */
import { killLeftovers, type Leftover, MARK_VARIABLE } from "./leftovers.ts";

/** How a command ended. */
export interface CommandOutcome {
  readonly code: number;
  /** stdout and stderr, interleaved as they came. */
  readonly output: string;
  readonly timedOut: boolean;
  readonly durationMs: number;
  /** Processes it started that were still there after it. */
  readonly leftovers: readonly Leftover[];
}

/** What {@link runMarked} takes. */
export interface MarkedCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
  readonly timeoutMs: number;
  /** Called with the output as it comes. */
  readonly onOutput?: (bytes: Uint8Array) => void;
}

let marks = 0;

/** Processes need a moment to go after the one that started them ended. */
const LEFTOVER_GRACE_MS = 300;

/** Runs a command to its end or to its time limit, then kills whatever it left behind. */
export async function runMarked(options: MarkedCommand): Promise<CommandOutcome> {
  const started = performance.now();
  const mark = `${Deno.pid}-${++marks}`;
  const child = new Deno.Command(options.command, {
    args: [...options.args],
    env: { NO_COLOR: "1", ...options.env, [MARK_VARIABLE]: mark },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let output = "";
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    // Everything it started as well: a child that holds the pipe would keep us waiting.
    killLeftovers(mark);
  }, options.timeoutMs);
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      output += decoder.decode(bytes, { stream: true });
      options.onOutput?.(bytes);
    }
  };
  const drained = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const { code } = await child.status;
  clearTimeout(timer);
  const durationMs = performance.now() - started;
  await new Promise((resolve) => setTimeout(resolve, LEFTOVER_GRACE_MS));
  const leftovers = timedOut ? [] : killLeftovers(mark);
  await drained;
  return { code, output, timedOut, durationMs, leftovers };
}
