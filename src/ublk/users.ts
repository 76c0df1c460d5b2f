/**
 * Who uses a block device: processes that have it or a partition of it open, mounts, swap, and
 * devices on top of it (device mapper, md, loop).
 */
import { listSystemFolder, readSystemLink, readSystemText } from "../ffi/system_files.ts";
import { SETTLE_RETRY_MS, SETTLE_TIMEOUT_MS } from "./limits.ts";

/** Where the kernel tells; another root in tests. */
export interface KernelFiles {
  readonly proc: string;
  readonly sys: string;
  readonly dev: string;
}

const SYSTEM: KernelFiles = { proc: "/proc", sys: "/sys", dev: "/dev" };

function names(directory: string): string[] {
  try {
    return listSystemFolder(directory);
  } catch {
    return [];
  }
}

function text(path: string): string {
  try {
    return readSystemText(path);
  } catch {
    return "";
  }
}

function link(path: string): string {
  try {
    return readSystemLink(path);
  } catch {
    return "";
  }
}

/** A disk and its partitions: names in /dev and `major:minor`. */
export type DiskDevices = ReadonlyMap<string, string>;

/** What belongs to `disk` (its name in /dev); empty when there is no such disk. */
export function devicesOfDisk(disk: string, { sys }: KernelFiles = SYSTEM): DiskDevices {
  const directory = `${sys}/block/${disk}`;
  const devices = new Map<string, string>();
  const number = (path: string) => text(`${path}/dev`).trim();
  if (number(directory) !== "") devices.set(disk, number(directory));
  for (const name of names(directory)) {
    if (!name.startsWith(`${disk}p`)) continue;
    const partition = number(`${directory}/${name}`);
    if (partition !== "") devices.set(name, partition);
  }
  return devices;
}

function openers(devices: DiskDevices, { proc, dev }: KernelFiles): string[] {
  const paths = new Set(
    [...devices.keys()].flatMap((name) => [`${dev}/${name}`, `${dev}/${name} (deleted)`]),
  );
  return names(proc).filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    const fds = names(`${proc}/${pid}/fd`);
    if (!fds.some((fd) => paths.has(link(`${proc}/${pid}/fd/${fd}`)))) return [];
    return [`process ${pid} (${text(`${proc}/${pid}/comm`).trim() || "?"})`];
  });
}

/** proc_pid_mountinfo(5): field 3 is major:minor, 5 the mount point; the source follows " - ". */
function mounts(devices: DiskDevices, { proc, dev }: KernelFiles): string[] {
  const numbers = new Set(devices.values());
  const paths = new Set([...devices.keys()].map((name) => `${dev}/${name}`));
  const points = [`${proc}/self/mountinfo`, `${proc}/1/mountinfo`].flatMap((file) =>
    text(file).split("\n").flatMap((line) => {
      const [fields = "", after = ""] = line.split(" - ");
      const [, , number = "", , point = ""] = fields.split(" ");
      const source = after.split(" ")[1] ?? "";
      return numbers.has(number) || paths.has(source) ? [`mounted on ${point}`] : [];
    })
  );
  return [...new Set(points)];
}

function swaps(devices: DiskDevices, { proc, dev }: KernelFiles): string[] {
  const paths = new Set([...devices.keys()].map((name) => `${dev}/${name}`));
  const isUsed = text(`${proc}/swaps`).split("\n").some((line) => paths.has(line.split(/\s/)[0]!));
  return isUsed ? ["swap"] : [];
}

function holders(devices: DiskDevices, { sys }: KernelFiles): string[] {
  return [...devices.values()].flatMap((number) => names(`${sys}/dev/block/${number}/holders`))
    .map((name) => `device ${name}`);
}

/**
 * Everybody who uses one of the devices, in words, now; also what was open when the disk went.
 * What runs in another PID namespace is not seen.
 */
export function usersOf(devices: DiskDevices, files: KernelFiles = SYSTEM): string[] {
  if (devices.size === 0) return [];
  return [
    ...mounts(devices, files),
    ...swaps(devices, files),
    ...holders(devices, files),
    ...openers(devices, files),
  ];
}

/** As {@link usersOf}, but those that are gone in a moment (udev) do not count. */
export async function lastingUsersOf(disk: string): Promise<string[]> {
  for (const end = performance.now() + SETTLE_TIMEOUT_MS;;) {
    const users = usersOf(devicesOfDisk(disk));
    if (users.length === 0 || performance.now() > end) return users;
    // A mount or swap does not go by itself.
    if (users.some((user) => !user.startsWith("process "))) return users;
    await new Promise((resolve) => setTimeout(resolve, SETTLE_RETRY_MS));
  }
}
