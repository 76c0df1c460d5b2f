/** The compiled executable: `deno compile` of the bundle. */
import { PROGRAM_FILE, WORKER_FILE } from "./bundle.ts";
import { runCommand } from "./command.ts";
import { programOptions } from "./permissions.ts";

/** What {@link makeCompiled} takes. */
export interface CompiledOptions {
  /** The Deno executable. */
  readonly runtime: string;
  /** Folder of the bundle. */
  readonly program: string;
  /** Features by their names in deno.json. */
  readonly unstable: readonly string[];
  readonly output: string;
}

/** Arguments of Deno, which runs in the folder of the bundle. */
export const compileArguments = (options: Omit<CompiledOptions, "runtime" | "program">) => [
  "compile",
  "--quiet",
  ...programOptions(options.unstable),
  // Nothing imports the module of the Workers; the chunks of both come by themselves.
  "--include",
  WORKER_FILE,
  "--app-name",
  "rnbd-appliance",
  "--output",
  options.output,
  PROGRAM_FILE,
];

/** Compiles the bundle to one file. @throws Error with what Deno said */
export async function makeCompiled(options: CompiledOptions): Promise<void> {
  const env = { NO_COLOR: "1" };
  await runCommand(options.runtime, compileArguments(options), { cwd: options.program, env });
}
