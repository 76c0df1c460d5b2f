/** `--unpack DIR`: a folder that runs where it lies, without a cache. */
import assert from "node:assert/strict";
import { requireCommand, skippable } from "../support/skip.ts";
import { launcherBench, SHELLS, VICTIM } from "./support/launcher_bench.ts";

for (const shell of SHELLS) {
  skippable(
    `launcher under ${shell.join(" ")}: --unpack makes a folder that runs in place`,
    async () => {
      requireCommand(shell[0] ?? "", shell[0] ?? "");
      await using bench = await launcherBench();
      const word = shell.join(" ");
      const ended = await bench.script(`set -e
      umask 077; cd "$DIR"; ${word} "$FILE" --unpack "lib x/"; umask 022; mkdir "$DIR/bin"
      (cd "lib x"; find . -printf "%m %U %y %P\\n" | sort -k4)
      mv "lib x" lib; ln -s ../lib/rnbd-appliance bin/rnbd-appliance; rm "$FILE"
      echo relative; cd lib; ${word} ./rnbd-appliance; cd /
      echo linked; PATH="$DIR/bin:$PATH" rnbd-appliance "a  b" fail || echo "code $?"
      ${word} "$DIR/bin/rnbd-appliance" --verify-executable
      find /var/cache/rnbd-appliance`);
      assert.equal(ended.code, 0, ended.stderr);
      const [files = "", relative = "", linked = ""] = ended.stdout.split(
        /^(?:relative|linked)\n/m,
      );
      assert.deepEqual(files.trimEnd().split("\n"), [
        "755 0 d ",
        "755 0 d program",
        "755 0 d program/chunks",
        "644 0 f program/chunks/one.js",
        "644 0 f program/mod.js",
        "755 0 f rnbd-appliance",
        "755 0 d runtime",
        "755 0 f runtime/rnbd-appliance",
      ]);
      const lib = `${bench.path}/lib`;
      assert.ok(relative.includes(`word <${lib}/./program/mod.js>`), relative);
      assert.ok(linked.includes(`word <${lib}/program/mod.js>\nword <a  b>\n`), linked);
      assert.match(linked, /^code 42$/m);
      assert.match(linked, /\/lib: OK$/m);
      const code = `/var/cache/rnbd-appliance/${bench.id}.code`;
      assert.ok(linked.includes(`\nenv DENO_DIR=${code}\n`), linked);
      assert.ok(linked.endsWith(`\n/var/cache/rnbd-appliance\n${code}\n`), "no unpacked copy");
    },
  );
}

skippable("launcher: the code cache of an unpacked folder", async () => {
  await using bench = await launcherBench();
  const cases: readonly (readonly [string, string])[] = [
    [
      `CACHE_DIRECTORY="$DIR/service" "$DIR/lib/rnbd-appliance"`,
      "/var/cache/rnbd-appliance/ID.code",
    ],
    [
      `mount -o remount,ro /var/cache; CACHE_DIRECTORY="$DIR/service" "$DIR/lib/rnbd-appliance"`,
      "DIR/service/ID.code",
    ],
    [
      `as ${VICTIM} "HOME=$DIR/home $DIR/lib/rnbd-appliance"`,
      "DIR/home/.cache/rnbd-appliance/ID.code",
    ],
    [`as ${VICTIM} "HOME=/nowhere $DIR/lib/rnbd-appliance"`, "/dev/null/none"],
  ];
  await bench.run([bench.file, "--unpack", `${bench.path}/lib`]);
  for (const [command, expected] of cases) {
    const ended = await bench.script(`mkdir "$DIR/service" "$DIR/home"
      chown ${VICTIM} "$DIR/home"\n${command}; rm -rf "$DIR/service" "$DIR/home" "$DIR/tmp"`);
    const code = expected.replace("DIR", bench.path).replace("ID", bench.id);
    assert.ok(ended.stdout.includes(`\nenv DENO_DIR=${code}\n`), ended.stdout + ended.stderr);
    const without = ended.stdout.includes("word <--no-code-cache>");
    assert.equal(without, expected === "/dev/null/none");
  }
});

skippable("launcher: code caches of versions that are gone go with the next one made", async () => {
  await using bench = await launcherBench();
  const ended = await bench.script(`"$FILE" --unpack "$DIR/lib"; cd /var/cache
    mkdir -p rnbd-appliance/0.9.0-0123456789abcdef.code rnbd-appliance/0.8.0-0123456789abcdef
    mkdir rnbd-appliance/0.8.0-0123456789abcdef.code rnbd-appliance/other.code
    "$DIR/lib/rnbd-appliance" >/dev/null; ls rnbd-appliance`);
  assert.equal(ended.code, 0, ended.stderr);
  const kept = ["0.8.0-0123456789abcdef", "0.8.0-0123456789abcdef.code"];
  assert.deepEqual(ended.stdout.trimEnd().split("\n"), [...kept, `${bench.id}.code`, "other.code"]);
});

skippable("launcher: --unpack into what is not new or empty leaves it alone", async () => {
  await using bench = await launcherBench();
  const ended = await bench.script(`cd "$DIR"; mkdir empty full mount; echo mine >full/file
    echo mine >plain; mount -t tmpfs none mount; mkdir small; mount -t tmpfs -o nr_inodes=4 none small
    for target in empty full plain mount missing/deep small/new; do
      "$FILE" --unpack "$target"; echo "$target $?"; done
    "$FILE" --unpack; echo "none $?"; "$FILE" --unpack a b; echo "two $?"
    empty/rnbd-appliance --unpack new; echo "unpacked $?"
    cat full/file plain; ls -A . small; ls empty`);
  const codes = [...ended.stdout.matchAll(/^(\S+) (\d+)$/gm)].map((m) => `${m[1]} ${m[2]}`);
  assert.deepEqual(codes, [
    ...["empty 0", "full 1", "plain 1", "mount 1", "missing/deep 1", "small/new 1"],
    ...["none 64", "two 64", "unpacked 64"],
  ]);
  assert.match(ended.stderr, /full must be new or an empty folder, and no mount point/);
  assert.match(ended.stderr, /unpacking failed: .*No space left on device/);
  assert.match(ended.stdout, /^mine\nmine$/m);
  assert.doesNotMatch(ended.stdout, /^\.rnbd-appliance\./m, "nothing half is left");
});
