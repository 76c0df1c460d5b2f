/** What the package does with mapped block devices; loop devices stand in for those of ublk. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { attachLoopDevice, type LoopDevice, requireLoopDevices } from "../support/loop_device.ts";
import { run, tryRun } from "../support/process.ts";
import { repositoryRoot } from "../support/program.ts";
import { requireCommand, requireRoot, skippable } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const DISK_BYTES = 64 * 2 ** 20;
const UUID = "5eed0000-0000-4000-8000-000000000001";
const RULES = `${repositoryRoot}packaging/udev/61-rnbd-appliance.rules`;
const UNMOUNT = `${repositoryRoot}packaging/systemd/unmount-devices`;

/** Folders that a test fills, seen by nobody else. */
const PRIVATE_FOLDERS = ["/run", "/dev/block", "/dev/rnbd", "/dev/disk"];
const HIDE = `for folder in ${PRIVATE_FOLDERS.join(" ")}; do
  mkdir -p "$folder" && mount -t tmpfs tmpfs "$folder" || exit
done
`;

/** Runs a shell script in a mount namespace of its own, with these words as `$1` and on. */
async function inPrivate(script: string, ...words: string[]) {
  const missing = PRIVATE_FOLDERS.filter((path) => !existsSync(path));
  try {
    return await tryRun("unshare", ["--mount", "sh", "-c", HIDE + script, "sh", ...words]);
  } finally {
    for (const path of missing) await Deno.remove(path);
  }
}

async function formatted(): Promise<LoopDevice> {
  requireLoopDevices();
  requireCommand("mke2fs", "e2fsprogs");
  const device = await attachLoopDevice({ sizeBytes: DISK_BYTES });
  await run("mke2fs", ["-q", "-t", "ext4", "-U", UUID, "-L", "rnbd-test", device.path]);
  return device;
}

/** Links that udev would make for a loop device, `record` being what the program wrote of it. */
async function linksOf(device: string, record: string | undefined): Promise<string[]> {
  await using folder = await temporaryDirectory();
  // The rules of other packages know loop devices, and would make links of their own.
  const text = (await Deno.readTextFile(RULES)).replace('KERNEL!="ublkb*"', 'KERNEL!="loop*"');
  assert.match(text, /KERNEL!="loop\*"/);
  await Deno.writeTextFile(`${folder.path}/rules`, text);
  await Deno.writeTextFile(`${folder.path}/record`, record ?? "");
  const script = `mkdir -p /run/udev/rules.d /run/rnbd-appliance/udev
    cp "$1/rules" /run/udev/rules.d/61-rnbd-appliance.rules
    : >/run/udev/rules.d/60-persistent-storage.rules
    [ ! -s "$1/record" ] || cp "$1/record" "/run/rnbd-appliance/udev/$2"
    udevadm test --action=add "/sys/block/$2"`;
  const { stdout, stderr } = await inPrivate(script, folder.path, device.slice("/dev/".length));
  assert.doesNotMatch(stderr, /61-rnbd-appliance\.rules:\d+ (Invalid|Unknown|Failed)/);
  const links = /^DEVLINKS=(.*)$/m.exec(stdout)?.[1]?.split(" ") ?? [];
  return links.filter((link) => !link.includes("by-diskseq")).sort();
}

skippable(
  "udev: a device of ours has its name, also an odd one, and those of its content",
  async () => {
    requireRoot("udevadm test");
    requireCommand("udevadm", "udev");
    await using device = await formatted();
    assert.deepEqual(await linksOf(device.path, "RNBD_NAME=vm!disk-1@a+b,c~d.img\n"), [
      "/dev/disk/by-id/rnbd-vm!disk-1@a+b,c~d.img",
      "/dev/disk/by-label/rnbd-test",
      `/dev/disk/by-uuid/${UUID}`,
      "/dev/rnbd/vm!disk-1@a+b,c~d.img",
    ]);
  },
);

skippable("udev: a device of somebody else is left alone", async () => {
  requireRoot("udevadm test");
  requireCommand("udevadm", "udev");
  await using device = await formatted();
  assert.deepEqual(await linksOf(device.path, undefined), []);
});

const SHOW_MOUNTS = `findmnt -rn -o TARGET -S "$device"; true`;

/** Mounts `$1`, whose link is in /dev/rnbd, on `$2`; `$3` is the script to test. */
const MOUNTED = `device=$1 folder=$2 unmount=$3
ln -s "$device" /dev/rnbd/disk && mount "$device" "$folder" || exit
`;

skippable("unmount-devices: what nobody uses is unmounted, twice over too", async () => {
  await using device = await formatted();
  await using folder = await temporaryDirectory();
  const script = `${MOUNTED} mkdir "$folder/again"; mount "$device" "$folder/again"
    "$unmount" || exit; ${SHOW_MOUNTS}`;
  const result = await inPrivate(script, device.path, folder.path, UNMOUNT);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stdout, `unmounted ${device.path}\n`.repeat(2));
});

skippable("unmount-devices: what is in use is named, and waited for", async () => {
  await using device = await formatted();
  await using folder = await temporaryDirectory();
  const script = `${MOUNTED} (cd "$folder" && exec sleep 60) & user=$!
    sleep 0.5; "$unmount"; echo "exit code $?"
    (sleep 2; kill $user) & "$unmount"; echo "exit code $?"; ${SHOW_MOUNTS}`;
  const { stdout, stderr } = await inPrivate(script, device.path, folder.path, UNMOUNT);
  const lines = ["exit code 1", `unmounted ${device.path}`, "exit code 0", ""];
  assert.equal(stdout, lines.join("\n"));
  assert.ok(stderr.includes(`${device.path} is still in use at ${folder.path}`), stderr);
});

skippable("unmount-devices: without a shutdown, the unit's call touches nothing", async () => {
  requireCommand("systemctl", "systemd");
  await using device = await formatted();
  await using folder = await temporaryDirectory();
  const script = `${MOUNTED} "$unmount" --at-shutdown || exit; ${SHOW_MOUNTS}`;
  const { stdout } = await inPrivate(script, device.path, folder.path, UNMOUNT);
  assert.equal(stdout, `${folder.path}\n`);
});
