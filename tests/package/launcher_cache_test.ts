/** Where the launcher keeps what it unpacks: choice of the folder, room, rivals, what remains. */
import assert from "node:assert/strict";
import { skippable } from "../support/skip.ts";
import {
  type Ended,
  launcherBench,
  makeFile,
  type Plant,
  SHELLS,
  VICTIM,
} from "./support/launcher_bench.ts";

/** The folder that the program was started from. */
const place = (ended: Ended): string | undefined =>
  /^word <(.*)\/program\/mod\.js>$/m.exec(ended.stdout)?.[1];

skippable("launcher cache: the folder of root, of a user, of an operator's choice", async () => {
  await using bench = await launcherBench();
  const cases: readonly (readonly [string, string])[] = [
    [`"$FILE"`, `/var/cache/rnbd-appliance/${bench.id}`],
    [`RNBD_APPLIANCE_CACHE_DIR="$DIR/a//" "$FILE"`, `${bench.path}/a/${bench.id}`],
    [`HOME=$DIR/home "$FILE"`, `/var/cache/rnbd-appliance/${bench.id}`],
    [user(`HOME=$DIR/home "$FILE"`), `${bench.path}/home/.cache/rnbd-appliance/${bench.id}`],
    [
      user(`HOME=$DIR/home XDG_CACHE_HOME=$DIR/home/xdg "$FILE"`),
      `${bench.path}/home/xdg/rnbd-appliance/${bench.id}`,
    ],
    [
      user(`HOME=$DIR/home XDG_CACHE_HOME=relative "$FILE"`),
      `${bench.path}/home/.cache/rnbd-appliance/${bench.id}`,
    ],
    [
      user(`HOME=$DIR/home CACHE_DIRECTORY=$DIR/home/service:/x "$FILE"`),
      `${bench.path}/home/service/${bench.id}`,
    ],
  ];
  for (const [command, expected] of cases) {
    const clean =
      `rm -rf "$DIR/home" "$DIR/tmp"/*; mkdir "$DIR/home"; chown ${VICTIM} "$DIR/home"\n`;
    const ended = await bench.script(`${clean}${command}`);
    assert.equal(place(ended), expected, `${command}: ${ended.stderr}`);
    assert.equal(ended.stderr, "");
    await Deno.remove(`${bench.path}/tmp`, { recursive: true });
  }
  const relative = await bench.script(`RNBD_APPLIANCE_CACHE_DIR=cache "$FILE"`);
  assert.equal(relative.code, 78);
  assert.match(relative.stderr, /RNBD_APPLIANCE_CACHE_DIR is no absolute path: cache/);
});

/** The script as the user {@link VICTIM}; it must have no single quotes. */
const user = (script: string): string => `as ${VICTIM} '${script}'`;

skippable(
  "launcher cache: users share what root unpacked, each with a code cache of his",
  async () => {
    await using bench = await launcherBench();
    const ended = await bench.script(`"$FILE" >/dev/null; mkdir "$DIR/home"
    chown ${VICTIM} "$DIR/home"; ${user(`HOME=$DIR/home "$FILE"`)}; find "$DIR/home" -type f`);
    assert.equal(place(ended), `/var/cache/rnbd-appliance/${bench.id}`, ended.stderr);
    const code = `${bench.path}/home/.cache/rnbd-appliance/${bench.id}.code`;
    assert.match(ended.stdout, new RegExp(`^env DENO_DIR=${code}$`, "m"));
    assert.doesNotMatch(ended.stdout, /^\/.*rnbd-appliance/m, "nothing was unpacked for the user");
  },
);

skippable("launcher cache: a later start writes nothing", async () => {
  await using bench = await launcherBench();
  const list = `find /var/cache -printf "%p %i %C@ %m\\n" | sort`;
  const ended = await bench.script(`"$FILE" >/dev/null; ${list} >"$DIR/before"
    "$FILE" >/dev/null; ${list} >"$DIR/after"; cmp "$DIR/before" "$DIR/after"`);
  assert.equal(ended.code, 0, ended.stdout + ended.stderr);
});

for (
  const [shell, lock] of [...SHELLS.map((s) => [s, true] as const), [["dash"], false] as const]
) {
  const how = lock ? "" : " without locks";
  skippable(`launcher cache: ten first starts at once under ${shell.join(" ")}${how}`, async () => {
    const plant = [["flock -w 60 8 2>/dev/null", "false"]] as const;
    await using bench = await launcherBench(lock ? {} : { plant });
    const env = { RNBD_APPLIANCE_CACHE_DIR: `${bench.path}/cache` };
    const all = await Promise.all(
      Array.from({ length: 10 }, () => bench.run([...shell, bench.file], { env })),
    );
    for (const ended of all) {
      assert.equal(ended.started, true, ended.stderr);
      assert.equal(place(ended), `${env.RNBD_APPLIANCE_CACHE_DIR}/${bench.id}`);
      assert.equal(ended.stderr, "");
    }
    const left = [...Deno.readDirSync(env.RNBD_APPLIANCE_CACHE_DIR)].map(({ name }) => name);
    assert.deepEqual(left.sort(), [".lock", bench.id, `${bench.id}.code`]);
  });
}

