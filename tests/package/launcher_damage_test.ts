/** A file or a machine that is not as it should be: said clearly, before anything runs. */
import assert from "node:assert/strict";
import { requireCommand, skippable } from "../support/skip.ts";
import { launcherBench, SHELLS } from "./support/launcher_bench.ts";

const scriptLength = (bytes: Uint8Array): number =>
  Number(/^rnbd_script_bytes=(\d+)$/m.exec(new TextDecoder().decode(bytes))?.[1]);

for (const shell of SHELLS) {
  skippable(
    `launcher under ${shell.join(" ")}: a file cut short anywhere does not start`,
    async () => {
      requireCommand(shell[0] ?? "", shell[0] ?? "");
      await using bench = await launcherBench();
      const bytes = await Deno.readFile(bench.file);
      const script = scriptLength(bytes);
      const half = new TextDecoder().decode(bytes).indexOf("# First starts");
      const lengths = [900, 3000, half - 2, half, half + 900, script - 70, script - 1, script];
      lengths.push(script + 1, Math.floor((script + bytes.length) / 2), bytes.length - 1);
      const env = { RNBD_APPLIANCE_CACHE_DIR: `${bench.path}/cache` };
      for (const length of lengths) {
        await Deno.writeFile(bench.file, bytes.subarray(0, length));
        const ended = await bench.run([...shell, bench.file], { env });
        assert.equal(ended.started, false);
        assert.notEqual(ended.code, 0, `${length} bytes`);
        assert.notEqual(ended.stderr, "", `${length} bytes`);
        if (length < script) continue;
        assert.equal(ended.code, 69);
        assert.match(ended.stderr, new RegExp(`has ${length} bytes instead of ${bytes.length}`));
      }
      await assert.rejects(Deno.stat(`${bench.path}/cache/${bench.id}`), Deno.errors.NotFound);
    },
  );
}

skippable("launcher: a wrong byte anywhere is found by the first start", async () => {
  await using bench = await launcherBench();
  const bytes = await Deno.readFile(bench.file);
  const script = scriptLength(bytes);
  const comment = new TextDecoder().decode(bytes).indexOf("# First starts") + 3;
  const places = [comment, script, script + 20, script + 2000, bytes.length - 1];
  const env = { RNBD_APPLIANCE_CACHE_DIR: `${bench.path}/cache` };
  for (const place of places) {
    const damaged = bytes.slice();
    damaged[place] = (damaged[place] ?? 0) ^ 1;
    await Deno.writeFile(bench.file, damaged);
    for (const option of [[], ["--unpack", `${bench.path}/unpacked`], ["--verify-executable"]]) {
      const ended = await bench.run([bench.file, ...option], { env });
      assert.equal(ended.started, false);
      assert.equal(ended.code, option[0] === "--verify-executable" ? 1 : 69, ended.stderr);
      assert.match(ended.stderr, /is damaged: its SHA-256 is not what it should be\. Get it again/);
    }
  }
  assert.deepEqual([...Deno.readDirSync(`${bench.path}/cache`)].map(({ name }) => name), [".lock"]);
  await assert.rejects(Deno.stat(`${bench.path}/unpacked`), Deno.errors.NotFound);
});

skippable("launcher: a byte that the disk changed while unpacking is found", async () => {
  const tar = `tar -xpo -f - -C "$rnbd_staging"`;
  const wrong = `{ ${tar} && printf "// Program\\n" >"$rnbd_staging/program/mod.js"; }`;
  await using bench = await launcherBench({ plant: [[tar, wrong]] });
  const env = { RNBD_APPLIANCE_CACHE_DIR: `${bench.path}/cache` };
  const ended = await bench.run([bench.file], { env });
  assert.equal(ended.started, false);
  assert.equal(ended.code, 69);
  assert.match(ended.stderr, /unpacking failed: program\/mod\.js: FAILED/);
  await assert.rejects(Deno.stat(`${bench.path}/cache/${bench.id}`), Deno.errors.NotFound);
});

