// deno-lint-ignore-file no-console -- a program: its output is its purpose
/**
 * The benchmark (`deno task bench`): the same loads on our chain, nbdkit and qemu-nbd, interleaved.
 *
 *     deno run -A bench/side_by_side.ts [--runtime SECONDS] [--rounds N] [--only NAME,…]
 *         [--jobs NAME,…] [--reactors N] [--spin-us N] [-o FILE]
 *
 * Prints a table and the bars, and writes everything as JSON. Exit code 0 also when a bar is
 * missed: the table says so; 1 when a run fails, 64 for wrong usage, 69 when a program is missing.
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findCommand } from "../tests/support/skip.ts";
import { run } from "../tests/support/process.ts";
import { judge, type Medians } from "./bars.ts";
import {
  benchContender,
  type Chain,
  chainContender,
  type Contender,
  type ContenderName,
  CONTENDERS,
  type Settings,
  startChain,
  startNbdkit,
  startQemuNbd,
  type Tools,
} from "./contenders.ts";
import { type Job, JOBS } from "./jobs.ts";
import { describeMachine } from "./machine.ts";
import { type Measurement, medianMeasurement } from "./measurement.ts";
import { formatReport } from "./table.ts";

const SPIN_US = 50;
const REACTORS_MAX = 4;

interface Options extends Settings {
  readonly rounds: number;
  readonly contenders: readonly ContenderName[];
  readonly jobs: readonly Job[];
  readonly output: string;
}

/** Ends the program with a message. */
function fail(message: string, code: number): never {
  console.error(message);
  Deno.exit(code);
}

function chooseNames<Name extends string>(
  option: string,
  given: string | undefined,
  known: readonly Name[],
): readonly Name[] {
  if (given === undefined) return known;
  const names = given.split(",");
  const unknown = names.find((name) => !known.includes(name as Name));
  if (unknown !== undefined) fail(`--${option} ${unknown}: one of ${known.join(", ")}`, 64);
  return known.filter((name) => names.includes(name));
}

function readPositive(option: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) fail(`--${option} ${text}: a number above 0`, 64);
  return value;
}

function readOptions(): Options {
  // Client and server share the machine: each gets half of it.
  const share = Math.floor(navigator.hardwareConcurrency / 2);
  const reactors = Math.max(1, Math.min(REACTORS_MAX, share));
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      runtime: { type: "string", default: "3" },
      rounds: { type: "string", default: "3" },
      only: { type: "string" },
      jobs: { type: "string" },
      reactors: { type: "string", default: String(reactors) },
      "spin-us": { type: "string", default: String(SPIN_US) },
      output: { type: "string", short: "o" },
    },
  });
  const jobNames = chooseNames("jobs", values.jobs, JOBS.map(({ name }) => name));
  const contenders = Object.keys(CONTENDERS) as ContenderName[];
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
  return {
    runtimeSeconds: readPositive("runtime", values.runtime),
    rounds: readPositive("rounds", values.rounds),
    reactors: readPositive("reactors", values.reactors),
    spinUs: readPositive("spin-us", values["spin-us"]),
    contenders: chooseNames("only", values.only, contenders),
    jobs: JOBS.filter(({ name }) => jobNames.includes(name)),
    output: values.output ?? fileURLToPath(new URL(`results/${stamp}.json`, import.meta.url)),
  };
}

function need(name: string, debianPackage: string): string {
  const path = findCommand(name);
  if (path !== undefined) return path;
  return fail(`${name} is not installed: apt-get install ${debianPackage}`, 69);
}

async function findTools(): Promise<Tools> {
  const tools: Tools = {
    fio: need("fio", "fio"),
    nbdkit: need("nbdkit", "nbdkit"),
    qemuNbd: need("qemu-nbd", "qemu-utils"),
  };
  const { stdout } = await run(tools.fio, ["--enghelp"]);
  if (!/^\s*nbd$/m.test(stdout)) {
    fail(`${tools.fio} has no nbd engine; Debian's package fio has it`, 69);
  }
  return tools;
}

/** Starts what was asked for; `stack` stops it all again. */
async function startContenders(
  options: Options,
  tools: Tools,
  stack: AsyncDisposableStack,
): Promise<Map<ContenderName, Contender>> {
  const chains = new Map<number, Chain>();
  const chain = async (spinUs: number): Promise<Chain> => {
    const started = chains.get(spinUs) ?? stack.use(await startChain(tools, options, spinUs));
    chains.set(spinUs, started);
    return started;
  };
  const start: Record<ContenderName, () => Promise<Contender>> = {
    "bench": async () => benchContender(await chain(options.spinUs), options),
    "bench-blocking": async () => benchContender(await chain(0), options),
    "chain": async () => chainContender(await chain(options.spinUs), tools, options),
    "nbdkit": () => startNbdkit(tools, options),
    "qemu-nbd": () => startQemuNbd(tools, options),
  };
  const contenders = new Map<ContenderName, Contender>();
  for (const name of options.contenders) {
    contenders.set(name, stack.use(await start[name]()));
  }
  return contenders;
}

type Runs = Map<ContenderName, Map<string, Measurement[]>>;

/** Round by round, job by job, one contender after the other: what drifts drifts for all. */
async function measureAll(
  options: Options,
  contenders: ReadonlyMap<ContenderName, Contender>,
): Promise<Runs> {
  const runs: Runs = new Map();
  for (let round = 1; round <= options.rounds; round++) {
    for (const job of options.jobs) {
      for (const [name, contender] of contenders) {
        const measured = await contender.measure(job);
        console.error(`round ${round}  ${job.name}  ${name}: ${Math.round(measured.iops)} IOPS`);
        const byJob = runs.get(name) ?? new Map<string, Measurement[]>();
        runs.set(name, byJob.set(job.name, [...byJob.get(job.name) ?? [], measured]));
      }
    }
  }
  return runs;
}

function takeMedians(runs: Runs): Medians {
  const medians: Medians = {};
  for (const [name, byJob] of runs) {
    const entries = [...byJob].map(([job, all]) => [job, medianMeasurement(all)] as const);
    medians[name] = Object.fromEntries(entries);
  }
  return medians;
}

async function main(): Promise<void> {
  const options = readOptions();
  const tools = await findTools();
  const machine = await describeMachine(tools);
  let runs: Runs;
  {
    await using stack = new AsyncDisposableStack();
    runs = await measureAll(options, await startContenders(options, tools, stack));
  }
  const medians = takeMedians(runs);
  const { rounds, runtimeSeconds, reactors, spinUs } = options;
  const report = {
    machine,
    settings: { rounds, runtimeSeconds, reactors, spinUs },
    medians,
    bars: judge(medians),
    runs: Object.fromEntries([...runs].map(([name, jobs]) => [name, Object.fromEntries(jobs)])),
  };
  await Deno.mkdir(dirname(options.output), { recursive: true });
  await Deno.writeTextFile(options.output, JSON.stringify(report, null, 2) + "\n");
  console.log(formatReport(machine, medians));
  console.log(`\n${options.output}`);
}

await main();