/** Where a power cut may come: before the first of these words, or after the last. */
const MOMENTS: readonly (readonly [string, Plant])[] = [
  ["nothing is in the new folder", ["rnbd_check_probe && rnbd_fill", "CUT; rnbd_fill"]],
  ["half is unpacked", ["tar -xpo -f - -C", "tar --exclude=program -xpo -f - && CUT; cd -P -- "]],
  ["all is unpacked", ["rnbd_put_in_place || return", "CUT"]],
  ["it has its name", ["rnbd_remove_old >/dev/null 2>&1", "CUT"]],
];

for (const [moment, [part, instead]] of MOMENTS) {
  skippable(`launcher cache: killed when ${moment}, the next start repairs`, async () => {
    // All of its processes die, as with a power cut.
    await using bench = await launcherBench({
      plant: [[part, instead.replace("CUT", "kill -KILL 0")]],
    });
    const cache = `${bench.path}/cache`;
    const env = { RNBD_APPLIANCE_CACHE_DIR: cache };
    const script = `setsid --wait "$0"; find "$1" -maxdepth 1 -printf "%f\\n"`;
    const killed = await bench.run(["sh", "-c", script, bench.file, cache], { env });
    assert.equal(killed.started, false);
    assert.match(killed.stdout, moment === "it has its name" ? /^1\.0\.0-/m : /^\.unpack\./m);
    const id = await makeFile(`${bench.path}/sound`);
    const ended = await bench.run([`${bench.path}/sound`], { env });
    assert.equal(place(ended), `${cache}/${id}`, ended.stderr);
    const left = [...Deno.readDirSync(cache)].map(({ name }) => name).sort();
    assert.deepEqual(left, [".lock", id, `${id}.code`]);
  });
}

skippable("launcher cache: killed at any moment, the same file starts again", async () => {
  await using bench = await launcherBench();
  const cache = `${bench.path}/cache`;
  const env = { RNBD_APPLIANCE_CACHE_DIR: cache };
  for (let delayMs = 5; delayMs < 160; delayMs *= 2) {
    const command = `setsid "$0" & sleep ${delayMs / 1000}; kill -KILL -$!; wait $!`;
    await bench.run(["sh", "-c", command, bench.file], { env });
    const ended = await bench.run([bench.file], { env });
    assert.equal(place(ended), `${cache}/${bench.id}`, `after ${delayMs} ms: ${ended.stderr}`);
    const left = [...Deno.readDirSync(cache)].map(({ name }) => name).sort();
    assert.deepEqual(left, [".lock", bench.id, `${bench.id}.code`], `after ${delayMs} ms`);
    await Deno.remove(cache, { recursive: true });
  }
});

const DAMAGE: readonly (readonly [string, string])[] = [
  ["a file cut short", `truncate -s -1 "$V/program/mod.js"`],
  ["an empty runtime", `: >"$V/runtime/rnbd-appliance"`],
  ["a missing file", `rm "$V/program/chunks/one.js"`],
  ["a missing folder", `rm -r "$V/program/chunks"`],
  ["no marker", `rm "$V/.verified"`],
  ["a runtime that is not executable", `chmod -x "$V/runtime/rnbd-appliance"`],
  ["a file in its place", `rm -r "$V"; : >"$V"`],
  ["a dangling symlink in its place", `rm -r "$V"; ln -s nowhere "$V"`],
  ["an empty folder in its place", `rm -r "$V"; mkdir "$V"`],
];

for (const [name, damage] of DAMAGE) {
  skippable(`launcher cache: ${name} is noticed and unpacked again`, async () => {
    await using bench = await launcherBench();
    const ended = await bench.script(`V=/var/cache/rnbd-appliance/$ID; "$FILE" >/dev/null
      ${damage}; "$FILE" || exit; ls -A /var/cache/rnbd-appliance; "$FILE" --verify-executable`);
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(place(ended), `/var/cache/rnbd-appliance/${bench.id}`);
    assert.ok(ended.stdout.includes(`\n.lock\n${bench.id}\n${bench.id}.code\n`), ended.stdout);
  });
}

