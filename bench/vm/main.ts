// deno-lint-ignore-file no-console -- a program: its output is its purpose
/**
 * The benchmark against the kernel (`deno task bench-vm`): boots a Debian kernel whose clock counts
 * instructions, and compares every combination of client and server in it, interleaved.
 *
 *     deno run -A bench/vm/main.ts [--rounds N] [--seconds S] [--warm-up S] [--only TEXT]
 *         [--jobs TEXT] [--cpus N] [--reactors N] [--spin-us N]
 *         [--io-mode blockio|fileio] [-o FILE]
 *
 * `--only` and `--jobs` choose by a part of the name; several are separated by commas. Prints
 * tables and bars, and writes everything as JSON. Exit code 0 also when a bar is missed: the table
 * says so; 1 when the guest fails, 64 for wrong usage, 69 when this machine cannot run guests.
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { SkipTest } from "../../tests/support/skip.ts";
import { tryRun } from "../../tests/support/process.ts";
import { bootGuest } from "../../tests/vm/machine/boot.ts";
import { type Machine, provisionMachine } from "../../tests/vm/machine/provision.ts";
import { CONTENDER_NAMES } from "./contender_names.ts";
import { JOBS } from "./jobs.ts";
import type { RunRecord, StartedRecord, VmBenchPlan, VmBenchRecord } from "./records.ts";
import { formatVmReport } from "./report.ts";
import { judge, takeMedians } from "./results.ts";

const GUEST_PROGRAM = fileURLToPath(new URL("guest.ts", import.meta.url));
const MEMORY_MIB = 4096;
/** An instruction-counting guest is 10 to 50 times slower than its own clock says. */
const TIMEOUT_MS = 4 * 3_600_000;

interface Options extends Omit<VmBenchPlan, "builtModules"> {
  readonly cpus: number;
  readonly output: string;
}

function fail(message: string, code: number): never {
  console.error(message);
  Deno.exit(code);
}

function readNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (!(value >= least)) fail(`--${option} ${text}: a number from ${least} on`, 64);
  return value;
}

function choose<T>(
  option: string,
  text: string | undefined,
  all: readonly T[],
  name: (one: T) => string,
): readonly T[] {
  if (text === undefined) return all;
  const parts = text.split(",");
  const chosen = all.filter((one) => parts.some((part) => name(one).includes(part)));
  if (chosen.length > 0) return chosen;
  return fail(`--${option} ${text}: a part of one of ${all.map(name).join(", ")}`, 64);
}

function readOptions(): Options {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "0.5" },
      "warm-up": { type: "string", default: "4" },
      only: { type: "string" },
      jobs: { type: "string" },
      cpus: { type: "string", default: "2" },
      reactors: { type: "string", default: "1" },
      "spin-us": { type: "string", default: "0" },
      "io-mode": { type: "string", default: "blockio" },
      output: { type: "string", short: "o" },
    },
  });
  const ioMode = values["io-mode"];
  if (ioMode !== "blockio" && ioMode !== "fileio") {
    fail(`--io-mode ${ioMode}: one of blockio, fileio`, 64);
  }
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
  const output = fileURLToPath(new URL(`../results/vm-${stamp}.json`, import.meta.url));
  return {
    contenders: choose("only", values.only, CONTENDER_NAMES, (name) => name),
    jobs: choose("jobs", values.jobs, JOBS, ({ name }) => name),
    rounds: readNumber("rounds", values.rounds, 1),
    runtimeMs: Math.round(readNumber("seconds", values.seconds, 0.01) * 1000),
    warmUpMs: Math.round(readNumber("warm-up", values["warm-up"], 0.01) * 1000),
    cpus: readNumber("cpus", values.cpus, 1),
    reactors: readNumber("reactors", values.reactors, 1),
    spinUs: readNumber("spin-us", values["spin-us"], 0),
    ioMode,
    output: values.output ?? output,
  };
}

async function needMachine(): Promise<Machine> {
  try {
    return await provisionMachine((what) => console.error(what));
  } catch (error) {
    if (error instanceof SkipTest) fail(error.message, 69);
    throw error;
  }
}

async function describe(machine: Machine): Promise<Record<string, string>> {
  const firstLine = async (command: string, ...args: string[]) =>
    (await tryRun(command, args)).stdout.split("\n")[0]!.trim();
  return {
    date: new Date().toISOString(),
    commit: await firstLine("git", "describe", "--always", "--dirty", "--exclude=*"),
    guestKernel: machine.kernelRelease,
    qemu: await firstLine("qemu-system-x86_64", "--version"),
    fio: await firstLine("fio", "--version"),
    deno: Deno.version.deno,
  };
}

async function main(): Promise<void> {
  const { cpus, output, ...plan } = readOptions();
  const machine = await needMachine();
  const manifest = await describe(machine);
  const runs: RunRecord[] = [];
  const started: StartedRecord[] = [];
  const outcome = await bootGuest({
    machine,
    shape: { mode: "icount", cpus, memoryMiB: MEMORY_MIB },
    program: GUEST_PROGRAM,
    input: { ...plan, builtModules: machine.builtModules } satisfies VmBenchPlan,
    timeoutMs: TIMEOUT_MS,
    onRecord: (value) => {
      const record = value as VmBenchRecord;
      if (record.kind === "started") {
        started.push(record);
        return console.error(`${record.contender}: up to ${record.maxIoKiB} KiB a request`);
      }
      runs.push(record);
      const { round, job, contender, iops } = record;
      console.error(`round ${round}  ${job}  ${contender}: ${Math.round(iops)} IOPS`);
    },
  });
  if (!outcome.ok) fail(`${outcome.console}\n${outcome.reason}`, 1);
  const medians = takeMedians(runs);
  const { rounds, runtimeMs, warmUpMs, reactors, spinUs, ioMode } = plan;
  const report = {
    manifest,
    settings: { rounds, runtimeMs, warmUpMs, cpus, reactors, spinUs, ioMode },
    maxIoKiB: Object.fromEntries(started.map(({ contender, maxIoKiB }) => [contender, maxIoKiB])),
    medians,
    bars: judge(medians),
    runs,
  };
  await Deno.mkdir(dirname(output), { recursive: true });
  await Deno.writeTextFile(output, JSON.stringify(report, null, 2) + "\n");
  const versions = Object.entries(manifest).map(([name, text]) => `${name}: ${text}`);
  console.log(`${versions.join("; ")}\n\n${formatVmReport(medians)}\n\n${output}`);
}

await main();
