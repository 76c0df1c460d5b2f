/** Runs command lines in this process, with a fake appliance. */
import { type Context, processContext } from "../../src/cli/context.ts";
import { main } from "../../src/cli/main.ts";
import type { Terminal } from "../../src/cli/terminal.ts";

/** How a command line ended. */
export interface Captured {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Files in place of a terminal. */
const NO_TERMINAL = {
  isTerminal: false,
  isErrorTerminal: false,
  isColored: false,
  size: () => ({ columns: 80, rows: 24 }),
};

/** Runs one command line. @param look what standard output and error are; files when left out */
export async function capture(
  words: readonly string[],
  context: Partial<Context> = {},
  look: Partial<Omit<Terminal, "print" | "complain" | "murmur">> = {},
): Promise<Captured> {
  let out = "";
  let err = "";
  const terminal: Terminal = {
    ...NO_TERMINAL,
    ...look,
    print: (text) => void (out += text + "\n"),
    complain: (text) => void (err += text + "\n"),
    murmur: (text) => void (err += text),
  };
  const code = await main(words, { ...processContext, terminal, ...context });
  return { code, out, err };
}
