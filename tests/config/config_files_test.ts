/** The files of a configuration: what is read, in which order, and what cannot be. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { readConfigFiles } from "../../src/appliance/config/config_files.ts";
import { loadConfig, loadRuntimeDir } from "../../src/appliance/config/load_config.ts";
import { parseConfig, parseConfigFiles } from "../../src/appliance/config/load_config.ts";
import { ConfigError } from "../../src/appliance/config/problems.ts";
import { run } from "../support/process.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const ENVIRONMENT = { hostName: "host", uid: 1000, xdgRuntimeDir: undefined, cores: 8 };

const PROJECT = new URL("../../deno.json", import.meta.url).pathname;

/** Writes files below a folder of its own. */
async function folderWith(files: Readonly<Record<string, string | Uint8Array>>) {
  const directory = await temporaryDirectory();
  for (const [name, content] of Object.entries(files)) {
    const path = `${directory.path}/${name}`;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else Deno.writeFileSync(path, content);
  }
  return directory;
}

function loadErrors(file: string): string[] {
  try {
    loadConfig(file, ENVIRONMENT);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message.split("\n");
  }
}

Deno.test("drop-ins are read after the main file, sorted by the bytes of their names", async () => {
  const session = (name: string) => `[[session]]\nsessname = "${name}"\npaths = ["tcp:::1"]\n`;
  const mapping = (device: string) => `[[mapping]]\nsessname = "s"\ndevice_path = "${device}"\n`;
  await using folder = await folderWith({
    "rnbd.toml": mapping("main") + session("m"),
    // As UTF-16 units the last two would change places.
    "conf.d/\u{1f600}.toml": mapping("smiley"),
    "conf.d/\ufb01.toml": mapping("ligature"),
    "conf.d/10-b.toml": mapping("ten") + session("s"),
    "conf.d/9-a.toml": mapping("nine"),
    "conf.d/Z.toml": mapping("upper"),
    "conf.d/a.toml": mapping("lower"),
    "conf.d/a-b.toml": mapping("dash"),
  });
  const config = loadConfig(`${folder.path}/rnbd.toml`, ENVIRONMENT);
  const names = ["10-b", "9-a", "Z", "a-b", "a", "\ufb01", "\u{1f600}"];
  const files = names.map((name) => `${folder.path}/conf.d/${name}.toml`);
  assert.deepEqual(config.files, [`${folder.path}/rnbd.toml`, ...files]);
  assert.equal(config.file, `${folder.path}/rnbd.toml`);
  const order = ["main", "ten", "nine", "upper", "dash", "lower", "ligature", "smiley"];
  assert.deepEqual(config.mappings.map(({ devicePath }) => devicePath), order);
  assert.deepEqual(config.sessions.map(({ sessname }) => sessname), ["m", "s"]);
});

Deno.test("tables of several files are put together, lists grow", () => {
  const config = parseConfigFiles([
    { file: "a", text: "node.reactors = 2\n[server]\nport = 7\n" },
    { file: "b", text: '[server]\nlisten = ["tcp:::1"]\n[[server.export]]\ndevice_path = "x"\n' },
    {
      file: "c",
      text: '[node]\nspin_us = 1\n[server]\ndev_search_path = "/srv"\n' +
        '[[server.export]]\ndevice_path = "y"\n[control]\nread_only_socket = true\n',
    },
    { file: "d", text: 'control = { read_only_socket_mode = "0664" }\n' },
  ], ENVIRONMENT);
  assert.deepEqual([config.node.reactors, config.node.spinUs], [2, 1]);
  const server = config.server!;
  assert.deepEqual([server.port, server.listen, server.devSearchPath], [7, ["tcp:::1"], "/srv"]);
  assert.deepEqual(server.exports.map(({ devicePath }) => devicePath), ["x", "y"]);
  assert.equal(config.control.readOnlySocketMode, 0o664);
});

