/** Runs command lines in this process, with a fake appliance. */
import { type Context, processContext } from "../../src/cli/context.ts";
import { main } from "../../src/cli/main.ts";

/** How a command line ended. */
export interface Captured {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line. */
export async function capture(
  words: readonly string[],
  context: Partial<Context> = {},
): Promise<Captured> {
  let out = "";
  let err = "";
  const terminal = {
    print: (text: string) => void (out += text + "\n"),
    complain: (text: string) => void (err += text + "\n"),
  };
  const code = await main(words, { ...processContext, terminal, ...context });
  return { code, out, err };
}
