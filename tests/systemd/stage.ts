/** The stage of the test command that installs the package on a machine under systemd. */
import type { Outcome } from "../runner/outcome.ts";
import { builtPackage } from "../package/support/built_package.ts";
import { SkipTest } from "../support/skip.ts";
import { addSystemPrograms } from "../support/system_programs.ts";
import { provisionMachine } from "../vm/machine/provision.ts";
import { withSlot } from "../vm/machine/slots.ts";
import type { SystemCase } from "./case.ts";
import { CASES } from "./cases/table.ts";
import { provisionSystemImage, type SystemImage } from "./machine/system_image.ts";
import { Stand } from "./stand.ts";

/** How {@link runSystemdStage} runs. */
export interface SystemdStageOptions {
  /** Only cases whose full name holds this text, and what they build on. */
  readonly filter?: string;
  /** Path of the package to install; default: that of this tree, built when it is not there. */
  readonly packageFile?: string;
  /** Called with each outcome as it comes. */
  readonly onOutcome: (outcome: Outcome) => void;
  /** Called with what is being done and what was measured. */
  readonly tell: (what: string) => void;
}

const ROUNDS = { usual: 5, full: 20 } as const;

const isFull = (): boolean => Deno.env.get("RNBD_TEST_FULL") === "1";

const title = ({ name }: SystemCase): string => `systemd: ${name}`;

/** The cases that the filter names, with what they build on; none when it names none. */
function chosenCases(filter: string | undefined): SystemCase[] {
  const isNamed = (one: SystemCase) => filter === undefined || title(one).includes(filter);
  if (!CASES.some(isNamed)) return [];
  return CASES.filter((one) => one.isFoundation === true || isNamed(one));
}

/** Runs one case on the stand, which gets a machine if the last case has left none. */
async function runCase(stand: Stand, one: SystemCase): Promise<Outcome> {
  const started = performance.now();
  const outcome = (result: Outcome["result"], detail?: string): Outcome => ({
    name: title(one),
    result,
    durationMs: performance.now() - started,
    ...(detail === undefined ? {} : { detail }),
  });
  try {
    if (!stand.hasGuest) await stand.boot();
    await one.run(stand);
    return outcome("passed");
  } catch (error) {
    await stand.keepJournal();
    const text = error instanceof Error ? error.stack ?? error.message : String(error);
    return outcome("failed", `${text}\nconsole, scripts and journal: ${stand.folder}`);
  }
}

async function runCases(
  stand: Stand,
  cases: readonly SystemCase[],
  onOutcome: SystemdStageOptions["onOutcome"],
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let missing: string | undefined;
  for (const one of cases) {
    const outcome: Outcome = missing === undefined ? await runCase(stand, one) : {
      name: title(one),
      result: "failed",
      durationMs: 0,
      detail: `not tried, as "${missing}" failed`,
    };
    if (one.isFoundation === true && outcome.result === "failed") missing ??= one.name;
    outcomes.push(outcome);
    onOutcome(outcome);
  }
  return outcomes;
}

/** Runs the stage. */
export async function runSystemdStage(options: SystemdStageOptions): Promise<Outcome[]> {
  addSystemPrograms();
  const cases = chosenCases(options.filter);
  if (cases.length === 0) return [];
  try {
    using image = await provisionSystemImage(await provisionMachine(options.tell), options.tell);
    const packageFile = options.packageFile ?? await builtPackage();
    return await withSlot(() => runOnStand(image, packageFile, cases, options));
  } catch (error) {
    if (!(error instanceof SkipTest)) throw error;
    const detail = `${error.reason}: ${error.remedy}`;
    return cases.map((one) => ({ name: title(one), result: "skipped", durationMs: 0, detail }));
  }
}

async function runOnStand(
  image: SystemImage,
  packageFile: string,
  cases: readonly SystemCase[],
  { onOutcome, tell }: SystemdStageOptions,
): Promise<Outcome[]> {
  const folder = await Deno.makeTempDir({ prefix: "rnbd-systemd-" });
  const rounds = isFull() ? ROUNDS.full : ROUNDS.usual;
  const note = (text: string) => tell(`        ${text}`);
  let isKept = true;
  try {
    await using stand = await Stand.open({ image, folder, packageFile, rounds, note });
    const outcomes = await runCases(stand, cases, onOutcome);
    isKept = outcomes.some(({ result }) => result === "failed");
    return outcomes;
  } finally {
    if (!isKept) await Deno.remove(folder, { recursive: true });
  }
}
