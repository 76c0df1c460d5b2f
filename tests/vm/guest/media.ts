/** Block devices that the server exports, and looks at block devices from outside. */
import { run, tryRun } from "../../support/process.ts";

/** RAM disks of each boot: `ram0`, `ram1`. */
export const RAM_DISK_BYTES = 128 << 20;

/** Makes the RAM disks. */
export async function setUpRamDisks(): Promise<void> {
  await run("modprobe", ["brd", "rd_nr=2", `rd_size=${RAM_DISK_BYTES >> 10}`]);
}

/** What {@link blockStatistics} reads; requests since boot. */
export interface BlockStatistics {
  readonly reads: number;
  readonly writes: number;
  readonly discards: number;
  readonly flushes: number;
}

/** Counters of a device that goes through the request layer (not a RAM disk). */
export function blockStatistics(device: string): BlockStatistics {
  const name = device.slice(device.lastIndexOf("/") + 1);
  const fields = Deno.readTextFileSync(`/sys/block/${name}/stat`).trim().split(/\s+/).map(Number);
  return { reads: fields[0]!, writes: fields[4]!, discards: fields[11]!, flushes: fields[15]! };
}

/** A device that goes away with the case. */
export interface OwnedDevice extends AsyncDisposable {
  /** Such as `/dev/sda`. */
  readonly path: string;
  /** As a server that exports /dev knows it. */
  readonly name: string;
}

/**
 * A SCSI disk in memory with a volatile cache, FUA, discard and write zeroes: what RAM disks have
 * not.
 */
export async function scsiDisk(sizeMiB: number): Promise<OwnedDevice> {
  const before = new Set(blockDevices());
  const parameters = [
    `dev_size_mb=${sizeMiB}`,
    ...["delay=0", "lbpu=1", "lbpws=1", "lbpws10=1", "lbprz=1", "max_queue=64"],
  ];
  await run("modprobe", ["sd_mod"]);
  await run("modprobe", ["scsi_debug", ...parameters]);
  let name: string | undefined;
  while (name === undefined) {
    name = blockDevices().find((device) => device.startsWith("sd") && !before.has(device));
    if (name === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    path: `/dev/${name}`,
    name,
    [Symbol.asyncDispose]: async () => void await run("rmmod", ["scsi_debug"]),
  };
}

/** A loop device on a file in memory, which can grow. */
export interface LoopDevice extends OwnedDevice {
  /** Changes the size of the file and tells the device. */
  resize(sizeBytes: number): Promise<void>;
}

/** Makes a loop device. */
export async function loopDevice(sizeBytes: number): Promise<LoopDevice> {
  const file = await Deno.makeTempFile({ dir: "/dev/shm" });
  await Deno.truncate(file, sizeBytes);
  await run("modprobe", ["loop"]);
  const path = (await run("losetup", ["--find", "--show", file])).stdout.trim();
  return {
    path,
    name: path.slice("/dev/".length),
    resize: async (bytes) => {
      await Deno.truncate(file, bytes);
      await run("losetup", ["--set-capacity", path]);
    },
    [Symbol.asyncDispose]: async () => {
      await run("losetup", ["--detach", path]);
      await Deno.remove(file);
    },
  };
}

/** Names in /sys/block. */
export const blockDevices = (): string[] =>
  [...Deno.readDirSync("/sys/block")].map(({ name }) => name);

/** Size of a block device in bytes. */
export async function deviceSize(path: string): Promise<number> {
  return Number((await run("blockdev", ["--getsize64", path])).stdout);
}

/** Whether a block device is read-only. */
export async function isReadOnly(path: string): Promise<boolean> {
  return (await run("blockdev", ["--getro", path])).stdout.trim() === "1";
}

/** A limit of a block device's queue, from sysfs. */
export async function queueLimit(path: string, name: string): Promise<string> {
  const device = (await Deno.realPath(path)).slice("/dev/".length);
  return (await Deno.readTextFile(`/sys/block/${device}/queue/${name}`)).trim();
}

/** Overwrites a part of a block device with one byte value, past every cache. */
export async function fill(
  path: string,
  value: number,
  offset: number,
  lengthBytes: number,
): Promise<void> {
  const bytes = new Uint8Array(lengthBytes).fill(value);
  using file = await Deno.open(path, { write: true });
  await file.seek(offset, Deno.SeekMode.Start);
  for (let at = 0; at < lengthBytes;) at += await file.write(bytes.subarray(at));
  await file.syncData();
}

/** Reads a part of a block device past the page cache of this side. */
export async function readBack(
  path: string,
  offset: number,
  lengthBytes: number,
): Promise<Uint8Array> {
  await dropCache(path);
  using file = await Deno.open(path);
  await file.seek(offset, Deno.SeekMode.Start);
  const bytes = new Uint8Array(lengthBytes);
  for (let at = 0; at < lengthBytes;) {
    const count = await file.read(bytes.subarray(at));
    if (count === null) throw new Error(`${path}: only ${at} bytes at ${offset}`);
    at += count;
  }
  return bytes;
}

/** Forgets what the page cache holds of a device. */
export const dropCache = (path: string) => tryRun("blockdev", ["--flushbufs", path]);
