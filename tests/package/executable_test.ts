/** The executable does what the program does from its source, and may do no more than it needs. */
import assert from "node:assert/strict";
import { ENVIRONMENT_VARIABLES, SYSTEM_FACTS } from "../../packaging/executable/permissions.ts";
import { run, tryRun } from "../support/process.ts";
import { EXECUTABLE_VARIABLE, repositoryRoot } from "../support/program.ts";
import { skippable, SkipTest } from "../support/skip.ts";
import { startPair } from "../support/pair.ts";
import { temporaryDirectory, writeRandomFile } from "../support/temporary.ts";
import { builtExecutable, filesBelow } from "./support/built.ts";

const MIB = 2 ** 20;
const DEMO_TIMEOUT_MS = 120_000;

/** What Deno says where a permission is missing. */
const REFUSAL = /NotCapable|Requires .* access/;

Deno.test("executable: --version tells its kind, its Deno, the processor and the commit", async () => {
  const executable = await builtExecutable();
  const { stdout, stderr } = await run(executable, ["--version"]);
  assert.match(
    stdout,
    /^rnbd-appliance \d+\.\d+\.\d+ \((self-extracting|compiled) executable, Deno \d.*, \w+(, commit [0-9a-f]{12}(-dirty)?)?\)\n$/,
  );
  assert.equal(stderr, "");
  const json = JSON.parse((await run(executable, ["version", "-o", "json"])).stdout);
  assert.deepEqual(Object.keys(json), ["name", "version", "kind", "deno", "arch", "commit"]);
  assert.equal(json.deno, Deno.version.deno);
  assert.equal(json.arch, Deno.build.arch);
});

Deno.test("executable: the demo's job", async () => {
  const { stdout, stderr } = await run(await builtExecutable(), ["demo"], {
    timeoutMs: DEMO_TIMEOUT_MS,
  });
  assert.match(stdout, /io_uring_enter/);
  assert.doesNotMatch(stdout + stderr, REFUSAL);
});

Deno.test("executable: server and client, every verb of a running node, nothing refused", async () => {
  Deno.env.set(EXECUTABLE_VARIABLE, await builtExecutable());
  const executable = await builtExecutable();
  const name = "disk";
  await using pair = await startPair(
    { disks: [{ name, backend: "path" }] },
    (images) => writeRandomFile(`${images}/${name}`, 4 * MIB),
  );
  const { client, server } = pair;
  // So that this is about the executable, and not about the tree.
  const running = await Deno.readTextFile(`/proc/${client.pid}/cmdline`);
  assert.ok(!running.includes("mod.ts"), running);
  const config = ["--config", client.configFile];
  const verbs = [
    ["check"],
    ["check", "--live"],
    ["plan"],
    ["apply"],
    ["status"],
    ["list"],
    ["list", "paths"],
    ["show", name],
    ["dump"],
    ["inflight"],
    ["metrics"],
    ["explain", name],
    ["export-config"],
    ["verify", name, "--destroy-data"],
    ["bench", name],
    ["unmap", name],
  ];
  for (const words of verbs) {
    const { code, stdout, stderr } = await tryRun(executable, [...words, ...config]);
    assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
    assert.doesNotMatch(stdout + stderr, REFUSAL, words.join(" "));
  }
  const seen = await tryRun(executable, ["list", "sessions", "--config", server.configFile]);
  assert.equal(seen.code, 0, seen.stderr);
  assert.doesNotMatch(client.stderr + server.stderr, REFUSAL);
});

Deno.test("executable: verbs that need no node", async () => {
  const executable = await builtExecutable();
  for (const words of [["doctor", "-o", "json"], ["help"], ["--help"], ["complete", "--", "li"]]) {
    const { stdout, stderr } = await tryRun(executable, words);
    assert.doesNotMatch(stdout + stderr, REFUSAL, words.join(" "));
    assert.equal(stderr, "", words.join(" "));
  }
  const doctor = await tryRun(executable, ["doctor", "-o", "json"]);
  const source = await tryRun(Deno.execPath(), [
    ...["run", "-A", "--no-check", `${repositoryRoot}mod.ts`],
    ...["doctor", "-o", "json"],
  ]);
  assert.deepEqual(JSON.parse(doctor.stdout), JSON.parse(source.stdout), "it sees what -A sees");
});

