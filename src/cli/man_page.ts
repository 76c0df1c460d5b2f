/** The manual page of the program, made of the table of verbs. */
import type { VerbSpec } from "./grammar/spec.ts";
import { targetName } from "./grammar/words.ts";
import { MODE_WORDS, THING_WORDS } from "./grammar/words.ts";
import { COLUMNS_RULE, optionTitle, SUMMARY, usage, WORDS_RULES } from "./help.ts";
import { PROGRAM } from "./program_name.ts";
import {
  roffExample,
  roffHead,
  roffParagraph,
  roffSection,
  roffSubsection,
  roffTagged,
} from "./roff.ts";
import { LISTED_TABLES } from "./status_rows.ts";
import { VERB_GROUPS } from "./verbs.ts";

const EXIT_CODES: readonly (readonly [string, string])[] = [
  ["0", "Done; of plan: nothing to do."],
  ["1", "Failed; the message says what and why."],
  ["2", "plan, and check with --live: there is something to do."],
  ["64", "The command line is wrong."],
  ["69", "No appliance answers, or it cannot start."],
  ["75", "Not now: in use, starting, still pending. The same may work later."],
  ["78", "The config has errors; nothing has changed."],
];

const FILES: readonly (readonly [string, string])[] = [
  ["/etc/rnbd-appliance/rnbd.toml, conf.d/*.toml", "The config, and what is added to it."],
  [
    "/run/rnbd-appliance/control.sock",
    "The control socket, where node.runtime_dir says nothing else.",
  ],
];

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["NO_COLOR", "When it is set to anything, there are no colours. They are for terminals only."],
  ["XDG_RUNTIME_DIR", "Where the control socket is found when the user is not root."],
];

/** `rnbd-appliance(8)` as roff. */
export function manPage(version: string): string {
  const title = {
    name: PROGRAM,
    section: 8,
    source: `${PROGRAM} ${version}`,
    manual: "RDMA network block devices",
  };
  return [
    roffHead(title),
    roffSection("NAME", `${PROGRAM} \\- ${SUMMARY}\n`),
    roffSection(
      "SYNOPSIS",
      roffParagraph(`\`${PROGRAM}\` --config FILE`),
      roffParagraph(`\`${PROGRAM}\` [client|server] [device|session|path] VERB [ARGUMENTS]`),
    ),
    roffSection(
      "DESCRIPTION",
      roffParagraph(
        "With --config it runs: it serves local disks to RNBD clients, maps disks of RNBD " +
          "servers and offers them as block devices (ublk) or by NBD, as the config file says. " +
          "With a verb it asks the one that runs, over its control socket.",
      ),
      ...WORDS_RULES.map(roffParagraph),
    ),
    roffSection("WORDS", ...wordTags()),
    roffSection("VERBS", ...VERB_GROUPS.map(groupSection)),
    roffSection("COLUMNS", roffParagraph(COLUMNS_RULE), ...LISTED_TABLES.map(columnSection)),
    roffSection("EXIT STATUS", ...EXIT_CODES.map(([code, doc]) => roffTagged(code, doc))),
    roffSection("ENVIRONMENT", ...ENVIRONMENT.map(([name, doc]) => roffTagged(name, doc))),
    roffSection("FILES", ...FILES.map(([name, doc]) => roffTagged(name, doc))),
    // Plain ASCII is right whatever the formatter takes its input for.
  ].join("").replaceAll("…", "...");
}

function wordTags(): string[] {
  return [...MODE_WORDS, ...THING_WORDS].map(({ name, aliases, doc }) =>
    roffTagged([name, ...aliases].map((word) => `\`${word}\``).join(", "), doc)
  );
}

function groupSection({ title, verbs }: typeof VERB_GROUPS[number]): string {
  const shown = verbs.filter(({ isHidden }) => isHidden !== true);
  return roffSubsection(title, ...shown.map(verbTag));
}

function verbTag(verb: VerbSpec): string {
  const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
  const items = [
    ...verb.positionals.map(({ name, doc }) => [name, doc] as const),
    ...verb.options.map((option) => [optionTitle(option), option.doc] as const),
  ];
  return [
    roffTagged(
      `\`${usage(verb)}\``,
      sentence(verb.summary),
      ...(verb.doc === undefined ? [] : [verb.doc]),
      ...(verb.targets === undefined ? [] : [`For: ${verb.targets.map(targetName).join(", ")}.`]),
    ),
    ".RS\n",
    ...items.map(([name, doc]) => roffTagged(name, doc)),
    roffExample(verb.examples.map((line) => `${PROGRAM} ${line}`).join("\n")),
    ".RE\n",
  ].join("");
}

function columnSection({ name, columns, usual }: typeof LISTED_TABLES[number]): string {
  return roffSubsection(
    `list ${name}`,
    ...columns.map((column) =>
      roffTagged(
        [column.name + (usual.includes(column.name) ? "*" : ""), ...(column.aliases ?? [])]
          .join(", "),
        column.doc,
      )
    ),
  );
}
