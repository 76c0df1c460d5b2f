/** What a machine must have to boot guests, each with the Debian package that brings it. */
import { requireCommand, requireFile, SkipTest } from "../../support/skip.ts";

/** Programs that provisioning and booting run, with the package of each. */
const HOST_COMMANDS: readonly (readonly [command: string, debianPackage: string])[] = [
  ["qemu-system-x86_64", "qemu-system-x86"],
  ["setpriv", "util-linux"],
  ["apt-get", "apt"],
  ["dpkg", "dpkg"],
  ["tar", "tar"],
  ["xz", "xz-utils"],
  ["gzip", "gzip"],
  ["cpio", "cpio"],
  ["make", "make"],
  ["x86_64-linux-gnu-gcc-12", "gcc"],
  ["pahole", "pahole"],
  ["depmod", "kmod"],
  ["modprobe", "kmod"],
];

/** Programs that cases run inside the guest, which sees this machine's files. */
const GUEST_COMMANDS: readonly (readonly [command: string, debianPackage: string])[] = [
  ["fio", "fio"],
  ["ip", "iproute2"],
  ["rdma", "iproute2"],
  ["mkfs.ext4", "e2fsprogs"],
  ["e2fsck", "e2fsprogs"],
  ["sfdisk", "fdisk"],
  ["blkdiscard", "util-linux"],
  ["blockdev", "util-linux"],
  ["mount", "mount"],
  ["insmod", "kmod"],
  ["dmesg", "util-linux"],
];

/**
 * Notices at once what would only fail after a minute of work.
 * @throws {SkipTest} naming what is missing and how to get it
 */
export function requireVirtualMachines(): void {
  if (Deno.build.arch !== "x86_64" || Deno.build.os !== "linux") {
    throw new SkipTest(
      `the guest is an x86-64 Debian, this is ${Deno.build.os} on ${Deno.build.arch}`,
      "run the test command on an x86-64 Debian 12",
    );
  }
  for (const [command, debianPackage] of HOST_COMMANDS) requireCommand(command, debianPackage);
  requireFile("/bin/busybox", "the guest's first program; apt-get install busybox-static");
  requireFile("/usr/include/libelf.h", "building modules needs it; apt-get install libelf-dev");
  for (const [command, debianPackage] of GUEST_COMMANDS) requireCommand(command, debianPackage);
}
