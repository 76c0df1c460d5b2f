/**
 * The config loader on random, truncated and mutated texts, one or several at once: it returns a
 * configuration or throws its own list of errors, each with a place inside the text of its file.
 */
import type { ConfigText } from "../../src/appliance/config/config_files.ts";
import { parseConfigFiles } from "../../src/appliance/config/load_config.ts";
import { ConfigError } from "../../src/appliance/config/problems.ts";
import { TABLES } from "../../src/appliance/config/schema.ts";
import { Random } from "../support/random.ts";

const ENVIRONMENT = { hostName: "host", uid: 1000, xdgRuntimeDir: undefined, cores: 8 };
const EXAMPLES = ["server", "client", "demo", "rnbd"].map((name) =>
  Deno.readTextFileSync(new URL(`../../config/${name}.toml`, import.meta.url))
);
const NAMES = TABLES.flatMap(({ keys }) => Object.keys(keys));
const HEADERS = TABLES.map(({ header }) => header);
const PIECES = [
  ...NAMES,
  ...HEADERS,
  ...["[[server]]", "[session]", "[a.b]", "server.port", '"key"', "'k'", "__proto__"],
  ..." \n=[]{},.#\"'\\\t".split(""),
  ...["\n", "\n", " = ", " = ", "\r\n", '"""', "'''", "\ufeff", "\0", "é", "😀", "\ud800"],
  ...["1", "-1", "0x1f", "1e400", "nan", "inf", "true", "1979-05-27", "99999999999999999999"],
  ...["0660", "4GiB", "yes", "1;", "/srv", "1979-13-27", '"\\x', "\x07", ":", "\u2028"],
  ...[
    '"4KiB"',
    '"x"',
    '""',
    '["tcp:127.0.0.1"]',
    '["ip:::1,gid:::1"]',
    '"/%SESSNAME%"',
    '":1234"',
    '"[::1]:9942"',
    '"0660"',
    "{ a = 1 }",
  ],
];

function randomText(random: Random): string {
  let text = "";
  for (let left = random.below(40); left > 0; left--) text += random.pick(PIECES);
  return text;
}

function bentExample(random: Random): string {
  let text = random.pick(EXAMPLES);
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const at = random.below(text.length + 1);
    const cut = random.below(20);
    const lines = text.split("\n");
    const line = random.below(lines.length);
    switch (random.below(4)) {
      case 0:
        text = text.slice(0, at);
        break;
      case 1:
        text = text.slice(0, at) + random.pick(PIECES) + text.slice(at + cut);
        break;
      case 2:
        text = lines.toSpliced(line, 1, lines[random.below(lines.length)]!).join("\n");
        break;
      case 3:
        text = lines.toSpliced(line, 1, lines[line]!.replace(/=.*/, `= ${random.pick(PIECES)}`))
          .join("\n");
        break;
    }
  }
  return text;
}

/** Some tables of an example, as a drop-in would have them. */
function partOfExample(random: Random): string {
  const tables = random.pick(EXAMPLES).split(/^(?=\[)/m);
  return tables.filter(() => random.chance(0.4)).join("\n");
}

function randomFiles(random: Random): ConfigText[] {
  const count = random.chance(0.5) ? 1 : 1 + random.below(4);
  const makers = [randomText, bentExample, partOfExample];
  return Array.from({ length: count }, (_, index) => {
    const make = makers[random.below(count === 1 ? 2 : 3)]!;
    return { file: index === 0 ? "rnbd.toml" : `conf.d/${index}.toml`, text: make(random) };
  });
}

function checkErrors(files: readonly ConfigText[], error: unknown): void {
  const input = JSON.stringify(files);
  if (!(error instanceof ConfigError)) throw new Error(`Not its own error: ${error}\n${input}`);
  if (error.problems.length === 0) throw new Error(`No problem is named\n${input}`);
  const lines = files.map(({ text }) => text.split("\n"));
  let last = 0;
  for (const { file, line, column, message } of error.problems) {
    const index = files.findIndex((each) => each.file === file);
    const text = lines[index]?.[line - 1];
    const isInside = text !== undefined && column >= 1 && column <= text.length + 1;
    // deno-lint-ignore no-control-regex
    const isPrintable = !/[\x00-\x1f]/.test(message) && message.isWellFormed();
    if (!isInside || !isPrintable || index < last) {
      throw new Error(`Bad problem ${file}:${line}:${column} ${JSON.stringify(message)}\n${input}`);
    }
    last = index;
  }
}

type Load = (files: readonly ConfigText[]) => unknown;

function fuzz(inputs: number, seed: number, load: Load): void {
  const random = new Random(seed);
  for (let i = 0; i < inputs; i++) {
    const files = randomFiles(random);
    try {
      load(files);
    } catch (error) {
      checkErrors(files, error);
    }
  }
}

/** Feeds `inputs` configurations, made from `seed`, to the loader. */
export function run(inputs = 20_000, seed = 1): void {
  fuzz(inputs, seed, (files) => parseConfigFiles(files, ENVIRONMENT));
}

/** The same with a loader that forgets one kind of value. */
export function planted(inputs: number, seed: number): void {
  fuzz(inputs, seed, (files) => {
    const config = parseConfigFiles(files, ENVIRONMENT);
    if (files.some(({ text }) => text.includes("%SESSNAME%"))) throw new TypeError("Planted");
    return config;
  });
}
