/** The command line: finds the verb, runs it, turns errors into messages and exit codes. */
import { ApplianceError } from "../appliance/appliance_api.ts";
import { ConfigError } from "../appliance/config/problems.ts";
import { findVerb, UsageError, VerbArguments } from "./arguments.ts";
import { type Context, processContext, type VerbRunner } from "./context.ts";
import { EXIT } from "./exit_codes.ts";
import { generalHelp, PROGRAM, verbHelp } from "./help.ts";
import { printable } from "./text_table.ts";

/** Loaded when they run, so that `status` does not wait for what only `run` needs. */
const RUNNERS: Readonly<Record<string, () => Promise<VerbRunner>>> = {
  run: async () => (await import("./verbs/run.ts")).run,
  check: async () => (await import("./verbs/check.ts")).check,
  status: async () => (await import("./verbs/status.ts")).status,
  map: async () => (await import("./verbs/map.ts")).map,
  unmap: async () => (await import("./verbs/unmap.ts")).unmap,
  remap: async () => (await import("./verbs/remap.ts")).remap,
  resize: async () => (await import("./verbs/resize.ts")).resize,
  path: async () => (await import("./verbs/path.ts")).path,
  verify: async () => (await import("./verbs/verify.ts")).verify,
  bench: async () => (await import("./verbs/bench.ts")).bench,
  doctor: async () => (await import("./verbs/doctor.ts")).doctor,
  demo: async () => (await import("./verbs/demo.ts")).demo,
  version: async () => (await import("./verbs/version.ts")).version,
  help: async () => (await import("./verbs/help.ts")).help,
};

/**
 * Runs one command line.
 * @param words the arguments of the program
 * @returns the exit code
 */
export async function main(
  words: readonly string[],
  context: Context = processContext,
): Promise<number> {
  try {
    return await dispatch(words, context);
  } catch (error) {
    return explain(error, context);
  }
}

async function dispatch(words: readonly string[], context: Context): Promise<number> {
  const [first, ...rest] = words;
  if (first === undefined) {
    context.terminal.complain(generalHelp());
    return EXIT.USAGE;
  }
  if (first === "--help" || first === "-h") return await runVerb("help", [], context);
  if (first === "--version") return await runVerb("version", [], context);
  if (first.startsWith("-")) return await runVerb("run", words, context);
  return await runVerb(first, rest, context);
}

async function runVerb(
  name: string,
  words: readonly string[],
  context: Context,
): Promise<number> {
  const verb = findVerb(name);
  const options = words.includes("--") ? words.slice(0, words.indexOf("--")) : words;
  if (options.includes("--help") || options.includes("-h")) {
    context.terminal.print(verbHelp(verb));
    return EXIT.OK;
  }
  const args = new VerbArguments(verb, words);
  const runner = await RUNNERS[verb.name]!();
  return await runner(args, context);
}

function explain(error: unknown, { terminal }: Context): number {
  if (error instanceof UsageError) {
    const help = error.verb === undefined ? "help" : `help ${error.verb}`;
    terminal.complain(`${PROGRAM}: ${error.message}\nSee: ${PROGRAM} ${help}`);
    return EXIT.USAGE;
  }
  if (error instanceof ConfigError) {
    terminal.complain(error.message);
    return error.exitCode;
  }
  if (error instanceof ApplianceError) {
    terminal.complain(`${PROGRAM}: ${printable(error.message)}`);
    return error.exitCode;
  }
  const message = error instanceof Error ? error.message : String(error);
  terminal.complain(`${PROGRAM}: ${printable(message)}`);
  return EXIT.FAILED;
}
