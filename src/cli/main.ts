/** The command line: finds the verb, runs it, turns errors into messages and exit codes. */
import { VerbArguments } from "./arguments.ts";
import { type Context, processContext, type VerbRunner } from "./context.ts";
import { EXIT } from "./exit_codes.ts";
import { failureOf } from "./failure_text.ts";
import { PROGRAM } from "./program_name.ts";
import { readSentence, type Sentence } from "./sentence.ts";
import { VERBS } from "./verbs.ts";

/** Loaded when they run, so that `status` does not wait for what only `run` needs. */
const RUNNERS: Readonly<Record<string, () => Promise<VerbRunner>>> = {
  run: async () => (await import("./verbs/run.ts")).run,
  check: async () => (await import("./verbs/check.ts")).check,
  plan: async () => (await import("./verbs/plan.ts")).plan,
  apply: async () => (await import("./verbs/apply.ts")).apply,
  "export-config": async () => (await import("./verbs/export_config.ts")).exportConfig,
  adopt: async () => (await import("./verbs/adopt.ts")).adopt,
  status: async () => (await import("./verbs/status.ts")).status,
  list: async () => (await import("./verbs/list.ts")).list,
  show: async () => (await import("./verbs/show.ts")).show,
  dump: async () => (await import("./verbs/dump.ts")).dump,
  watch: async () => (await import("./verbs/watch.ts")).watch,
  explain: async () => (await import("./verbs/explain.ts")).explain,
  inflight: async () => (await import("./verbs/inflight.ts")).inflight,
  events: async () => (await import("./verbs/events.ts")).events,
  metrics: async () => (await import("./verbs/metrics.ts")).metrics,
  map: async () => (await import("./verbs/map.ts")).map,
  unmap: async () => (await import("./verbs/unmap.ts")).unmap,
  remap: async () => (await import("./verbs/remap.ts")).remap,
  resize: async () => (await import("./verbs/resize.ts")).resize,
  recover: async () => (await import("./verbs/recover.ts")).recover,
  close: async () => (await import("./verbs/close.ts")).close,
  revalidate: async () => (await import("./verbs/revalidate.ts")).revalidate,
  disconnect: async () => (await import("./verbs/disconnect.ts")).disconnect,
  reconnect: async () => (await import("./verbs/disconnect.ts")).reconnect,
  add: async () => (await import("./verbs/edit_paths.ts")).add,
  delete: async () => (await import("./verbs/edit_paths.ts")).remove,
  readd: async () => (await import("./verbs/edit_paths.ts")).readd,
  set: async () => (await import("./verbs/set.ts")).set,
  verify: async () => (await import("./verbs/verify.ts")).verify,
  bench: async () => (await import("./verbs/bench.ts")).bench,
  doctor: async () => (await import("./verbs/doctor.ts")).doctor,
  demo: async () => (await import("./verbs/demo.ts")).demo,
  version: async () => (await import("./verbs/version.ts")).version,
  help: async () => (await import("./verbs/help.ts")).help,
  complete: async () => (await import("./verbs/complete.ts")).complete,
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
    const { generalHelp } = await import("./help.ts");
    context.terminal.complain(generalHelp());
    return EXIT.USAGE;
  }
  // What completes a command line must not trip over it.
  if (first === "complete") {
    return await runVerb(readSentence(["complete", "--", ...rest]), context);
  }
  if (first === "--help" || first === "-h") return await runVerb(readSentence(["help"]), context);
  if (first === "--version") return await runVerb(readSentence(["version", ...rest]), context);
  return await runVerb(readSentence(verbFirst(words)), context);
}

/** Options may stand before the verb; options alone are those of `run`. */
function verbFirst(words: readonly string[]): readonly string[] {
  let at = 0;
  while (words[at]?.startsWith("-")) at += takesValue(words[at]!) ? 2 : 1;
  return at >= words.length
    ? ["run", ...words]
    : [words[at]!, ...words.slice(at + 1), ...words.slice(0, at)];
}

/** Whether some verb has this option, with a value in the next word. */
function takesValue(word: string): boolean {
  return VERBS.some(({ options }) =>
    options.some(({ name, short, value }) =>
      value !== undefined && (word === `--${name}` || word === `-${short}`)
    )
  );
}

async function runVerb({ verb, scope, rest }: Sentence, context: Context): Promise<number> {
  const options = rest.includes("--") ? rest.slice(0, rest.indexOf("--")) : rest;
  if (options.includes("--help") || options.includes("-h")) {
    const { verbHelp } = await import("./help.ts");
    context.terminal.print(verbHelp(verb));
    return EXIT.OK;
  }
  const args = new VerbArguments(verb, rest, scope);
  const runner = await RUNNERS[verb.name]!();
  return await runner(args, context);
}

function explain(error: unknown, { terminal }: Context): number {
  const { text, isAboutFiles, exitCode } = failureOf(error);
  terminal.complain(isAboutFiles ? text : `${PROGRAM}: ${text}`);
  return exitCode;
}
