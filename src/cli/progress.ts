/**
 * What a person sees while something takes its time: one line that moves on a terminal, else a
 * line for each thing that is new. To standard error, so that results stay clean.
 */
import { durationText } from "./output/cell_text.ts";
import { cutToWidth, printable } from "./output/printable.ts";
import type { Terminal } from "./terminal.ts";

const MOVE_MS = 120;
const MARKS = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/** To the start of the line, and clear it. */
const CLEAR = "\r\u001b[2K";

/** One wait; `using` takes its line away. */
export class Progress implements Disposable {
  private said = "";
  private moves = 0;
  private readonly startedAt = performance.now();
  private readonly timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly terminal: Terminal) {
    if (terminal.isErrorTerminal) this.timer = setInterval(() => this.draw(), MOVE_MS);
  }

  /** Says what is waited for now. */
  say(text: string): void {
    if (text === this.said) return;
    this.said = text;
    if (this.timer === undefined) this.terminal.complain(printable(text));
    else this.draw();
  }

  /** Says something that stays. */
  note(text: string): void {
    if (this.timer !== undefined) this.terminal.murmur(CLEAR);
    this.terminal.complain(printable(text));
    if (this.timer !== undefined) this.draw();
  }

  private draw(): void {
    if (this.said === "") return;
    const mark = MARKS[this.moves++ % MARKS.length]!;
    const waited = durationText(performance.now() - this.startedAt);
    const { columns } = this.terminal.size();
    // The time stands at the end: it is what moves.
    const room = columns - 1 - `${mark}  (${waited})`.length;
    const text = cutToWidth(printable(this.said), Math.max(1, room));
    this.terminal.murmur(`${CLEAR}${mark} ${text} (${waited})`);
  }

  [Symbol.dispose](): void {
    if (this.timer === undefined) return;
    clearInterval(this.timer);
    if (this.said !== "") this.terminal.murmur(CLEAR);
  }
}

/** A call that takes longer than this is told of. */
const PATIENCE_MS = 1_000;

/** Runs a call; when it takes long, says what is being done. */
export async function whileWaiting<Value>(
  terminal: Terminal,
  text: string,
  call: () => Promise<Value>,
): Promise<Value> {
  using progress = new Progress(terminal);
  const timer = setTimeout(() => progress.say(text), PATIENCE_MS);
  try {
    return await call();
  } finally {
    clearTimeout(timer);
  }
}

/** Settles after a time, or when the signal fires. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  const end = () => {
    clearTimeout(timer);
    resolve();
  };
  if (signal?.aborted === true) end();
  else signal?.addEventListener("abort", end, { once: true });
  return promise;
}
