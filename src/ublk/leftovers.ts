/** Devices of this program whose process is gone: found by their tag, taken over or deleted. */
import { describeErrno, ERRNO } from "../ffi/errno.ts";
import { isSystemFile, listSystemFolder } from "../ffi/system_files.ts";
import { DEVICE_STATE } from "./commands.ts";
import type { UblkControl } from "./control.ts";
import { UblkDevice, type UblkDeviceOptions } from "./device.ts";
import type { DeviceInfo } from "./device_info.ts";
import { blockPath, removeLink } from "./device_node.ts";
import {
  DELETE_TIMEOUT_MS,
  RECOVERY_RETRY_MS,
  RECOVERY_TIMEOUT_MS,
  SERVED_TIMEOUT_MS,
} from "./limits.ts";
import { isOurs, isSameTag, type OwnershipTag } from "./ownership_tag.ts";
import { removeUdevRecord } from "./udev_record.ts";
import { lastingUsersOf } from "./users.ts";

const CHAR_CLASS = "/sys/class/ublk-char";

/** What was found under a mapping's tag. */
export interface Adoption {
  /** The device, served again; undefined when there was none that could be. */
  readonly device: UblkDevice | undefined;
  /** What was left alone, in words. */
  readonly warnings: readonly string[];
}

/** Numbers of all ublk devices of this machine. */
function deviceIds(): number[] {
  try {
    return listSystemFolder(CHAR_CLASS)
      .flatMap((name) => /^ublkc(\d+)$/.exec(name)?.[1] ?? []).map(Number);
  } catch {
    return [];
  }
}

const isAlive = (pid: number): boolean =>
  pid > 0 && pid !== Deno.pid && isSystemFile(`/proc/${pid}`);

/** Waits until the dead server's descriptors are closed. @returns 0 or an errno */
async function startRecovery(options: UblkDeviceOptions, info: DeviceInfo): Promise<number> {
  for (const start = performance.now();;) {
    const errno = await options.control.startRecovery(info.id);
    if (errno !== ERRNO.EBUSY) return errno;
    // A process that is being killed is there for a while; one that serves stays.
    const limitMs = isAlive(info.serverPid) ? SERVED_TIMEOUT_MS : RECOVERY_TIMEOUT_MS;
    if (performance.now() > start + limitMs) return errno;
    await new Promise((resolve) => setTimeout(resolve, RECOVERY_RETRY_MS));
  }
}

/** Why a leftover cannot serve for the disk as it is now; undefined when it can. */
async function mismatch(options: UblkDeviceOptions, info: DeviceInfo): Promise<string | undefined> {
  const { geometry, control } = options;
  const kernel = await control.parameters(info.id);
  if (kernel.logicalBlockBytes !== geometry.logicalBlockBytes) {
    return `it has blocks of ${kernel.logicalBlockBytes} bytes, the disk ` +
      `${geometry.logicalBlockBytes}`;
  }
  if (kernel.maxIoBytes > geometry.maxIoBytes) {
    return `its requests have up to ${kernel.maxIoBytes} bytes, and the server allows ` +
      `${geometry.maxIoBytes}`;
  }
  if (kernel.readOnly !== geometry.readOnly) {
    return `it is ${kernel.readOnly ? "read-only" : "writable"}, and the mapping is not`;
  }
  return undefined;
}

async function adopt(options: UblkDeviceOptions, info: DeviceInfo): Promise<UblkDevice | string> {
  if (info.state === DEVICE_STATE.DEAD) return "it was never started, or stopped";
  const problem = await mismatch(options, info);
  if (problem !== undefined) return problem;
  const errno = await startRecovery(options, info);
  if (errno === 0) return await UblkDevice.recover(options, info);
  if (isAlive(info.serverPid)) return `process ${info.serverPid} serves it`;
  return `START_USER_RECOVERY failed: ${describeErrno(errno)}`;
}

/**
 * Looks for devices with the mapping's tag and takes over the first that can be: its users go on
 * as if nothing had been, with the size that the kernel has. Others are left alone.
 * @throws Error when taking over failed half-way
 */
export async function adoptLeftover(options: UblkDeviceOptions): Promise<Adoption> {
  const warnings: string[] = [];
  for (const id of deviceIds()) {
    const info = await options.control.deviceInfo(id);
    if (info === undefined || !isSameTag(info.tag, options.tag)) continue;
    const result = await adopt(options, info);
    if (result instanceof UblkDevice) return { device: result, warnings };
    warnings.push(`${blockPath(id)} is a leftover of this mapping and is left alone: ${result}`);
  }
  return { device: undefined, warnings };
}

/** All devices that this program made, on whatever node. @throws Error without a driver */
export async function taggedDevices(control: UblkControl): Promise<DeviceInfo[]> {
  const found: DeviceInfo[] = [];
  for (const id of deviceIds()) {
    const info = await control.deviceInfo(id);
    if (info !== undefined && isOurs(info.tag)) found.push(info);
  }
  return found;
}

/**
 * Whether a living process has the device. One that waits for its server was left behind, also
 * when that had the number that we have now, as in a container.
 */
export function isServed({ serverPid, state }: DeviceInfo): boolean {
  if (serverPid === Deno.pid) return state !== DEVICE_STATE.QUIESCED;
  return isAlive(serverPid);
}

/** Who uses a device that was left behind, in words that follow "is in use: ". */
export const leftoverUsers = (id: number): Promise<string[]> => lastingUsersOf(`ublkb${id}`);

/**
 * Deletes a device that was left behind, and its link, if it still is what it was: the kernel gives
 * numbers out again.
 * @returns who uses it; then it stays, as does one that is served or has another tag
 * @throws SystemError when the kernel refuses
 */
export async function deleteLeftover(
  control: UblkControl,
  id: number,
  tag: OwnershipTag,
  { link, udevRecords }: Pick<UblkDeviceOptions, "link" | "udevRecords">,
): Promise<string[]> {
  const info = await control.deviceInfo(id);
  if (info === undefined || !isSameTag(info.tag, tag) || isServed(info)) return [];
  const users = await leftoverUsers(id);
  if (users.length > 0) return users;
  removeLink(link, id);
  await control.stopDevice(id);
  removeUdevRecord(udevRecords, id);
  if (await control.deleteDevice(id, DELETE_TIMEOUT_MS)) return [];
  return ["somebody who cannot be seen from here"];
}
