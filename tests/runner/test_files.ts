/** Finds the test files and runs each in a process of its own. */
import { IGNORED, readJunit } from "./junit.ts";
import type { Outcome } from "./outcome.ts";
import { runMarked } from "./command.ts";
import type { SkipRecord } from "../support/skip.ts";

/** Paths below `directory` that end in `suffix`, relative to the current directory, sorted. */
export function findFiles(directory: string, suffix: string): string[] {
  const files: string[] = [];
  for (const entry of Deno.readDirSync(directory)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) files.push(...findFiles(path, suffix));
    else if (entry.name.endsWith(suffix)) files.push(path);
  }
  return files.sort();
}

/** How {@link runTestFiles} runs them. */
export interface TestFileOptions {
  /** Only tests whose name holds this text. */
  readonly filter?: string;
  /** Files at the same time. */
  readonly parallel: number;
  /** A file that takes longer is killed and counts as failed. */
  readonly timeoutMs: number;
  /** Called as each file ends. */
  readonly onFile: (file: string, outcomes: readonly Outcome[]) => void;
}

/** Runs the files; a file that crashes or hangs is one failed test and harms no other. */
export async function runTestFiles(
  files: readonly string[],
  options: TestFileOptions,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const queue = [...files];
  const worker = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const found = await runTestFile(file, options);
      outcomes.push(...found);
      options.onFile(file, found);
    }
  };
  await Promise.all(Array.from({ length: options.parallel }, worker));
  return outcomes;
}

function readIfThere(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

const TAIL_CHARACTERS = 4000;

async function runTestFile(file: string, options: TestFileOptions): Promise<Outcome[]> {
  const directory = await Deno.makeTempDir({ prefix: "rnbd-run-" });
  const report = `${directory}/report.xml`;
  const skipsFile = `${directory}/skips`;
  const filter = options.filter === undefined ? [] : ["--filter", options.filter];
  const { code, output, timedOut, durationMs, leftovers } = await runMarked({
    command: Deno.execPath(),
    args: ["test", "-A", "--no-check", `--junit-path=${report}`, ...filter, file],
    env: { RNBD_TEST_SKIPS: skipsFile },
    timeoutMs: options.timeoutMs,
  });
  const skips = readIfThere(skipsFile).split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line) as SkipRecord);
  const xml = readIfThere(report);
  await Deno.remove(directory, { recursive: true });
  // A test that the filter does not name is reported as if somebody had switched it off.
  const outcomes = readJunit(xml, file, skips).filter(({ detail }) =>
    options.filter === undefined || detail !== IGNORED
  );
  const fail = (what: string) =>
    outcomes.push({
      name: `${file}: ${what}`,
      result: "failed",
      durationMs,
      detail: output.slice(-TAIL_CHARACTERS),
    });
  if (timedOut) fail(`killed after ${options.timeoutMs} ms`);
  else if (xml === "") fail(`ended with code ${code} before it could report`);
  else if (code !== 0 && !outcomes.some((outcome) => outcome.result === "failed")) {
    fail(`exit code ${code} although no test failed`);
  }
  if (leftovers.length > 0) {
    fail(`left behind ${leftovers.map(({ pid, command }) => `${pid} ${command}`).join("; ")}`);
  }
  return outcomes;
}
