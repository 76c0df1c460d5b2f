/** The VM stage of the test command: boots guests for all cases and turns them into outcomes. */
import { fileURLToPath } from "node:url";
import type { Outcome } from "../runner/outcome.ts";
import { SkipTest } from "../support/skip.ts";
import { addSystemPrograms } from "../support/system_programs.ts";
import { casesFor, COMBINATIONS } from "./cases/table.ts";
import { combinationName } from "./guest/peers.ts";
import type { BeginRecord, EndRecord, GuestJob, GuestRecord } from "./guest/records.ts";
import { bootGuest, type BootOutcome } from "./machine/boot.ts";
import { type Machine, provisionMachine } from "./machine/provision.ts";
import type { GuestShape } from "./machine/qemu.ts";
import { slotCount } from "./machine/slots.ts";

/** How {@link runVmStage} runs. */
export interface VmStageOptions {
  /** Only cases whose full name holds this text. */
  readonly filter?: string;
  /** Called with each outcome as it comes. */
  readonly onOutcome: (outcome: Outcome) => void;
  /** Called with what is being done, as it takes long. */
  readonly tell: (what: string) => void;
}

/** One guest's worth of cases. */
interface Boot {
  readonly name: string;
  readonly shape: GuestShape;
  readonly job: Omit<GuestJob, "builtModules">;
}

const GUEST_PROGRAM = fileURLToPath(new URL("guest/main.ts", import.meta.url));
const MEMORY_MIB = 3072;
const BOOT_OVERHEAD_MS = 120_000;

const isFull = (): boolean => Deno.env.get("RNBD_TEST_FULL") === "1";

/** Processors of the guests: `RNBD_TEST_VM_CPUS=1,4`, or all choices when `full`, or two. */
function cpuChoices(full: boolean): number[] {
  const asked = Deno.env.get("RNBD_TEST_VM_CPUS");
  if (asked === undefined) return full ? [1, 2, 4] : [2];
  const counts = asked.split(",").map(Number);
  if (counts.every((count) => Number.isInteger(count) && count >= 1 && count <= 16)) return counts;
  throw new Error(`RNBD_TEST_VM_CPUS=${asked}: whole numbers from 1 to 16, as in 1,4`);
}

const caseTitle = (boot: Boot, name: string): string => `vm: ${boot.name}: ${name}`;

function planBoots(filter: string | undefined): Boot[] {
  const full = isFull();
  const choices = cpuChoices(full);
  const isUsual = choices.length === 1 && choices[0] === 2;
  const boots: Boot[] = [];
  for (const combination of COMBINATIONS) {
    for (const cpus of choices) {
      const name = combinationName(combination) + (isUsual ? "" : `, ${cpus} CPUs`);
      const shape: GuestShape = { mode: "fast", cpus, memoryMiB: MEMORY_MIB };
      const all = casesFor(combination, full).map((guestCase) => guestCase.name);
      const draft: Boot = { name, shape, job: { combination, cases: all, full } };
      const cases = all.filter((one) =>
        filter === undefined || caseTitle(draft, one).includes(filter)
      );
      if (cases.length > 0) boots.push({ ...draft, job: { ...draft.job, cases } });
    }
  }
  return boots;
}

/** What one boot has told so far. */
class BootLog {
  current: BeginRecord | undefined;
  private currentSince = 0;
  readonly ended: EndRecord[] = [];

  constructor(private readonly onEnd: (end: EndRecord) => void) {}

  readonly add = (record: unknown): void => {
    const told = record as GuestRecord;
    if (told.kind === "begin") {
      this.current = told;
      this.currentSince = performance.now();
    } else {
      this.current = undefined;
      this.ended.push(told);
      this.onEnd(told);
    }
  };

  readonly giveUp = (): string | undefined => {
    if (this.current === undefined) return undefined;
    const { name, timeoutMs } = this.current;
    const isLate = performance.now() - this.currentSince > timeoutMs;
    return isLate ? `"${name}" took more than ${timeoutMs} ms` : undefined;
  };

  get currentMs(): number {
    return performance.now() - this.currentSince;
  }
}

/** Keeps what helps to understand a failure; returns the folder. */
async function keepEvidence(
  boot: Boot,
  log: BootLog,
  outcome: BootOutcome,
): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "rnbd-vm-failure-" });
  await Deno.writeTextFile(`${folder}/console`, outcome.console);
  const cases = log.ended.map((end) =>
    [
      `=== ${end.name}: ${end.result} after ${Math.round(end.durationMs)} ms`,
      end.detail,
      ...end.notes,
      "--- kernel log",
      ...end.kernelLog,
    ].join("\n")
  );
  await Deno.writeTextFile(`${folder}/cases`, `${boot.name}\n${cases.join("\n\n")}\n`);
  return folder;
}

