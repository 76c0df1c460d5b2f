/**
 * What other users plant in or around the cache must never run. Each attack is also made against a
 * launcher that lacks the check, where it must succeed: so the attack is one.
 */
import assert from "node:assert/strict";
import { skippable } from "../support/skip.ts";
import {
  ATTACKER,
  type Ended,
  launcherBench,
  type Plant,
  VICTIM,
} from "./support/launcher_bench.ts";

interface Attack {
  readonly name: string;
  /** For sh, as root; `hijack` changes $V's runtime, `start` starts the file as the victim. */
  readonly script: string;
  /** What shows in the output that the attack worked. */
  readonly fell: RegExp;
  /** What shows that it did not, and that things go on. */
  readonly held: RegExp;
  /** Takes the check away. */
  readonly plant?: readonly Plant[];
}

const SETUP = `
V=$DIR/cache/$ID; C=$V.code
start() { as ${VICTIM} "RNBD_APPLIANCE_CACHE_DIR=\${1:-$DIR/cache} $FILE" 2>&1; }
theirs() { chown -h ${ATTACKER} "$@"; }
hijack() { sed -i "s/^echo started$/echo hijack!/" "$V/runtime/rnbd-appliance"; }
mkdir "$DIR/cache"; chown ${VICTIM} "$DIR/cache"; start >/dev/null
`;

const NO_OWNER_CHECK: Plant = [`elif [ "$2" -ne 0 ] && [ "$2"`, `elif false && [ "$2"`];
const NO_MODE_CHECK: Plant = ["elif [ $(($1 & 0022)) -ne 0 ] &&", "elif false &&"];
const TRUST_ATTACKER: Plant = [`rnbd_expect "$rnbd_user"`, `rnbd_expect ${ATTACKER}`];