skippable("launcher cache: a full disk is named with sizes, and the next folder used", async () => {
  await using bench = await launcherBench();
  const small = `mkdir "$DIR/small"; mount -t tmpfs -o size=64k,mode=755 none "$DIR/small"\n`;
  const chosen = await bench.script(`${small}
    RNBD_APPLIANCE_CACHE_DIR=$DIR/small "$FILE"; code=$?; ls -A "$DIR/small"; exit $code`);
  assert.equal(chosen.code, 69);
  assert.match(chosen.stderr, /\/small: the disk is full: \d+ MB needed, 0 MB free\nSet RNBD_APPL/);
  assert.equal(chosen.stdout, ".lock\n");
  const root = await bench.script(`mount -t tmpfs -o size=64k none /var/cache
    HOME=$DIR/home; export HOME; mkdir "$HOME"; "$FILE"`);
  assert.equal(place(root), `${bench.path}/home/.cache/rnbd-appliance/${bench.id}`, root.stderr);
  // Room for bytes, none for files: this is met while unpacking.
  const during = await bench.script(`mkdir "$DIR/few"
    mount -t tmpfs -o size=64m,nr_inodes=10,mode=755 none "$DIR/few"
    RNBD_APPLIANCE_CACHE_DIR=$DIR/few "$FILE"; code=$?; ls -A "$DIR/few"; exit $code`);
  assert.equal(during.code, 69);
  assert.match(during.stderr, /few: unpacking failed: .*No space left on device \(5 MB needed, /);
  assert.equal(during.stdout, ".lock\n", "nothing half is left");
});

skippable("launcher cache: read-only and noexec folders", async () => {
  await using bench = await launcherBench();
  const home = `mkdir "$DIR/home"; mount -t tmpfs -o OPTIONS none "$DIR/home"\n`;
  for (
    const [options, why] of [["ro", /cannot be written/], ["noexec", /mounted noexec/]] as const
  ) {
    const mount = home.replace("OPTIONS", `${options},mode=755,uid=${VICTIM}`);
    const ended = await bench.script(mount + user(`HOME=$DIR/home "$FILE"`));
    assert.match(
      place(ended) ?? "",
      /\/tmp\/rnbd-appliance\.\w{10}\/1\.0\.0-\w{16}$/,
      ended.stderr,
    );
    assert.match(ended.stderr, why);
    await Deno.remove(`${bench.path}/tmp`, { recursive: true });
    const chosen = await bench.script(
      mount + user(`RNBD_APPLIANCE_CACHE_DIR=$DIR/home "$FILE"; ls "$DIR/tmp"`),
    );
    assert.equal(chosen.started, false);
    assert.match(chosen.stderr, why);
    assert.equal(chosen.stdout, "", "the chosen folder is the only one");
    await bench.run(["rm", "-rf", `${bench.path}/tmp`, `${bench.path}/home`]);
  }
  const later = await bench.script(`export HOME="$DIR/tmp"; "$FILE" >/dev/null
    mount -o remount,noexec /var/cache; "$FILE"`);
  assert.equal(place(later), `${bench.path}/tmp/.cache/rnbd-appliance/${bench.id}`, later.stderr);
});

skippable("launcher cache: a temporary folder is private, and found again", async () => {
  await using bench = await launcherBench();
  const ended = await bench.script(`
    ${user(`"$FILE"`)} 2>"$DIR/said"; ${user(`"$FILE" later`)}; ls -A "$DIR/tmp" | wc -l
    stat -c "mode %a %u" "$DIR"/tmp/*; cat "$DIR/said"`);
  const places = [...ended.stdout.matchAll(/^word <(.*)\/program\/mod\.js>$/gm)].map((m) => m[1]);
  assert.equal(places.length, 2, ended.stderr);
  assert.equal(places[0], places[1]);
  assert.match(ended.stdout, new RegExp(`^1\nmode 700 ${VICTIM}$`, "m"));
  assert.match(ended.stdout, /unpacked into .*, because of:\n {2}\/var\/cache.*cannot be written/);
  assert.equal(ended.stderr, "");
});

skippable("launcher cache: other versions go, but not the one that runs", async () => {
  if (Deno.build.arch !== "x86_64") return;
  await using bench = await launcherBench();
  // _start: with two words (name, --version) exit(0), else pause().
  const code = [0x58, 0x3c, 2, 0x74, 7, 0xb8, 34, 0, 0, 0, 0x0f, 5, 0x31, 0xff];
  const runtime = tinyElf([...code, 0xb8, 60, 0, 0, 0, 0x0f, 5]);
  const running = await makeFile(`${bench.path}/running`, { version: "0.8.0", runtime });
  const idle = await makeFile(`${bench.path}/idle`, { version: "0.9.0" });
  const ended = await bench.script(`"$DIR/running" & sleep 1; "$DIR/idle" >/dev/null
    ls /var/cache/rnbd-appliance; echo; mkdir /var/cache/rnbd-appliance/theirs-0123456789abcdef
    "$FILE" >/dev/null; ls /var/cache/rnbd-appliance; kill %1 2>/dev/null || kill $!`);
  const [before = "", after = ""] = ended.stdout.split("\n\n");
  assert.deepEqual(before.split("\n"), [running, `${running}.code`, idle, `${idle}.code`]);
  assert.deepEqual(after.trimEnd().split("\n"), [
    running,
    `${running}.code`,
    bench.id,
    `${bench.id}.code`,
    "theirs-0123456789abcdef",
  ]);
});

/** The least x86-64 ELF executable around `code`. */
function tinyElf(code: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(120 + code.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint32(16, 0x3e_0002, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, 0x400078n, true);
  view.setBigUint64(32, 64n, true);
  view.setUint32(52, 0x38_0040, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 1, true);
  view.setUint32(68, 5, true);
  view.setBigUint64(80, 0x400000n, true);
  view.setBigUint64(88, 0x400000n, true);
  view.setBigUint64(96, BigInt(bytes.length), true);
  view.setBigUint64(104, BigInt(bytes.length), true);
  view.setBigUint64(112, 0x1000n, true);
  bytes.set(code, 120);
  return bytes;
}