const asOutcome = (boot: Boot, end: EndRecord): Outcome => ({
  name: caseTitle(boot, end.name),
  result: end.result,
  durationMs: end.durationMs,
  ...(end.result === "passed" ? {} : { detail: [end.detail, ...end.notes].join("\n") }),
});

/** Boots once and runs as many of the cases as come to an end; returns the outcomes of those. */
async function bootOnce(
  machine: Machine,
  boot: Boot,
  { onOutcome, tell }: VmStageOptions,
): Promise<Outcome[]> {
  const log = new BootLog((end) => {
    onOutcome(asOutcome(boot, end));
    if (end.secondTryFor !== undefined) tell(`        at the second try: ${end.secondTryFor}`);
  });
  const budgets = boot.job.cases.length * 10 * 60_000;
  const outcome = await bootGuest({
    machine,
    shape: boot.shape,
    program: GUEST_PROGRAM,
    input: { ...boot.job, builtModules: machine.builtModules } satisfies GuestJob,
    timeoutMs: BOOT_OVERHEAD_MS + budgets,
    onRecord: log.add,
    giveUp: log.giveUp,
  });
  const outcomes = log.ended.map((end) => asOutcome(boot, end));
  const failed = outcomes.some(({ result }) => result === "failed");
  if (!failed && outcome.ok) return outcomes;
  const folder = await keepEvidence(boot, log, outcome);
  const hint = `console and kernel log: ${folder}`;
  const detailed = outcomes.map((one) =>
    one.result === "failed" ? { ...one, detail: `${one.detail}\n${hint}` } : one
  );
  if (outcome.ok) return detailed;
  const name = log.current?.name;
  const tail = outcome.console.trimEnd().split("\n").slice(-25).join("\n");
  const detail = `${outcome.reason}\n${tail}\n${hint}`;
  // A case that ended and spoiled the guest has said what is wrong.
  const hasSaid = name === undefined && failed && detailed.length < boot.job.cases.length;
  if (hasSaid) return detailed;
  const fault: Outcome = {
    name: name === undefined ? `vm: ${boot.name}` : caseTitle(boot, name),
    result: "failed",
    durationMs: name === undefined ? 0 : log.currentMs,
    detail,
  };
  onOutcome(fault);
  return [...detailed, fault];
}

/** Runs all cases of a boot; a case that spoils its guest costs a boot, not the cases after it. */
async function runBoot(
  machine: Machine,
  planned: Boot,
  options: VmStageOptions,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let boot = planned;
  while (boot.job.cases.length > 0) {
    const some = await bootOnce(machine, boot, options);
    outcomes.push(...some);
    const done = new Set(some.map(({ name }) => name));
    const rest = boot.job.cases.filter((name) => !done.has(caseTitle(boot, name)));
    // Without any case that ended, another boot would be no better.
    if (rest.length === boot.job.cases.length) break;
    boot = { ...boot, job: { ...boot.job, cases: rest } };
  }
  return outcomes;
}

/** Every case as skipped, for a machine that cannot run guests. */
function skipAll(boots: readonly Boot[], { reason, remedy }: SkipTest): Outcome[] {
  return boots.flatMap((boot) =>
    boot.job.cases.map((name): Outcome => ({
      name: caseTitle(boot, name),
      result: "skipped",
      durationMs: 0,
      detail: `${reason}: ${remedy}`,
    }))
  );
}

/** Runs the stage. */
export async function runVmStage(options: VmStageOptions): Promise<Outcome[]> {
  addSystemPrograms();
  const boots = planBoots(options.filter);
  if (boots.length === 0) return [];
  let machine: Machine;
  try {
    machine = await provisionMachine(options.tell);
  } catch (error) {
    if (!(error instanceof SkipTest)) throw error;
    return skipAll(boots, error);
  }
  const count = boots.reduce((sum, { job }) => sum + job.cases.length, 0);
  options.tell(`${count} cases, ${boots.length} guests with Linux ${machine.kernelRelease}`);
  const outcomes: Outcome[] = [];
  const queue = [...boots];
  const worker = async () => {
    for (let boot = queue.shift(); boot !== undefined; boot = queue.shift()) {
      outcomes.push(...await runBoot(machine, boot, options));
    }
  };
  await Promise.all(Array.from({ length: slotCount() }, worker));
  return outcomes;
}
