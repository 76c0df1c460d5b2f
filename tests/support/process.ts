/** Running other programs and looking at what they hold. */

/** What a finished program left. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of {@link run} and {@link tryRun}. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Killed after this long; default 60 s. */
  readonly timeoutMs?: number;
}

const RUN_TIMEOUT_MS = 60_000;

/**
 * Runs a program to its end and gives its exit code with both streams.
 * @throws when it is killed for taking too long
 */
export async function tryRun(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<CommandResult> {
  const timeoutMs = options.timeoutMs ?? RUN_TIMEOUT_MS;
  const child = new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
  }).spawn();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  const { code, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const decoder = new TextDecoder();
  const result = { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  if (timedOut) throw new Error(describe(command, args, `killed after ${timeoutMs} ms`, result));
  return result;
}

/** Runs a program to its end. @throws with both streams when it does not exit with 0 */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<CommandResult> {
  const result = await tryRun(command, args, options);
  if (result.code !== 0) {
    throw new Error(describe(command, args, `exit code ${result.code}`, result));
  }
  return result;
}

function describe(
  command: string,
  args: readonly string[],
  what: string,
  result: CommandResult,
): string {
  const streams = `stdout:\n${result.stdout}\nstderr:\n${result.stderr}`;
  return `${command} ${args.join(" ")}: ${what}\n${streams}`;
}

/** Resolves after `ms` milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Waits until `condition` holds, trying every 50 ms; an error it throws counts as "not yet".
 * @param what completes "Waited … for", in the error
 * @throws when it does not hold within `timeoutMs`
 */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  what: string,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  do {
    try {
      if (await condition()) return;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await sleep(50);
  } while (Date.now() < deadline);
  const detail = last === undefined ? "" : `; the last try threw: ${last}`;
  throw new Error(`Waited ${timeoutMs} ms for ${what}${detail}`);
}

/** A TCP port of 127.0.0.1 that nobody listened on a moment ago. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** What each descriptor of a process points at (`socket:[…]`, a path, …), sorted. */
export function openFiles(pid: number): string[] {
  const targets: string[] = [];
  for (const entry of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      targets.push(Deno.readLinkSync(`/proc/${pid}/fd/${entry.name}`));
    } catch {
      // Closed between the listing and the reading.
    }
  }
  return targets.sort();
}

/** Resident memory of a process. */
export function residentBytes(pid: number): number {
  const line = Deno.readTextFileSync(`/proc/${pid}/status`).match(/^VmRSS:\s+(\d+) kB$/m);
  return line === null ? 0 : Number(line[1]) * 1024;
}

/** User and system time that a process has used. */
export function cpuMs(pid: number): number {
  const CLOCK_TICKS_PER_SECOND = 100;
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return ticks * 1000 / CLOCK_TICKS_PER_SECOND;
}
