/** The log of the real program: which lines, in which format, and changed while it runs. */
import assert from "node:assert/strict";
import { appliance, startAppliance } from "../support/appliance.ts";
import { waitFor } from "../support/process.ts";
import { programShellWords } from "../support/program.ts";
import { temporaryDirectory } from "../support/temporary.ts";

async function withConfig(
  body: (config: string, directory: string) => Promise<void>,
): Promise<void> {
  await using directory = await temporaryDirectory();
  await body(`[node]\nruntime_dir = "${directory.path}/run"\nreactors = 1\n`, directory.path);
}

/** Runs the program until it is ready, and stops it; its standard error is a file. */
async function logOfRun(
  file: string,
  log: string,
  env: Record<string, string>,
  options = "",
): Promise<string[]> {
  const child = new Deno.Command("sh", {
    args: ["-c", `exec ${programShellWords()} --config '${file}' ${options} 2>>'${log}'`],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  for await (const _chunk of child.stdout) child.kill("SIGTERM");
  assert.equal((await child.status).code, 0, Deno.readTextFileSync(log));
  return Deno.readTextFileSync(log).trimEnd().split("\n");
}

Deno.test("where the journal reads standard error, lines are for it; elsewhere text", () =>
  withConfig(async (config, directory) => {
    const [file, log] = [`${directory}/c.toml`, `${directory}/log`];
    Deno.writeTextFileSync(file, config);
    Deno.writeTextFileSync(log, "");
    const { dev, ino } = Deno.statSync(log);
    const lines = await logOfRun(file, log, { JOURNAL_STREAM: `${dev}:${ino}` });
    assert.deepEqual(lines.map((line) => line.replaceAll(/=\S+/g, "")), [
      "<6>starting version config pid",
      "<6>ready",
      "<6>stopping",
      "<6>stopped",
    ]);
    Deno.truncateSync(log);
    const elsewhere = await logOfRun(file, log, { JOURNAL_STREAM: `${dev}:${ino! + 1}` });
    for (const line of elsewhere) assert.match(line, /^\d{4}-\d\d-\d\dT\S+Z info \w+/);
    Deno.truncateSync(log);
    const env = { JOURNAL_STREAM: `${dev}:${ino}` };
    const json = await logOfRun(file, log, env, "--log-format json");
    assert.deepEqual(
      json.map((line) => JSON.parse(line).event),
      ["starting", "ready", "stopping", "stopped"],
    );
  }));

Deno.test("apply changes level and format, but not what the command line gives", () =>
  withConfig(async (config, directory) => {
    const options = { config, directory, name: "node" };
    await using program = await startAppliance(options);
    const apply = async (keys: string) => {
      Deno.writeTextFileSync(program.configFile, config + keys);
      const { code, stderr } = await appliance(["apply", "--config", program.configFile]);
      assert.equal(code, 0, stderr);
    };
    await apply('log_format = "json"\n');
    const isJson = (line: string) =>
      line.startsWith("{") && JSON.parse(line).event === "reconciled";
    await waitFor(() => program.stderr.split("\n").some(isJson), 5_000, "a line of JSON");
    await apply('log_level = "warn"\n');
    const before = program.stderr.length;
    await apply("");
    // The files were read while only warnings counted; what was done then is told of again.
    assert.match(program.stderr.slice(before), /^\S+ info reconciled step="change node" /);
    await program.stop();
    await using fixed = await startAppliance({ ...options, args: ["--log-format", "json"] });
    Deno.writeTextFileSync(fixed.configFile, `${config}log_format = "text"\n`);
    await appliance(["apply", "--config", fixed.configFile]);
    await fixed.stop();
    for (const line of fixed.stderr.trimEnd().split("\n")) JSON.parse(line);
    assert.ok(fixed.stderr.includes('"event":"reconciled","step":"change node"'), fixed.stderr);
  }));

Deno.test("a failed start is a line of the log where programs read it, else as ever", () =>
  withConfig(async (config, directory) => {
    const file = `${directory}/c.toml`;
    Deno.writeTextFileSync(file, `${config}spin_us = -1\ncolour = "red"\n`);
    const wrong = [`${file}:4:11: node.spin_us: `, `${file}:5:1: node.colour: `];
    const text = await appliance(["--config", file]);
    const json = await appliance(["--config", file, "--log-format", "json"]);
    const journald = await appliance(["--config", file, "--log-format", "journald"]);
    for (const { code, stdout } of [text, json, journald]) {
      assert.deepEqual([code, stdout], [78, ""]);
    }
    const linesOf = ({ stderr }: { stderr: string }) => stderr.trimEnd().split("\n");
    linesOf(text).forEach((line, i) => assert.ok(line.startsWith(wrong[i]!), line));
    linesOf(json).forEach((line, i) => {
      const { level, event, reason } = JSON.parse(line);
      assert.deepEqual([level, event], ["error", "failed"]);
      assert.ok(reason.startsWith(wrong[i]!), reason);
    });
    linesOf(journald).forEach((line, i) => {
      assert.ok(line.startsWith(`<3>failed reason="${wrong[i]}`), line);
    });
    for (const result of [text, json, journald]) assert.equal(linesOf(result).length, 2);
  }));

Deno.test("an unknown format is a usage error", async () => {
  const { code, stderr } = await appliance(["--config", "x", "--log-format", "xml"]);
  assert.equal(code, 64);
  assert.match(stderr, /--log-format: "xml" is unknown; use "auto", "text", "journald" or "json"/);
});
