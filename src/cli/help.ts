/** Help texts, made of the table of verbs. */
import { VERSION } from "../appliance/version.ts";
import type { OptionSpec, PositionalSpec, Target, VerbSpec } from "./grammar/spec.ts";
import { MODE_WORDS, targetName, THING_WORDS } from "./grammar/words.ts";
import { PROGRAM } from "./program_name.ts";
import { LISTED_TABLES } from "./status_rows.ts";
import { VERB_GROUPS } from "./verbs.ts";

const COLUMNS = 80;

/** What `help` explains besides verbs. */
export const TOPICS: Readonly<Record<string, () => string>> = {
  words: wordsHelp,
  columns: columnsHelp,
};

/** What every help begins with. */
export const SUMMARY = "RDMA network block devices (RNBD), served, mapped and exposed";

/** Help about everything. */
export function generalHelp(): string {
  const shown = VERB_GROUPS.map(({ title, verbs }) => ({
    title,
    verbs: verbs.filter(({ isHidden }) => isHidden !== true),
  }));
  const width = Math.max(
    ...shown.flatMap(({ verbs }) => verbs.map(({ name }) => name.length)),
  );
  return [
    `${PROGRAM} ${VERSION}: ${SUMMARY}`,
    "",
    "usage:",
    `  ${PROGRAM} --config FILE`,
    `  ${PROGRAM} [client|server] [device|session|path] VERB [ARGUMENTS]`,
    ...shown.flatMap(({ title, verbs }) => [
      "",
      `${title}:`,
      ...verbs.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    ]),
    "",
    `${PROGRAM} help VERB explains a verb, help words how words are combined and`,
    "shortened, help columns what can be listed.",
  ].join("\n");
}

/** Help about one verb. */
export function verbHelp(verb: VerbSpec): string {
  const items = [
    ...verb.positionals.map(({ name, doc }) => [name, doc] as const),
    ...verb.options.map((option) => [optionTitle(option), option.doc] as const),
  ];
  const targets = verb.targets === undefined
    ? []
    : ["", ...wrap(`For: ${verb.targets.map(targetName).join(", ")}.`, COLUMNS)];
  return [
    `${PROGRAM} ${verb.name}: ${verb.summary}`,
    "",
    ...wrap(`usage: ${PROGRAM} ${usage(verb)}`, COLUMNS),
    ...(items.length === 0 ? [] : [""]),
    ...itemLines(items),
    ...(verb.doc === undefined ? [] : ["", ...wrap(verb.doc, COLUMNS)]),
    ...targets,
    "",
    ...verb.examples.map((example) => `example: ${PROGRAM} ${example}`),
  ].join("\n");
}

/** Titles and beside them what they mean, below each other. */
function itemLines(items: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...items.map(([title]) => title.length));
  return items.flatMap(([title, doc]) => {
    const [first, ...rest] = wrap(doc, COLUMNS - width - 4);
    return [
      `  ${title.padEnd(width)}  ${first}`,
      ...rest.map((text) => " ".repeat(width + 4) + text),
    ];
  });
}

/** The one-line form: what is needed, then what is possible. */
export function usage(verb: VerbSpec): string {
  const required = verb.options.filter(({ isRequired }) => isRequired).map(optionTitle);
  const hasMore = verb.options.some(({ isRequired }) => !isRequired);
  return [
    ...targetUsage(verb.targets ?? []),
    verb.name,
    ...verb.positionals.map(positionalUsage),
    ...required,
    ...(verb.hasColumns === true ? ["[COLUMNS]"] : []),
    ...(hasMore ? ["[OPTIONS]"] : []),
  ].join(" ");
}

/** `[client|server] [session|path]`, where there is a choice. */
function targetUsage(targets: readonly Target[]): string[] {
  const modes = [...new Set(targets.map(({ mode }) => mode))];
  const things = [...new Set(targets.map(({ thing }) => thing))];
  return [modes, things].flatMap((words) => words.length > 1 ? [`[${words.join("|")}]`] : []);
}

function positionalUsage({ name, isRequired, isRepeated }: PositionalSpec): string {
  const repeated = isRepeated === true ? `${name}…` : name;
  return isRequired ? repeated : `[${repeated}]`;
}

/** `-o, --output table|json|csv|xml`. */
export function optionTitle({ name, short, value }: OptionSpec): string {
  const names = short === undefined ? `--${name}` : `-${short}, --${name}`;
  return value === undefined ? names : `${names} ${value}`;
}

/** How words are combined. */
export const WORDS_RULES: readonly string[] = [
  "A side and a kind of thing may stand before or after the verb, in any order: list client " +
  "sessions, client session list and sessions list client are the same. They may be left out: " +
  "then a verb means what it can act on, and names decide; without a verb the things are listed.",
  "Every such word may be shortened as long as only one reading is possible; if there are more, " +
  "the error names them. After a verb that takes a name they are only read in full, so that " +
  "names stay names; what follows -- is never read as anything but a name.",
  "What the originals write without dashes is taken so too: csv, json, xml, term, the units " +
  "B K M G T P E, prec=N, noheaders, nototals, notree, force, ro, rw, migration, and columns.",
];

function wordsHelp(): string {
  const items = (words: readonly { name: string; aliases: readonly string[]; doc: string }[]) =>
    itemLines(
      words.map(({ name, aliases, doc }) => [[name, ...aliases].join(", "), doc] as const),
    );
  return [
    "sides:",
    ...items(MODE_WORDS),
    "",
    "things:",
    ...items(THING_WORDS),
    ...WORDS_RULES.flatMap((text) => ["", ...wrap(text, COLUMNS)]),
  ].join("\n");
}

/** How columns are chosen. */
export const COLUMNS_RULE =
  "Columns are chosen by name: name,state shows these, +origin adds to the usual ones (marked " +
  "*), -state leaves one out, all shows every one.";

function columnsHelp(): string {
  return [
    ...wrap(COLUMNS_RULE, COLUMNS),
    ...LISTED_TABLES.flatMap(({ name, columns, usual }) => [
      "",
      `list ${name}:`,
      ...itemLines(
        columns.map((column) => [
          [column.name + (usual.includes(column.name) ? "*" : ""), ...(column.aliases ?? [])]
            .join(", "),
          column.doc,
        ]),
      ),
    ]),
  ].join("\n");
}

/** Text in lines of at most so many columns. */
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