skippable("launcher: a wrong byte in the cache is found by --verify-executable", async () => {
  await using bench = await launcherBench();
  const env = { RNBD_APPLIANCE_CACHE_DIR: `${bench.path}/cache` };
  await bench.run([bench.file], { env });
  const good = await bench.run([bench.file, "--verify-executable"], { env });
  assert.equal(good.stdout, `${bench.file}: OK\n${bench.path}/cache/${bench.id}: OK\n`);
  const main = `${bench.path}/cache/${bench.id}/program/mod.js`;
  await Deno.writeTextFile(main, "// Program\n");
  const bad = await bench.run([bench.file, "--verify-executable"], { env });
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /is damaged \(program\/mod\.js: FAILED\): remove it; the next start/);
});

skippable("launcher: what it needs and does not find", async () => {
  const tools = [["rnbd_tools=/usr/sbin:/usr/bin:/sbin:/bin", "rnbd_tools=$TOOLS"]] as const;
  await using bench = await launcherBench({ plant: tools });
  const folder = `${bench.path}/tools`;
  const env = { TOOLS: folder, RNBD_APPLIANCE_CACHE_DIR: `${bench.path}/cache` };
  for (const name of ["gzip", "sha256sum", "stat"]) {
    await bench.run(["sh", "-c", `mkdir "$0"; ln -s /usr/bin/* "$0"; rm "$0/${name}"`, folder]);
    const ended = await bench.run([bench.file], { env });
    assert.equal(ended.code, 69);
    assert.equal(
      ended.stderr,
      `rnbd-appliance: cannot unpack itself without the program ${name} in ${folder}\n`,
    );
    await Deno.remove(folder, { recursive: true });
  }
});

const LOADER = "/lib/ld-none.so.9";
const OLD = `#!/bin/sh
echo "$0: /lib/libc.so.6: version 'GLIBC_2.99' not found (required by $0)" >&2
exit 1
`;

skippable("launcher: another processor, no glibc, a glibc that is too old", async () => {
  const cases = [
    [{ machine: "s390x", loader: LOADER }, /this file is for s390x, this machine is \w+$/m],
    [{ loader: LOADER }, /needs glibc, which Debian has; here is none \(\/lib\/ld-none\.so\.9 is/],
    [{ runtime: OLD }, /needs a newer glibc \(Debian 12 has one\): .*GLIBC_2\.99/],
    [{ runtime: "#!/bin/sh\nexit 3\n" }, /the runtime does not run there/],
  ] as const;
  for (const [options, message] of cases) {
    await using bench = await launcherBench(options);
    const env = { RNBD_APPLIANCE_CACHE_DIR: `${bench.path}/cache` };
    const ended = await bench.run([bench.file], { env });
    assert.equal(ended.code, 69);
    assert.match(ended.stderr, message);
    await assert.rejects(Deno.stat(`${bench.path}/cache/${bench.id}`), Deno.errors.NotFound);
  }
});

skippable("launcher: fed to a shell's stdin, it says how to start it", async () => {
  await using bench = await launcherBench();
  const env = { RNBD_APPLIANCE_CACHE_DIR: `${bench.path}/cache` };
  const ended = await bench.run(["sh", "-c", `sh <"$0"`, bench.file], { env });
  assert.equal(ended.code, 69);
  assert.match(ended.stderr, /cannot find its own file .*; start it by its path/);
});

skippable("launcher: shellcheck finds nothing", async () => {
  const shellcheck = requireCommand("shellcheck", "shellcheck");
  await using bench = await launcherBench();
  const bytes = await Deno.readFile(bench.file);
  const script = `${bench.path}/script.sh`;
  await Deno.writeFile(script, bytes.subarray(0, scriptLength(bytes)));
  const ended = await bench.run([
    shellcheck,
    "--shell=sh",
    script,
  ]);
  assert.equal(ended.code, 0, ended.stdout);
});
