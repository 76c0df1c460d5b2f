import assert from "node:assert/strict";
import fc from "fast-check";
import { isJournalStream } from "../../src/appliance/journal_stream.ts";
import { Logger } from "../../src/appliance/log.ts";
import { LOG_LEVELS, type LogFields } from "../../src/appliance/log_entry.ts";
import { LINE_FORMATS, type LineFormat } from "../../src/appliance/log_format.ts";
import { temporaryDirectory } from "../support/temporary.ts";

function logged(write: (log: Logger) => void): string[] {
  const lines: string[] = [];
  write(new Logger((line) => lines.push(line), () => new Date(0)));
  return lines;
}

const FIELDS: LogFields = {
  name: "a b",
  size: 5,
  error: 'x="1"\n\u001b[31m',
  gone: undefined,
  none: null,
  ok: true,
  empty: "",
};
const TEXT = 'mapping open name="a b" size=5 error="x=\\"1\\"\\n\\u001b[31m" none=null ok=true ' +
  'empty=""';

/** Characters that end a line, turn text around or move a cursor; those of the formats apart. */
// deno-lint-ignore no-control-regex
const HARMFUL = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]/u;

Deno.test("an event is one line, whatever its values hold", () => {
  const lines = logged((log) => log.info("mapping open", FIELDS));
  assert.deepEqual(lines, [`1970-01-01T00:00:00.000Z info ${TEXT}`]);
});

Deno.test("for the journal: the priority in front, no time", () => {
  const lines = logged((log) => {
    log.configure({ level: "debug", format: "journald" });
    for (const level of LOG_LEVELS) log[level]("mapping open", FIELDS);
  });
  assert.deepEqual(lines, [`<3>${TEXT}`, `<4>${TEXT}`, `<6>${TEXT}`, `<7>${TEXT}`]);
});

Deno.test("as JSON: time, level and event, and the fields as they are", () => {
  const lines = logged((log) => {
    log.configure({ level: "info", format: "json" });
    log.warn("mapping open", FIELDS);
  });
  assert.equal(lines.length, 1);
  const { gone: _gone, ...fields } = FIELDS;
  assert.deepEqual(JSON.parse(lines[0]!), {
    time: "1970-01-01T00:00:00.000Z",
    level: "warn",
    event: "mapping open",
    ...fields,
  });
});

Deno.test("in every format: one line of printable characters; JSON gives back what was said", () => {
  const units = fc.array(
    fc.oneof(fc.nat(0xffff), fc.nat(0xa0), fc.integer({ min: 0x2000, max: 0x2070 })),
    {
      maxLength: 40,
    },
  );
  const texts = units.map((all) => String.fromCharCode(...all));
  fc.assert(fc.property(texts, (value) => {
    for (const format of Object.keys(LINE_FORMATS) as LineFormat[]) {
      const [line, ...others] = logged((log) => {
        log.configure({ level: "info", format });
        log.info("x", { value });
      });
      assert.deepEqual(others, []);
      assert.doesNotMatch(line!, HARMFUL, format);
      if (format === "json") assert.equal(JSON.parse(line!).value, value);
    }
  }));
});

Deno.test("events below the level are not written", () => {
  const lines = logged((log) => {
    log.debug("a");
    log.level = "error";
    log.warn("b");
    log.error("c");
    log.level = "debug";
    log.debug("d");
  });
  assert.deepEqual(lines.map((line) => line.split(" ").slice(1)), [["error", "c"], ["debug", "d"]]);
});

Deno.test("auto goes by the journal; what the command line gives stays", () => {
  const [text, journal] = [/^1970\S+ info x$/, /^<6>x$/];
  const cases: [Parameters<Logger["give"]>[0], boolean, "auto" | "text", RegExp][] = [
    [{}, false, "auto", text],
    [{}, true, "auto", journal],
    [{}, true, "text", text],
    [{ format: "journald" }, false, "text", journal],
    [{ format: "auto" }, true, "text", journal],
  ];
  for (const [given, isJournal, format, expected] of cases) {
    const lines = logged((log) => {
      log.isJournal = isJournal;
      log.give(given);
      log.configure({ level: "info", format });
      log.info("x");
    });
    assert.match(lines[0]!, expected);
  }
  const lines = logged((log) => {
    log.give({ level: "error" });
    log.configure({ level: "debug", format: "text" });
    log.warn("x");
  });
  assert.deepEqual(lines, []);
});

Deno.test("the journal is known by the device and inode of its stream", async () => {
  await using directory = await temporaryDirectory();
  const { dev, ino } = Deno.statSync(directory.path);
  // A descriptor of this process that is a file, as standard error would be.
  const { openSync, closeSync } = await import("node:fs");
  const descriptor = openSync(directory.path, "r");
  try {
    assert.equal(isJournalStream(`${dev}:${ino}`, descriptor), true);
    assert.equal(isJournalStream(`${dev}:${ino! + 1}`, descriptor), false);
    assert.equal(isJournalStream(`${dev + 1}:${ino}`, descriptor), false);
    for (const bad of [undefined, "", "x", String(dev)]) {
      assert.equal(isJournalStream(bad, descriptor), false);
    }
  } finally {
    closeSync(descriptor);
  }
  assert.equal(isJournalStream(`${dev}:${ino}`, 9_999), false);
});
