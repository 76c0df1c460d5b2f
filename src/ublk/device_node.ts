/** /dev/ublkcN and the link /dev/rnbd/NAME → /dev/ublkbN. */
import { ERRNO, SystemError } from "../ffi/errno.ts";
import { O } from "../ffi/file_flags.ts";
import { open } from "../ffi/libc.ts";
import { NODE_RETRY_MS, NODE_TIMEOUT_MS } from "./limits.ts";

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
  let isLink: boolean;
  try {
    isLink = Deno.lstatSync(path).isSymlink;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  if (!isLink) throw new SystemError(ERRNO.EEXIST, "symlink", `${path}, which is no link: move it`);
  return Deno.readLinkSync(path);
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes `path` a link to the block device; replaces one that leads nowhere.
 * @throws SystemError EEXIST when something else has the name
 */
export function makeLink(path: string, id: number): void {
  const target = linkTarget(path);
  if (target === blockPath(id)) return;
  if (target !== undefined && exists(target)) {
    const subject = `${path}, which leads to ${target}: another device has this name`;
    throw new SystemError(ERRNO.EEXIST, "symlink", subject);
  }
  if (target !== undefined) Deno.removeSync(path);
  Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")) || "/", { recursive: true });
  Deno.symlinkSync(blockPath(id), path);
}

/** Removes the link if it is still this device's. */
export function removeLink(path: string, id: number): void {
  try {
    if (Deno.readLinkSync(path) === blockPath(id)) Deno.removeSync(path);
  } catch {
    // Somebody else removed or replaced it.
  }
}
