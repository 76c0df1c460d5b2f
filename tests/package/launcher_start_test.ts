/** What the program gets from the launcher: the words, the environment, the process itself. */
import assert from "node:assert/strict";
import { requireCommand, skippable } from "../support/skip.ts";
import { launcherBench, SHELLS, VICTIM } from "./support/launcher_bench.ts";

const words = (stdout: string): string[] =>
  [...stdout.matchAll(/^word <([^]*?)>$/gm)].map((match) => match[1] ?? "");

const environment = (stdout: string): Map<string, string> =>
  new Map([...stdout.matchAll(/^env ([^=\n]+)=(.*)$/gm)].map((m) => [m[1] ?? "", m[2] ?? ""]));

for (const shell of SHELLS) {
  skippable(
    `launcher under ${shell.join(" ")}: first and later start pass every word`,
    async () => {
      requireCommand(shell[0] ?? "", shell[0] ?? "");
      await using bench = await launcherBench();
      const cache = `${bench.path}/ca che\n*`;
      const env = { RNBD_APPLIANCE_CACHE_DIR: cache };
      const given = ["a b", "", "*", "--unpack", "-n", "line\nbreak", "'\"$(id)\\"];
      for (let round = 0; round < 2; round++) {
        const ended = await bench.run([...shell, bench.file, ...given], { env });
        assert.equal(ended.code, 0, ended.stderr);
        assert.equal(ended.stderr, "");
        const main = `${cache}/${bench.id}/program/mod.js`;
        assert.deepEqual(words(ended.stdout), ["run", "--allow-ffi", "--it's", main, ...given]);
      }
      const code = await bench.run([...shell, bench.file, "fail"], { env });
      assert.equal(code.code, 42);
    },
  );

  skippable(`launcher under ${shell.join(" ")}: becomes the program`, async () => {
    requireCommand(shell[0] ?? "", shell[0] ?? "");
    await using bench = await launcherBench();
    const env = { RNBD_APPLIANCE_CACHE_DIR: `${bench.path}/cache` };
    await bench.run([...shell, bench.file], { env });
    const command = `"$@" & echo "shell $!"; wait`;
    const ended = await bench.run(["sh", "-c", command, "sh", ...shell, bench.file], { env });
    const [pid, started] = [/^pid (\d+)$/m, /^shell (\d+)$/m].map((p) => p.exec(ended.stdout)?.[1]);
    assert.notEqual(pid, undefined);
    assert.equal(pid, started);
    const killed = await bench.run(
      ["sh", "-c", `"$@" wait & sleep 0.5; kill -TERM $!; wait $!`, "sh", ...shell, bench.file],
      { env },
    );
    assert.equal(killed.code, 128 + 15);
  });

  skippable(`launcher under ${shell.join(" ")}: closed streams and a pipe`, async () => {
    requireCommand(shell[0] ?? "", shell[0] ?? "");
    await using bench = await launcherBench();
    const env = { RNBD_APPLIANCE_CACHE_DIR: `${bench.path}/cache` };
    for (const fresh of [true, false]) {
      for (const closed of ["<&-", ">&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"]) {
        if (fresh) await Deno.remove(`${bench.path}/cache`, { recursive: true }).catch(() => {});
        const command = `"$@" fail ${closed}`;
        const ended = await bench.run(["sh", "-c", command, "sh", ...shell, bench.file], { env });
        assert.equal(ended.code, 42, `${closed}: ${ended.stderr}`);
      }
      if (fresh) await Deno.remove(`${bench.path}/cache`, { recursive: true });
      const piped = `printf 'one\\ntwo\\n' | "$@" cat`;
      const ended = await bench.run(["sh", "-c", piped, "sh", ...shell, bench.file], { env });
      assert.match(ended.stdout, /^one\ntwo$/m);
    }
  });
}

skippable("launcher: however the file is named and called", async () => {
  await using bench = await launcherBench();
  const ended = await bench.script(`
    export RNBD_APPLIANCE_CACHE_DIR="$DIR/cache"
    fresh() { rm -rf "$DIR/cache"; }
    odd="$DIR/odd ' \\" * %41 #
name"; mkdir "$odd"; cp "$FILE" "$odd/-n renamed"
    ln -s "odd ' \\" * %41 #
name/-n renamed" "$DIR/link"
    cd "$odd"; fresh; "./-n renamed" || exit 1
    fresh; "$odd/-n renamed" || exit 2
    fresh; sh -- "-n renamed" || exit 3
    fresh; PATH="$odd:$PATH" "-n renamed" || exit 4
    cd /; fresh; "$DIR/link" || exit 5
    cd "$DIR"; fresh; sh link || exit 6
    fresh; PATH=".:$PATH" link || exit 7
    cd "$DIR/tmp"; fresh; ../link || exit 8
    fresh; PATH="$DIR:$PATH" bash link || exit 9
  `);
  assert.equal(ended.code, 0, ended.stderr);
});

