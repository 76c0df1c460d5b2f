/** What could be typed next on a command line, with the names that the appliance knows. */
import type { Status } from "../../appliance/appliance_api.ts";
import { currentEnvironment, defaultRuntimeDir } from "../../appliance/config/environment.ts";
import { controlSocketPath } from "../../appliance/config/names.ts";
import { ControlClient } from "../control_client.ts";
import type { Completion, OptionSpec, Target, VerbSpec } from "../grammar/spec.ts";
import { atClient, atServer, EVERYWHERE, targetName } from "../grammar/words.ts";
import { namedThings } from "../lookup.ts";
import { printable } from "../output/printable.ts";
import { openMeanings, readSentence, type Scope, type Sentence } from "../sentence.ts";
import { LISTED_TABLES, targetsIn } from "../status_rows.ts";
import { SHOWN_VERBS } from "../verbs.ts";

/** A word that can be typed, and what it means. */
export interface Candidate {
  readonly word: string;
  readonly doc: string;
}

/** A person waits at the keyboard for no longer than this. */
const PATIENCE_MS = 1_000;

/** @param words the command line so far without the program; the last one may be incomplete */
export async function completions(words: readonly string[]): Promise<readonly Candidate[]> {
  const typed = words.at(-1) ?? "";
  const found = await candidates(words.slice(0, -1), typed);
  const fitting = found.filter(({ word }) =>
    // A name with a line end or an order to the terminal in it cannot be typed.
    word.startsWith(typed) && word !== "" && printable(word) === word
  );
  return [...new Map(fitting.map((one) => [one.word, one])).values()]
    .map(({ word, doc }) => ({ word, doc: printable(doc) }));
}

async function candidates(before: readonly string[], typed: string): Promise<readonly Candidate[]> {
  const sentence = tryReading(before);
  if (sentence === undefined) return verbWords(before);
  const { verb, scope, rest } = sentence;
  const given = readGiven(verb, rest);
  if (given.open !== undefined) {
    return await values(given.open.completes, before, typed, sentence);
  }
  if (typed.startsWith("-") && !isColumnWord(verb, typed)) {
    return given.options.map(({ name, doc }) => ({ word: `--${name}`, doc }));
  }
  const inline = typed.startsWith("+") || isColumnWord(verb, typed);
  const positional = verb.positionals[Math.min(given.count, verb.positionals.length - 1)];
  const isOpen = positional !== undefined &&
    (given.count < verb.positionals.length || positional.isRepeated === true);
  const needed = verb.positionals.filter(({ isRequired }) => isRequired).length;
  return [
    ...(given.count === 0 && verb.targets !== undefined ? targetWords(verb, scope) : []),
    ...(isOpen ? await values(positional.completes, before, typed, sentence) : []),
    ...(verb.hasColumns === true && !isOpen ? columnWords(verb, scope, typed) : []),
    ...(inline || given.count < needed ? [] : bareWords(given.options)),
  ];
}

/** The sentence, when its verb has been typed. */
function tryReading(before: readonly string[]): Sentence | undefined {
  if (before[0]?.startsWith("-")) return readSentence(["run", ...before]);
  if (!before.some((word) => !word.startsWith("-"))) return undefined;
  try {
    const sentence = readSentence(before);
    // After a side or a thing alone a verb may still come.
    return sentence.isVerbSaid ? sentence : undefined;
  } catch {
    return undefined;
  }
}

/** Verbs, sides and things that go with those that have been typed. */
function verbWords(before: readonly string[]): Candidate[] {
  const state = before.reduce<Parameters<typeof openMeanings>[0]>((known, word) => {
    const meaning = openMeanings(known).find(([name]) => name === word)?.[1];
    if (meaning?.kind === "mode") return { ...known, mode: meaning.word };
    return meaning?.kind === "thing" ? { ...known, thing: meaning.word } : known;
  }, {});
  return openMeanings(state).flatMap(([name, meaning]) => {
    if (name !== meaning.name) return [];
    if (meaning.kind !== "verb") return [{ word: name, doc: meaning.word.doc }];
    return meaning.verb.isHidden === true ? [] : [{ word: name, doc: meaning.verb.summary }];
  });
}

interface Given {
  /** Positionals so far. */
  readonly count: number;
  /** The option whose value is being typed. */
  readonly open: OptionSpec | undefined;
  /** Those that can still be given. */
  readonly options: readonly OptionSpec[];
}

/** What has been given after the verb. */
function readGiven(verb: VerbSpec, rest: readonly string[]): Given {
  let count = 0;
  let open: OptionSpec | undefined;
  const used = new Set<OptionSpec>();
  for (const word of rest) {
    if (open !== undefined) {
      open = undefined;
      continue;
    }
    const option = findOption(verb, word, count);
    if (option === undefined) {
      if (!isColumnWord(verb, word) && !word.startsWith("+")) count++;
      continue;
    }
    used.add(option);
    const isLead = option.leadIn === word;
    const isLong = word.startsWith("-") && !word.includes("=");
    if (option.value !== undefined && (isLead || isLong)) open = option;
  }
  const options = verb.options.filter((option) =>
    option.isRepeatable === true || !used.has(option)
  );
  return { count, open, options };
}

function findOption(verb: VerbSpec, word: string, count: number): OptionSpec | undefined {
  const written = word.split("=")[0]!.replaceAll("_", "-");
  if (word.startsWith("-")) {
    return verb.options.find(({ name, short, aliases }) =>
      written === `--${name}` || written === `-${short}` ||
      aliases?.some((alias) => written === `--${alias}`)
    );
  }
  if (count < verb.positionals.filter(({ isRequired }) => isRequired).length) return undefined;
  return verb.options.find(({ bareWords, bareKey, leadIn }) =>
    leadIn === word || (bareWords !== undefined && Object.hasOwn(bareWords, word)) ||
    (bareKey !== undefined && word.startsWith(`${bareKey}=`))
  );
}