Deno.test("however tables are spread over files, together they mean the same", () => {
  const tables = [
    '[server]\nlisten = ["tcp:::1"]\ndev_search_path = "/srv"\n',
    "[node]\nspin_us = 3\nreactors = 2\n",
    ...["a", "b"].map((device) => `[[server.export]]\ndevice_path = "${device}"\n`),
    ...["s", "t"].map((name) => `[[session]]\nsessname = "${name}"\npaths = ["tcp:::1"]\n`),
    ...["s", "t", "s"].map((sessname, index) =>
      `[[mapping]]\nsessname = "${sessname}"\ndevice_path = "d${index}"\n`
    ),
  ];
  const expected = parseConfig(tables.join(""), null, ENVIRONMENT);
  // Non-decreasing file numbers keep the order of each list.
  const numbers = fc.array(fc.nat(4), { minLength: tables.length, maxLength: tables.length })
    .map((drawn) => drawn.toSorted((left, right) => left - right));
  fc.assert(fc.property(numbers, (fileOf) => {
    const texts = Array.from({ length: 5 }, (_, file) => ({
      file: `${file}.toml`,
      text: tables.filter((_, index) => fileOf[index] === file).join(""),
    }));
    const config = parseConfigFiles(texts, ENVIRONMENT);
    assert.deepEqual({ ...config, file: null, files: [] }, expected);
  }));
});

Deno.test("hidden files, other names and a missing folder are no drop-ins", async () => {
  await using folder = await folderWith({
    "rnbd.toml": "",
    "conf.d/.10-a.toml.swp": "broken",
    "conf.d/.hidden.toml": "broken",
    "conf.d/.toml": "broken",
    "conf.d/10-a.toml~": "broken",
    "conf.d/10-a.toml.bak": "broken",
    "conf.d/10-a.TOML": "broken",
    "conf.d/README": "broken",
    "conf.d/more/10-a.toml": "broken",
  });
  const file = `${folder.path}/rnbd.toml`;
  assert.deepEqual(loadConfig(file, ENVIRONMENT).files, [file]);
  Deno.removeSync(`${folder.path}/conf.d`, { recursive: true });
  assert.deepEqual(loadConfig(file, ENVIRONMENT).files, [file]);
});

Deno.test("a relative name keeps its form, a link is followed, /dev/null says nothing", async () => {
  await using folder = await folderWith({ "c/rnbd.toml": "", "real": "[node]\nspin_us = 7\n" });
  Deno.mkdirSync(`${folder.path}/c/conf.d`);
  Deno.symlinkSync("../../real", `${folder.path}/c/conf.d/10-link.toml`);
  Deno.symlinkSync("/dev/null", `${folder.path}/c/conf.d/20-null.toml`);
  const loader = new URL("../../src/appliance/config/load_config.ts", import.meta.url).href;
  const script = `import { loadConfig } from "${loader}"; for (const f of Deno.args) {` +
    "const c = loadConfig(f); console.log(c.files.join(' '), c.node.spinUs); }";
  const show = (cwd: string, file: string) =>
    run(Deno.execPath(), ["eval", "--no-check", "--config", PROJECT, script, file], { cwd });
  const drops = "conf.d/10-link.toml";
  const inside = await show(`${folder.path}/c`, "rnbd.toml");
  assert.equal(inside.stdout, `rnbd.toml ${drops} conf.d/20-null.toml 7\n`);
  const above = await show(folder.path, "c/rnbd.toml");
  assert.equal(above.stdout, `c/rnbd.toml c/${drops} c/conf.d/20-null.toml 7\n`);
});

