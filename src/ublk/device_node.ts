/** /dev/ublkcN and the link /dev/rnbd/NAME → /dev/ublkbN. */
import { ERRNO, SystemError } from "../ffi/errno.ts";
import { O } from "../ffi/file_flags.ts";
import { open } from "../ffi/libc.ts";
import {
  isSystemFile,
  makeSystemFolder,
  makeSystemLink,
  readSystemLink,
  removeSystemFile,
} from "../ffi/system_files.ts";
import { NODE_RETRY_MS, NODE_TIMEOUT_MS } from "./limits.ts";
import { dirname, resolve } from "node:path/posix";

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Path of the block device. */
export const blockPath = (id: number): string => `/dev/ublkb${id}`;

/** Opens /dev/ublkcN, which only one process may, once. @throws SystemError or Error */
export async function openCharDevice(id: number): Promise<number> {
  const path = `/dev/ublkc${id}`;
  for (const end = performance.now() + NODE_TIMEOUT_MS;;) {
    try {
      return open(path, O.RDWR | O.NONBLOCK);
    } catch (error) {
      const isMissing = error instanceof SystemError && error.errno === ERRNO.ENOENT;
      if (!isMissing) throw error;
      if (performance.now() > end) {
        throw new Error(
          `${path} does not appear in ${NODE_TIMEOUT_MS} ms: /dev needs devtmpfs or udev, ` +
            "in a container the host's /dev",
          { cause: error },
        );
      }
    }
    await sleep(NODE_RETRY_MS);
  }
}

/** The link of a mapping. @throws RangeError when the name cannot be a file name */
export function linkPath(directory: string, name: string): string {
  if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) {
    throw new RangeError(`Mapping name ${JSON.stringify(name)} cannot name a link in ${directory}`);
  }
  return `${directory}/${name}`;
}

/** What a link points to; undefined when there is nothing. @throws Error when it is no link */
function linkTarget(path: string): string | undefined {
  try {
    return readTarget(path);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (error.errno === ERRNO.ENOENT) return undefined;
    if (error.errno !== ERRNO.EINVAL) throw error;
    throw new SystemError(ERRNO.EEXIST, "symlink", `${path}, which is no link: move it`);
  }
}

/** udev, where our rules are installed, replaces the link by a relative one. @throws SystemError */
function readTarget(path: string): string {
  return resolve(dirname(path), readSystemLink(path));
}

/**
 * Makes `path` a link to the block device; replaces one that leads nowhere.
 * @throws SystemError EEXIST when something else has the name
 */
export function makeLink(path: string, id: number): void {
  const target = linkTarget(path);
  if (target === blockPath(id)) return;
  if (target !== undefined && isSystemFile(target)) {
    const subject = `${path}, which leads to ${target}: another device has this name`;
    throw new SystemError(ERRNO.EEXIST, "symlink", subject);
  }
  if (target !== undefined) removeSystemFile(path);
  makeSystemFolder(dirname(path));
  try {
    makeSystemLink(blockPath(id), path);
  } catch (error) {
    // udev may have been faster.
    if (linkTarget(path) !== blockPath(id)) throw error;
  }
}

/** Removes the link if it is still this device's. */
export function removeLink(path: string, id: number): void {
  try {
    if (readTarget(path) === blockPath(id)) removeSystemFile(path);
  } catch {
    // Somebody else removed or replaced it.
  }
}