/** `-state` is a column, `-o` an option. */
function isColumnWord(verb: VerbSpec, word: string): boolean {
  return verb.hasColumns === true && /^-[a-z]\w/.test(word);
}

function targetWords(verb: VerbSpec, scope: Scope): Candidate[] {
  if (verb.positionals.length > 0) return [];
  const mode = scope.mode;
  return openMeanings({ verb }).flatMap(([name, meaning]) => {
    if (name !== meaning.name || meaning.kind === "verb") return [];
    if (meaning.kind === "mode" && mode !== undefined) return [];
    if (meaning.kind === "thing" && scope.thing !== undefined) return [];
    return [{ word: name, doc: meaning.word.doc }];
  });
}

function bareWords(options: readonly OptionSpec[]): Candidate[] {
  return options.flatMap(({ bareWords, bareKey, leadIn, doc }) =>
    [
      ...Object.keys(bareWords ?? {}),
      ...(bareKey ? [`${bareKey}=`] : []),
      ...(leadIn ? [leadIn] : []),
    ]
      .map((word) => ({ word, doc }))
  );
}

/** Columns of what is listed; in a list the last one is completed. */
function columnWords(verb: VerbSpec, scope: Scope, typed: string): Candidate[] {
  const thing = scope.thing ?? (verb.name === "list" ? "device" as const : undefined);
  const targets = verb.targets === undefined ? [] : targetsIn({ ...scope, thing }, verb.targets);
  const tables = LISTED_TABLES.filter(({ target }) =>
    targets.some(({ mode, thing }) => mode === target.mode && thing === target.thing)
  );
  const start = typed.slice(0, typed.lastIndexOf(",") + 1);
  const sign = /^[+-]/.exec(typed.slice(start.length))?.[0] ?? "";
  return tables.flatMap(({ columns }) =>
    columns.map(({ name, doc }) => ({ word: start + sign + name, doc }))
  );
}

/** What stands where names stand; nothing when the appliance does not answer in time. */
async function values(
  completes: Completion | undefined,
  before: readonly string[],
  typed: string,
  { verb, scope }: Sentence,
): Promise<readonly Candidate[]> {
  if (completes === undefined || completes === "file") return [];
  if (typeof completes !== "string") return completes.map((word) => ({ word, doc: "" }));
  if (completes === "verb") {
    return [
      ...SHOWN_VERBS.map(({ name, summary }) => ({ word: name, doc: summary })),
      { word: "columns", doc: "every column of every table" },
      { word: "words", doc: "how words are combined and shortened" },
    ];
  }
  if (completes === "column") return columnWords(verb, scope, typed);
  if (completes === "setting") {
    return [
      ...["round-robin", "min-inflight", "min-latency"].map((policy) => ({
        word: `mpath_policy=${policy}`,
        doc: "how requests are spread over paths",
      })),
      { word: "max_reconnect_attempts=", doc: "-1: for ever" },
    ];
  }
  const status = await askStatus(before);
  return status === undefined ? [] : names(completes, status, before, scope, verb);
}

function names(
  completes: Exclude<Completion, readonly string[]>,
  status: Status,
  before: readonly string[],
  scope: Scope,
  verb: VerbSpec,
): Candidate[] {
  if (completes === "manual") {
    return status.mappings.filter(({ origin }) => origin === "manual")
      .map(({ name, device_path }) => ({ word: name, doc: `mapping of ${device_path}` }));
  }
  const targets: Readonly<Record<string, readonly Target[]>> = {
    mapping: atClient("device"),
    session: atClient("session"),
    export: atServer("device"),
    client: atServer("session"),
    path: EVERYWHERE.filter(({ thing }) => thing === "path"),
    name: targetsIn(scope, verb.targets ?? EVERYWHERE),
  };
  const things = namedThings(status, targets[completes] ?? []);
  // A path goes with the session before it.
  const own = completes === "path"
    ? things.filter(({ sessname }) => before.includes(sessname))
    : things;
  const extra = verb.name === "recover" ? [{ word: "all", doc: "everything" }] : [];
  return [...extra, ...own.map(({ name, target }) => ({ word: name, doc: targetName(target) }))];
}

async function askStatus(before: readonly string[]): Promise<Status | undefined> {
  const client = new ControlClient(await socketOf(before));
  const late = new Promise<undefined>((resolve) => {
    Deno.unrefTimer(setTimeout(() => resolve(undefined), PATIENCE_MS));
  });
  return await Promise.race([client.status().catch(() => undefined), late]);
}

/** By what has been typed, as the verbs find it. */
async function socketOf(before: readonly string[]): Promise<string> {
  const valueOf = (name: string) => {
    const at = before.findLastIndex((word) => word === name || word.startsWith(`${name}=`));
    if (at < 0) return undefined;
    const word = before[at]!;
    return word === name ? before[at + 1] : word.slice(name.length + 1);
  };
  const socket = valueOf("--socket");
  if (socket !== undefined) return socket;
  const config = valueOf("--config");
  if (config === undefined) return controlSocketPath(defaultRuntimeDir(currentEnvironment()));
  const { loadRuntimeDir } = await import("../../appliance/config/load_config.ts");
  return controlSocketPath(loadRuntimeDir(config));
}
