/** Running other programs, to their end. */

/** What {@link runCommand} takes besides the words of the command. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program. @returns its stdout @throws Error with what it said when it fails */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { success, code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...options,
  }).output();
  const decoder = new TextDecoder();
  if (success) return decoder.decode(stdout);
  const said = (decoder.decode(stderr).trim() || decoder.decode(stdout).trim()) ||
    "it said nothing";
  throw new Error(`${command} ${args.join(" ")}: exit code ${code}: ${said}`);
}

/** The same with the Deno that runs this build. */
export const deno = (args: readonly string[], cwd: string): Promise<string> =>
  runCommand(Deno.execPath(), args, { cwd, env: { NO_COLOR: "1" } });
