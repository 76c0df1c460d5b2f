/** What is on a machine: to be compared before a package came and after it went. */
import type { SystemGuest } from "./machine/system_guest.ts";

/** Sorted lines that say what there is. */
export type MachineRecord = readonly string[];

/** Folders that apt, systemd and the administrator write to whatever is installed. */
const NOT_OURS = [
  ...["/var/log", "/var/lib/dpkg", "/var/lib/apt", "/var/lib/systemd", "/var/cache/apt"],
  ...["/var/cache/ldconfig", "/tmp", "/var/tmp", "/root", "/mnt", "/srv/rnbd"],
];

const SCRIPT = `
find / -xdev \\( ${NOT_OURS.map((path) => `-path ${path}`).join(" -o ")} \\) -prune -o -print
find /run /dev -xdev -name '*rnbd-appliance*' -o -path '/dev/rnbd*' -o -name 'rnbd-*' \\
  -o -name 'ublk[bc]*' | grep -v '^/run/systemd/transient\\|^/run/udev/data'
getent passwd
getent group
systemctl list-unit-files --no-legend | sed 's/ .*//; s/^/unit /'
systemctl list-units --all --no-legend --plain | sed 's/ .*//; s/^/loaded /' | grep rnbd
pgrep -a rnbd-appliance
true
`;

/** Reads it. */
export const recordMachine = async (guest: SystemGuest): Promise<MachineRecord> =>
  (await guest.sh(SCRIPT)).trimEnd().split("\n").sort();

/** Debian's libibverbs1 makes this group for everybody's devices, and leaves it when it goes. */
const GROUP_OF_LIBRARY = /^rdma:x:\d+:$/;

/** Lines of `after` that `before` has not. */
export function newIn(after: MachineRecord, before: MachineRecord): string[] {
  const known = new Set(before);
  return after.filter((line) => !known.has(line) && !GROUP_OF_LIBRARY.test(line));
}
