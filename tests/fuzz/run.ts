// deno-lint-ignore-file no-console -- a program: its output is its purpose
/**
 * Runs the fuzzers: every `*_fuzz.ts` of this folder.
 *
 *     deno run -A tests/fuzz/run.ts [--inputs N] [--seed S] [--only NAME]
 *
 * A fuzzer exports `run(inputs, seed)`, which throws when it finds something. It may also export
 * `planted(inputs, seed)`, the same with a bug built in, which must throw. Inputs are spread evenly
 * over the fuzzers. Each runs in a process of its own, so that one which hangs is noticed.
 * The last line is `N passed, N failed`.
 */
import { parseArgs } from "node:util";

/** What a file of this folder exports. */
interface Fuzzer {
  run(inputs: number, seed: number): void | Promise<void>;
  planted?(inputs: number, seed: number): void | Promise<void>;
}

const HANG_MS = 4 * 60_000;
/** Takes no part in the search, so it gets no share of the inputs. */
const CANARY = "canary";
const CANARY_INPUTS = 20_000;
const SUFFIX = "_fuzz.ts";
const folder = new URL(".", import.meta.url);

const { values } = parseArgs({
  args: Deno.args,
  options: {
    inputs: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
    /** Used by this program itself: run this one here. */
    child: { type: "string" },
  },
});
const seed = Number(values.seed);

function fuzzerNames(): string[] {
  const names = [...Deno.readDirSync(folder)]
    .filter((entry) => entry.name.endsWith(SUFFIX))
    .map((entry) => entry.name.slice(0, -SUFFIX.length))
    .sort();
  if (values.only === undefined) return names;
  if (!names.includes(values.only)) {
    console.error(`--only ${values.only}: the fuzzers are ${names.join(", ")}`);
    Deno.exit(64);
  }
  return [values.only];
}

/** Runs one fuzzer in this process; its exit code is 1 when it found something. */
async function runHere(name: string, inputs: number): Promise<void> {
  const fuzzer = await import(new URL(name + SUFFIX, folder).href) as Fuzzer;
  const started = performance.now();
  await fuzzer.run(inputs, seed);
  const perSecond = Math.round(inputs / Math.max(0.001, (performance.now() - started) / 1000));
  let note = "";
  if (fuzzer.planted !== undefined) {
    let noticed = false;
    try {
      await fuzzer.planted(inputs, seed);
    } catch {
      noticed = true;
    }
    if (!noticed) throw new Error(`${name}: the planted bug was not noticed in ${inputs} inputs`);
    note = ", planted bug noticed";
  }
  console.log(`ok      ${name}: ${inputs} inputs, ${perSecond} inputs/s${note}`);
}

async function runChild(name: string, inputs: number): Promise<boolean> {
  const again = `--only ${name} --seed ${seed} --inputs ${inputs}`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", import.meta.url, "--child", name].concat([
      "--inputs",
      String(inputs),
      "--seed",
      String(seed),
    ]),
  }).spawn();
  let hung = false;
  const timer = setTimeout(() => {
    hung = true;
    child.kill("SIGKILL");
  }, HANG_MS);
  const { code } = await child.status;
  clearTimeout(timer);
  if (code === 0) return true;
  const how = hung ? `hung: killed after ${HANG_MS} ms` : `exit code ${code}`;
  console.log(`FAILED  ${name}: ${how}; again with ${again}`);
  return false;
}

async function main(): Promise<void> {
  const names = fuzzerNames();
  const searching = names.filter((name) => name !== CANARY);
  const each = Math.ceil(Number(values.inputs) / Math.max(1, searching.length));
  let failed = 0;
  for (const name of names) {
    if (!await runChild(name, name === CANARY ? CANARY_INPUTS : each)) failed++;
  }
  console.log(`${names.length - failed} passed, ${failed} failed`);
  Deno.exitCode = failed > 0 || names.length === 0 ? 1 : 0;
}

if (values.child === undefined) await main();
else await runHere(values.child, Number(values.inputs));
