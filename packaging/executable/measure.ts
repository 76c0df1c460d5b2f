/** How long the executable takes to start, first and later. */
import { join } from "node:path/posix";

const LATER_RUNS = 15;

/** Milliseconds from start to end of `--version`. */
export interface StartTimes {
  /** With nothing unpacked and nothing cached. */
  readonly firstMs: number;
  /** Median. */
  readonly laterMs: number;
  /** How many of the later ones. */
  readonly runs: number;
}

/** The middle one of an odd number of values. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** Runs a program. @returns milliseconds @throws Error when it fails */
export async function timeRun(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const started = performance.now();
  const { success, code, stderr } = await new Deno.Command(command, {
    args: [...args],
    env,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  const durationMs = performance.now() - started;
  if (!success) {
    const said = new TextDecoder().decode(stderr);
    throw new Error(`${command} ${args.join(" ")}: exit code ${code}: ${said}`);
  }
  return durationMs;
}

/** Starts the executable with a cache folder of its own. */
export async function measureStarts(executable: string): Promise<StartTimes> {
  const cache = Deno.makeTempDirSync({ prefix: "rnbd-appliance-start-" });
  const env = { RNBD_APPLIANCE_CACHE_DIR: join(cache, "cache"), DENO_DIR: join(cache, "deno") };
  try {
    const run = () => timeRun(executable, ["--version"], env);
    const firstMs = await run();
    const later: number[] = [];
    for (let i = 0; i < LATER_RUNS; i++) later.push(await run());
    return { firstMs, laterMs: median(later), runs: LATER_RUNS };
  } finally {
    Deno.removeSync(cache, { recursive: true });
  }
}
