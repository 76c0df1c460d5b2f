/**
 * Which kind of executable is made, and the command that makes the compiled one. Deno's base binary
 * is not to be had from npm, so it is played here; what it makes of the command has not been seen.
 */
import assert from "node:assert/strict";
import {
  type BaseBinaryWorld,
  findBaseBinary,
  probe,
} from "../../packaging/executable/base_binary.ts";
import { compileArguments, makeCompiled } from "../../packaging/executable/compiled.ts";
import { PERMISSIONS } from "../../packaging/executable/permissions.ts";
import { tryRun } from "../support/process.ts";
import { repositoryRoot } from "../support/program.ts";
import { requireCommand } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const ARCHIVE = "release/v9.8.7/denort-x86_64-unknown-linux-gnu.zip";

/** A world without the binary; `probed` is what was asked for. */
function world(cache: string, online = false) {
  const probed: string[] = [];
  const found: BaseBinaryWorld = {
    named: undefined,
    cache,
    denoVersion: "9.8.7",
    target: "x86_64-unknown-linux-gnu",
    probe(url) {
      probed.push(url);
      return Promise.resolve(online);
    },
  };
  return { found, probed };
}

Deno.test("base binary: the named one, else the cached one, else the one of the site", async () => {
  await using directory = await temporaryDirectory();
  const cache = directory.path;
  const { found, probed } = world(cache, true);
  const url = `https://dl.deno.land/${ARCHIVE}`;
  assert.deepEqual(await findBaseBinary(found), { where: "online", place: url });
  assert.deepEqual(probed, [url]);
  const cached = `${cache}/dl/${ARCHIVE}`;
  await Deno.mkdir(cached.replace(/\/[^/]*$/, ""), { recursive: true });
  await Deno.writeTextFile(cached, "");
  assert.deepEqual(await findBaseBinary(found), { where: "cached", place: cached });
  const named = `${cache}/denort`;
  await Deno.writeTextFile(named, "");
  assert.deepEqual(await findBaseBinary({ ...found, named }), { where: "named", place: named });
  assert.equal(probed.length, 1, "the site is asked only where nothing is at hand");
});

Deno.test("base binary: nowhere, and a name that leads nowhere, as Deno would take it", async () => {
  await using directory = await temporaryDirectory();
  const { found } = world(directory.path);
  const nowhere = await findBaseBinary(found);
  assert.ok(nowhere.where === "nowhere");
  assert.match(
    nowhere.why,
    /DENORT_BIN names none, .*denort-.*zip is not there, and https:.*reached/,
  );
  const named = `${directory.path}/none`;
  const wrong = await findBaseBinary({ ...world(directory.path, true).found, named });
  assert.deepEqual(wrong, { where: "nowhere", why: `DENORT_BIN=${named} is no file` });
});

Deno.test("base binary: the probe takes an answer of the site alone for a yes", async () => {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) =>
      new Response(null, {
        status: request.method === "HEAD" && request.url.endsWith("/a") ? 200 : 404,
      }),
  );
  const base = `http://127.0.0.1:${server.addr.port}`;
  assert.equal(await probe(`${base}/a`), true);
  assert.equal(await probe(`${base}/b`), false);
  await server.shutdown();
  assert.equal(await probe(`${base}/a`), false);
});

Deno.test("compiled: the command, word by word", async () => {
  await using directory = await temporaryDirectory();
  const runtime = `${directory.path}/deno`;
  await Deno.writeTextFile(runtime, '#!/bin/sh\nprintf "%s\\n" "$@" >"$0.said"\n', {
    mode: 0o755,
  });
  const output = `${directory.path}/out`;
  const options = { unstable: ["no-legacy-abort"], output };
  await makeCompiled({ ...options, runtime, program: directory.path });
  const said = (await Deno.readTextFile(`${runtime}.said`)).trimEnd().split("\n");
  assert.deepEqual(said, compileArguments(options));
  assert.deepEqual(said, [
    ...["compile", "--quiet", "--no-config", "--no-lock", "--no-npm", "--no-remote", "--no-check"],
    "--unstable-no-legacy-abort",
    ...PERMISSIONS,
    ...["--include", "reactor_worker.js", "--app-name", "rnbd-appliance"],
    ...["--output", output, "mod.js"],
  ]);
});

Deno.test("compile.sh: what it cannot do, it says, with a code and without a file", async () => {
  await using directory = await temporaryDirectory();
  const output = `${directory.path}/out`;
  const build = (args: readonly string[], env: Record<string, string> = {}) =>
    tryRun(`${repositoryRoot}compile.sh`, [...args, "--output", output], { env });
  const none = `${directory.path}/none`;
  const compiled = await build(["--kind", "compiled"], { DENORT_BIN: none });
  assert.equal(compiled.code, 1);
  assert.equal(
    compiled.stderr.trim(),
    `compile.sh: --kind compiled needs Deno's base binary: DENORT_BIN=${none} is no file`,
  );
  const unknown = await build(["--kind", "magic"]);
  assert.equal(unknown.code, 64);
  assert.match(unknown.stderr, /--kind magic: the kinds are compiled and self-extracting/);
  assert.equal((await build(["--frobnicate"])).code, 64);
  const tools = `${directory.path}/bin`;
  await Deno.mkdir(tools);
  for (const name of ["dirname", "readlink", "sed"]) {
    await Deno.symlink(requireCommand(name, name), `${tools}/${name}`);
  }
  const without = await tryRun("/bin/sh", [`${repositoryRoot}compile.sh`], {
    env: { PATH: tools },
  });
  assert.equal(without.code, 69, without.stderr);
  assert.match(without.stderr, /needs Deno 2\.\d+\.\d+: in PATH, or npx/);
  await assert.rejects(Deno.stat(output));
});
