// deno-lint-ignore-file no-console -- a program: its output is its purpose
/**
 * The test command (`deno task test`): checks, unit tests, simulation, fuzz, real clients, the
 * executable and the package, and the kernel as the peer in virtual machines.
 *
 *     deno run -A tests/run.ts [--only check,unit,sim,fuzz,clients,package,vm] [--filter TEXT]
 *         [--executable FILE]
 *
 * With `--executable` every test that starts the program starts this file in place of the tree.
 * The last line is `N passed, N failed` or `N passed, N failed, N skipped`; the exit code is 1 when
 * something failed. What was skipped is named, with what to install.
 */
import { runMarked } from "./runner/command.ts";
import { count, countLine, type Outcome } from "./runner/outcome.ts";
import { findFiles, runTestFiles } from "./runner/test_files.ts";
import { EXECUTABLE_VARIABLE } from "./support/program.ts";
import { runSystemdStage } from "./systemd/stage.ts";
import { runVmStage } from "./vm/stage.ts";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

const STEPS = ["check", "unit", "sim", "fuzz", "clients", "package", "vm"] as const;
type Step = typeof STEPS[number];

const UNIT_FILE_TIMEOUT_MS = 3 * 60_000;
const CLIENT_FILE_TIMEOUT_MS = 5 * 60_000;
const PACKAGE_FILE_TIMEOUT_MS = 10 * 60_000;
const CHECK_TIMEOUT_MS = 3 * 60_000;
const SIMULATION_TIMEOUT_MS = 6 * 60_000;
const FUZZ_TIMEOUT_MS = 6 * 60_000;
const SIMULATION_SEEDS = 200;
const FUZZ_INPUTS = 1_000_000;
const SLOWEST_SHOWN = 8;

interface Options {
  readonly only: readonly Step[];
  readonly filter: string | undefined;
}

function readOptions(): Options {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      only: { type: "string" },
      filter: { type: "string" },
      executable: { type: "string" },
    },
  });
  if (values.executable !== undefined) useExecutable(values.executable);
  // A filter names tests, and only these steps have any.
  const all = values.filter === undefined ? STEPS : ["unit", "clients", "package", "vm"];
  const only = values.only === undefined ? [...all] : values.only.split(",");
  const unknown = only.find((name) => !STEPS.includes(name as Step));
  if (unknown !== undefined) {
    console.error(`--only ${unknown}: the steps are ${STEPS.join(", ")}`);
    Deno.exit(64);
  }
  return { only: only as Step[], filter: values.filter };
}

function useExecutable(file: string): void {
  const path = resolve(file);
  try {
    if (Deno.statSync(path).isFile) return Deno.env.set(EXECUTABLE_VARIABLE, path);
    console.error(`--executable ${file}: not a file`);
  } catch (error) {
    console.error(`--executable ${file}: ${error instanceof Error ? error.message : error}`);
  }
  Deno.exit(64);
}

async function runChecks(): Promise<Outcome[]> {
  const directories = ["src", "tests", "bench", "packaging"];
  const commands = [["fmt", "--check"], ["lint"], ["check", "mod.ts", ...directories]];
  const outcomes: Outcome[] = [];
  for (const args of commands) {
    const result = await runMarked({
      command: Deno.execPath(),
      args,
      timeoutMs: CHECK_TIMEOUT_MS,
    });
    const outcome: Outcome = {
      name: `deno ${args.join(" ")}`,
      result: result.code === 0 ? "passed" : "failed",
      durationMs: result.durationMs,
      ...(result.code === 0 ? {} : { detail: result.output }),
    };
    showFile(outcome.name, [outcome]);
    outcomes.push(outcome);
  }
  return outcomes;
}

const isClientTest = (file: string) => file.startsWith("tests/clients/");
const isPackageTest = (file: string) => file.startsWith("tests/package/");
const isUnitTest = (file: string) => !isClientTest(file) && !isPackageTest(file);

function runUnit(filter: string | undefined): Promise<Outcome[]> {
  return runTestFiles(findFiles("tests", "_test.ts").filter(isUnitTest), {
    ...(filter === undefined ? {} : { filter }),
    parallel: navigator.hardwareConcurrency,
    timeoutMs: UNIT_FILE_TIMEOUT_MS,
    onFile: showFile,
  });
}

/** One after the other: they measure times and load both cores by themselves. */
function runClients(filter: string | undefined): Promise<Outcome[]> {
  return runTestFiles(findFiles("tests", "_test.ts").filter(isClientTest), {
    ...(filter === undefined ? {} : { filter }),
    parallel: 1,
    timeoutMs: CLIENT_FILE_TIMEOUT_MS,
    onFile: showFile,
  });
}

/** One after the other: they build once for all, and measure times. Then the package on its own. */
async function runPackage(filter: string | undefined): Promise<Outcome[]> {
  const chosen = filter === undefined ? {} : { filter };
  const ofFiles = await runTestFiles(findFiles("tests", "_test.ts").filter(isPackageTest), {
    ...chosen,
    parallel: 1,
    timeoutMs: PACKAGE_FILE_TIMEOUT_MS,
    onFile: showFile,
  });
  const ofSystem = await runSystemdStage({ ...chosen, ...TOLD });
  return [...ofFiles, ...ofSystem];
}

