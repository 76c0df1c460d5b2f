/** Who uses a disk: from a /proc and /sys made for the purpose, and from the real ones. */
import assert from "node:assert/strict";
import { devicesOfDisk, type KernelFiles, usersOf } from "../../src/ublk/users.ts";
import { temporaryDirectory } from "../support/temporary.ts";

async function write(path: string, text: string): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(path, text);
}

/** A machine with ublkb7 and one partition of it; ublkb70 is another disk. */
async function machine(root: string): Promise<KernelFiles> {
  await write(`${root}/sys/block/ublkb7/dev`, "259:3\n");
  await write(`${root}/sys/block/ublkb7/ublkb7p1/dev`, "259:4\n");
  await write(`${root}/sys/block/ublkb7/queue/dev`, "9:9\n");
  await write(`${root}/sys/block/ublkb70/dev`, "259:5\n");
  await write(`${root}/proc/self/mountinfo`, "");
  await write(`${root}/proc/swaps`, "Filename Type Size Used Priority\n");
  await open(root, 12, "idle", "/dev/ublkb70");
  return { proc: `${root}/proc`, sys: `${root}/sys`, dev: "/dev" };
}

async function open(root: string, pid: number, program: string, target: string): Promise<void> {
  await write(`${root}/proc/${pid}/comm`, `${program}\n`);
  await Deno.mkdir(`${root}/proc/${pid}/fd`, { recursive: true });
  await Deno.symlink(target, `${root}/proc/${pid}/fd/3`);
}

Deno.test("users: a disk that nobody uses, and one that is not there", async () => {
  await using directory = await temporaryDirectory();
  const files = await machine(directory.path);
  const devices = devicesOfDisk("ublkb7", files);
  assert.deepEqual([...devices], [["ublkb7", "259:3"], ["ublkb7p1", "259:4"]]);
  assert.deepEqual(usersOf(devices, files), []);
  assert.equal(devicesOfDisk("ublkb8", files).size, 0);
  assert.deepEqual(usersOf(devicesOfDisk("ublkb8", files), files), []);
});

Deno.test("users: processes, of a partition and of a disk that has gone too", async () => {
  await using directory = await temporaryDirectory();
  const files = await machine(directory.path);
  await open(directory.path, 20, "fio", "/dev/ublkb7");
  await open(directory.path, 21, "dd", "/dev/ublkb7p1");
  await open(directory.path, 22, "late", "/dev/ublkb7 (deleted)");
  const users = usersOf(devicesOfDisk("ublkb7", files), files);
  assert.deepEqual(users.sort(), ["process 20 (fio)", "process 21 (dd)", "process 22 (late)"]);
});

Deno.test("users: mounts by number and by source, swap, devices on top", async () => {
  await using directory = await temporaryDirectory();
  const files = await machine(directory.path);
  const mountinfo = [
    "36 35 259:4 / /srv/data rw,noatime shared:1 - ext4 /dev/ublkb7p1 rw",
    "37 35 0:40 / /srv/pool rw - btrfs /dev/ublkb7 rw,space_cache",
    "38 35 259:5 / /other rw - ext4 /dev/ublkb70 rw",
    "",
  ].join("\n");
  await write(`${files.proc}/self/mountinfo`, mountinfo);
  await write(`${files.proc}/1/mountinfo`, mountinfo);
  await write(`${files.proc}/swaps`, "Filename Type\n/dev/ublkb7p1 partition 1 0 -2\n");
  await write(`${files.sys}/dev/block/259:3/holders/dm-0`, "");
  assert.deepEqual(usersOf(devicesOfDisk("ublkb7", files), files), [
    "mounted on /srv/data",
    "mounted on /srv/pool",
    "swap",
    "device dm-0",
  ]);
});

Deno.test("users: this process is found by what it has open", () => {
  using _file = Deno.openSync("/dev/zero");
  const users = usersOf(new Map([["zero", "1:5"]]));
  assert.ok(users.some((user) => user.startsWith(`process ${Deno.pid} (`)), users.join());
});
