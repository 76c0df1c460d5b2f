/** The judgement over the machine under systemd notices what it is there for, without a machine. */
import assert from "node:assert/strict";
import { requireCommand, skippable } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { run } from "../support/process.ts";
import { CASES } from "./cases/table.ts";
import { alarmsIn } from "./guest_log.ts";
import { checkLoad, recordText } from "./load.ts";
import { makeExt4, readExt4 } from "./machine/ext4_image.ts";
import { newIn } from "./machine_record.ts";

const HARMLESS = [
  "[  OK  ] Unmounted mnt-data.mount - /mnt/data.",
  "EXT4-fs (ublkb0): unmounting filesystem 5f1c.",
  "EXT4-fs (ublkb0): mounted filesystem 5f1c r/w with ordered data mode. Quota mode: none.",
  "systemd-shutdown[1]: Sending SIGTERM to remaining processes...",
];

for (
  const alarm of [
    "[FAILED] Failed unmounting mnt-data.mount - /mnt/data.",
    "Buffer I/O error on dev ublkb0, logical block 1, lost async page write",
    "EXT4-fs error (device ublkb0): ext4_find_entry:1455: inode #2: reading directory lblock 0",
    "Aborting journal on device ublkb0-8.",
    "Kernel panic - not syncing: Attempted to kill init!",
    "INFO: task umount:411 blocked for more than 120 seconds.",
    "rnbd-appliance.service: State 'stop-sigterm' timed out. Killing.",
  ]
) {
  Deno.test(`log of the guest: alarm for ${alarm}`, () => {
    assert.deepEqual(alarmsIn([...HARMLESS, alarm].join("\n")), [alarm]);
  });
}

Deno.test("log of the guest: an orderly end raises no alarm", () => {
  assert.deepEqual(alarmsIn(HARMLESS.join("\n")), []);
});

Deno.test("machine record: only what is new counts", () => {
  assert.deepEqual(newIn(["/a", "/b", "unit c"], ["/a", "/gone"]), ["/b", "unit c"]);
  // Of a library, by Debian's own rules; any other group is ours.
  assert.deepEqual(newIn(["rdma:x:106:", "rnbd:x:107:"], []), ["rnbd:x:107:"]);
});

Deno.test("cases: names are unique, and the foundations come first", () => {
  assert.equal(new Set(CASES.map(({ name }) => name)).size, CASES.length);
  const kinds = CASES.map(({ isFoundation }) => isFoundation === true);
  assert.equal(kinds.lastIndexOf(true) + 1, kinds.filter((kind) => kind).length);
});

skippable("file system: one that nobody unmounted is told from one that somebody did", async () => {
  requireCommand("debugfs", "e2fsprogs");
  await using folder = await temporaryDirectory();
  const image = `${folder.path}/image`;
  await makeExt4(image, 8 << 20, "data");
  assert.deepEqual(await readExt4(image), { needsRecovery: false, state: "clean", problems: "" });
  await run("debugfs", ["-w", "-R", "feature needs_recovery", image]);
  assert.equal((await readExt4(image)).needsRecovery, true);
  await run("debugfs", ["-w", "-R", "feature -needs_recovery", image]);
  await run("debugfs", ["-w", "-R", "clri <11>", image]);
  assert.notEqual((await readExt4(image)).problems, "");
});

/** The records 0 to `count` - 1 of a process. */
const records = (prefix: string, process: number, count: number): string =>
  Array.from({ length: count }, (_, number) => recordText(prefix, process, number)).join("");

skippable(
  "load: a record that was synced and is not there, or is another one, is lost",
  async () => {
    requireCommand("debugfs", "e2fsprogs");
    await using folder = await temporaryDirectory();
    const files = `${folder.path}/files`;
    const image = `${folder.path}/image`;
    await Deno.mkdir(files);
    await Deno.writeTextFile(`${files}/service-0`, records("service", 0, 3));
    // Too short by a byte, and with a block that belongs elsewhere.
    await Deno.writeTextFile(`${files}/service-1`, records("service", 1, 2).slice(0, -1));
    await Deno.writeTextFile(`${files}/session-0`, records("session", 1, 1));
    await run("mke2fs", ["-q", "-t", "ext4", "-d", files, image, "8M"]);
    // The last line is cut off: nobody was told of it.
    const told = ["0 0\n0 1\n1 0\n0 2\n1 1\n", "0 0\n1 "];
    assert.deepEqual(await checkLoad(told, image), {
      acknowledged: 6,
      lost: [
        "service-1: record 1 of 1 is not there",
        "session-0: record 0 of 0 is not there",
      ],
    });
  },
);
