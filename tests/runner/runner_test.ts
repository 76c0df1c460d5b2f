/** The test command notices what it is there to notice: failures, crashes, hangs, leftovers, skips. */
import assert from "node:assert/strict";
import { killLeftovers } from "./leftovers.ts";
import { countLine, type Outcome } from "./outcome.ts";
import { runTestFiles } from "./test_files.ts";
import { runMarked } from "./command.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const SKIP = new URL("../support/skip.ts", import.meta.url).href;

async function runSource(source: string, timeoutMs = 30_000): Promise<Outcome[]> {
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/sample_test.ts`;
  await Deno.writeTextFile(file, source);
  return await runTestFiles([file], { parallel: 1, timeoutMs, onFile: () => {} });
}

Deno.test("the runner counts what passed and what failed", async () => {
  const outcomes = await runSource(`
    Deno.test("good <&> one", () => {});
    Deno.test("bad step", async (t) => {
      await t.step("inner", () => { throw new Error("planted"); });
    });
  `);
  assert.equal(countLine(outcomes), "1 passed, 1 failed");
  assert.match(outcomes[0]!.name, /: good <&> one$/);
  assert.match(outcomes[1]!.detail!, /bad step > inner\n.*planted/);
});

Deno.test("the runner names and counts a skipped test and does not count it as passed", async () => {
  const outcomes = await runSource(`
    import { requireCommand, skippable } from "${SKIP}";
    skippable("needs a program", () => {
      requireCommand("no-such-program", "some-package");
      throw new Error("not reached");
    });
    skippable("needs nothing", () => {});
  `);
  assert.equal(countLine(outcomes), "1 passed, 0 failed, 1 skipped");
  assert.match(outcomes[0]!.detail!, /no-such-program is not installed.*some-package/);
});

Deno.test("the runner counts a file that crashes as failed", async () => {
  const outcomes = await runSource(`
    Deno.test("good", () => {});
    Deno.test("crash", () => { Deno.kill(Deno.pid, "SIGKILL"); });
  `);
  assert.equal(countLine(outcomes), "0 passed, 1 failed");
  assert.match(outcomes[0]!.name, /before it could report/);
});

Deno.test("the runner counts a file that does not load as failed", async () => {
  const outcomes = await runSource(`import "./missing.ts";`);
  assert.equal(countLine(outcomes), "0 passed, 1 failed");
});

Deno.test("the runner kills a file that hangs, with what it started", async () => {
  const started = performance.now();
  const outcomes = await runSource(
    `
    Deno.test("hang", async () => {
      await new Deno.Command("sleep", { args: ["1000"] }).output();
    });
  `,
    2000,
  );
  assert.equal(countLine(outcomes), "0 passed, 1 failed");
  assert.match(outcomes[0]!.name, /killed after 2000 ms/);
  assert.ok(performance.now() - started < 20_000);
});

Deno.test("the runner kills and reports a process that a test leaves behind", async () => {
  const outcomes = await runSource(`
    Deno.test("forgets a child", () => {
      new Deno.Command("sleep", { args: ["1000"], stdout: "null", stderr: "null" }).spawn().unref();
    });
  `);
  assert.equal(countLine(outcomes), "1 passed, 1 failed");
  assert.match(outcomes[1]!.name, /left behind \d+ .*sleep 1000/);
  const pid = Number(/left behind (\d+)/.exec(outcomes[1]!.name)![1]);
  assert.throws(() => Deno.readTextFileSync(`/proc/${pid}/environ`));
});

Deno.test("a marked command gives its output and exit code", async () => {
  const result = await runMarked({
    command: "sh",
    args: ["-c", "echo out; echo err >&2; exit 3"],
    timeoutMs: 10_000,
  });
  assert.equal(result.code, 3);
  assert.match(result.output, /out/);
  assert.match(result.output, /err/);
  assert.deepEqual(killLeftovers("no such mark"), []);
});
