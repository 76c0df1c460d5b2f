/**
 * The config loader on random, truncated and mutated text: it returns a configuration or throws its
 * own list of errors, each with a place inside the text.
 */
import { parseConfig } from "../../src/appliance/config/load_config.ts";
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
  ...[
    '"4KiB"',
    '"x"',
    '""',
    '["tcp:127.0.0.1"]',
    '["ip:::1,gid:::1"]',
    '"/%SESSNAME%"',
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

function checkErrors(text: string, error: unknown): void {
  if (!(error instanceof ConfigError)) throw new Error(`Not its own error: ${error}\n${text}`);
  const lines = text.split("\n");
  if (error.problems.length === 0) throw new Error(`No problem is named\n${text}`);
  for (const { line, column, message } of error.problems) {
    const isInside = line >= 1 && line <= lines.length && column >= 1 &&
      column <= lines[line - 1]!.length + 1;
    // deno-lint-ignore no-control-regex
    if (!isInside || /[\x00-\x1f]/.test(message)) {
      throw new Error(`Bad problem ${line}:${column} ${JSON.stringify(message)}\n${text}`);
    }
  }
}

function fuzz(inputs: number, seed: number, load: (text: string) => unknown): void {
  const random = new Random(seed);
  for (let i = 0; i < inputs; i++) {
    const text = random.chance(0.5) ? randomText(random) : bentExample(random);
    try {
      load(text);
    } catch (error) {
      checkErrors(text, error);
    }
  }
}

/** Feeds `inputs` texts, made from `seed`, to the loader. */
export function run(inputs = 20_000, seed = 1): void {
  fuzz(inputs, seed, (text) => parseConfig(text, "f", ENVIRONMENT));
}

/** The same with a loader that forgets one kind of value. */
export function planted(inputs: number, seed: number): void {
  fuzz(inputs, seed, (text) => {
    const config = parseConfig(text, "f", ENVIRONMENT);
    if (text.includes("%SESSNAME%")) throw new TypeError("Planted");
    return config;
  });
}