Deno.test("executable: a config from a pipe or from standard input", async () => {
  const executable = await builtExecutable();
  const file = `${repositoryRoot}config/client.toml`;
  const ways = [
    'cat "$1" | "$0" check --config /dev/stdin',
    '"$0" check --config /dev/stdin <"$1"',
    '"$0" check --config <(cat "$1")',
  ];
  for (const words of ways) {
    const { code, stdout, stderr } = await tryRun("bash", ["-c", words, executable, file]);
    assert.equal(code, 0, `${words}: ${stderr}`);
    assert.match(stdout, /^\/dev\/.*: ok\n$/);
  }
});

/** A program that tries what the executable has no business to do. */
const BURGLAR = `
const attempts = {
  run: () => new Deno.Command("true").outputSync(),
  "read a variable": () => Deno.env.get("HOME"),
  "read all variables": () => Deno.env.toObject(),
  "read what the kernel knows": () => Deno.readTextFileSync("/proc/self/environ"),
  "look at the network": () => Deno.networkInterfaces(),
  "look at the memory": () => Deno.systemMemoryInfo(),
  import: () => import("data:text/javascript,export default 1").then(() =>
    import("https://example.com/a.js")),
  "import from npm": () => import("npm:smol-toml"),
};
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    await attempt();
    console.log(name + ": done");
  } catch (error) {
    console.log(name + ": refused");
  }
}
`;

skippable("executable: what it does not need is refused, by the file itself", async () => {
  const executable = await builtExecutable();
  if (!(await run(executable, ["--version"])).stdout.includes("self-extracting")) {
    throw new SkipTest(
      "another program cannot be put into it",
      "test a self-extracting executable",
    );
  }
  await using directory = await temporaryDirectory();
  const folder = `${directory.path}/unpacked`;
  await run(executable, ["--unpack", folder]);
  const program = `${folder}/program/mod.js`;
  // Of the same length: the launcher looks at that.
  const { size } = await Deno.stat(program);
  await Deno.writeTextFile(program, BURGLAR.padEnd(size, "\n"));
  const { stdout, stderr } = await run(`${folder}/rnbd-appliance`, []);
  const outcomes = (text: string) => text.trim().split("\n").map((line) => line.split(": ")[1]);
  assert.deepEqual(outcomes(stdout), Array(8).fill("refused"), stdout + stderr);
  // The attempts are real: with all permissions, those that need no network succeed.
  const free = await run(Deno.execPath(), ["run", "-A", program]);
  assert.deepEqual(outcomes(free.stdout).slice(0, 6), Array(6).fill("done"), free.stdout);
});

/** The sources of the program, by path. */
function sources(): Map<string, string> {
  const files = filesBelow(`${repositoryRoot}src`).filter((file) => file.endsWith(".ts"));
  return new Map(files.map((file) => [file, Deno.readTextFileSync(file)]));
}

Deno.test("permissions: the variables are those that the sources name", () => {
  const named = new Set<string>();
  for (const [file, text] of sources()) {
    for (const [call, name] of text.matchAll(/Deno\.env\b(?:\.get\("(\w+)"\))?/g)) {
      assert.notEqual(name, undefined, `${file}: ${call} of something the test cannot read`);
      named.add(name!);
    }
  }
  assert.deepEqual([...named].sort(), ENVIRONMENT_VARIABLES);
});

/** Functions of Deno that want --allow-sys, and under which name. */
const SYSTEM_CALLS: Readonly<Record<string, string>> = {
  gid: "gid",
  hostname: "hostname",
  loadavg: "loadavg",
  networkInterfaces: "networkInterfaces",
  osRelease: "osRelease",
  osUptime: "osUptime",
  systemMemoryInfo: "systemMemoryInfo",
  uid: "uid",
  umask: "umask",
};

Deno.test("permissions: the facts are those that the sources ask for", () => {
  const asked = new Set<string>();
  for (const text of sources().values()) {
    for (const [, name] of text.matchAll(/Deno\.(\w+)\(/g)) {
      const fact = SYSTEM_CALLS[name!];
      if (fact !== undefined) asked.add(fact);
    }
  }
  assert.deepEqual([...asked].sort(), SYSTEM_FACTS);
});

Deno.test("permissions: no file of the kernel is opened by Deno, which would refuse it", () => {
  const found = [...sources()].filter(([, text]) =>
    /Deno\.(?!dlopen)\w+\(\s*["'`]\/(proc|sys|dev)\//.test(text)
  );
  assert.deepEqual(found.map(([file]) => file), []);
});