const ATTACKS: readonly Attack[] = [
  {
    name: "a runtime of the same size, and files, of another user's",
    script: `hijack; find "$V" -type f -exec chown ${ATTACKER} {} +; start`,
    fell: /^hijack!$/m,
    held: /^started$/m,
    plant: [TRUST_ATTACKER],
  },
  {
    name: "a folder of another user's with files of ours",
    script: `theirs "$V"; start; stat -c "owner %u" "$V"`,
    fell: new RegExp(`^owner ${ATTACKER}$`, "m"),
    held: new RegExp(`^started$[^]*^owner ${VICTIM}$`, "m"),
    plant: [NO_OWNER_CHECK],
  },
  {
    name: "a folder in it that is another user's",
    script: `theirs "$V/program/chunks"; start; stat -c "owner %u" "$V/program/chunks"`,
    fell: new RegExp(`^owner ${ATTACKER}$`, "m"),
    held: new RegExp(`^started$[^]*^owner ${VICTIM}$`, "m"),
    plant: [NO_OWNER_CHECK],
  },
  {
    name: "a folder that others can write",
    script: `chmod 0777 "$V"; start; stat -c "mode %a" "$V"`,
    fell: /^mode 777$/m,
    held: /^started$[^]*^mode 755$/m,
    plant: [NO_MODE_CHECK],
  },
  {
    name: "a file that others can write",
    script: `chmod 0666 "$V/program/mod.js"; start; stat -c "mode %a" "$V/program/mod.js"`,
    fell: /^mode 666$/m,
    held: /^started$[^]*^mode 644$/m,
    plant: [[`[ "$*" = "$rnbd_expected" ] && return`, "return"]],
  },
  {
    name: "a symlink of another user's to a good folder",
    script: `mv "$V" "$DIR/moved"; ln -s ../moved "$V"; theirs "$V"; start; stat -c "is %F" "$V"`,
    fell: /^is symbolic link$/m,
    held: /^started$[^]*^is directory$/m,
    plant: [[`version) set -- "$@" "$rnbd_inside"`, `version) set -- "$@" "$rnbd_inside/."`]],
  },
  {
    name: "a symlink of another user's in it",
    script: `mv "$V/program" "$DIR/moved"; ln -s ../../moved "$V/program"; theirs "$V/program"
      start; stat -c "is %F" "$V/program"`,
    fell: /^is symbolic link$/m,
    held: /^started$[^]*^is directory$/m,
    plant: [[
      "    rnbd_judge_folder $((0x$1))",
      `    [ $rnbd_step -gt $rnbd_parents ] || rnbd_judge_folder $((0x$1))`,
    ]],
  },
  {
    name: "a cache in a folder of another user's",
    script: `mkdir "$DIR/theirs"; mv "$DIR/cache" "$DIR/theirs"; theirs "$DIR/theirs"
      start "$DIR/theirs/cache"`,
    fell: /^started$/m,
    held: new RegExp(`/theirs belongs to user ${ATTACKER}, who could change what runs$`, "m"),
    plant: [NO_OWNER_CHECK],
  },
  {
    name: "a cache in a folder that others can write",
    script: `mkdir -m 0777 "$DIR/open"; mv "$DIR/cache" "$DIR/open"; start "$DIR/open/cache"`,
    fell: /^started$/m,
    held: /\/open can be written by others, who could change what runs$/m,
    plant: [NO_MODE_CHECK],
  },
  {
    name: "a cache folder that others can add to",
    script: `chmod 1777 "$DIR/cache"; start`,
    fell: /^started$/m,
    held: /\/cache can be written by others, who could change what runs$/m,
    plant: [["-eq 0 ] || [ $rnbd_step -ge $rnbd_parents ]", "-eq 0 ]"]],
  },
  {
    name: "a symlink of another user's on the way, which he can turn",
    script: `ln -s "$DIR/cache" "$DIR/tmp/link"; theirs "$DIR/tmp/link"; start "$DIR/tmp/link"`,
    fell: /^word <.*\/tmp\/link\/.*mod\.js>$/m,
    held: /^word <.*\/cache\/.*mod\.js>$/m,
    plant: [["rnbd_root=${rnbd_root%?x}", `rnbd_root=$1; rnbd_look "$2"; return 0`]],
  },
  {
    name: "a code cache that is another user's",
    script: `theirs "$C"; start`,
    fell: /^env DENO_DIR=.*\.code$/m,
    held: /^env DENO_DIR=\/dev\/null\/none$/m,
    plant: [[`[ "$5" = "$rnbd_user" ]`, "true"]],
  },
  {
    name: "a code cache that others can write",
    script: `chmod 0777 "$C"; start`,
    fell: /^env DENO_DIR=.*\.code$/m,
    held: /^env DENO_DIR=\/dev\/null\/none$/m,
    plant: [["0170022", "0170000"]],
  },
  {
    name: "a file in the code cache that is another user's",
    script: `touch "$C/v8_code_cache_v2"; theirs "$C/v8_code_cache_v2"; start`,
    fell: /^env DENO_DIR=.*\.code$/m,
    held: /^env DENO_DIR=\/dev\/null\/none$/m,
    plant: [["rnbd_code=''\n      break", "break"]],
  },
  {
    name: "a symlink for a code cache",
    script: `rmdir "$C"; mkdir "$DIR/theirs"; ln -s ../theirs "$C"; theirs "$C"; start`,
    fell: /^env DENO_DIR=.*\.code$/m,
    held: /^env DENO_DIR=\/dev\/null\/none$/m,
    plant: [["0170022", "0000000"], [
      "$((0040000)) ]; then\n    rnbd_code",
      "0 ]; then\n    rnbd_code",
    ], [
      `[ "$5" = "$rnbd_user" ]`,
      "true",
    ]],
  },
  {
    name: "root with the HOME of a user",
    script: `mount -o remount,size=64k /var/cache; rm -rf "$V" "$C"
      env HOME="$DIR/cache" "$FILE" 2>&1; ls -A "$DIR/cache"`,
    fell: /^word <.*\/cache\/\.cache\/.*mod\.js>$/m,
    held: /\/cache belongs to user 65534, [^]*^word <.*\/tmp\/rnbd-appliance\..*mod\.js>$/m,
    plant: [NO_OWNER_CHECK],
  },
  {
    name: "a temporary folder that another user made",
    script: `hijack; mv "$DIR/cache" "$DIR/tmp/rnbd-appliance.abcdefghij"
      chmod 0755 "$DIR/tmp/rnbd-appliance.abcdefghij"; chown -R ${ATTACKER} "$DIR"/tmp/rnbd*
      as ${VICTIM} "$FILE" 2>&1`,
    fell: /^hijack!$/m,
    held: /^started$/m,
    plant: [[`[ -O "$rnbd_each" ] && "$1"`, `"$1"`], NO_OWNER_CHECK, TRUST_ATTACKER],
  },
  {
    name: "a hard link to our runtime",
    script: `ln "$V/runtime/rnbd-appliance" "$DIR/tmp/theirs"; stat -c "was %i" "$V/runtime"
      start; stat -c "is %i" "$V/runtime"`,
    fell: /^hijack!$/m,
    held: /^was (\d+)$[^]*^started$[^]*^is \1$/m,
  },
];

async function attack({ script }: Attack, plant: readonly Plant[]): Promise<Ended> {
  await using bench = await launcherBench({ plant });
  return await bench.script(SETUP + script);
}

for (const one of ATTACKS) {
  skippable(`launcher trust: ${one.name}`, async () => {
    const { stdout, stderr } = await attack(one, []);
    assert.doesNotMatch(stdout, one.fell);
    assert.match(stdout, one.held, stderr);
    assert.doesNotMatch(stdout, /^hijack!$/m);
    if (one.plant === undefined) return;
    const without = await attack(one, one.plant);
    assert.match(without.stdout, one.fell, `not an attack: ${without.stderr}`);
  });
}
