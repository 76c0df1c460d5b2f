/** The program under test: this tree, run by Deno, or an executable that was made of it. */
import { fileURLToPath } from "node:url";

/** Root of the source tree. */
export const repositoryRoot: string = fileURLToPath(new URL("../..", import.meta.url));

/** Names an executable to test in place of the tree; `tests/run.ts --executable` sets it. */
export const EXECUTABLE_VARIABLE = "RNBD_TEST_EXECUTABLE";

/** What starts the program, as `Deno.Command` takes it. */
export interface ProgramCommand {
  readonly command: string;
  readonly args: string[];
}

/** How to start the program with these arguments. */
export function programCommand(args: readonly string[]): ProgramCommand {
  const executable = Deno.env.get(EXECUTABLE_VARIABLE);
  if (executable !== undefined) return { command: executable, args: [...args] };
  const source = ["run", "-A", "--no-check", `${repositoryRoot}mod.ts`];
  return { command: Deno.execPath(), args: [...source, ...args] };
}

/** The same for a shell, without arguments. */
export function programShellWords(): string {
  const { command, args } = programCommand([]);
  return [command, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
}