Deno.test("a main file that cannot be read, is too large or no UTF-8 is told", async () => {
  await using folder = await folderWith({ "conf.d/10-a.toml": "[node]\nreactors = 0\n" });
  const file = `${folder.path}/f.toml`;
  // Whatever lies beside a name that is wrong is not looked at.
  const [missing, ...others] = loadErrors(file);
  assert.match(missing!, /f\.toml: cannot be read \(.*No such file/);
  assert.deepEqual(others, []);
  const [directory] = loadErrors(folder.path);
  assert.match(directory!, /: cannot be read \(.*; give the path of a TOML file$/);
  Deno.writeFileSync(file, new Uint8Array(2 ** 20 + 1).fill(0x20));
  assert.match(loadErrors(file)[0]!, /f\.toml: has more than 1048576 bytes/);
  Deno.writeFileSync(file, new Uint8Array([0x61, 0x0a, 0x62, 0x20, 0xff, 0x0a]));
  assert.deepEqual(loadErrors(file), [
    `${file}:2:3: is not UTF-8; save the file as UTF-8`,
    `${folder.path}/conf.d/10-a.toml:2:12: node.reactors: 0 is out of range; use a whole number ` +
    "from 1 to 64",
  ]);
  assert.match(loadErrors("/dev/zero")[0]!, /^\/dev\/zero: has more than 1048576 bytes/);
});

Deno.test("a drop-in that cannot be read is told, and so are the errors of the others", async () => {
  await using folder = await folderWith({
    "rnbd.toml": "[node]\nreactors = 0\n",
    "conf.d/10-large.toml": new Uint8Array(2 ** 20 + 1).fill(0x20),
    "conf.d/20-latin1.toml": new Uint8Array([0x23, 0xe4, 0x0a]),
    "conf.d/30-folder.toml/x": "",
    "conf.d/60-good.toml": "[node]\nspin_us = -1\n",
  });
  Deno.symlinkSync("/nowhere/at/all", `${folder.path}/conf.d/40-link.toml`);
  await run("mkfifo", [`${folder.path}/conf.d/50-pipe.toml`]);
  const errors = loadErrors(`${folder.path}/rnbd.toml`);
  const plain = errors.map((error) =>
    error.replace(`${folder.path}/`, "").replace(/\(.*\)/, "(why)")
  );
  assert.deepEqual(plain, [
    "rnbd.toml:2:12: node.reactors: 0 is out of range; use a whole number from 1 to 64",
    "conf.d/10-large.toml: has more than 1048576 bytes; split the configuration",
    "conf.d/20-latin1.toml:1:2: is not UTF-8; save the file as UTF-8",
    "conf.d/30-folder.toml: is a folder; give it another name, or move it away",
    "conf.d/40-link.toml: cannot be read (why); give the path of a TOML file",
    "conf.d/50-pipe.toml: is no regular file; move it away",
    "conf.d/60-good.toml:2:11: node.spin_us: -1 is out of range; use a whole number from 0 to " +
    "1000000 (why)",
  ]);
});

Deno.test("a conf.d that is no folder, has too many files or too many bytes is told", async () => {
  await using folder = await folderWith({ "rnbd.toml": "", "conf.d": "" });
  const file = `${folder.path}/rnbd.toml`;
  assert.match(loadErrors(file)[0]!, /\/conf\.d: cannot be read \(.*\); make it a folder of/);
  Deno.removeSync(`${folder.path}/conf.d`);
  Deno.mkdirSync(`${folder.path}/conf.d`);
  const blanks = new Uint8Array(2 ** 20).fill(0x20);
  for (let i = 10; i < 27; i++) Deno.writeFileSync(`${folder.path}/conf.d/${i}.toml`, blanks);
  const [error, ...others] = loadErrors(file);
  assert.match(error!, /conf\.d\/26\.toml: takes the files up to this one over 16777216 bytes/);
  assert.deepEqual(others, []);
  for (let i = 0; i < 1024; i++) Deno.writeTextFileSync(`${folder.path}/conf.d/a${i}.toml`, "");
  assert.match(loadErrors(file)[0]!, /\/conf\.d: has 1041 files; at most 1023 are possible/);
});

Deno.test("the runtime folder is found in files that are wrong elsewhere", async () => {
  const broken = { "rnbd.toml": "[node]\nreactors = 0\n", "conf.d/20-b.toml": "[server\n" };
  const directory = '[node]\nruntime_dir = "/run/x"\n';
  const tries: [Record<string, string>, RegExp][] = [
    [{ ...broken, "conf.d/10-a.toml": directory }, /^\/run\/x$/],
    [{ "rnbd.toml": "[node]\nreactors = 0\n" }, /^\/tmp\/rnbd-appliance-1000$/],
    [{ "rnbd.toml": "" }, /^\/tmp\/rnbd-appliance-1000$/],
    // It may stand where nothing can be read.
    [broken, /conf\.d\/20-b\.toml:1:8: the header does not end/],
    [{ "rnbd.toml": '[node]\nruntime_dir = "x"\n' }, /rnbd\.toml:2:15: .*is relative/],
    [{ "rnbd.toml": "[node\n" }, /rnbd\.toml:1:6: the header does not end/],
    [{ "rnbd.toml": directory, "conf.d/a.toml": '[node]\nruntime_dir = "/y"\n' }, /^\/run\/x$/],
  ];
  for (const [files, expected] of tries) {
    await using folder = await folderWith(files);
    let found: string;
    try {
      found = loadRuntimeDir(`${folder.path}/rnbd.toml`, ENVIRONMENT);
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      found = error.message;
    }
    assert.match(found, expected);
  }
});

Deno.test("too many tables are told where they become too many", () => {
  const text = (count: number) => '[[session]]\nsessname = ""\npaths = []\n'.repeat(count);
  const files = [{ file: "a", text: text(1024) }, { file: "b", text: text(2) }];
  assert.throws(
    () => parseConfigFiles(files, ENVIRONMENT),
    { message: "b:1:3: session: there are 1026; at most 1024 are possible" },
  );
});

Deno.test("a thousand mappings of a thousand files are read in a moment", async () => {
  const mappings = Array.from({ length: 1000 }, (_, i) => [
    `conf.d/${i}.toml`,
    `[[mapping]]\nsessname = "s${i % 16}"\ndevice_path = "d${i}"\n`,
  ]);
  const sessions = Array.from(
    { length: 16 },
    (_, i) => `[[session]]\nsessname = "s${i}"\npaths = ["tcp:::1"]\n`,
  );
  await using folder = await folderWith({
    "rnbd.toml": sessions.join(""),
    ...Object.fromEntries(mappings),
  });
  const startedAt = performance.now();
  const config = loadConfig(`${folder.path}/rnbd.toml`, ENVIRONMENT);
  assert.equal(config.mappings.length, 1000);
  assert.equal(readConfigFiles(`${folder.path}/rnbd.toml`).length, 1001);
  assert.ok(performance.now() - startedAt < 5000);
});

Deno.test("a thousand misspelt names of a thousand sessions are told in a moment", () => {
  const lines = (make: (index: number) => string) =>
    Array.from({ length: 1000 }, (_, i) => make(i));
  const sessions = lines((i) => `[[session]]\nsessname = "session-of-${i}"\npaths = ["tcp:::1"]\n`);
  const mappings = lines((i) =>
    `[[mapping]]\nsessname = "sessoin-of-${i}"\ndevice_path = "${i}"\n`
  );
  const startedAt = performance.now();
  assert.throws(
    () => parseConfig(sessions.join("") + mappings.join(""), "f", ENVIRONMENT),
    ({ problems }: ConfigError) => {
      const hints = problems.filter(({ message }) => message.includes("did you mean"));
      assert.deepEqual([problems.length, hints.length], [201, 20]);
      assert.match(hints[0]!.message, /"sessoin-of-0"; did you mean "session-of-0"\?$/);
      return true;
    },
  );
  assert.ok(performance.now() - startedAt < 5000);
});
