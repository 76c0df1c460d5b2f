// deno-lint-ignore-file no-console -- a program: its output is its purpose
/**
 * Runs the simulation from seeds.
 *
 *     deno run -A tests/simulation/run.ts [--seeds N] [--first S] [--verbose]
 *
 * A seed that fails is reported with its reason and how to run it again; `--verbose` with one seed
 * shows what happened in it. The last line is `N passed, N failed`.
 */
import { parseArgs } from "node:util";
import { simulate } from "./simulate.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    seeds: { type: "string", default: "200" },
    first: { type: "string", default: "1" },
    verbose: { type: "boolean", default: false },
  },
});
const FAILURES_SHOWN = 5;
const seeds = Number(values.seeds);
const first = Number(values.first);

function gitRevision(): string {
  try {
    const { stdout } = new Deno.Command("git", { args: ["rev-parse", "--short", "HEAD"] })
      .outputSync();
    return new TextDecoder().decode(stdout).trim() || "unknown";
  } catch {
    return "unknown";
  }
}

function report(seed: number, error: Error): void {
  const again = `deno run -A tests/simulation/run.ts --first ${seed} --seeds 1 --verbose`;
  console.log(`FAILED  seed ${seed} at revision ${gitRevision()}: ${error.message}`);
  console.log(`        again with: ${again}`);
  if (error.name !== "SimFailure" || values.verbose) console.log(error.stack);
}

let failed = 0;
let requests = 0;
let events = 0;
const started = performance.now();
for (let seed = first; seed < first + seeds; seed++) {
  const onLine = values.verbose ? (line: string) => console.log(line) : undefined;
  const outcome = simulate(seed, {}, onLine);
  if ("error" in outcome) {
    failed++;
    if (failed <= FAILURES_SHOWN) report(seed, outcome.error);
    else console.log(`FAILED  seed ${seed}: ${outcome.error.message}`);
  } else {
    requests += outcome.result.requests;
    events += outcome.result.events;
    if (values.verbose) console.log(outcome.result);
  }
}
const seconds = (performance.now() - started) / 1000;
const perSecond = (seeds / seconds).toFixed(1);
console.log(`${seeds} seeds, ${perSecond} seeds/s, ${requests} requests, ${events} events`);
console.log(`${seeds - failed} passed, ${failed} failed`);
Deno.exitCode = failed > 0 || seeds === 0 ? 1 : 0;
