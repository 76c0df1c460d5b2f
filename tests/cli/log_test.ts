import assert from "node:assert/strict";
import { Logger } from "../../src/appliance/log.ts";

function logged(write: (log: Logger) => void): string[] {
  const lines: string[] = [];
  write(new Logger((line) => lines.push(line), () => new Date(0)));
  return lines;
}

Deno.test("an event is one line, whatever its values hold", () => {
  const lines = logged((log) =>
    log.info("mapping open", {
      name: "a b",
      size: 5,
      error: 'x="1"\n\u001b[31m',
      gone: undefined,
      none: null,
      ok: true,
      empty: "",
    })
  );
  assert.deepEqual(lines, [
    '1970-01-01T00:00:00.000Z info mapping open name="a b" size=5 ' +
    'error="x=\\"1\\"\\n\\u001b[31m" none=null ok=true empty=""',
  ]);
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
