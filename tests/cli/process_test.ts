/** The program as a process: exit codes, streams, signals. */
import assert from "node:assert/strict";
import { appliance } from "../support/appliance.ts";
import { run, sleep, tryRun, waitFor } from "../support/process.ts";
import { programCommand, programShellWords, repositoryRoot } from "../support/program.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const FAKE = new URL("./fake_program.ts", import.meta.url).pathname;

Deno.test("check: ok and 0, or the errors on standard error and 78", async () => {
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/c.toml`;
  Deno.writeTextFileSync(file, "[node]\nreactors = 1\n");
  const good = await appliance(["check", "--config", file]);
  assert.deepEqual(good, { code: 0, stdout: `${file}: ok\n`, stderr: "" });
  Deno.writeTextFileSync(file, "[node]\nreactors = 0\nnam = 1\n");
  const bad = await appliance(["check", "--config", file]);
  assert.equal(bad.code, 78);
  assert.equal(bad.stdout, "");
  assert.deepEqual(bad.stderr.split("\n"), [
    `${file}:2:12: node.reactors: 0 is out of range; use a whole number from 1 to 64`,
    `${file}:3:1: node.nam: is unknown; did you mean "name"?`,
    "",
  ]);
});

Deno.test("usage errors end with 64, a missing appliance with 69", async () => {
  assert.equal((await appliance(["statsu"])).code, 64);
  await using directory = await temporaryDirectory();
  const missing = await appliance(["status", "--socket", `${directory.path}/control.sock`]);
  assert.equal(missing.code, 69);
  assert.equal(missing.stdout, "");
});

Deno.test("a reader that goes away early is no error", async () => {
  // The reader is gone before the first byte is written.
  const script = `(sleep 0.3; ${programShellWords()} help map; echo "code $?" >&2) | true`;
  const { stderr } = await run("sh", ["-c", script]);
  assert.equal(stderr, "code 0\n");
});

skippable("a pipe that is non-blocking and full loses nothing", async () => {
  const script = `import { processTerminal } from "${repositoryRoot}src/cli/terminal.ts";` +
    `processTerminal.print("x".repeat(1_000_000));`;
  // The reader makes its end of the pipe non-blocking for both, and starts late.
  const reader = "import os, subprocess, sys, time\n" +
    "r, w = os.pipe()\nos.set_blocking(w, False)\n" +
    "p = subprocess.Popen(sys.argv[1:], stdout=w)\nos.close(w)\ntime.sleep(1)\n" +
    "n = 0\nwhile True:\n  b = os.read(r, 65536)\n  n += len(b)\n  if not b: break\n" +
    "print(n, p.wait())\n";
  const python = requireCommand("python3", "python3");
  const args = ["-c", reader, Deno.execPath(), "eval", "--no-check", script];
  assert.equal((await run(python, args)).stdout, "1000001 0\n");
});

/** The fake program, running. */
class Running implements AsyncDisposable {
  out = "";
  err = "";
  readonly child: Deno.ChildProcess;
  private readonly drained: Promise<unknown>;

  constructor(readonly configFile: string, env: Record<string, string> = {}) {
    this.child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", FAKE, "--config", configFile],
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const collect = async (stream: ReadableStream<Uint8Array>, add: (text: string) => void) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) add(text);
    };
    this.drained = Promise.all([
      collect(this.child.stdout, (text) => this.out += text),
      collect(this.child.stderr, (text) => this.err += text),
    ]);
  }

  async says(text: string): Promise<void> {
    await waitFor(() => this.out.includes(text), 10_000, `"${text}" in ${this.out}${this.err}`);
  }

  async exitCode(): Promise<number> {
    const { code } = await this.child.status;
    await this.drained;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.exitCode();
  }
}

async function withConfig(body: (file: string, socket: string) => Promise<void>): Promise<void> {
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/c.toml`;
  Deno.writeTextFileSync(file, `[node]\nruntime_dir = "${directory.path}/run"\n`);
  await body(file, `${directory.path}/run/control.sock`);
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`run says ready, serves the control socket and stops in order on ${signal}`, () =>
    withConfig(async (file, socket) => {
      await using program = new Running(file);
      await program.says("ready\n");
      assert.equal(program.out, "ready\n");
      const status = await appliance(["status", "--config", file]);
      assert.equal(status.code, 0, status.stderr);
      assert.match(status.stdout, /^node store-1/);
      // Deno takes the signal for itself a moment after its start, and loses it a moment later.
      await sleep(500);
      program.child.kill("SIGUSR1");
      // A process that ends already does not listen to it any more.
      await sleep(200);
      program.child.kill(signal);
      assert.equal(await program.exitCode(), 0, program.err);
      assert.equal(program.out, "ready\nstopped in order\n");
      assert.doesNotMatch(program.err, /Debugger|inspector/i);
      assert.throws(() => Deno.lstatSync(socket), Deno.errors.NotFound);
    }));
}

Deno.test("a signal before ready stops in order too, without ready", () =>
  withConfig(async (file, socket) => {
    await using program = new Running(file, { FAKE_START: "hangs" });
    await waitFor(() => Deno.lstatSync(socket).isSocket === true, 10_000, "the socket");
    await waitFor(
      async () => (await appliance(["status", "--config", file])).code === 0,
      10_000,
      "the appliance",
    );
    program.child.kill("SIGTERM");
    assert.equal(await program.exitCode(), 0);
    assert.equal(program.out, "stopped in order\n");
  }));

Deno.test("a second signal ends at once, with 1", () =>
  withConfig(async (file) => {
    await using program = new Running(file, { FAKE_STOP: "hangs" });
    await program.says("ready\n");
    program.child.kill("SIGTERM");
    await program.says("stop hangs\n");
    program.child.kill("SIGTERM");
    assert.equal(await program.exitCode(), 1);
  }));

Deno.test("a second appliance of the same folder is refused with 69", () =>
  withConfig(async (file) => {
    await using first = new Running(file);
    await first.says("ready\n");
    await using second = new Running(file);
    assert.equal(await second.exitCode(), 69);
    assert.match(second.err, /^rnbd-appliance: Another appliance answers on /m);
    assert.equal((await appliance(["status", "--config", file])).code, 0);
  }));

Deno.test("an appliance that cannot start gives its message, its code and the socket back", () =>
  withConfig(async (file, socket) => {
    await using program = new Running(file, { FAKE_START: "fails" });
    assert.equal(await program.exitCode(), 1);
    const [starting, ...others] = program.err.split("\n");
    assert.match(starting!, / info starting version=\S+ config=\S+ pid=\d+$/);
    assert.deepEqual(others, ["rnbd-appliance: scratch is in use; give --force", ""]);
    assert.throws(() => Deno.lstatSync(socket), Deno.errors.NotFound);
  }));

Deno.test("the examples can be checked from anywhere", async () => {
  const config = `${repositoryRoot}config/rnbd.toml`;
  const program = programCommand(["check", "--config", config]);
  const { code, stdout } = await tryRun(program.command, program.args, { cwd: "/" });
  assert.deepEqual([code, stdout], [0, `${config}: ok\n`]);
});
