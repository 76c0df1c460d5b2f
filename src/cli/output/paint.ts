/** Colours, where there is a terminal that shows them. */

/** What is worth a colour. */
export type Tone = "good" | "bad" | "warning" | "faint" | "strong";

const CODES: Readonly<Record<Tone, number>> = {
  good: 32,
  bad: 31,
  warning: 33,
  faint: 2,
  strong: 1,
};

/** Gives text a colour. */
export type Paint = (text: string, tone: Tone | undefined) => string;

/** Leaves text as it is. */
export const noPaint: Paint = (text) => text;

/** Writes colours as a terminal understands them. */
export const ansiPaint: Paint = (text, tone) =>
  tone === undefined || text.trim() === "" ? text : `\u001b[${CODES[tone]}m${text}\u001b[0m`;

const GOOD_STATES = new Set(["open", "connected", "current", "ok"]);
const BAD_STATES = new Set(["closed", "disconnected", "stale", "missing", "error"]);

/** The tone of a state, as status has it. */
export function toneOfState(state: string): Tone | undefined {
  if (GOOD_STATES.has(state)) return "good";
  return BAD_STATES.has(state) ? "bad" : undefined;
}
