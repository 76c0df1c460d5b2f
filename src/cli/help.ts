/** Help texts, made of the table of verbs. */
import { VERSION } from "../appliance/version.ts";
import type { OptionSpec, VerbSpec } from "./verbs.ts";
import { VERBS } from "./verbs.ts";

/** Name of the program. */
export const PROGRAM = "rnbd-appliance";

const COLUMNS = 80;

/** Help about everything. */
export function generalHelp(): string {
  const width = Math.max(...VERBS.map(({ name }) => name.length));
  return [
    `${PROGRAM} ${VERSION}: RDMA network block devices (RNBD), served, mapped and exposed`,
    "",
    "usage:",
    `  ${PROGRAM} --config FILE`,
    `  ${PROGRAM} VERB [ARGUMENTS]`,
    "",
    "verbs:",
    ...VERBS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    `${PROGRAM} help VERB explains a verb.`,
  ].join("\n");
}

/** Help about one verb. */
export function verbHelp(verb: VerbSpec): string {
  const items = [
    ...verb.positionals.map(({ name, doc }) => [name, doc] as const),
    ...verb.options.map((option) => [optionTitle(option), option.doc] as const),
  ];
  const width = Math.max(0, ...items.map(([title]) => title.length));
  return [
    `${PROGRAM} ${verb.name}: ${verb.summary}`,
    "",
    `usage: ${PROGRAM} ${usage(verb)}`,
    ...(items.length === 0 ? [] : [""]),
    ...items.flatMap(([title, doc]) => {
      const [first, ...rest] = wrap(doc, COLUMNS - width - 4);
      return [
        `  ${title.padEnd(width)}  ${first}`,
        ...rest.map((text) => " ".repeat(width + 4) + text),
      ];
    }),
    ...(verb.doc === undefined ? [] : ["", ...wrap(verb.doc, COLUMNS)]),
    "",
    ...verb.examples.map((example) => `example: ${PROGRAM} ${example}`),
  ].join("\n");
}

/** The one-line form: what is needed, then what is possible. */
export function usage(verb: VerbSpec): string {
  const positionals = verb.positionals.map(({ name, isRequired }) =>
    isRequired ? name : `[${name}]`
  );
  const required = verb.options.filter(({ isRequired }) => isRequired).map(optionTitle);
  const hasMore = verb.options.some(({ isRequired }) => !isRequired);
  return [verb.name, ...positionals, ...required, ...(hasMore ? ["[OPTIONS]"] : [])].join(" ");
}

function optionTitle({ name, short, value }: OptionSpec): string {
  const names = short === undefined ? `--${name}` : `-${short}, --${name}`;
  return value === undefined ? names : `${names} ${value}`;
}

function wrap(text: string, columns: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1)!;
    if (last === "") lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
