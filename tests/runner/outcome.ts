/** What the test command counts. */

/** One test that ran, or could not run. */
export interface Outcome {
  /** File or step, then the test's own name. */
  readonly name: string;
  readonly result: "passed" | "failed" | "skipped";
  readonly durationMs: number;
  /** Failure text, or the reason of a skip with what to install. */
  readonly detail?: string;
}

/** How many of `outcomes` have this result. */
export const count = (outcomes: readonly Outcome[], result: Outcome["result"]): number =>
  outcomes.filter((outcome) => outcome.result === result).length;

/** The last line of the test command. */
export function countLine(outcomes: readonly Outcome[]): string {
  const skipped = count(outcomes, "skipped");
  const line = `${count(outcomes, "passed")} passed, ${count(outcomes, "failed")} failed`;
  return skipped === 0 ? line : `${line}, ${skipped} skipped`;
}
