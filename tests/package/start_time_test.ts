/**
 * Starting the executable: later starts at most 1.3 times as long as `deno run mod.ts`, the first
 * one at most 3 s. Both sides of the ratio are measured in turns, so that what else the machine
 * does falls on both; of first starts the quickest counts, for the same reason.
 */
import assert from "node:assert/strict";
import { join } from "node:path/posix";
import { median, timeRun } from "../../packaging/executable/measure.ts";
import { run } from "../support/process.ts";
import { repositoryRoot } from "../support/program.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { builtExecutable } from "./support/built.ts";

const LATER_RATIO_MAX = 1.3;
const FIRST_S_MAX = 3;
const ROUNDS = 21;
const FIRST_STARTS = 5;
/** Rounds again when a ratio is over the bar: a busy moment passes, a slow start stays. */
const TRIES = 3;

const load = () => Number(Deno.readTextFileSync("/proc/loadavg").split(" ")[0]);

interface Comparison {
  readonly ratio: number;
  readonly text: string;
}

async function compare(
  executable: string,
  words: readonly string[],
  cache: string,
): Promise<Comparison> {
  const executed: number[] = [];
  const interpreted: number[] = [];
  const ratios: number[] = [];
  const source = ["run", "-A", `${repositoryRoot}mod.ts`, ...words];
  const env = { RNBD_APPLIANCE_CACHE_DIR: join(cache, "executable") };
  for (let round = -2; round < ROUNDS; round++) {
    const executedMs = await timeRun(executable, words, env);
    const interpretedMs = await timeRun(Deno.execPath(), source, {});
    // The first rounds fill the caches of both.
    if (round < 0) continue;
    executed.push(executedMs);
    interpreted.push(interpretedMs);
    ratios.push(executedMs / interpretedMs);
  }
  const ratio = median(ratios);
  const text = `${words[0]}: executable ${median(executed).toFixed(0)} ms, deno run ` +
    `${median(interpreted).toFixed(0)} ms, ratio ${ratio.toFixed(2)} (load ${load()})`;
  return { ratio, text };
}

const JOBS: readonly (readonly string[])[] = [
  ["--version"],
  ["check", "--config", `${repositoryRoot}config/client.toml`],
];

for (const words of JOBS) {
  Deno.test(`start: later, ${words[0]}, against deno run`, async (t) => {
    const executable = await builtExecutable();
    await using directory = await temporaryDirectory();
    const seen: Comparison[] = [];
    do {
      seen.push(await compare(executable, words, directory.path));
    } while (seen.at(-1)!.ratio > LATER_RATIO_MAX && seen.length < TRIES);
    const texts = seen.map(({ text }) => text).join("; ");
    await t.step(texts, () => assert.ok(seen.at(-1)!.ratio <= LATER_RATIO_MAX, texts));
  });
}

/** Seconds of a start: on the clock, and of the processors. */
interface Start {
  readonly wallS: number;
  readonly processorS: number;
}

async function firstStart(executable: string, cache: string): Promise<Start> {
  const words = 'TIMEFORMAT="%R %U %S"; time "$0" --version >/dev/null';
  const env = { RNBD_APPLIANCE_CACHE_DIR: cache, LC_ALL: "C" };
  const { stderr } = await run("bash", ["-c", words, executable], { env });
  const [wallS, userS, systemS] = stderr.trim().split(" ").map(Number) as [number, number, number];
  await Deno.remove(cache, { recursive: true });
  return { wallS, processorS: userS + systemS };
}

/**
 * Where others keep the processors or the disk busy, the clock measures them: then what counts is
 * the time of the processors, which is how long it takes alone on one of them.
 */
Deno.test("start: first, with nothing unpacked", async (t) => {
  const executable = await builtExecutable();
  await using directory = await temporaryDirectory();
  const starts: Start[] = [];
  for (let i = 0; i < FIRST_STARTS; i++) {
    starts.push(await firstStart(executable, `${directory.path}/${i}`));
  }
  const isBusy = load() > navigator.hardwareConcurrency;
  const quickestS = Math.min(...starts.map((start) => start[isBusy ? "processorS" : "wallS"]));
  const texts = starts.map(({ wallS, processorS }) =>
    `${wallS} s (processor ${processorS.toFixed(2)} s)`
  );
  const text = `first start ${texts.join(", ")}, load ${load()}`;
  await t.step(text, () => assert.ok(quickestS <= FIRST_S_MAX, text));
});
