/** `explain` */
import type { Explanation } from "../../appliance/appliance_api.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { EVERYWHERE } from "../grammar/words.ts";
import { hinted } from "../live_names.ts";
import { durationText } from "../output/cell_text.ts";
import { type Paint, toneOfState } from "../output/paint.ts";
import { printable } from "../output/printable.ts";
import { printer, recordSet } from "../output/result.ts";

/** Says why something is as it is. */
export const explain: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal);
  const name = args.positional(0);
  const client = await connect(args);
  const found = await hinted(client, name, EVERYWHERE, () => client.explain(name));
  const { advice, facts, ...flat } = found;
  const record = {
    ...flat,
    advice: advice.join("; "),
    facts: facts.map(({ key, value }) => `${key}: ${value}`).join("; "),
  };
  print({
    data: found,
    root: "explanation",
    sets: [recordSet("explanation", "EXPLANATION", Object.keys(record), [record])],
    lines: ({ paint }) => explanationLines(found, paint),
  });
  return EXIT.OK;
};

function explanationLines(found: Explanation, paint: Paint): string[] {
  const { kind, name, state, summary, last_error, cause, next_try_ms, advice, facts } = found;
  const title = kind === "config" ? kind : `${kind} ${printable(name)}`;
  const width = Math.max(0, ...facts.map(({ key }) => key.length));
  return [
    `${paint(title, "strong")}: ${paint(printable(state), toneOfState(state))}`,
    printable(summary),
    ...(last_error === null ? [] : [`last error: ${printable(last_error)}`]),
    ...(cause === null ? [] : [`cause: ${printable(cause)}`]),
    ...(next_try_ms === null
      ? []
      : [next_try_ms === 0 ? "being tried now" : `next try in ${durationText(next_try_ms)}`]),
    ...(advice.length === 0 ? [] : ["", paint("what to do:", "strong")]),
    ...advice.map((line, index) => `  ${index + 1}. ${printable(line)}`),
    ...(facts.length === 0 ? [] : [""]),
    ...facts.map(({ key, value }) => `  ${printable(key).padEnd(width)}  ${printable(value)}`),
  ];
}