/**
 * Runs a program of ours that prints its own progress and, last, `N passed, N failed`; each of
 * those counts. A program that dies before that line is one failure.
 */
async function runCounted(
  name: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<Outcome[]> {
  const result = await runMarked({
    command: Deno.execPath(),
    args: ["run", "-A", "--no-check", ...args],
    timeoutMs,
    onOutput: (bytes) => Deno.stdout.writeSync(bytes),
  });
  const last = result.output.trimEnd().split("\n").at(-1) ?? "";
  const counts = /^(\d+) passed, (\d+) failed$/.exec(last);
  const passed = counts === null ? 0 : Number(counts[1]);
  const failed = counts === null ? 0 : Number(counts[2]);
  const durationMs = result.durationMs / Math.max(1, passed + failed);
  const outcomes: Outcome[] = [];
  for (let i = 0; i < passed; i++) outcomes.push({ name, result: "passed", durationMs });
  for (let i = 0; i < failed; i++) {
    outcomes.push({ name, result: "failed", durationMs, detail: "see its output above" });
  }
  const fail = (what: string) =>
    outcomes.push({
      name: `${name}: ${what}`,
      result: "failed",
      durationMs: result.durationMs,
      detail: "see its output above",
    });
  if (result.timedOut) fail(`killed after ${timeoutMs} ms`);
  else if (counts === null) fail(`ended with code ${result.code} without a count`);
  else if (result.code !== 0 && failed === 0) fail(`exit code ${result.code}`);
  for (const { pid, command } of result.leftovers) fail(`left behind ${pid} ${command}`);
  return outcomes;
}

function runStep(step: Step, options: Options): Promise<Outcome[]> {
  switch (step) {
    case "check":
      return runChecks();
    case "unit":
      return runUnit(options.filter);
    case "sim":
      return runCounted(
        "simulation",
        ["tests/simulation/run.ts", "--seeds", String(SIMULATION_SEEDS)],
        SIMULATION_TIMEOUT_MS,
      );
    case "fuzz":
      return runCounted(
        "fuzz",
        ["tests/fuzz/run.ts", "--inputs", String(FUZZ_INPUTS)],
        FUZZ_TIMEOUT_MS,
      );
    case "clients":
      return runClients(options.filter);
    case "package":
      return runPackage(options.filter);
    case "vm":
      return runVmStage({
        ...(options.filter === undefined ? {} : { filter: options.filter }),
        ...TOLD,
      });
  }
}

/** How stages that boot machines tell what they do. */
const TOLD = {
  onOutcome: (outcome: Outcome) => showFile(outcome.name, [outcome]),
  tell: (what: string) => console.log(`  ${what}`),
};

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function showFile(name: string, outcomes: readonly Outcome[]): void {
  const failed = count(outcomes, "failed");
  const total = outcomes.reduce((sum, outcome) => sum + outcome.durationMs, 0);
  const word = failed > 0 ? "FAILED" : "ok";
  console.log(`  ${word.padEnd(7)}${name}: ${countLine(outcomes)} (${seconds(total)})`);
}

function showSummary(perStep: ReadonlyMap<Step, { outcomes: Outcome[]; ms: number }>): void {
  const all = [...perStep.values()].flatMap(({ outcomes }) => outcomes);
  const failures = all.filter((outcome) => outcome.result === "failed");
  for (const { name, detail } of failures) {
    console.log(`\nFAILED  ${name}`);
    for (const line of (detail ?? "").trimEnd().split("\n")) console.log(`    ${line}`);
  }
  console.log("\nSteps");
  for (const [step, { outcomes, ms }] of perStep) {
    console.log(`  ${step.padEnd(8)}${countLine(outcomes)} (${seconds(ms)})`);
  }
  console.log("\nSlowest tests");
  const slowest = [...all].sort((a, b) => b.durationMs - a.durationMs).slice(0, SLOWEST_SHOWN);
  for (const { name, durationMs } of slowest) console.log(`  ${seconds(durationMs)}  ${name}`);
  const skipped = all.filter((outcome) => outcome.result === "skipped");
  if (skipped.length > 0) console.log("\nSkipped, because something is missing here");
  for (const { name, detail } of skipped) console.log(`  ${name}: ${detail}`);
  console.log("");
}

async function main(): Promise<void> {
  const options = readOptions();
  Deno.chdir(new URL("..", import.meta.url));
  const perStep = new Map<Step, { outcomes: Outcome[]; ms: number }>();
  for (const step of STEPS.filter((name) => options.only.includes(name))) {
    console.log(step);
    const started = performance.now();
    const outcomes = await runStep(step, options);
    perStep.set(step, { outcomes, ms: performance.now() - started });
  }
  showSummary(perStep);
  const all = [...perStep.values()].flatMap(({ outcomes }) => outcomes);
  console.log(countLine(all));
  Deno.exitCode = count(all, "failed") > 0 || all.length === 0 ? 1 : 0;
}

await main();
