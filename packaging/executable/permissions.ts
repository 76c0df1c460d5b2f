/**
 * What an executable may do, and how Deno runs it: one list for both kinds. docs/executable.md has
 * it with the reasons; a test compares the two with what `src` asks for.
 */

/** The variables of the environment that the program reads. */
export const ENVIRONMENT_VARIABLES: readonly string[] = [
  "JOURNAL_STREAM",
  "NOTIFY_SOCKET",
  "NO_COLOR",
  "PATH",
  "RNBD_NO_LIBURING",
  "TERM",
  "WATCHDOG_PID",
  "WATCHDOG_USEC",
  "XDG_RUNTIME_DIR",
];

/** The facts about the machine and the process that Deno gives. */
export const SYSTEM_FACTS: readonly string[] = ["hostname", "osRelease", "uid"];

/** Permissions as options of `deno run` and `deno compile`; what is not here is refused. */
export const PERMISSIONS: readonly string[] = [
  "--no-prompt",
  "--allow-read",
  "--allow-write",
  "--allow-net",
  "--allow-ffi",
  `--allow-env=${ENVIRONMENT_VARIABLES.join(",")}`,
  `--allow-sys=${SYSTEM_FACTS.join(",")}`,
];

/** Nothing outside of the bundle is looked for. */
const SEALED: readonly string[] = [
  "--no-config",
  "--no-lock",
  "--no-npm",
  "--no-remote",
  "--no-check",
];

/**
 * Options of `deno run` and `deno compile` for the program.
 * @param unstable features by their names in deno.json
 */
export const programOptions = (unstable: readonly string[]): string[] => [
  ...SEALED,
  ...unstable.map((feature) => `--unstable-${feature}`),
  ...PERMISSIONS,
];