skippable("launcher: a hostile environment", async () => {
  await using bench = await launcherBench();
  const tools = `${bench.path}/tools`;
  const names =
    "stat tar gzip sha256sum mktemp mv rm mkdir chmod head tail grep uname readlink env id";
  const hostile = {
    RNBD_APPLIANCE_CACHE_DIR: `${bench.path}/cache`,
    PATH: tools,
    IFS: "/0123456789",
    CDPATH: "/",
    ENV: `${bench.path}/env`,
    BASH_ENV: `${bench.path}/env`,
    TAR_OPTIONS: "--help",
    GZIP: "--help",
    POSIXLY_CORRECT: "1",
    SHELLOPTS: "errexit:nounset:noglob:noclobber:allexport",
    LC_ALL: "tr_TR.UTF-8",
    PS4: "$(exit 1)",
  };
  await bench.run([
    "sh",
    "-c",
    `
    mkdir "$1"; for name in ${names}; do
      printf '#!/bin/sh\\necho hijacked >>%s/hijacked\\nexit 1\\n' "$2" >"$1/$name"; done
    chmod 755 "$1"/*; rm "$1/env"; ln -s /usr/bin/env /usr/bin/sed "$1"
    echo 'echo hijacked >>"$2/hijacked"' >"$2/env"`,
    "sh",
    tools,
    bench.path,
  ]);
  for (const shell of SHELLS) {
    for (let round = 0; round < 2; round++) {
      const command = [`/usr/bin/${shell[0]}`, ...shell.slice(1), bench.file, "umask"];
      const ended = await bench.run(command, { env: hostile });
      assert.equal(ended.started, true, `${shell}: ${ended.stderr}`);
      const seen = environment(ended.stdout);
      assert.equal(seen.get("PATH"), tools);
      assert.equal(seen.get("LC_ALL"), hostile.LC_ALL);
      assert.equal(seen.get("TAR_OPTIONS"), "--help");
      assert.match(ended.stdout, /^0?022$/m);
    }
    await Deno.remove(hostile.RNBD_APPLIANCE_CACHE_DIR, { recursive: true });
  }
  await assert.rejects(Deno.stat(`${bench.path}/hijacked`));
});

skippable("launcher: settings of Deno do not reach the program, but for four", async () => {
  await using bench = await launcherBench();
  const kept = ["DENO_CERT", "DENO_TLS_CA_STORE", "DENO_USE_CGROUPS", "DENO_V8_FLAGS"];
  const help = await bench.run([Deno.execPath(), "--help"]);
  const known = [...help.stdout.matchAll(/^\s+(DENO_[A-Z0-9_]+) /gm)].map((m) => m[1] ?? "");
  assert.ok(known.length > 10, "deno --help lists its variables");
  const names = [...known, ...kept, "NODE_OPTIONS", "NODE_CHANNEL_FD", "OTEL_DENO"];
  const env = Object.fromEntries(names.map((name) => [name, "theirs"]));
  env["RNBD_APPLIANCE_CACHE_DIR"] = `${bench.path}/cache`;
  const seen = environment((await bench.run([bench.file], { env })).stdout);
  const theirs = [...seen].filter(([, value]) => value === "theirs").map(([name]) => name);
  assert.deepEqual(theirs.sort(), kept);
  assert.equal(seen.get("DENO_DIR"), `${bench.path}/cache/${bench.id}.code`);
  assert.equal(seen.get("DENO_NO_UPDATE_CHECK"), "1");
});

skippable("launcher: no HOME, a relative HOME, and any umask", async () => {
  await using bench = await launcherBench();
  const start = { user: VICTIM, env: { TMPDIR: `${bench.path}/tmp` } };
  await Deno.mkdir(`${bench.path}/tmp`);
  await Deno.chmod(`${bench.path}/tmp`, 0o1777);
  for (const home of [{}, { HOME: "home" }, { HOME: "" }, { HOME: "/nowhere" }]) {
    const env = { ...start.env, ...home };
    const ended = await bench.run([bench.file], { ...start, env });
    assert.equal(ended.started, true, ended.stderr);
    assert.match(ended.stdout, /tmp\/rnbd-appliance\.\w{10}\/1\.0\.0-/);
  }
  for (const umask of ["000", "077"]) {
    const cache = `${bench.path}/cache${umask}`;
    const env = { RNBD_APPLIANCE_CACHE_DIR: cache };
    const command = ["sh", "-c", `umask ${umask}; "$0" umask`, bench.file];
    for (let round = 0; round < 2; round++) {
      const ended = await bench.run(command, { env });
      assert.match(ended.stdout, new RegExp(`^0?${umask}$`, "m"), ended.stderr);
    }
    const modes = await bench.run(["find", cache, "-printf", "%m %P\n"]);
    const expected = new Map([
      ["", "755"],
      [".lock", "644"],
      [`${bench.id}.code`, "700"],
      [bench.id, "755"],
      [`${bench.id}/.verified`, "644"],
      [`${bench.id}/program`, "755"],
      [`${bench.id}/program/mod.js`, "644"],
      [`${bench.id}/program/chunks`, "755"],
      [`${bench.id}/program/chunks/one.js`, "644"],
      [`${bench.id}/rnbd-appliance`, "755"],
      [`${bench.id}/runtime`, "755"],
      [`${bench.id}/runtime/rnbd-appliance`, "755"],
    ]);
    const found = new Map(
      modes.stdout.trimEnd().split("\n").map((line) => {
        const [mode = "", ...path] = line.split(" ");
        return [path.join(" "), mode] as const;
      }),
    );
    assert.deepEqual(found, expected);
  }
});
